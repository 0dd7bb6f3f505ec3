"""Data files kept open with their footers, and reads of one entity that decode only its row groups.

A footer of a shard takes longer to parse than the rows of one cell take to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

_KEPT = 8  # footers of shards take a few megabytes each


@dataclass(frozen=True, slots=True)
class Footer:
    """An open file and what its end says: its columns, first and last entity of each row group.

    `lock`: one thread reads at a time.
    """

    file: pq.ParquetFile
    columns: frozenset[str]
    bounds: tuple[tuple[str, str] | None, ...]
    lock: Lock

    def groups_of(self, entity: str) -> list[int]:
        """Row groups that may hold rows of an entity."""
        return [at for at, both in enumerate(self.bounds) if both is None or both[0] <= entity <= both[1]]


@lru_cache(maxsize=_KEPT)
def footer_of(path: Path) -> Footer:
    """Open a file and read its footer once; a file never changes under its name."""
    file = pq.ParquetFile(path, pre_buffer=True, read_dictionary=["entity", "entity_kind"])
    names = file.schema_arrow.names
    at = names.index("entity")
    bounds = tuple(_bounds(file.metadata, group, at) for group in range(file.metadata.num_row_groups))
    return Footer(file, frozenset(names), bounds, Lock())


def _bounds(meta: pq.FileMetaData, group: int, column: int) -> tuple[str, str] | None:
    found = meta.row_group(group).column(column).statistics
    if found is None or not found.has_min_max:
        return None
    return str(found.min), str(found.max)


def rows_of(path: Path, entity: str, columns: Sequence[str]) -> pl.DataFrame:
    """Rows of one entity in the order of the file; numbers are Float64, columns it lacks are left out."""
    footer = footer_of(path)
    there = [name for name in columns if name in footer.columns]
    with footer.lock:
        table = footer.file.read_row_groups(footer.groups_of(entity), columns=there, use_threads=False)
    rows = pl.from_arrow(_only(table, entity))
    if not isinstance(rows, pl.DataFrame):
        raise TypeError("a table becomes a frame")
    return pl.DataFrame([_plain(column) for column in rows.get_columns()])  # a plan for 60 columns costs more


def _plain(column: pl.Series) -> pl.Series:
    """Take a counter of whole numbers as floats, and a name as text."""
    if column.dtype == pl.Categorical:
        return column.cast(pl.String)
    return column.cast(pl.Float64) if column.dtype.is_integer() and column.name != "period_s" else column


def _only(table: pa.Table, entity: str) -> pa.Table:
    """Take the rows of an entity, a slice where they stand together, as in every shard."""
    none = np.zeros(0, np.bool_)
    at = np.flatnonzero(np.concatenate([none, *(_is(part, entity) for part in table["entity"].chunks)]))
    if at.size and at[-1] - at[0] + 1 == at.size:
        return table.slice(at[0], at.size)
    return table.take(pa.array(at, pa.int64()))


def _is(names: pa.DictionaryArray, entity: str) -> NDArray[np.bool_]:
    """Whether each name is that of the entity; the few different ones are compared as text."""
    number = pc.index(names.dictionary, entity).as_py()
    return np.asarray(names.indices.to_numpy(zero_copy_only=False) == number)
