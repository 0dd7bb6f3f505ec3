"""A group of PM files on its way into the store: what they hold becomes rows together, in few files.

A file is taken in only when it was read to its good end, so that a bad end leaves nothing behind. A large
file becomes rows piece by piece, in files of its own.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from datetime import tzinfo
from pathlib import Path

import polars as pl

from collectors.errors import BadFile
from collectors.found import Found, check_unchanged
from collectors.pm.block import PmBlock
from collectors.pm.counter_map import CounterMaps
from collectors.pm.gathered import Gathered
from collectors.pm.objects import ObjectMatcher
from collectors.pm.read import read_blocks
from collectors.pm.translation import Wanted
from collectors.store import FileEntry, FileState, SourceFile
from collectors.store.segment import time_range
from collectors.store.shards import COUNTERS
from collectors.store.tables import KEPT, LINE, PACKED
from collectors.store.warm import Warm

LARGE_VALUES = 2 << 20  # values from which on a file becomes rows piece by piece
GROUP_VALUES = 6 << 20  # values of small files that become rows together

Written = tuple[Path, str, int, tuple[int | None, int | None]]
"""A file that was written: path, kind, rows, first and last time."""


class FileGroup:
    """Reads files one by one and writes their rows into `folder`."""

    def __init__(
        self, maps: CounterMaps, matcher: ObjectMatcher, wanted: Collection[str], folder: Path, size: int = 0
    ) -> None:
        """`size`: bytes of all files that will be read."""
        self._maps, self._matcher, self._folder = maps, matcher, folder
        self._wanted, self._left = Wanted.of(wanted), size
        self._waiting = self._gathered()
        self._sources: list[SourceFile] = []
        self._stats: dict[int, Counter[str]] = defaultdict(Counter)
        self._written: list[Written] = []
        self.unmapped: Counter[str] = Counter()
        """Results by counter name that no map knows."""
        self.warm = Warm()
        """Counter rows that were written, by the stem of their file."""
        self.vendors: set[str] = set()
        """vendorName of the files that have such counters."""

    def read(self, found: Found, zone: tzinfo) -> None:
        """Read one file; BadFile leaves the group as it was before."""
        self._left -= found.source.size
        large = _Large(self)
        blocks: list[PmBlock] = []
        try:
            size = 0
            for block in read_blocks(found.path, zone=zone):
                blocks.append(block)
                size += block.values.size
                if size > LARGE_VALUES:
                    large.take(blocks, found.source.number)
                    blocks, size = [], 0
            check_unchanged(found.path, found.stamp)
            if not large.written:
                self._check_yield(blocks, found.path)
        except BadFile:
            large.drop()
            raise
        if large.written:
            large.take(blocks, found.source.number)
            self._take_over(large)
        else:
            self._add(blocks, found.source)
        self._sources.append(found.source)

    def finish(self) -> list[Written]:
        """Write what waits; returns all files written."""
        self._written += self.write(self._waiting, self._stats)
        self._take_names(self._waiting)
        self._waiting.clear()
        return self._written

    def entries(self) -> Iterator[FileEntry]:
        """One entry of the ledger for each file that was read."""
        for source in self._sources:
            stats = self._stats[source.number]
            rows = stats["wide_rows"] + stats["kept_rows"]
            yield FileEntry(source, COUNTERS, FileState.STORED, rows, counts=dict(sorted(stats.items())))

    def write(self, gathered: Gathered, stats: dict[int, Counter[str]]) -> list[Written]:
        """Write the rows of blocks aside, a file for each kind; adds up what was odd."""
        if not gathered.size:
            return []
        rows = gathered.rows(self._matcher)
        for source, counts in rows.stats.items():
            stats[source].update(counts)
        single = rows.single.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(LINE))
        frames = {COUNTERS: rows.wide, KEPT: single, PACKED: rows.packed}
        written = []
        for kind, frame in frames.items():
            if frame.height:
                written.append(_write(self._folder, kind, frame))
                if kind == COUNTERS:
                    self.warm.put(written[-1][0].stem, frame)
        return written

    def _gathered(self) -> Gathered:
        return Gathered(self._maps, self._wanted)

    def _check_yield(self, blocks: list[PmBlock], path: Path) -> None:
        if not any(map(self._waiting.holds_a_value, blocks)):
            raise BadFile("empty_yield", "the file holds no value", file=str(path))

    def _add(self, blocks: list[PmBlock], source: SourceFile) -> None:
        values = max(1, sum(block.values.size for block in blocks))
        more = min(self._left / max(1, source.size), GROUP_VALUES / values)
        self._waiting.add(blocks, source.number, max(0.0, more))
        if self._waiting.size > GROUP_VALUES:
            self.finish()

    def _take_names(self, gathered: Gathered) -> None:
        self.unmapped.update(gathered.unmapped)
        self.vendors |= set(gathered.vendors) if gathered.unmapped else set()

    def _take_over(self, large: _Large) -> None:
        self._written += large.written
        for source, counts in large.stats.items():
            self._stats[source].update(counts)
        self.unmapped.update(large.unmapped)
        self.vendors |= large.vendors


class _Large:
    """The rows of one large file, in files that are dropped when it comes to a bad end."""

    def __init__(self, group: FileGroup) -> None:
        self._group = group
        self.written: list[Written] = []
        self.stats: dict[int, Counter[str]] = defaultdict(Counter)
        self.unmapped: Counter[str] = Counter()
        self.vendors: set[str] = set()

    def take(self, blocks: list[PmBlock], number: int) -> None:
        """Write the rows of some blocks."""
        gathered = self._group._gathered()
        gathered.add(blocks, number)
        self.written += self._group.write(gathered, self.stats)
        self.unmapped.update(gathered.unmapped)
        self.vendors |= set(gathered.vendors) if gathered.unmapped else set()

    def drop(self) -> None:
        """Forget what was written."""
        for path, *_ in self.written:
            path.unlink()


def _write(folder: Path, kind: str, rows: pl.DataFrame) -> Written:
    path = folder / f"{uuid.uuid4().hex}.parquet"
    rows.write_parquet(path, compression="lz4", statistics=False, row_group_size=131_072)
    return path, kind, rows.height, time_range(rows, "period_start")
