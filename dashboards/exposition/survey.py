"""The survey over all entities of the store: who is beyond a limit, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.formula import guard
from collectors.kpi.model import Kpi, Limit
from collectors.kpi.network import NETWORK
from collectors.kpi.worst import ATTEMPTS, PERSISTENT_H
from collectors.store import Store

HOURS = 24
SCOPES = ("cell", "gsm_cell", "node", "network")
_OPS = {"<": pl.Expr.lt, "<=": pl.Expr.le, ">": pl.Expr.gt, ">=": pl.Expr.ge}


@dataclass(frozen=True, slots=True)
class Survey:
    """`hour`: the newest full hour. `over`: kpi, entity, hours (of the last day), in_a_row, excess (now).

    `counts`: kpi, region, judged, over, persistent; entities of the newest hour.
    """

    hour: datetime
    over: pl.DataFrame
    counts: pl.DataFrame

    def worst(self, kpis: Sequence[str], count: int) -> list[str]:
        """Return the entities that are beyond the most limits now, then beyond for the longest time."""
        now = self.over.filter(pl.col("in_a_row") > 0, pl.col("kpi").is_in(list(kpis)))
        ranked = now.group_by("entity").agg(
            pl.len().alias("limits"), pl.col("in_a_row").max(), pl.col("hours").sum()
        )
        order = ["limits", "in_a_row", "hours"]
        ranked = ranked.sort(*order, "entity", descending=[True, True, True, False])
        return ranked["entity"].head(count).to_list()


def limited(catalogue: Catalogue) -> list[Kpi]:
    """KPIs whose own value has an alarm limit."""
    kpis = [catalogue.kpi(kpi) for kpi in catalogue.ids()]
    return [kpi for kpi in kpis if kpi.scope in SCOPES and alarm_limits(kpi)]


def alarm_limits(kpi: Kpi) -> list[Limit]:
    """Limits of level alarm on the value itself."""
    return [limit for limit in kpi.limits if limit.name is None and limit.level == "alarm"]


def survey(store: Store, regions: pl.DataFrame, hour: datetime) -> Survey:
    """Judge every entity by every KPI with a limit over the day that ends with `hour`.

    `regions`: entity, region.
    """
    kpis = limited(store.catalogue)
    guards = [kpi.guard for kpi in kpis if kpi.guard]
    ids = list(dict.fromkeys([*(kpi.id for kpi in kpis), *guards]))
    hourly = store.hourly(None, ids, hour - timedelta(hours=HOURS - 1), hour + timedelta(hours=1))
    frames = [judged for kpi in kpis if (judged := _judged(hourly, store.catalogue, kpi)) is not None]
    if not frames:
        return Survey(hour, _NO_OVER.clear(), _NO_COUNTS.clear())
    rows = pl.concat(frames).with_columns(
        ((pl.lit(hour) - pl.col("period_start")).dt.total_hours()).alias("ago")
    )
    runs = _runs(rows)
    over = (
        rows.filter("over")
        .group_by("kpi", "entity")
        .agg(pl.len().cast(pl.Int64).alias("hours"))
        .join(runs, on=["kpi", "entity"], how="left")
        .with_columns(pl.col("in_a_row").fill_null(0))
        .sort("kpi", "entity")
    )
    return Survey(hour, over, _counts(rows, runs, regions))


_NO_OVER = pl.DataFrame(
    schema={"kpi": pl.String(), "entity": pl.String(), "hours": pl.Int64(), "in_a_row": pl.Int64()}
)
_NO_COUNTS = pl.DataFrame(
    schema={
        "kpi": pl.String(),
        "region": pl.String(),
        "judged": pl.Int64(),
        "over": pl.Int64(),
        "persistent": pl.Int64(),
    }
)


def _judged(hourly: pl.DataFrame, catalogue: Catalogue, kpi: Kpi) -> pl.DataFrame | None:
    """Hours of one KPI that pass its sample guard: kpi, entity, period_start, over, counted."""
    if kpi.id not in hourly.columns:
        return None
    samples = f"{kpi.id}__n"
    rows = hourly.filter(pl.col(kpi.id).is_not_null(), pl.col("entity") != NETWORK)
    if not rows.height:
        return None
    names = [kpi.id, *(n for n in (samples, kpi.guard) if n and n in rows.columns and n != kpi.id)]
    passed = guard(rows.select(names), catalogue)[f"{kpi.id}__why"] == ""
    beyond = pl.any_horizontal(_OPS[x.op](pl.col(kpi.id), x.limit) for x in alarm_limits(kpi))
    counted = pl.col(samples).is_null() | (pl.col(samples) > ATTEMPTS) if kpi.min_samples else pl.lit(True)
    return rows.filter(passed).select(
        pl.lit(kpi.id).alias("kpi"), "entity", "period_start", beyond.alias("over"), counted.alias("counted")
    )


def _runs(rows: pl.DataFrame) -> pl.DataFrame:
    """Hours in a row up to the newest hour, each beyond the limit and with enough attempts."""
    bad = rows.filter(pl.col("over") & pl.col("counted")).select("kpi", "entity", "ago").unique()
    bad = bad.sort("kpi", "entity", "ago")
    unbroken = bad.filter(pl.col("ago") == pl.int_range(pl.len()).over("kpi", "entity"))
    return unbroken.group_by("kpi", "entity").agg(pl.len().cast(pl.Int64).alias("in_a_row"))


def _counts(rows: pl.DataFrame, runs: pl.DataFrame, regions: pl.DataFrame) -> pl.DataFrame:
    now = rows.filter(pl.col("ago") == 0).join(runs, on=["kpi", "entity"], how="left")
    now = now.join(regions, on="entity", how="left").with_columns(pl.col("region").fill_null(""))
    return (
        now.group_by("kpi", "region")
        .agg(
            pl.len().cast(pl.Int64).alias("judged"),
            pl.col("over").sum().cast(pl.Int64),
            (pl.col("in_a_row") >= PERSISTENT_H).sum().cast(pl.Int64).alias("persistent"),
        )
        .sort("kpi", "region")
    )


def regions_of(store: Store) -> pl.DataFrame:
    """Entities of the inventories: entity, scope, region (of a cell: of its MME pool), node_type."""
    nodes = store.records("node").select("node_id", "node_type", "pool", "region").collect()
    pools = nodes.filter(pl.col("pool").is_not_null()).sort("node_id").unique("pool", keep="first")
    cells = store.records("cell").select("ecgi", "mme_pool").collect()
    cells = cells.join(pools.select("pool", "region"), left_on="mme_pool", right_on="pool", how="left")
    both = pl.concat(
        [
            nodes.select(
                pl.col("node_id").alias("entity"), pl.lit("node").alias("scope"), "region", "node_type"
            ),
            cells.select(
                pl.col("ecgi").alias("entity"),
                pl.lit("cell").alias("scope"),
                "region",
                pl.lit("").alias("node_type"),
            ),
        ]
    )
    filled = both.with_columns(pl.col("region").fill_null(""), pl.col("node_type").fill_null(""))
    return filled.unique("entity", keep="first", maintain_order=True)
