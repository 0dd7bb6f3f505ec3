"""The column `absent` on disk: one text instead of a list.

A list of eighty names in every row takes longer to read than the other hundred columns together; as a text
that most rows share it is one entry of a dictionary. Segments that hold the list are read too.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from collectors.records.schema import ABSENT

BETWEEN = "|"  # no field name holds it
_LIST = pl.List(pl.String())


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows with the names in one text, in the order they were told."""
    if rows.schema.get(ABSENT) != _LIST:
        return rows
    return rows.with_columns(pl.col(ABSENT).list.join(BETWEEN))


def as_list(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows with the names in a list again."""
    names = pl.when(pl.col(ABSENT) == "").then(pl.lit([], _LIST)).otherwise(pl.col(ABSENT).str.split(BETWEEN))
    return rows.with_columns(names.alias(ABSENT))


def scan(path: Path) -> pl.LazyFrame:
    """Scan one segment with the names in one text, whichever way it was written."""
    rows = pl.scan_parquet(path)
    if rows.collect_schema().get(ABSENT) != _LIST:
        return rows
    return rows.with_columns(pl.col(ABSENT).list.join(BETWEEN))
