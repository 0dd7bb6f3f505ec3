"""A batch: source files whose rows become visible together, in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from collectors.store.erasure import holds_persons, strip
from collectors.store.ledger import FileEntry, FileState, Ledger, Segment, SourceFile
from collectors.store.segment import Aside, locked, publish, sync, time_range
from collectors.store.shards import COUNTERS
from collectors.store.tables import KEPT, LINE, PACKED, PENDING, SOURCE, TIME

ERASED_ROWS = "erased_subscriber_rows"
"""Count of a file: rows from before the erasure of a subscriber, stored without that one or left out."""
PERIODS = (COUNTERS, KEPT, PACKED)


@dataclass(slots=True)
class Batch:
    """Entries of source files, and the files with their rows, written aside.

    A segment may hold the rows of many source files; column `_source` tells them apart.
    """

    entries: list[tuple[FileEntry, pl.DataFrame | None]] = field(default_factory=list)
    files: list[tuple[Path, Segment]] = field(default_factory=list)

    def extend(self, other: Batch) -> None:
        """Take in another batch."""
        self.entries += other.entries
        self.files += other.files


def marked(frame: pl.DataFrame, source: SourceFile, kind: str) -> pl.DataFrame:
    """Add the columns that name a row's source file and, for records, its place in it."""
    number = pl.lit(source.number, pl.Int64).alias(SOURCE)
    if kind == COUNTERS:
        return frame.with_columns(number)
    return frame.with_columns(number, pl.int_range(pl.len(), dtype=pl.Int64).alias(LINE))


def write_pending(aside: Aside, kind: str, frame: pl.DataFrame) -> tuple[Path, Segment]:
    """Write rows aside as a pending segment of their kind."""
    path = aside.write(frame, row_group=131_072)
    time = "period_start" if kind in PERIODS else TIME.get(kind)
    start, end = time_range(frame, time)
    name = f"segments/{kind}/{path.stem}.parquet"
    return path, Segment(name, kind, PENDING, frame.height, start, end)


def file_entry(source: SourceFile, frames: Mapping[str, pl.DataFrame], bad: pl.DataFrame | None) -> FileEntry:
    """Make the ledger's row for a file that was read; its kind is that of its first frame."""
    bad_rows = 0 if bad is None else bad.height
    state = FileState.STORED_WITH_BAD_ROWS if bad_rows else FileState.STORED
    rows = sum(frame.height for frame in frames.values())
    return FileEntry(source, next(iter(frames), ""), state, rows, bad_rows)


def commit(root: Path, aside: Aside, ledger: Ledger, batch: Batch) -> dict[str, FileState]:
    """Make a batch visible; files that another ingest has stored meanwhile are known and left out.

    Returns the state of each file by its hash.
    """
    states = {entry.source.hash: entry.state for entry, _ in batch.entries}
    with locked(root / "write.lock"):
        known = ledger.known(states)
        if known:
            sources = [e.source.number for e, _ in batch.entries if e.source.hash in known]
            batch.files = [kept for file in batch.files if (kept := _without(aside, file, sources))]
        if erased := ledger.erased():
            _strip(aside, batch, erased)
        publish(root, [(path, segment.name) for path, segment in batch.files])
        with ledger.transaction():
            seen = set(known)
            for entry, bad in batch.entries:
                if entry.source.hash not in seen:
                    seen.add(entry.source.hash)
                    ledger.write_file(entry, bad)
            ledger.write_segments([segment for _, segment in batch.files])
    return states | dict.fromkeys(known, FileState.KNOWN)


def _without(aside: Aside, file: tuple[Path, Segment], sources: list[int]) -> tuple[Path, Segment] | None:
    """Leave the rows of some sources out of a file; None when nothing is left."""
    path, segment = file
    rows = pl.read_parquet(path)
    left = rows.filter(~pl.col(SOURCE).is_in(sources))
    if left.height == rows.height:
        return file
    path.unlink()
    return write_pending(aside, segment.kind, left) if left.height else None


def _strip(aside: Aside, batch: Batch, erased: Mapping[str, float]) -> None:
    """Take erased subscribers out of rows from before their erasure; their files count them."""
    counts: Counter[int] = Counter()
    files = []
    for path, segment in batch.files:
        if holds_persons(segment.kind):
            rows, found = strip(segment.kind, pl.read_parquet(path), erased)
            if found:
                counts += found
                files += [write_pending(aside, segment.kind, rows)] if rows.height else []
                path.unlink()
                continue
        files.append((path, segment))
    batch.files = files
    for place, (entry, bad) in enumerate(batch.entries):
        if number := counts[entry.source.number]:
            told = {**entry.counts, ERASED_ROWS: number}
            batch.entries[place] = (replace(entry, counts=told), bad)


def adopt(path: Path, kind: str, rows: int, times: tuple[int | None, int | None]) -> tuple[Path, Segment]:
    """Take a pending segment that a worker process has written into this writer's folder."""
    sync(path)
    return path, Segment(f"segments/{kind}/{path.stem}.parquet", kind, PENDING, rows, *times)
