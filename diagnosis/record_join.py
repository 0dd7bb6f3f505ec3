"""Records joined to the rows of tickets."""

from __future__ import annotations

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.source import fields
from diagnosis.workspace import ROW, Workspace


def join_record(
    work: Workspace,
    rows: pl.DataFrame,
    kind: str,
    role: str,
    *,
    left_on: str,
    right_on: str,
    only: frozenset[str] | None = None,
) -> None:
    """Add all fields of one record per row as `<role>.<field>`, its `absent` text and `has.<role>`."""
    columns = [name for name in fields(kind) if only is None or name in only]
    if rows[right_on].n_unique() < rows.height:
        rows = rows.unique(right_on, keep="first", maintain_order=True)
    taken = rows.select(
        pl.col(right_on).alias("_key"),
        pl.col(columns).name.prefix(f"{role}."),
        pl.col(ABSENT).alias(f"{role}.{ABSENT}"),
        pl.lit(True).alias(f"has.{role}"),
    )
    work.frame = work.frame.join(
        taken, left_on=left_on, right_on="_key", how="left", maintain_order="left"
    ).with_columns(pl.col(f"has.{role}").fill_null(False))


def ids_of(frame: pl.DataFrame, *columns: str) -> pl.Series:
    """Return the different values of the named columns."""
    return pl.concat([frame[column].alias("id") for column in columns]).drop_nulls().unique()


def long(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Row and id, one line for each different id in the named columns."""
    parts = [frame.select(ROW, pl.col(name).alias("id")) for name in columns]
    return pl.concat(parts).drop_nulls().unique().sort(ROW, "id")
