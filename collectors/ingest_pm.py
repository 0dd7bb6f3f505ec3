"""PM files in batches: workers read them and write rows aside, the ingest puts those into the ledger."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from collectors.errors import BadFile
from collectors.found import Found, batches_of, check_unchanged
from collectors.pm.block import PmBlock
from collectors.pm.counter_map import CounterMaps, loose
from collectors.pm.counters import counter_row_batches
from collectors.pm.objects import ObjectMatcher
from collectors.pm.read import read_blocks
from collectors.store import Batch, FileEntry, FileState, SourceFile
from collectors.store.batch import adopt, marked
from collectors.store.segment import time_range
from collectors.store.shards import COUNTERS
from collectors.store.tables import KEPT

MANY_FILES, MANY_BYTES = 64, 64 << 20  # from here on worker processes are worth their start
COMPILED_BYTES = 4 << 20  # from here on the compiled scan is worth its loading
BATCH_FILES, BATCH_BYTES = 64, 96 << 20
PART_VALUES = 1 << 20  # values of a PM file that become rows at once
PART_BYTES = 192 << 20  # rows in memory before they are written out
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PmReader:
    """What a worker needs to read PM files; travels to worker processes once."""

    maps: CounterMaps
    matcher: ObjectMatcher
    wanted: tuple[str, ...]
    zone: str
    folder: Path


Written = tuple[Path, str, int, tuple[int | None, int | None]]
"""A file that a worker wrote: path, kind, rows, first and last time."""


@dataclass(slots=True)
class ParsedFiles:
    """A batch of PM files as read: what to commit, what to refuse, and what no map knows."""

    batch: Batch = field(default_factory=Batch)
    refused: list[tuple[SourceFile, BadFile]] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    vendors: set[str] = field(default_factory=set)
    written: list[Written] = field(default_factory=list)


def parsed_files(files: Sequence[Found], reader: PmReader, processes: int) -> Iterator[ParsedFiles]:
    """Read PM files, in worker processes where there are many; batches come in the order of the files."""
    groups = list(batches_of(files, BATCH_BYTES, BATCH_FILES))
    if sum(f.source.size for f in files) >= COMPILED_BYTES:
        load_compiled()
    many = len(files) >= MANY_FILES or sum(f.source.size for f in files) >= MANY_BYTES
    if processes < 2 or not many or len(groups) < 2:
        for group in groups:
            yield _adopted(read_group(group, reader))
        return
    yield from _in_processes(groups, reader, processes)


def _in_processes(groups: list[list[Found]], reader: PmReader, processes: int) -> Iterator[ParsedFiles]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_start, initargs=(reader,)) as pool:
        waiting: list[tuple[list[Found], Future[ParsedFiles]]] = []
        for group in groups:
            waiting.append((group, pool.submit(_work, group)))
            if len(waiting) > processes:
                yield _adopted(_result(*waiting.pop(0), reader))
        for group, future in waiting:
            yield _adopted(_result(group, future, reader))


def _result(group: list[Found], future: Future[ParsedFiles], reader: PmReader) -> ParsedFiles:
    try:
        return future.result()
    except BrokenProcessPool:
        LOG.warning("a worker process died; its %d files are read here", len(group))
        return read_group(group, reader)


def load_compiled() -> None:
    """Load the compiled scan, which `read_blocks` uses for small files too once it is there."""
    importlib.import_module("collectors.pm.scan")


_reader: PmReader | None = None


def _start(reader: PmReader) -> None:
    """Prepare a worker process; it ends with its parent, however that ends."""
    global _reader
    _reader = reader
    load_compiled()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent_pid: int) -> None:
    """End when the parent has gone: a worker whose parent was killed must not go on writing."""
    while os.getppid() == parent_pid:
        time.sleep(1)
    os._exit(1)


def _work(group: list[Found]) -> ParsedFiles:
    if _reader is None:
        raise RuntimeError("the worker was not started with a reader")
    return read_group(group, _reader)


def read_group(group: Sequence[Found], reader: PmReader) -> ParsedFiles:
    """Read a group of files and write their rows into few files aside."""
    done = ParsedFiles()
    rows = _Rows(reader.folder)
    for found in group:
        try:
            entry = _read(found, reader, rows, done)
            check_unchanged(found.path, found.stamp)
        except BadFile as error:
            rows.drop()
            done.refused.append((found.source, error))
        else:
            rows.keep()
            done.batch.entries.append((entry, None))
    done.written = rows.finish()
    return done


def _read(found: Found, reader: PmReader, rows: _Rows, done: ParsedFiles) -> FileEntry:
    """Read one file; its rows wait in `rows` until it has come to a good end."""
    vendors: set[str] = set()
    blocks = _seen(read_blocks(found.path, zone=ZoneInfo(reader.zone)), vendors)
    unmapped: Counter[str] = Counter()
    stats: Counter[str] = Counter()
    height = 0
    for part in counter_row_batches(blocks, reader.maps, reader.matcher, reader.wanted, PART_VALUES):
        rows.add(COUNTERS, marked(part.wide, found.source, COUNTERS))
        rows.add(KEPT, _named(marked(part.kept, found.source, KEPT), reader.maps, reader.wanted))
        unmapped.update(part.unmapped_counts)
        stats.update(part.stats)
        height += part.wide.height + part.kept.height
    if not height:
        raise BadFile("empty_yield", "the file holds no value", file=str(found.path))
    done.unmapped.update(unmapped)
    done.vendors |= vendors if unmapped else set()
    return FileEntry(found.source, COUNTERS, FileState.STORED, height, counts=dict(stats))


def _seen(blocks: Iterable[PmBlock], vendors: set[str]) -> Iterator[PmBlock]:
    for block in blocks:
        vendors.add(block.vendor)
        yield block


def _named(kept: pl.DataFrame, maps: CounterMaps, wanted: Sequence[str]) -> pl.DataFrame:
    """Add `target`: the 3GPP name of a suspect value's counter, for the reason of a missing KPI."""
    suspects = kept.filter("suspect")["counter"].unique().to_list() if kept.height else []
    if not suspects:
        return kept.with_columns(pl.lit(None, pl.String).alias("target"))
    own = {loose(name): name for name in wanted}
    vendor = {written: name for each in maps for written, name in each.counters.items() if name}
    names = {name: vendor.get(name) or own.get(loose(name), name) for name in suspects}
    target = pl.when("suspect").then(pl.col("counter").replace(names))
    return kept.with_columns(target.alias("target"))


