"""Newest KPI values of the exposed cells and of all nodes, with baseline, robust z and period end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from collectors.kpi.baseline import robust_z, z_floor
from collectors.kpi.catalogue import Catalogue
from collectors.store import Store

HOUR = timedelta(hours=1)
NEWEST_WITHIN = timedelta(hours=2)
"""A value whose period ended longer ago is not exposed: a series ends instead of standing still."""
SCHEMA = {
    "entity": pl.String(),
    "kpi": pl.String(),
    "value": pl.Float64(),
    "samples": pl.Float64(),
    "base": pl.Float64(),
    "z": pl.Float64(),
    "period_end": pl.Datetime("us", "UTC"),
}


def exposed_kpis(catalogue: Catalogue, scopes: Sequence[str]) -> list[str]:
    """KPI ids of some scopes that a store can hold."""
    return [kpi for kpi in catalogue.ids() if catalogue.kpi(kpi).scope in scopes]


def newest_values(store: Store, entities: Sequence[str], kpis: Sequence[str], now: datetime) -> pl.DataFrame:
    """Rows of SCHEMA: the newest period of each entity and KPI that passes the sample guard.

    A value under the guard is no value: it has no row (its count of samples would mislead without it). Of
    periods that end together the shortest stands.
    """
    if not entities or not kpis:
        return pl.DataFrame(schema=SCHEMA)
    recent = _recent(store, entities, kpis, now)
    if not recent.height:
        return pl.DataFrame(schema=SCHEMA)
    long = pl.concat([_long(recent, store.catalogue, kpi) for kpi in kpis if kpi in recent.columns])
    newest = long.sort("entity", "kpi", "period_end", "at").unique(
        ["entity", "kpi"], keep="last", maintain_order=True
    )
    if not newest.height:
        return pl.DataFrame(schema=SCHEMA)
    return _with_baseline(store, newest, kpis)


def _recent(store: Store, entities: Sequence[str], kpis: Sequence[str], now: datetime) -> pl.DataFrame:
    """Rows per period, and per whole hour.

    An hour has the samples that a quarter of it lacks; sums of the network and KPIs of several values stand
    only there.
    """
    recent = store.kpis(entities, kpis, now - NEWEST_WITHIN, now)
    hours = store.hourly(list(entities), kpis, now - NEWEST_WITHIN - HOUR, now)
    whole = hours.filter(pl.col("period_start") <= now - HOUR)
    joined = whole.with_columns(pl.lit(int(HOUR.total_seconds()), pl.Int32).alias("period_s"))
    return pl.concat([recent, joined], how="diagonal_relaxed")


def _long(recent: pl.DataFrame, catalogue: Catalogue, kpi: str) -> pl.DataFrame:
    samples = f"{kpi}__n"
    n = pl.col(samples).cast(pl.Float64) if samples in recent.columns else pl.lit(None, pl.Float64)
    least = catalogue.kpi(kpi).min_samples
    enough = n.is_null() | (n >= least) if least else pl.lit(True)
    end = pl.col("period_start") + pl.duration(seconds=pl.col("period_s"))
    value = pl.col(kpi).cast(pl.Float64).fill_nan(None)
    return recent.filter(value.is_not_null(), enough).select(
        "entity",
        pl.lit(kpi).alias("kpi"),
        value.alias("value"),
        n.alias("samples"),
        end.alias("period_end"),
        pl.col("period_start").alias("at"),
    )


def _with_baseline(store: Store, newest: pl.DataFrame, kpis: Sequence[str]) -> pl.DataFrame:
    """Join the baseline of the hour that a value belongs to, and its robust z."""
    keys = newest.select("entity", "at").unique(maintain_order=True).with_row_index("row")
    known = store.kpi_at(keys.with_columns(pl.col("row").cast(pl.Int64)), list(kpis))
    keyed = keys.with_columns(pl.col("row").cast(pl.Int64)).join(known, on="row", how="left")
    bases = [
        keyed.select(
            "entity",
            "at",
            pl.lit(kpi).alias("kpi"),
            pl.col(f"{kpi}__base").cast(pl.Float64).alias("base"),
            pl.col(f"{kpi}__mad").cast(pl.Float64).alias("mad"),
        )
        for kpi in kpis
    ]
    rows = newest.join(pl.concat(bases), on=["entity", "at", "kpi"], how="left")
    parts = [
        _z(part, store.catalogue, str(kpi[0])) for kpi, part in rows.group_by("kpi", maintain_order=True)
    ]
    return pl.concat(parts).select(list(SCHEMA)).sort("entity", "kpi")


def _z(rows: pl.DataFrame, catalogue: Catalogue, kpi: str) -> pl.DataFrame:
    numbers = {n: rows[n].fill_null(np.nan).to_numpy() for n in ("value", "base", "mad", "samples")}
    floor = z_floor(catalogue.kpi(kpi), numbers["base"], numbers["samples"])
    z = robust_z(numbers["value"], numbers["base"], numbers["mad"], floor)
    return rows.with_columns(pl.Series("z", z, pl.Float64).fill_nan(None))
