"""Newest shares of the network KPIs that are known code by code: failures by SIP code, releases by cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.model import Kpi
from collectors.kpi.network import NETWORK
from collectors.store import Store
from dashboards.exposition.collector import Reading
from dashboards.exposition.kpi_values import HOUR, NEWEST_WITHIN

FAMILY = "callcause_kpi_split_ratio"


def known_by_split(kpi: Kpi) -> bool:
    """Tell whether a KPI is a mix: each code has a share and a limit against its own baseline."""
    return any(limit.name == "new_code_vs_baseline" for limit in kpi.limits)


def newest_splits(store: Store, now: datetime) -> pl.DataFrame:
    """Rows `kpi`, `split`, `value`, `period_end`: the newest period of each code with enough samples."""
    mixes = [kpi for kpi in _every(store.catalogue) if known_by_split(kpi)]
    least = {kpi.id: float(kpi.min_samples or 0) for kpi in mixes}
    end = pl.col("period_start") + pl.duration(seconds=pl.col("period"))
    rows = store.rows("node_kpi").filter(
        pl.col("node_id") == NETWORK,
        pl.col("kpi_id").is_in(list(least)),
        pl.col("split").is_not_null(),
        pl.col("period_start") > now - NEWEST_WITHIN - HOUR,
        end <= now,
    )
    guard = pl.col("kpi_id").replace_strict(least, return_dtype=pl.Float64)
    enough = pl.col("denominator").is_null() | (pl.col("denominator") >= guard)
    found = rows.select("kpi_id", "split", "value", "denominator", end.alias("period_end")).collect()
    newest = found.filter(enough).sort("kpi_id", "split", "period_end")
    newest = newest.unique(["kpi_id", "split"], keep="last", maintain_order=True)
    return newest.select(pl.col("kpi_id").alias("kpi"), "split", "value", "period_end")


def split_readings(
    values: pl.DataFrame, now: datetime, within: timedelta = NEWEST_WITHIN
) -> Iterator[Reading]:
    """Give one reading for each code whose period is not too long ago."""
    for kpi, split, value in (
        values.filter(pl.col("period_end") > now - within).select("kpi", "split", "value").iter_rows()
    ):
        yield Reading(FAMILY, (kpi, split), value)


def _every(catalogue: Catalogue) -> Iterator[Kpi]:
    return (catalogue.kpi(kpi) for kpi in catalogue.ids())
