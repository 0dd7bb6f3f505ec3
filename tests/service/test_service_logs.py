"""Logs: one JSON object a line, and no number of a subscriber however it got there."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from callcause.service.logs import JsonLines, scrubbed

CANARIES = ["8613812345678", "+86 138-1234-5678", "460001234567890", "sip:13812345678@ims.example.net"]


@pytest.fixture
def told() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("callcause.test_service_logs")
    logger.handlers, logger.propagate = [handler], False
    yield logger, stream
    logger.handlers, logger.propagate = [], True


@pytest.mark.parametrize("canary", CANARIES)
def test_a_number_appears_in_no_part_of_a_line(told: tuple[logging.Logger, io.StringIO], canary: str) -> None:
    logger, stream = told
    logger.warning("of %s", canary, extra={"target": f"user {canary}"})
    try:
        raise ValueError(f"cannot read {canary}")
    except ValueError:
        logger.exception("failed for %s", canary)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error"]
    assert "Traceback" in lines[1]["error"]
    digits = "".join(c for c in canary if c.isdigit())
    assert canary not in stream.getvalue()
    assert digits not in "".join(c for c in str([{**line, "at": ""} for line in lines]) if c.isdigit())


def test_what_is_no_number_stays(told: tuple[logging.Logger, io.StringIO]) -> None:
    logger, stream = told
    logger.error("cell %s at %s", "460-00-345678-2", "2026-11-22T09:15:00+08:00", extra={"port": 8470})
    line = json.loads(stream.getvalue())
    assert line["message"] == "cell 460-00-345678-2 at 2026-11-22T09:15:00+08:00"
    assert line["port"] == "8470"


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    assert scrubbed("a\ud800b") == "a?b"
