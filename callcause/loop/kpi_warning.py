"""KPI early warning: which KPI slips came before complaints in this network's history, and how often in vain.

A slip is the first hour of a run in which a KPI of an entity is beyond its alarm limit. It was right when a
complaint about the entity follows within the horizon, else a false alarm. The chance of a complaint in any
such span, from the mean rate of complaints, says what a slip that means nothing would reach (binomial test).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
from scipy.special import bdtrc

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.formula import guard
from collectors.kpi.model import Kpi
from collectors.store import Store
from dashboards.exposition.survey import alarm_limits, limited

LEAST_SLIPS = 10
"""Fewer slips say nothing about a rate (default-unverified)."""
SLIPS = {"kpi": pl.String(), "entity": pl.String(), "at": pl.Datetime("us", "UTC")}
COMPLAINTS = {"entity": pl.String(), "at": pl.Datetime("us", "UTC")}
_OPS = {"<": pl.Expr.lt, "<=": pl.Expr.le, ">": pl.Expr.gt, ">=": pl.Expr.ge}


def slips_of(store: Store, start: datetime, end: datetime) -> pl.DataFrame:
    """Find the slips of every KPI with an alarm limit: SLIPS."""
    kpis = limited(store.catalogue)
    guards = [kpi.guard for kpi in kpis if kpi.guard]
    ids = list(dict.fromkeys([*(kpi.id for kpi in kpis), *guards]))
    hourly = store.hourly(None, ids, start, end)
    found = [_slips(hourly, store.catalogue, kpi) for kpi in kpis if kpi.id in hourly.columns]
    return pl.concat([pl.DataFrame(schema=SLIPS), *found])


def measured(
    slips: pl.DataFrame, complaints: pl.DataFrame, horizon: timedelta, span: timedelta
) -> pl.DataFrame:
    """Measure each KPI as a warning before complaints.

    `slips`: SLIPS; `complaints`: COMPLAINTS; `span`: the time that both cover. Returns kpi, slips, followed,
    false_alarm_rate, lead_h (median), lead_h_low and lead_h_high (quartiles), complaints_warned (share),
    chance, p, reason ("" or NO_DATA with why: then no rate is given). The best is first.
    """
    after = _first_after(slips, complaints, horizon)
    warned = _warned(slips, complaints, horizon)
    entities = max(slips["entity"].n_unique(), 1)
    about = complaints.join(slips.select("entity").unique(), on="entity", how="semi").height
    expected = about / entities / max(span / horizon, 1.0)
    hours = pl.col("lead").dt.total_minutes() / 60
    rows = after.group_by("kpi").agg(
        pl.len().cast(pl.Int64).alias("slips"),
        pl.col("lead").is_not_null().sum().cast(pl.Int64).alias("followed"),
        hours.median().alias("lead_h"),
        hours.quantile(0.25).alias("lead_h_low"),
        hours.quantile(0.75).alias("lead_h_high"),
    )
    rows = rows.join(warned, on="kpi", how="left").with_columns(
        (1 - (-pl.lit(expected)).exp()).alias("chance"),
        pl.when(pl.col("slips") < LEAST_SLIPS)
        .then(pl.lit("NO_DATA: few slips"))
        .otherwise(pl.lit(""))
        .alias("reason"),
    )
    known = pl.col("reason") == ""
    rates = (1 - pl.col("followed") / pl.col("slips")).alias("false_alarm_rate")
    rows = rows.with_columns(rates).with_columns(_chance_of(rows))
    measures = ("false_alarm_rate", "lead_h", "lead_h_low", "lead_h_high", "complaints_warned", "p")
    rows = rows.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in measures)
    return rows.sort("p", "false_alarm_rate", "kpi", nulls_last=True)


def _slips(hourly: pl.DataFrame, catalogue: Catalogue, kpi: Kpi) -> pl.DataFrame:
    """Find the first hour of every run beyond the limit, where there were samples enough."""
    rows = hourly.filter(pl.col(kpi.id).is_not_null())
    if not rows.height:
        return pl.DataFrame(schema=SLIPS)
    names = [kpi.id, *(n for n in (f"{kpi.id}__n", kpi.guard) if n and n in rows.columns and n != kpi.id)]
    rows = rows.filter(guard(rows.select(names), catalogue)[f"{kpi.id}__why"] == "")
    beyond = pl.any_horizontal(_OPS[one.op](pl.col(kpi.id), one.limit) for one in alarm_limits(kpi))
    bad = (
        rows.filter(beyond).select("entity", pl.col("period_start").alias("at")).unique().sort("entity", "at")
    )
    gap = pl.col("at") - pl.col("at").shift(1).over("entity")
    first = bad.filter(gap.is_null() | (gap > timedelta(hours=1)))
    return first.select(pl.lit(kpi.id).alias("kpi"), "entity", pl.col("at").cast(pl.Datetime("us", "UTC")))


def _first_after(slips: pl.DataFrame, complaints: pl.DataFrame, horizon: timedelta) -> pl.DataFrame:
    """Add `lead`: the time from each slip to the first complaint within the horizon; null = none came."""
    right = complaints.select("entity", "at", pl.col("at").alias("complained")).sort("at")
    met = slips.sort("at").join_asof(
        right, on="at", by="entity", strategy="forward", tolerance=horizon, check_sortedness=False
    )
    return met.with_columns((pl.col("complained") - pl.col("at")).alias("lead"))


def _warned(slips: pl.DataFrame, complaints: pl.DataFrame, horizon: timedelta) -> pl.DataFrame:
    """Tell for each KPI which share of all complaints a slip of it came before."""
    crossed = slips.select("kpi").unique().join(complaints.unique(), how="cross").sort("at")
    left = slips.select("kpi", "entity", "at", pl.lit(True).alias("warned")).sort("at")
    met = crossed.join_asof(
        left, on="at", by=["kpi", "entity"], strategy="backward", tolerance=horizon, check_sortedness=False
    )
    return met.group_by("kpi").agg(pl.col("warned").fill_null(False).mean().alias("complaints_warned"))


def _chance_of(rows: pl.DataFrame) -> pl.Series:
    """Tell how likely so many right slips are where slips mean nothing."""
    tails = bdtrc(
        rows["followed"].to_numpy() - 1.0, rows["slips"].to_numpy(), rows["chance"].clip(1e-9, 1.0).to_numpy()
    )
    return pl.Series("p", tails, dtype=pl.Float64)
