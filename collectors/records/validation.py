"""Checks of a record table, column by column: good rows typed, bad rows told by line, field and reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from collectors.records.casts import CastColumn, cast_column, expectation, filled, plain_cast
from collectors.records.rows import LINE, bad_rows
from collectors.records.schema import ABSENT, RecordField, RecordSchema
from collectors.records.scrub import scrub_text
from collectors.records.table import RecordTable

MAX_REPORTED_TEXT = 80


@dataclass(frozen=True, slots=True)
class Validated:
    """Outcome of a check.

    `good` has the typed columns and `__line`; `bad` has `line`, `field`, `value`, `reason` and never an
    identity in clear; a bad row may stand in it with several fields. `bad_row_count` counts rows.
    """

    good: pl.DataFrame
    bad: pl.DataFrame
    bad_row_count: int
    naive_times: int
    unknown_members: int = 0


def validate(table: RecordTable, schema: RecordSchema) -> Validated:
    """Check a whole table; `good` gets all schema columns and `absent`, of equal keys the last line stays."""
    checked = check_rows(table.raw, schema, table.zone)
    good = complete(keep_last(checked.good, schema), schema, table.absent_columns)
    bad = pl.concat([table.ragged, checked.bad]).sort("line", maintain_order=True)
    count = checked.bad_row_count + table.ragged.height
    return Validated(good, bad, count, checked.naive_times, checked.unknown_members)


def check_rows(raw: pl.DataFrame, schema: RecordSchema, zone: str) -> Validated:
    """Cast and check some rows with the columns that are there; the good ones keep their line."""
    fields = [field for field in schema.fields if field.name in raw.columns]
    plain = raw.select(plain_cast(field).alias(field.name) for field in fields)
    casts = [cast_column(raw[field.name], plain[field.name], field, zone) for field in fields]
    typed = pl.DataFrame([cast.column.alias(f.name) for f, cast in zip(fields, casts, strict=True)])
    masks = dict(_bad_masks(raw, typed, fields))
    bad, count = _report(raw, masks, fields), 0
    good = typed.with_columns(raw[LINE])
    if masks:
        refused = pl.DataFrame(list(masks.values())).select(pl.any_horizontal(pl.all())).to_series()
        count, good = int(refused.sum()), good.filter(~refused)
    return Validated(good, bad, count, _total(casts, "naive_times"), _total(casts, "unknown_members"))


def keep_last(good: pl.DataFrame, schema: RecordSchema) -> pl.DataFrame:
    """Of the rows that are equal in all key fields keep the one with the last line."""
    keys = [name for name in schema.key_fields if name in good.columns]
    if not good.height or good.select(pl.struct(keys).n_unique()).item() == good.height:
        return good
    return good.unique(subset=keys, keep="last", maintain_order=True)


def complete(good: pl.DataFrame, schema: RecordSchema, absent: Sequence[str]) -> pl.DataFrame:
    """Give a frame all columns of the schema in order (null where the file had none) and `absent`."""
    columns = schema.polars_schema()
    present = set(good.columns)
    listed = pl.lit(pl.Series([list(absent)], dtype=pl.List(pl.String))).first().alias(ABSENT)
    exprs = [
        pl.col(name) if name in present else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in columns.items()
        if name != ABSENT
    ]
    line = [pl.col(LINE)] if LINE in present else []
    return good.select(*exprs, listed, *line)


def _bad_masks(
    raw: pl.DataFrame, typed: pl.DataFrame, fields: Sequence[RecordField]
) -> Iterator[tuple[str, pl.Series]]:
    for field in fields:
        nulls = typed[field.name].null_count()
        # A text that is null casts to null, so as many nulls as before means that every text could be read.
        if nulls and (field.must_be_filled or nulls > raw[field.name].null_count()):
            empty = typed[field.name].is_null()
            bad = (
                empty
                if field.must_be_filled
                else empty & raw.select(filled(field.name).is_not_null()).to_series()
            )
            if bad.any():
                yield field.name, bad.alias(field.name)
    for name, breach in _order_breaches(typed, fields):
        if breach.any():
            yield f"{name}>", breach.alias(f"{name}>")


def _order_breaches(typed: pl.DataFrame, fields: Sequence[RecordField]) -> Iterator[tuple[str, pl.Series]]:
    """Values that stand in the wrong order to another column of their row."""
    for field in fields:
        value = pl.col(field.name)
        rules = (
            (field.not_before, value.lt),
            (field.later_than, value.le),
            (field.at_most, value.gt),
        )
        for other, breach in rules:
            if other in typed.columns:
                yield field.name, typed.select(breach(pl.col(other)).fill_null(False)).to_series()


def _report(raw: pl.DataFrame, masks: dict[str, pl.Series], fields: Sequence[RecordField]) -> pl.DataFrame:
    by_name = {field.name: field for field in fields}
    parts = [bad_rows()]
    for key, mask in masks.items():
        field = by_name[key.removesuffix(">")]
        rows = raw.select(LINE, field.name).filter(mask).select(LINE, text=filled(field.name))
        reason = _order_text(field) if key.endswith(">") else expectation(field)
        told = pl.when(pl.col("text").is_null()).then(pl.lit("must not be empty")).otherwise(pl.lit(reason))
        shown = reportable(pl.col("text"), field).fill_null("")
        parts.append(rows.select(line=LINE, field=pl.lit(field.name), value=shown, reason=told))
    return pl.concat(parts).sort("line", maintain_order=True)


def _order_text(field: RecordField) -> str:
    if field.at_most:
        return f"must not be more than {field.at_most}"
    return (
        f"must be later than {field.later_than}"
        if field.later_than
        else f"must not be before {field.not_before}"
    )


def reportable(text: pl.Expr, field: RecordField) -> pl.Expr:
    """Return the value as a quarantine report may show it: no identity, no long text."""
    if field.identity:
        return pl.format("[{} of {} characters]", pl.lit(field.identity), text.str.len_chars())
    return scrub_text(text).str.head(MAX_REPORTED_TEXT)


def _total(casts: Sequence[CastColumn], name: str) -> int:
    return sum(getattr(cast, name) for cast in casts)
