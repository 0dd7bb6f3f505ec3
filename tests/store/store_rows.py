"""Rows for the tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from collectors.records.schema import load_schemas
from collectors.store import SourceFile

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
RRC = "rrc_connection_setup_success_ratio"
S1 = "s1_signalling_connection_success_ratio"
ATTEMPTS, SUCCESSES = "RRC.ConnEstabAtt.sum", "RRC.ConnEstabSucc.sum"
UTC_TIME = pl.Datetime("us", "UTC")
WIDE = {"entity": pl.String, "entity_kind": pl.String, "period_start": UTC_TIME, "period_s": pl.Int32}


def source(name: str) -> SourceFile:
    return SourceFile(name, hashlib.sha256(name.encode()).hexdigest(), len(name))


def cells(count: int) -> list[str]:
    return [f"460-00-{100 + i}-1" for i in range(count)]


def counter_rows(
    entities: Sequence[str],
    start: datetime,
    periods: int,
    attempts: float = 200.0,
    successes: float = 196.0,
    period_s: int = 900,
    kind: str = "cell",
) -> pl.DataFrame:
    """One row for an entity and period with the same numbers everywhere."""
    rows = [
        (e, kind, start + timedelta(seconds=period_s * i), period_s, attempts, successes)
        for e in entities
        for i in range(periods)
    ]
    return pl.DataFrame(rows, schema=WIDE | {ATTEMPTS: pl.Float64, SUCCESSES: pl.Float64}, orient="row")


def kept_rows(entity: str, at: datetime, counter: str, *, suspect: bool, period_s: int = 900) -> pl.DataFrame:
    """One long row of a value that stands in no wide frame."""
    schema = WIDE | {"job": pl.String, "counter": pl.String, "value": pl.Float64, "suspect": pl.Boolean}
    row = (entity, "cell", at, period_s, "1", counter, 7.0, suspect)
    return pl.DataFrame([row], schema=schema, orient="row")


def record(kind: str, **columns: Sequence[object]) -> pl.DataFrame:
    """Rows of a record table; columns that are not given are null."""
    schema = load_schemas()[kind].polars_schema()
    given = pl.DataFrame(dict(columns), schema_overrides={c: schema[c] for c in columns}, strict=False)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in columns]
    return given.with_columns(missing).select(list(schema))


def keys(*pairs: tuple[str, datetime]) -> pl.DataFrame:
    """Keys of `kpi_at`."""
    rows = [(i, entity, at) for i, (entity, at) in enumerate(pairs)]
    return pl.DataFrame(rows, schema={"row": pl.Int64, "entity": pl.String, "at": UTC_TIME}, orient="row")
