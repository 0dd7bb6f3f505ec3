"""Comma lists in PM files: per QCI, or a distribution."""

from __future__ import annotations

import math

from collectors.pm.block import PmBlock


def list_at(block: PmBlock, row: int, column: int) -> tuple[float, ...]:
    """Return the list at a place; a single number is a list of one, no value or a suspect one is empty."""
    if block.suspect[row, column]:
        return ()
    written = block.vectors.get((row, column))
    if written is not None:
        return written
    number = float(block.values[row, column])
    return () if math.isnan(number) else (number,)


def spread(written: tuple[float, ...], may_be_compressed: bool) -> tuple[dict[int, float], float]:
    """Return values by place, and the value of places that are not there: NaN, or 0 in a compressed list.

    A compressed list is `count, index, value, index, value, ..` with rising indices; `0` alone is all zeros.
    A list in full has at its place 0 a QCI that does not exist, so it cannot be taken for a compressed one.
    """
    if may_be_compressed and len(written) % 2 and len(written) == 1 + 2 * written[0]:
        indices = written[1::2]
        whole = all(index >= 0 and index.is_integer() for index in indices)
        if whole and list(indices) == sorted(set(indices)):
            return dict(zip(map(int, indices), written[2::2], strict=True)), 0.0
    return dict(enumerate(written)), math.nan


def places_read(block: PmBlock, column: int, places: list[int], may_be_compressed: bool) -> list[list[float]]:
    """Return the numbers at some places of a counter's lists, one list of numbers per place."""
    rows = [spread(list_at(block, row, column), may_be_compressed) for row in range(len(block.objects))]
    return [[found.get(place, default) for found, default in rows] for place in places]
