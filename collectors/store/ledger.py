"""The ledger: what the store holds, in one SQLite file.

A data file counts only once its row stands here, and the row is written last. Whatever a killed
process left on disk without a row is an orphan and is swept.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as field_of
from enum import StrEnum
from pathlib import Path

import polars as pl

from collectors.errors import StoreError

LAYOUT = 2
"""Raised with every change that an earlier version cannot read; `upgrade.py` leads from each to the next."""
BUSY_TIMEOUT_MS = 60_000
BAD_ROWS_KEPT = 1000  # located bad rows kept per file; the count is always whole

TABLES = """
CREATE TABLE IF NOT EXISTS files(
  hash TEXT PRIMARY KEY, path TEXT NOT NULL, size INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
  rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
  line INTEGER, field TEXT, counts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bad_rows(
  hash TEXT NOT NULL, line INTEGER, field TEXT, value TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS segments(
  name TEXT PRIMARY KEY, kind TEXT NOT NULL, part TEXT NOT NULL, rows INTEGER NOT NULL,
  start_us INTEGER, end_us INTEGER, retired_s REAL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS segments_kind ON segments(kind, part);
CREATE TABLE IF NOT EXISTS erased(digest TEXT PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases(former TEXT PRIMARY KEY, now TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class FileState(StrEnum):
    """How a source file ended; every file of an ingest ends in exactly one of these."""

    STORED = "stored"
    STORED_WITH_BAD_ROWS = "stored_with_bad_rows"
    KNOWN = "known"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read: its path (for messages), the hash of its bytes, and its size."""

    path: str
    hash: str
    size: int = 0

    @property
    def number(self) -> int:
        """The first 63 bits of the hash: column `_source` of every stored row."""
        return int(self.hash[:16], 16) >> 1


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One row of the ledger about a source file."""

    source: SourceFile
    kind: str
    state: FileState
    rows: int = 0
    bad_rows: int = 0
    code: str = ""
    message: str = ""
    line: int | None = None
    field: str | None = None
    counts: Mapping[str, int] = field_of(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A live data file: `name` is its path below the store, `part` its partition or shard.

    `part` is `pending` until a refresh has taken the segment in. Times are microseconds UTC.
    """

    name: str
    kind: str
    part: str
    rows: int
    start_us: int | None = None
    end_us: int | None = None


class Ledger:
    """Files by content hash, live segments, quarantine. One connection; a thread opens its own."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._create()
        except sqlite3.Error as error:
            raise StoreError(f"the ledger cannot be opened: {error}", file=str(path)) from error
        self._path = path

    def _create(self) -> None:
        with self.transaction() as db:
            for statement in TABLES.split(";"):
                db.execute(statement)
            if self.fact("layout") is None:
                self.set_fact("layout", str(LAYOUT))

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time; all or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:  # whatever ends the block, a half transaction must not stay open
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @property
    def layout(self) -> int:
        """Number of the layout of the store."""
        return int(self.fact("layout") or LAYOUT)

    def close(self) -> None:
        """Give the connection back."""
        self._db.close()

    # --- files

    def known(self, hashes: Iterable[str]) -> set[str]:
        """Return those of `hashes` that are stored; a file in quarantine may be tried again."""
        sql = "SELECT hash FROM files WHERE state<>? AND hash IN (SELECT value FROM json_each(?))"
        asked = json.dumps(sorted(hashes))
        return {str(found) for (found,) in self._db.execute(sql, (FileState.QUARANTINED, asked))}

    def write_file(self, entry: FileEntry, bad: pl.DataFrame | None = None) -> None:
        """Write a file's row and its bad rows; call inside a transaction."""
        values = (
            *(entry.source.hash, entry.source.path, entry.source.size, entry.kind, str(entry.state)),
            *(entry.rows, entry.bad_rows, entry.code, entry.message, entry.line, entry.field),
            json.dumps(dict(entry.counts), sort_keys=True),
        )
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", values)
        if bad is not None and bad.height:
            columns = ["line", "field", "value", "reason"]
            rows = bad.head(BAD_ROWS_KEPT).select(columns).rows()
            self._db.executemany(
                "INSERT INTO bad_rows VALUES (?,?,?,?,?)", [(entry.source.hash, *row) for row in rows]
            )

    def files(self) -> pl.DataFrame:
        """All files: hash, path, size, kind, state, rows, bad_rows, code, message, line, field."""
        columns = "hash, path, size, kind, state, rows, bad_rows, code, message, line, field"
        schema = dict.fromkeys(columns.split(", "), pl.String) | dict.fromkeys(
            ["size", "rows", "bad_rows", "line"], pl.Int64
        )
        rows = self._db.execute(f"SELECT {columns} FROM files ORDER BY path, hash").fetchall()
        return pl.DataFrame(rows, schema=schema, orient="row")

    def quarantined(self) -> pl.DataFrame:
        """Files in quarantine with path, reason code, message, line and field."""
        return self.files().filter(pl.col("state") == FileState.QUARANTINED)

    def bad_rows(self) -> pl.DataFrame:
        """Rows in quarantine: path, line, field, value, reason."""
        schema = {
            "path": pl.String,
            "line": pl.Int64,
            "field": pl.String,
            "value": pl.String,
            "reason": pl.String,
        }
        rows = self._db.execute(
            "SELECT path, b.line, b.field, value, reason FROM bad_rows b JOIN files USING (hash)"
            " ORDER BY path, b.line, b.field"
        ).fetchall()
        return pl.DataFrame(rows, schema=schema, orient="row")

    def counts(self) -> dict[str, int]:
        """Return the number of files per state."""
        return dict(self._db.execute("SELECT state, count(*) FROM files GROUP BY state ORDER BY state"))

    # --- segments

    def write_segments(self, new: Sequence[Segment], retired: Iterable[str] = ()) -> None:
        """Make `new` live and retire others; call inside a transaction."""
        rows = [(s.name, s.kind, s.part, s.rows, s.start_us, s.end_us, None) for s in new]
        self._db.executemany("INSERT INTO segments VALUES (?,?,?,?,?,?,?)", rows)
        now = time.time()
        self._db.executemany("UPDATE segments SET retired_s=? WHERE name=?", [(now, n) for n in retired])

    def mark(self, names: Iterable[str], part: str) -> None:
        """Say that segments are of another part now; call inside a transaction."""
        self._db.executemany("UPDATE segments SET part=? WHERE name=?", [(part, name) for name in names])

    def segments(self, kind: str, part: str | None = None) -> list[Segment]:
        """Live segments of a kind, in the order of their names."""
        sql = (
            "SELECT name, kind, part, rows, start_us, end_us FROM segments WHERE retired_s IS NULL AND kind=?"
        )
        more, values = ("", (kind,)) if part is None else (" AND part=?", (kind, part))
        return [Segment(*row) for row in self._db.execute(sql + more + " ORDER BY name", values)]

    def kinds(self) -> list[str]:
        """Kinds that have a live segment."""
        sql = "SELECT DISTINCT kind FROM segments WHERE retired_s IS NULL ORDER BY kind"
        return [row[0] for row in self._db.execute(sql)]

    def names(self) -> set[str]:
        """Names of all segments, retired ones included."""
        return {row[0] for row in self._db.execute("SELECT name FROM segments")}

    def forget_retired(self, older_than_s: float) -> list[str]:
        """Drop retired segments that no reader can still be using; return their names."""
        limit = time.time() - older_than_s
        with self.transaction() as db:
            found = [r[0] for r in db.execute("SELECT name FROM segments WHERE retired_s <= ?", (limit,))]
            db.executemany("DELETE FROM segments WHERE name=?", [(name,) for name in found])
        return found

    # --- erased subscribers

    def write_erased(self, digests: Iterable[str], at_s: float) -> None:
        """Remember erased pseudonyms by their digests; call inside a transaction."""
        self._db.executemany("INSERT OR REPLACE INTO erased VALUES (?,?)", [(d, at_s) for d in digests])

    def erased(self) -> dict[str, float]:
        """Return the digests of erased pseudonyms with the moment of their erasure (seconds UTC)."""
        return dict(self._db.execute("SELECT digest, at_s FROM erased"))

    def end_grace(self, kinds: Iterable[str]) -> None:
        """Let the next sweep remove the retired segments of some kinds at once; inside a transaction."""
        sql = "UPDATE segments SET retired_s=0 WHERE retired_s IS NOT NULL AND kind=?"
        self._db.executemany(sql, [(kind,) for kind in kinds])

    # --- pseudonyms of a former key

    def write_aliases(self, aliases: Mapping[str, str]) -> None:
        """Remember which pseudonym of a former key is which one now; call inside a transaction."""
        self._db.executemany("INSERT OR REPLACE INTO aliases VALUES (?,?)", list(aliases.items()))

    def aliases(self) -> dict[str, str]:
        """Return the pseudonyms of former keys with those that stand for them now."""
        return dict(self._db.execute("SELECT former, now FROM aliases ORDER BY former"))

    def forget_aliases(self, names: Iterable[str]) -> None:
        """Forget the aliases of an erased person; call inside a transaction."""
        self._db.executemany("DELETE FROM aliases WHERE ? IN (former, now)", [(name,) for name in names])

    # --- facts

    def fact(self, name: str) -> str | None:
        """Return a named fact about the store, or None."""
        row = self._db.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        """Set a named fact; call inside a transaction."""
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?,?)", (name, value))
