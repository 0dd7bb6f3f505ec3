"""Segments: data files written aside, synced, renamed into place, and only then named by the ledger.

Two locks of the file system guard them; the kernel drops both when their process dies, so a killed
ingest never blocks the next one. `write.lock` is held for the short time of a commit; `refresh.lock` for a
whole refresh. Each writer has its own folder under `tmp/` with a lock of its own: a folder whose lock
is free belongs to nobody alive.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from collectors.store.absence import as_text
from collectors.store.ledger import Ledger, Segment

ROW_GROUP = 8_192  # about three cells of four weeks of quarter-hours: one cell is read without its neighbours
RETIRED_GRACE_S = 600.0  # readers that took the names of files before a refresh may still open them
DATA_FOLDERS = ("segments", "records", "shards")


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on `path`; yields False when it is taken and `wait` is not set."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Aside:
    """A folder of unfinished files that belongs to one living process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = root / "tmp" / uuid.uuid4().hex
        with locked(root / "write.lock"):  # so that the sweeper never sees the folder without its lock
            self.folder.mkdir(parents=True)
            self._descriptor = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def path(self) -> Path:
        """Return a name for a new file."""
        return self.folder / f"{uuid.uuid4().hex}.parquet"

    def write(self, frame: pl.DataFrame, *, row_group: int = ROW_GROUP, fast: bool = False) -> Path:
        """Write a frame as Parquet and sync it; `fast` to read rather than small."""
        path = self.path()
        as_text(frame).write_parquet(
            path,
            compression="uncompressed" if fast else "zstd",  # repeated values are numbered in any case
            compression_level=None if fast else 1,
            statistics=True,
            row_group_size=row_group,
        )
        sync(path)
        return path

    def close(self) -> None:
        """Remove the folder and free its lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        os.close(self._descriptor)


def publish(root: Path, moves: Sequence[tuple[Path, str]]) -> None:
    """Rename finished files to their names below `root`, and sync the folders; under `write.lock`."""
    folders: set[Path] = set()
    for source, name in moves:
        target = root / name
        if target.parent not in folders and not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.add(target.parent.parent)
        source.rename(target)
        folders.add(target.parent)
    for folder in sorted(folders):
        sync(folder)


def remove_retired(root: Path, ledger: Ledger) -> int:
    """Remove files that merging replaced and that no reader can still be using; returns how many."""
    names = ledger.forget_retired(RETIRED_GRACE_S)
    for name in names:
        (root / name).unlink(missing_ok=True)  # killed in between, it is an orphan for `sweep`
    return len(names)


def sweep(root: Path, ledger: Ledger) -> int:
    """Remove what killed writers left behind; returns the number of files removed."""
    with locked(root / "write.lock"):
        remove_retired(root, ledger)
        known = ledger.names()
        orphans = [
            path
            for folder in DATA_FOLDERS
            for path in (root / folder).rglob("*.parquet")
            if path.relative_to(root).as_posix() not in known
        ]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans) + sum(_sweep_aside(folder) for folder in (root / "tmp").iterdir())


def _sweep_aside(folder: Path) -> int:
    with locked(folder / "lock", wait=False) as free:
        if free:
            shutil.rmtree(folder, ignore_errors=True)
        return int(free)


def time_range(frame: pl.DataFrame, column: str | None) -> tuple[int | None, int | None]:
    """Return the first and last time of a column in microseconds UTC."""
    if column is None or column not in frame.columns or frame.height == 0:
        return None, None
    times = frame[column].cast(pl.Int64)
    low, high = times.min(), times.max()
    return (int(low), int(high)) if isinstance(low, int) and isinstance(high, int) else (None, None)


def scan(root: Path, segments: Sequence[Segment]) -> pl.LazyFrame:
    """Scan segments of one kind as one table; columns that a segment lacks are null."""
    return pl.scan_parquet(
        [root / segment.name for segment in segments], missing_columns="insert", extra_columns="ignore"
    )
