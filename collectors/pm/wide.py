"""A table of numbers: a column for each source, a row for each object and period, that grows file by file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from collectors.pm import table
from collectors.pm.translation import Translation

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
_SPARSE: Final = 8  # codes are looked up in an array that is at most so much larger than they are many
_FIRST_ROWS: Final = 1024
_ROOM: Final = (
    8 << 20
)  # values that a table has room for once it grows: it is copied once, not at each doubling


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
        self._values = np.empty((0, 0))
        self._periods: list[Indices] = []
        self._objects: list[Indices] = []
        self.rows = 0
        """Rows so far."""

    def clear(self) -> None:
        """Forget all rows."""
        self._column_of, self._periods, self._objects, self.rows = {}, [], [], 0

    def add(self, parts: Sequence[Part], objects: int) -> int:
        """Add the blocks of one file, merged to a row for each object and period.

        The first value by name of the job stands; returns how many others differ. `objects`: how many there
        are by now.
        """
        rows, places = _places(parts, objects)
        self._make_room([name for part in parts for name in part.names], len(rows))
        new = slice(self.rows, self.rows + len(rows))
        empty = np.ones(len(self._column_of), np.bool_)
        conflicts = 0
        for at in sorted(range(len(parts)), key=lambda at: parts[at].job):
            part, row_of = parts[at], places[at]
            target = np.array([self._column_of[name] for name in part.names], dtype=np.int64)
            first_here = target[empty[target]]
            empty[target] = False
            if (
                row_of is None
                and not part.suspect.size
                and len(first_here) == len(part.names) == len(set(part.names))
            ):
                table.lay(self._values, part.values, part.columns, target, self.rows, self._chosen.no_values)
                continue
            self._values[first_here, new] = np.nan
            conflicts += table.fill(
                self._values, part.values, part.suspect, part.columns, target,
                self.rows + (np.arange(len(rows)) if row_of is None else row_of), self._chosen.no_values,
            )  # fmt: skip
        self._values[np.flatnonzero(empty), new] = np.nan
        self._periods.append(rows // objects)
        self._objects.append(rows % objects)
        self.rows += len(rows)
        return conflicts

    def _make_room(self, names: Sequence[str], rows: int) -> None:
        """Add columns that are new, empty in the rows so far, and space for more rows."""
        before = len(self._column_of)
        for name in names:
            self._column_of.setdefault(name, len(self._column_of))
        columns, space = self._values.shape
        if len(self._column_of) > columns or self.rows + rows > space:
            width = max(len(self._column_of), columns)
            wanted = max(self.rows + rows, _FIRST_ROWS)
            if wanted > space > 0:
                wanted = max(wanted, 2 * space, _ROOM // max(1, width))
            grown = np.empty((width, max(wanted, space)))
            grown[:before, : self.rows] = self._values[:before, : self.rows]
            self._values = grown
        self._values[before : len(self._column_of), : self.rows] = np.nan

    def places(self) -> tuple[Indices, Indices]:
        """Return the period and the object of each row."""
        return np.concatenate(self._periods), np.concatenate(self._objects)

    def targets(self) -> tuple[list[pl.Series], pl.Series | None]:
        """Wanted counters that have a value, sorted by name; and the rows that have any, None for all.

        A column of whole numbers is Int32, any other Float64.
        """
        values = self._values[: len(self._column_of), : self.rows]
        counts, whole = table.filled(values)
        some = None if (counts == self.rows).any() else table.some(values)
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
            return found, None if some is None or some.all() else pl.Series(some)
        any_value = pl.DataFrame(found).select(pl.any_horizontal(pl.all().is_not_null())) if found else None
        return found, None if any_value is None else any_value.to_series()

    def _series(self, name: str, alias: str, counts: Indices, *, narrow: bool = False) -> pl.Series:
        at = self._column_of[name]
        values = self._values[at, : self.rows]
        if narrow:
            numbers = pa.array(table.narrowed(values))
        else:
            numbers = pa.array(values.copy(), from_pandas=bool(counts[at] < self.rows))
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
