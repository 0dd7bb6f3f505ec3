"""Runbook conditions as polars expressions over the evidence frame, three-valued after Kleene.

`false and unknown` is false, `true and unknown` is unknown. A value that is empty but known (the stage was
not reached, the code did not come) never counts as an error: every comparison with it is false. The one
exception is a final status that never came: it is not the status that it is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from operator import and_
from typing import Protocol

import polars as pl

from runbooks.condition import Comparison, Condition, Value

# Known to be empty is another answer than each listed one: no final status is no 200, no error lies nowhere.
EMPTY_DIFFERS = frozenset({"registration.final_status", "call.first_error_interface"})
Limits = Mapping[str, Mapping[str, float]]  # region ("" = the operator) -> name -> limit


class Readings(Protocol):
    """What the engine asks of the evidence; `diagnosis.evidence.Evidence` is the real one."""

    @property
    def frame(self) -> pl.DataFrame:
        """One row per ticket, one column per name."""
        ...

    def known(self, name: str) -> pl.Expr:
        """Return True where the value is known, also where it is known to be empty."""
        ...

    def reason(self, name: str) -> pl.Expr:
        """Why the value is not known; empty where it is."""
        ...

    def place(self, name: str) -> Place:
        """Columns that say what the value is about, and from when to when."""
        ...


class Place(Protocol):
    """Names of columns; None where nothing is told."""

    @property
    def at(self) -> str | None:
        """What the value is about, e.g. `cell 460-00-12345-1`."""
        ...

    @property
    def start(self) -> str | None:
        """Start of its period."""
        ...

    @property
    def end(self) -> str | None:
        """End of its period."""
        ...


def condition_expr(condition: Condition, readings: Readings, limits: Limits | None = None) -> pl.Expr:
    """Return true, false or null (NO_DATA) per ticket."""
    if condition.sql is not None:
        missing = [name for name in condition.names if name not in schema_of(readings)]
        return pl.lit(None, pl.Boolean) if missing else pl.sql_expr(condition.sql)
    return reduce(and_, (comparison_expr(term, readings, limits or {}) for term in condition.terms))


def comparison_expr(term: Comparison, readings: Readings, limits: Limits) -> pl.Expr:
    """Return true, false or null per ticket for one `name op value` term."""
    dtype = schema_of(readings).get(term.name)
    if dtype is None:
        return pl.lit(None, pl.Boolean)
    compared = _compare(pl.col(term.name), dtype, term, limit_expr(term, limits)).cast(pl.Boolean)
    empty = pl.lit(term.name in EMPTY_DIFFERS and term.op in ("!=", "not in"))
    is_known_empty = pl.col(term.name).is_null() & readings.known(term.name)
    return pl.when(is_known_empty).then(empty).otherwise(compared)


def schema_of(readings: Readings) -> Mapping[str, pl.DataType]:
    """Columns and types of the readings; read once where the readings keep it (a frame makes it anew)."""
    schema: Mapping[str, pl.DataType] = getattr(readings, "schema", None) or readings.frame.schema
    return schema


def limit_expr(term: Comparison, limits: Limits) -> pl.Expr | None:
    """Return the limit of an ordering term where the operator or the region overrides it, else None."""
    if term.op not in ("<", "<=", ">", ">="):
        return None
    default = float(limits.get("", {}).get(term.name, float(term.values[0])))
    regional = {region: names[term.name] for region, names in limits.items() if region and term.name in names}
    if not regional:
        return pl.lit(default)
    return (
        pl.col("ticket.region")
        .replace_strict(regional, default=default, return_dtype=pl.Float64)
        .fill_null(default)
    )


def _compare(column: pl.Expr, dtype: pl.DataType, term: Comparison, limit: pl.Expr | None) -> pl.Expr:
    if dtype == pl.Null:
        return pl.lit(None, pl.Boolean)
    if limit is not None:
        number = column.cast(pl.Float64, strict=False)
        return {"<": number < limit, "<=": number <= limit, ">": number > limit, ">=": number >= limit}[
            term.op
        ]
    if len(term.values) == 1:
        left, right = _same_type(column, dtype, term.values[0])
        return left == right if term.op in ("==", "in") else left != right
    kinds = [_same_type(column, dtype, value) for value in term.values]
    found = reduce(lambda a, b: a | b, (left == right for left, right in kinds))
    return found if term.op == "in" else ~found


def _same_type(column: pl.Expr, dtype: pl.DataType, value: Value) -> tuple[pl.Expr, pl.Expr]:
    """Column and literal as one type: a word against a number column is compared as text."""
    if isinstance(value, bool):
        return (
            (column, pl.lit(value)) if dtype == pl.Boolean else (column.cast(pl.Float64) != 0, pl.lit(value))
        )
    if isinstance(value, str):
        return column.cast(pl.String), pl.lit(value)
    if dtype.is_numeric():
        return column.cast(pl.Float64), pl.lit(float(value))
    return column.cast(pl.String).cast(pl.Float64, strict=False), pl.lit(float(value))