class _Rows:
    """Rows of many files on their way into one file for each kind.

    A file's own rows stand apart until it has been read to its end, so that a bad end leaves nothing behind.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, list[pl.DataFrame]] = {}
        self._own: dict[str, list[pl.DataFrame]] = {}
        self._own_bytes = self._kept_bytes = 0
        self._written: list[Written] = []
        self._own_written: list[Written] = []

    def add(self, kind: str, frame: pl.DataFrame) -> None:
        """Take rows of the file that is being read; much is written out to bound the memory."""
        if frame.height:
            self._own.setdefault(kind, []).append(frame)
            self._own_bytes += int(frame.estimated_size())
        if self._own_bytes > PART_BYTES:
            self._own_written += self._write(self._own)
            self._own, self._own_bytes = {}, 0

    def keep(self) -> None:
        """Take over the rows of the file: it was read to its end."""
        for kind, frames in self._own.items():
            self._kept.setdefault(kind, []).extend(frames)
        self._kept_bytes += self._own_bytes
        self._written += self._own_written
        self._own, self._own_written, self._own_bytes = {}, [], 0
        if self._kept_bytes > PART_BYTES:
            self.finish()

    def drop(self) -> None:
        """Forget the rows of the file: it came to a bad end."""
        for path, *_ in self._own_written:
            path.unlink()
        self._own, self._own_written, self._own_bytes = {}, [], 0

    def finish(self) -> list[Written]:
        """Write what is left; returns all files written."""
        self._written += self._write(self._kept)
        self._kept, self._kept_bytes = {}, 0
        return self._written

    def _write(self, frames: dict[str, list[pl.DataFrame]]) -> list[Written]:
        found = sorted(frames.items())
        return [_write(self._folder, kind, pl.concat(parts, how="diagonal_relaxed")) for kind, parts in found]


def _write(folder: Path, kind: str, rows: pl.DataFrame) -> Written:
    path = folder / f"{uuid.uuid4().hex}.parquet"
    rows.write_parquet(path, compression="zstd", compression_level=1, row_group_size=131_072)
    return path, kind, rows.height, time_range(rows, "period_start")


def _adopted(parsed: ParsedFiles) -> ParsedFiles:
    """Take over the files that a worker wrote."""
    parsed.batch.files = [adopt(*file) for file in parsed.written]
    return parsed
