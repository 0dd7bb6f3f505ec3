"""Structured logs on stderr: one JSON object a line, numbers of subscribers scrubbed as a last defence."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import polars as pl

from collectors.records import scrub_text

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
QUIET = {"apscheduler": logging.ERROR, "apprise": logging.CRITICAL, "uvicorn": logging.WARNING,
         "alembic": logging.WARNING, "asyncssh": logging.WARNING, "httpx": logging.WARNING}  # fmt: skip
"""Libraries that say much, or say what may hold a credential."""


def scrubbed(text: str) -> str:
    """Return the text without telephone numbers, IMSI, IMEI, addresses and URIs of users."""
    return scrubbed_all([text])[0]


def scrubbed_all(texts: list[str]) -> list[str]:
    """Scrub several texts at once."""
    clean = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    frame = pl.DataFrame({"text": clean}, schema={"text": pl.String})
    return frame.select(scrub_text(pl.col("text"))).to_series().to_list()


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, what was given as `extra`, and the error."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record; every text but the time goes through the scrubber."""
        fields = {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        fields |= {name: str(value) for name, value in vars(record).items() if name not in STANDARD}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        clean = dict(zip(fields, scrubbed_all(list(fields.values())), strict=True))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"at": at, **clean}, ensure_ascii=False)


def start_logging(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log of the process to stderr as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
