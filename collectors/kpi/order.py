"""Rows in the order of entity and time, found over numbers instead of texts."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def entity_order(rows: pl.DataFrame) -> tuple[Indices, Indices]:
    """Give the order by entity, `period_start` and `period_s`, and the rank of the entity of each row.

    `rows`: at least one, none of these columns null; equal rows stay as they stand.
    """
    entity = _ranks(rows["entity"])
    return np.argsort(_keys(rows, entity), kind="stable"), entity


def has_doubles(rows: pl.DataFrame) -> bool:
    """Whether two rows have the same entity, `period_start` and `period_s`."""
    if rows.height < 2:
        return False
    keys = np.sort(_keys(rows, _codes(rows["entity"])))
    return bool((keys[1:] == keys[:-1]).any())


def _keys(rows: pl.DataFrame, entity: Indices) -> Indices:
    """One number for the three, in the order of them."""
    starts, start = np.unique(rows["period_start"].to_physical().to_numpy(), return_inverse=True)
    lengths, length = np.unique(rows["period_s"].to_numpy(), return_inverse=True)
    return np.asarray((entity * starts.size + start) * lengths.size + length)


def _ranks(names: pl.Series) -> Indices:
    """Rank of each text among the distinct ones."""
    codes = _codes(names)
    first = np.empty(int(codes.max()) + 1, np.int64)
    first[codes] = np.arange(codes.size)  # any row of each text
    ranks = names.gather(first).rank("ordinal").to_numpy().astype(np.int64) - 1
    return np.asarray(ranks[codes])


def _codes(names: pl.Series) -> Indices:
    """Return a number for each text."""
    codes = names.cast(pl.Categorical(pl.Categories.random())).to_physical()
    return codes.to_numpy().astype(np.int64)
