"""A table of numbers: a column for each source, a row for each object and period, that grows file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from collectors.pm.columns import Columns
from collectors.pm.translation import Translation

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
_SPARSE: Final = 8  # codes are looked up in an array that is at most so much larger than they are many


@dataclass(frozen=True, slots=True)
class Part:
    """Numbers of one block under the names of their sources."""

    objects: Indices
    names: tuple[str, ...]
    columns: Indices
    values: Floats
    suspect: NDArray[np.bool_]
    period: int
    job: str


class WideTable:
    """Numbers of many files. The memory is used again after `clear`; series that are given out own theirs."""

    def __init__(self, chosen: Translation) -> None:
        self._chosen = chosen
        self._column_of: dict[str, int] = {}
        self._targets: dict[tuple[str, ...], tuple[Indices, bool]] = {}
        self._columns = Columns()
        self._periods: list[Indices] = []
        self._objects: list[Indices] = []

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self._columns.rows

    def clear(self) -> None:
        """Forget all rows."""
        self._column_of, self._targets, self._periods, self._objects = {}, {}, [], []
        self._columns.clear()

    def add(self, parts: Sequence[Part], objects: int, more: float) -> int:
        """Add the blocks of one file, merged to a row for each object and period.

        The first value by name of the job stands; returns how many others differ. `objects`: how many there
        are by now; `more` times the rows of this file are still to come.
        """
        rows, places = _places(parts, objects)
        targets = [self._target(part.names) for part in parts]
        self._columns.begin(len(self._column_of), len(rows), more)
        empty = np.ones(len(self._column_of), np.bool_)
        conflicts = 0
        for at in sorted(range(len(parts)), key=lambda at: parts[at].job):
            target, distinct = targets[at]
            conflicts += self._put(parts[at], places[at], target, empty[target], distinct)
            empty[target] = False
        if empty.any():
            self._columns.blank(np.flatnonzero(empty))
        self._periods.append(rows // objects)
        self._objects.append(rows % objects)
        return conflicts

    def _target(self, names: tuple[str, ...]) -> tuple[Indices, bool]:
        """Return the columns of these names, and whether each is another one."""
        if names not in self._targets:
            for name in names:
                self._column_of.setdefault(name, len(self._column_of))
            target = np.array([self._column_of[name] for name in names], dtype=np.int64)
            self._targets[names] = target, len(set(names)) == len(names)
        return self._targets[names]

    def _put(
        self,
        part: Part,
        row_of: Indices | None,
        target: Indices,
        empty: NDArray[np.bool_],
        distinct: bool,
    ) -> int:
        """Put a part into its columns; `empty`: those where nothing stands yet in these rows."""
        no_values = self._chosen.no_values
        if row_of is None and not part.suspect.size and distinct and empty.all():
            self._columns.lay(part.values, part.columns, target, no_values)
            return 0
        row_of = np.arange(len(part.objects)) if row_of is None else row_of
        self._columns.blank(target[empty])
        return self._columns.fill(part.values, part.suspect, part.columns, target, row_of, no_values)

    def places(self) -> tuple[Indices, Indices]:
        """Return the period and the object of each row."""
        return np.concatenate(self._periods), np.concatenate(self._objects)

    def targets(self) -> tuple[list[pl.Series], pl.Series | None]:
        """Wanted counters that have a value, sorted by name; and the rows that have any, None for all.

        A column of whole numbers is Int32, any other Float64.
        """
        counts, whole = self._columns.filled()
        frame: pl.DataFrame | None = None
        found = []
        for target in self._chosen.targets(self._column_of):
            plain = target.plain
            full = plain is not None and counts[self._column_of[plain]] == self.rows
            if plain is not None and (full or target.alone):
                column = self._series(plain, target.name, counts, narrow=bool(whole[self._column_of[plain]]))
            else:
                frame = frame if frame is not None else self._frame(counts)
                column = frame.select(target.expr).to_series()
            if column.null_count() < self.rows:
                found.append(column)
        if frame is None:
            some = self._columns.some()
            return found, None if some is None else pl.Series(some)
        any_value = pl.DataFrame(found).select(pl.any_horizontal(pl.all().is_not_null())) if found else None
        return found, None if any_value is None else any_value.to_series()

    def _series(self, name: str, alias: str, counts: Indices, *, narrow: bool = False) -> pl.Series:
        at = self._column_of[name]
        if narrow:
            numbers = pa.array(self._columns.whole(at))
        else:
            numbers = pa.array(self._columns.floats(at), from_pandas=bool(counts[at] < self.rows))
        found = pl.from_arrow(numbers)
        assert isinstance(found, pl.Series)  # noqa: S101 - an array, not a table
        return found.alias(alias)

    def _frame(self, counts: Indices) -> pl.DataFrame:
        return pl.DataFrame([self._series(name, name, counts) for name in self._column_of])


def _places(parts: Sequence[Part], objects: int) -> tuple[Indices, list[Indices | None]]:
    """Give the rows of parts as period * objects + object, ascending; and the row of each line of a part.

    None is for a part that has all rows in order.
    """
    one = parts[0]
    alike = all(part.objects is one.objects and part.period == one.period for part in parts)
    if alike and (one.objects[1:] > one.objects[:-1]).all():
        return one.period * objects + one.objects, [None] * len(parts)
    codes = [part.period * objects + part.objects for part in parts]
    rows, row_of = _distinct(np.concatenate(codes))
    return rows, list(np.split(row_of, np.cumsum([len(some) for some in codes])[:-1]))


def _distinct(codes: Indices) -> tuple[Indices, Indices]:
    """Distinct codes, ascending, and the place of each code among them."""
    low = int(codes.min()) if codes.size else 0
    space = int(codes.max()) - low + 1 if codes.size else 0
    if space > _SPARSE * codes.size + (1 << 16):
        found, back = np.unique(codes, return_inverse=True)
        return found, back.astype(np.int64)
    there = np.zeros(space, np.bool_)
    there[codes - low] = True
    index = np.cumsum(there) - 1
    return np.flatnonzero(there) + low, index[codes - low]
