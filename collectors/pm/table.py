"""Compiled passes over the values of blocks: each value is touched once on its way into a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collectors.compiled import compiled

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
_INT32 = 2.0**31
_TILE = 64  # rows whose values are written into a column together: few cache lines of the table at a time


@compiled()
def fill(
    table: Floats,
    values: Floats,
    suspect: NDArray[np.bool_],
    source: Indices,
    target: Indices,
    row_of: Indices,
    no_values: Floats,
) -> int:
    """Put `values[row, source[i]]` into `table[target[i], row_of[row]]` where nothing stands yet.

    No-values and suspect values are left out; `suspect` has no rows where none is. Returns how many values
    met another value than their own.
    """
    conflicts = 0
    rows = values.shape[0]
    marked = suspect.shape[0] > 0
    for start in range(0, rows, _TILE):
        end = min(rows, start + _TILE)
        for i in range(source.size):
            column, to = source[i], target[i]
            for row in range(start, end):
                value = values[row, column]
                if np.isnan(value) or (marked and suspect[row, column]) or _among(value, no_values):
                    continue
                there = table[to, row_of[row]]
                if np.isnan(there):
                    table[to, row_of[row]] = value
                elif there != value:
                    conflicts += 1
    return conflicts


@compiled()
def lay(
    table: Floats, values: Floats, source: Indices, target: Indices, first: int, no_values: Floats
) -> None:
    """Put `values[row, source[i]]` into `table[target[i], first + row]`, whatever stood there."""
    rows = values.shape[0]
    for start in range(0, rows, _TILE):
        end = min(rows, start + _TILE)
        for i in range(source.size):
            column, to = source[i], target[i]
            for row in range(start, end):
                table[to, first + row] = values[row, column]
            if no_values.size:
                for row in range(first + start, first + end):
                    if _among(table[to, row], no_values):
                        table[to, row] = np.nan


@compiled()
def lay_whole(
    table: NDArray[np.int32], values: Floats, source: Indices, target: Indices, first: int, no_values: Floats
) -> NDArray[np.bool_]:
    """Do the same with whole numbers; returns for which columns every value is an Int32."""
    rows = values.shape[0]
    fits = np.ones(source.size, np.bool_)
    for start in range(0, rows, _TILE):
        end = min(rows, start + _TILE)
        for i in range(source.size):
            column, to = source[i], target[i]
            good = True
            for row in range(start, end):
                value = values[row, column]
                number = np.int32(value if abs(value) < _INT32 else 0.5)
                table[to, first + row] = number
                good &= number == value
            if no_values.size:
                for row in range(start, end):
                    good &= not _among(values[row, column], no_values)
            fits[i] &= good
    return fits


@compiled()
def taken(values: Floats, suspect: NDArray[np.bool_], columns: Indices, no_values: Floats) -> Floats:
    """Return some columns row by row, NaN where there is a no-value or a suspect value."""
    found = np.empty((values.shape[0], columns.size))
    marked = suspect.shape[0] > 0
    for row in range(values.shape[0]):
        for i in range(columns.size):
            column = columns[i]
            value = values[row, column]
            if (marked and suspect[row, column]) or _among(value, no_values):
                value = np.nan
            found[row, i] = value
    return found


@compiled()
def known(values: Floats) -> int:
    """Count the values that are numbers."""
    count = 0
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            count += value == value
    return count


@compiled()
def any_known(values: Floats, no_values: Floats) -> bool:
    """Whether there is a number that is no no-value."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            if not np.isnan(value) and not _among(value, no_values):
                return True
    return False


@compiled()
def filled(table: Floats) -> tuple[Indices, NDArray[np.bool_]]:
    """Values of each column of a table (columns, rows), and columns that are all Int32."""
    columns = np.zeros(table.shape[0], np.int64)
    whole = np.zeros(table.shape[0], np.bool_)
    for column in range(table.shape[0]):
        count = whole_count = 0
        for row in range(table.shape[1]):
            value = table[column, row]
            count += value == value
            whole_count += (abs(value) < _INT32) & (value == np.floor(value))
        columns[column] = count
        whole[column] = whole_count == table.shape[1]
    return columns, whole


@compiled()
def some(table: Floats) -> NDArray[np.bool_]:
    """Rows of a table (columns, rows) that have a value."""
    found = np.zeros(table.shape[1], np.bool_)
    for column in range(table.shape[0]):
        for row in range(table.shape[1]):
            found[row] |= table[column, row] == table[column, row]
    return found


@compiled()
def narrowed(values: Floats) -> NDArray[np.int32]:
    """Return whole numbers as Int32, which is half to write and half to read."""
    found = np.empty(values.size, np.int32)
    for at in range(values.size):
        found[at] = np.int32(values[at])
    return found


@compiled()
def _among(value: float, no_values: Floats) -> bool:
    found = False
    for i in range(no_values.size):
        found |= value == no_values[i]
    return found
