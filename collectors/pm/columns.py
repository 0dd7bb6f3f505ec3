"""Columns of numbers that grow row by row: Int32 while all values of a column are whole and known.

Most counters are whole numbers and known in every row. As Int32 they take half of the memory, and the array
becomes the column of a frame as it is.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from collectors.pm import table

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]
Whole = NDArray[np.int32]


class Columns:
    """The columns, by number. Memory of floats is used again after `clear`, whole columns are given away."""

    def __init__(self) -> None:
        self._floats = np.empty((0, 0))
        self.clear()

    def clear(self) -> None:
        """Forget all columns and rows."""
        self._whole = np.empty((0, 0), np.int32)
        self._slot = np.empty(0, np.int64)  # place among the floats, -1 for a whole column
        self._slots = 0
        self._first = self.rows = 0

    def begin(self, width: int, rows: int, more: float) -> None:
        """Begin as many new rows, and columns up to `width`; `more` times these rows are still to come."""
        before, start = len(self._slot), self.rows
        self._slot = np.concatenate([self._slot, np.full(width - before, -1, np.int64)])
        self._first, self.rows = start, start + rows
        columns, space = self._whole.shape
        if self.rows > space or width > columns:
            wanted = max(self.rows + int(rows * more), space * 3 // 2) if self.rows > space else space
            self._whole = _grown(self._whole, (max(width, columns), wanted), (before, start))
        if self._slots:
            self._floats_for(0)
        if start and width > before:
            new = np.arange(before, width)
            self._make_floats(new)
            self._floats[self._slot[new], :start] = np.nan

    def lay(self, values: Floats, source: Indices, target: Indices, no_values: Floats) -> None:
        """Put columns of `values` into the new rows of the columns `target`, each for the first time."""
        whole = self._slot[target] < 0
        if whole.all():  # the usual case: nothing to choose
            fits = table.lay_whole(self._whole, values, source, target, self._first, no_values)
            if fits.all():
                return
            self._make_floats(target[~fits])
        elif whole.any():
            some = target[whole]
            fits = table.lay_whole(self._whole, values, source[whole], some, self._first, no_values)
            self._make_floats(some[~fits])
        others = self._slot[target] >= 0
        slots = self._slot[target[others]]
        table.lay(self._floats, values, source[others], slots, self._first, no_values)

    def blank(self, target: Indices) -> None:
        """Leave the new rows of some columns without a value."""
        self._make_floats(target[self._slot[target] < 0])
        self._floats[self._slot[target], self._first : self.rows] = np.nan

    def fill(
        self,
        values: Floats,
        suspect: NDArray[np.bool_],
        source: Indices,
        target: Indices,
        row_of: Indices,
        no_values: Floats,
    ) -> int:
        """Put values into new rows of columns that were laid or left blank; count those that met another."""
        self._make_floats(target[self._slot[target] < 0], self.rows)
        slots = self._slot[target]
        return table.fill(self._floats, values, suspect, source, slots, self._first + row_of, no_values)

    def filled(self) -> tuple[Indices, NDArray[np.bool_]]:
        """Values of each column, and columns that are all Int32."""
        counts = np.full(len(self._slot), self.rows, np.int64)
        whole = self._slot < 0
        counts[~whole], whole[~whole] = (each[self._slot[~whole]] for each in table.filled(self._numbers()))
        return counts, whole

    def some(self) -> NDArray[np.bool_] | None:
        """Rows that have a value, None for all."""
        if (self._slot < 0).any():
            return None
        rows = table.some(self._numbers())
        return None if rows.all() else rows

    def whole(self, at: int) -> Whole:
        """Give one column of whole numbers away."""
        if self._slot[at] < 0:
            return self._whole[at, : self.rows]
        return table.narrowed(self._floats[self._slot[at], : self.rows])

    def floats(self, at: int) -> Floats:
        """Return one column as floats."""
        if self._slot[at] < 0:
            return np.asarray(self._whole[at, : self.rows], dtype=np.float64)
        return self._floats[self._slot[at], : self.rows].copy()

    def _numbers(self) -> Floats:
        return self._floats[: self._slots, : self.rows]

    def _make_floats(self, columns: Indices, rows: int | None = None) -> None:
        """Turn whole columns into floats, their first `rows` (those before the new ones) with them."""
        columns = np.unique(columns)
        if not columns.size:
            return
        self._floats_for(columns.size)
        slots = np.arange(self._slots, self._slots + columns.size)
        rows = self._first if rows is None else rows
        self._floats[slots, :rows] = self._whole[columns, :rows]
        self._slot[columns] = slots
        self._slots += columns.size

    def _floats_for(self, more: int) -> None:
        """Have space for more columns of floats, as long as the whole ones."""
        slots, space = self._floats.shape
        count = self._slots + more
        wanted = (slots if count <= slots else count + slots // 2), max(self._whole.shape[1], space)
        if wanted != (slots, space):
            self._floats = _grown(self._floats, wanted, (self._slots, min(self.rows, space)))


Number = TypeVar("Number", np.float64, np.int32)


def _grown(array: NDArray[Number], shape: tuple[int, int], kept: tuple[int, int]) -> NDArray[Number]:
    """Return a larger array with what stands in the corner of a smaller one."""
    grown = np.empty(shape, array.dtype)
    grown[: kept[0], : kept[1]] = array[: kept[0], : kept[1]]
    return grown
