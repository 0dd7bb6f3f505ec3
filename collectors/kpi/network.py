"""Network KPIs: numerators and denominators summed over all nodes of a type, or over all cells."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.model import Kpi

NETWORK = "network"
_CELLS = "enb"


def network_rows(
    hourly: pl.DataFrame,
    catalogue: Catalogue,
    node_types: pl.DataFrame | None = None,
    kpi_ids: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of entity `network`: `<kpi>` and `<kpi>__n` per hour for the KPIs with `read_at` `sum:<type>`.

    `hourly`: KPI rows of nodes and cells (`entity`, `period_start`, `<kpi>`, `<kpi>__n`; `entity_kind` may be
    there). `node_types` (`entity`, `node_type`) keeps nodes of other types out; without it every node with a
    value counts. As each value is factor * numerator / denominator and each number of samples the
    denominator, the sums are exact. A row whose number of samples is not known cannot be summed and is out.
    """
    chosen = [catalogue.kpi(i) for i in (catalogue.ids() if kpi_ids is None else kpi_ids)]
    kpis = [k for k in chosen if k.sum_type() and {k.id, f"{k.id}__n"} <= set(hourly.columns)]
    frame = hourly.filter(pl.col("entity") != NETWORK).sort("entity")
    if node_types is not None:
        frame = frame.join(node_types.select("entity", "node_type"), on="entity", how="left")
    columns = [expr for kpi in kpis for expr in _summed(kpi, frame.columns)]
    rows = frame.group_by("period_start").agg(pl.lit(3600, pl.Int32).alias("period_s"), *columns)
    some = pl.any_horizontal(pl.col(kpi.id).is_not_null() for kpi in kpis) if kpis else pl.lit(False)
    keys = [pl.lit(NETWORK).alias("entity")]
    if "entity_kind" in hourly.columns:
        keys.append(pl.lit(NETWORK).alias("entity_kind"))
    return rows.filter(some).select(*keys, "period_start", "period_s", *_names(kpis)).sort("period_start")


def _names(kpis: Sequence[Kpi]) -> list[str]:
    return [name for kpi in kpis for name in (kpi.id, f"{kpi.id}__n")]


def _summed(kpi: Kpi, columns: Sequence[str]) -> list[pl.Expr]:
    """Weighted mean by samples, which is the ratio of the sums, and the samples summed."""
    counts = pl.col(kpi.id).is_not_null() & (pl.col(f"{kpi.id}__n") > 0) & _member(kpi, columns)
    value = pl.col(kpi.id).filter(counts)
    samples = pl.col(f"{kpi.id}__n").filter(counts)
    total = pl.when(samples.sum() > 0).then(samples.sum())
    return [((value * samples).sum() / total).alias(kpi.id), total.alias(f"{kpi.id}__n")]


def _member(kpi: Kpi, columns: Sequence[str]) -> pl.Expr:
    """Select the rows that the sum is over; cells are no nodes of the inventory, so their kind says it."""
    kind = kpi.sum_type()
    if kind == _CELLS:
        return pl.col("entity_kind") == "cell" if "entity_kind" in columns else pl.lit(True)
    return (pl.col("node_type") == kind).fill_null(False) if "node_type" in columns else pl.lit(True)
