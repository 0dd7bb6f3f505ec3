"""What every table source yields: batches of rows as strings with their lines, and refused rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

LINE = "__line"
"""Column with the line of the row in its file: the header is line 1; in Parquet the first row is line 1."""

BAD_SCHEMA: dict[str, pl.DataType] = {
    "line": pl.Int64(),
    "field": pl.String(),
    "value": pl.String(),
    "reason": pl.String(),
}
"""Columns of a quarantine report; `field` is empty where the whole row is refused."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Some rows of a table: `frame` has String columns as named in the header, and `__line`."""

    frame: pl.DataFrame
    bad: pl.DataFrame


class RowSource(Protocol):
    """A table file that is opened and whose header is known."""

    header: tuple[str, ...]

    def batches(self) -> Iterator[RowBatch]:
        """Yield all rows once, in the order of the file."""
        ...


def bad_rows(
    lines: Sequence[int] = (),
    fields: Sequence[str] = (),
    values: Sequence[str] = (),
    reasons: Sequence[str] = (),
) -> pl.DataFrame:
    """Build a quarantine report from its four columns."""
    columns = {"line": lines, "field": fields, "value": values, "reason": reasons}
    return pl.DataFrame({name: list(column) for name, column in columns.items()}, schema=BAD_SCHEMA)
