"""Typed columns written the way a CSV would hold them, so that every source passes the same checks."""

from __future__ import annotations

import polars as pl


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Turn every column into text: times RFC 3339, lists joined with `;`, lists of object as JSON."""
    return frame.select(_text(name, dtype) for name, dtype in frame.schema.items())


def _text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.String):
        return column
    if isinstance(dtype, pl.Datetime):
        aware = dtype.time_zone is not None
        text = column.dt.convert_time_zone("UTC") if aware else column
        return text.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if aware else ""))
    if isinstance(dtype, pl.List | pl.Array):
        return _list_text(column if isinstance(dtype, pl.List) else column.arr.to_list(), dtype.inner)
    if isinstance(dtype, pl.Struct):
        return column.struct.json_encode()
    return column.cast(pl.String)


def _list_text(column: pl.Expr, inner: object) -> pl.Expr:
    if isinstance(inner, pl.Struct):
        objects = column.list.eval(pl.element().struct.json_encode()).list.join(",")
        return pl.when(column.is_not_null()).then(pl.format("[{}]", objects))
    return column.cast(pl.List(pl.String())).list.join(";", ignore_nulls=True)
