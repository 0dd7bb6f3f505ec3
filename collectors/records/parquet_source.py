"""A Parquet file as batches of string rows: typed columns are written the way a CSV would hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from collectors.errors import BadFile
from collectors.records.rows import LINE, RowBatch, bad_rows
from collectors.records.typed_text import as_text

PARQUET_MAGIC = b"PAR1"
BATCH_ROWS = 50_000


class ParquetSource:
    """An open Parquet table with typed or string columns; lines are row numbers from 1."""

    def __init__(self, path: Path, *, batch_rows: int = BATCH_ROWS) -> None:
        self._path, self._batch_rows = path, batch_rows
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise self._damaged(error) from error
        self.header = tuple(str(name).strip() for name in self._file.schema_arrow.names)

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows in the order of the file; BadFile when a page cannot be read."""
        line = 1
        try:
            for batch in self._file.iter_batches(self._batch_rows):
                frame = as_text(
                    pl.DataFrame(pl.from_arrow(pa.table(batch.columns, names=_positions(batch.num_columns))))
                )
                frame.columns = list(self.header)
                lines = pl.int_range(line, line + frame.height, dtype=pl.Int64, eager=True)
                line += frame.height
                yield RowBatch(frame.with_columns(lines.alias(LINE)), bad_rows())
        except (pa.ArrowException, OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> BadFile:
        # The text of the library's error may quote values: only its class is passed on.
        return BadFile(
            "damaged_parquet", f"cannot be read as Parquet ({type(error).__name__})", file=str(self._path)
        )


def _positions(count: int) -> list[str]:
    return [str(position) for position in range(count)]
