"""What is remembered of files over restarts: which were taken in, and which periods came or did not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collectors.errors import StoreError
from collectors.files.completeness import Stamp

_TABLES = """
CREATE TABLE IF NOT EXISTS file (
    source TEXT, path TEXT, size INTEGER, changed INTEGER, state TEXT, PRIMARY KEY (source, path)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS element (
    source TEXT, element TEXT, period_s INTEGER, last_end INTEGER, PRIMARY KEY (source, element)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (
    source TEXT, element TEXT, start INTEGER, period_s INTEGER, noticed INTEGER, arrived INTEGER,
    PRIMARY KEY (source, element, start)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class MissingPeriod:
    """A period of an element whose file was not there in time; `arrived_at` once it came after all."""

    element: str
    start: datetime
    period_s: int
    noticed_at: datetime
    arrived_at: datetime | None


class FileMemory:
    """A small SQLite database; without a path it forgets with the process."""

    def __init__(self, path: Path | None, source: str) -> None:
        self._source = source
        self._lock = threading.Lock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(
                str(path) if path is not None else ":memory:", check_same_thread=False, isolation_level=None
            )
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the memory of files cannot be opened: {error}", file=str(path)) from error

    def close(self) -> None:
        """Close the database."""
        self._base.close()

    def done(self) -> dict[str, Stamp]:
        """Files that were taken in, with the stamp they had then."""
        rows = self._rows("SELECT path, size, changed FROM file WHERE source = ? AND state = 'done'")
        return {path: (size, changed) for path, size, changed in rows}

    def remember(self, files: Iterable[tuple[str, Stamp]]) -> None:
        """Remember files that were taken in."""
        rows = [(self._source, path, *stamp, "done") for path, stamp in files]
        with self._lock:
            self._base.execute("BEGIN")
            self._base.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)", rows)
            self._base.execute("COMMIT")

    def elements(self) -> dict[str, tuple[int, int]]:
        """Elements that deliver, with their period (s) and the end of the last period (Unix s)."""
        rows = self._rows("SELECT element, period_s, last_end FROM element WHERE source = ?")
        return {element: (period_s, last_end) for element, period_s, last_end in rows}

    def element_delivered(self, element: str, period_s: int, last_end: int) -> None:
        """Remember up to when an element has delivered."""
        self._write(
            "INSERT OR REPLACE INTO element VALUES (?, ?, ?, ?)", self._source, element, period_s, last_end
        )

    def period_missing(self, element: str, start: int, period_s: int, noticed: int) -> bool:
        """Remember a period that did not come; False where that was known already."""
        return bool(
            self._write(
                "INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?, ?, NULL)",
                self._source, element, start, period_s, noticed,
            )
        )  # fmt: skip

    def period_arrived(self, element: str, start: int, at: int) -> bool:
        """Remember that a missing period came after all; False where it was not missing."""
        return bool(
            self._write(
                "UPDATE missing SET arrived = ? WHERE source = ? AND element = ? AND start = ? "
                "AND arrived IS NULL",
                at, self._source, element, start,
            )
        )  # fmt: skip

    def missing(self) -> list[MissingPeriod]:
        """Every period that was noticed missing, late ones too."""
        rows = self._rows(
            "SELECT element, start, period_s, noticed, arrived FROM missing WHERE source = ? "
            "ORDER BY element, start"
        )
        return [
            MissingPeriod(e, _time(s), p, _time(n), None if a is None else _time(a)) for e, s, p, n, a in rows
        ]

    def _rows(self, question: str) -> list[Any]:
        with self._lock:
            return self._base.execute(question, (self._source,)).fetchall()

    def _write(self, statement: str, *values: object) -> int:
        with self._lock:
            return self._base.execute(statement, values).rowcount


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
