"""Rows that a collector holds in memory, as batches of string rows."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from collectors.records.rows import LINE, RowBatch, bad_rows
from collectors.records.typed_text import as_text

BATCH_ROWS = 50_000


class MemorySource:
    """A frame as a table; lines are row numbers from 1."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows
        self.header = tuple(rows.columns)

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows in order."""
        text = as_text(self._rows).with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))
        for start in range(0, text.height, BATCH_ROWS):
            yield RowBatch(text.slice(start, BATCH_ROWS), bad_rows())
