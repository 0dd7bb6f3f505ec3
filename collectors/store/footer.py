"""Footers of data files kept in memory, and reads of one entity that decode only its row groups.

A footer of a shard takes longer to parse than the rows of one cell take to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_KEPT = 8  # footers of shards take a few megabytes each


@dataclass(frozen=True, slots=True)
class Footer:
    """What the end of a file says: its columns, and the first and last entity of each row group."""

    meta: pq.FileMetaData
    columns: frozenset[str]
    bounds: tuple[tuple[str, str] | None, ...]

    def groups_of(self, entity: str) -> list[int]:
        """Row groups that may hold rows of an entity."""
        return [at for at, both in enumerate(self.bounds) if both is None or both[0] <= entity <= both[1]]


@lru_cache(maxsize=_KEPT)
def footer_of(path: Path) -> Footer:
    """Read the footer of a file once; a file never changes under its name."""
    meta = pq.read_metadata(path)
    names = meta.schema.to_arrow_schema().names
    at = names.index("entity")
    return Footer(
        meta, frozenset(names), tuple(_bounds(meta, group, at) for group in range(meta.num_row_groups))
    )


def _bounds(meta: pq.FileMetaData, group: int, column: int) -> tuple[str, str] | None:
    found = meta.row_group(group).column(column).statistics
    if found is None or not found.has_min_max:
        return None
    return str(found.min), str(found.max)


def rows_of(path: Path, entity: str, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of one entity in the order of the file; numbers are Float64, columns it lacks are left out."""
    footer = footer_of(path)
    there = [name for name in columns if name in footer.columns]
    with pq.ParquetFile(path, metadata=footer.meta, pre_buffer=True) as file:
        table = file.read_row_groups(footer.groups_of(entity), columns=there, use_threads=False)
    rows = pl.from_arrow(_only(table, entity))
    if not isinstance(rows, pl.DataFrame):
        raise TypeError("a table becomes a frame")
    return pl.DataFrame([_float(rows[name]) for name in there])  # a plan for 60 columns costs more


def _float(column: pl.Series) -> pl.Series:
    """Take a counter of whole numbers as floats."""
    return column.cast(pl.Float64) if column.dtype.is_integer() and column.name != "period_s" else column


def _only(table: pa.Table, entity: str) -> pa.Table:
    """Take the rows of an entity, a slice where they stand together, as in every shard."""
    at = np.flatnonzero(pc.equal(table.column("entity"), entity).to_numpy())
    if at.size and at[-1] - at[0] + 1 == at.size:
        return table.slice(at[0], at.size)
    return table.take(pa.array(at))
