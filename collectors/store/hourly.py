"""Hourly KPIs of a shard: from its counters and its samples, with what a suspect value took out marked.

Columns `entity`, `entity_kind`, `period_start` (full hour, UTC), then `<kpi>` and `<kpi>__n` as Float32.
Missing is NaN, so that readers need no null mask. Values stand as computed; the sample guard is applied
where they are read.
"""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.formula import inputs_of
from collectors.kpi.network import NETWORK, network_rows
from collectors.kpi.periods import hourly_kpis
from collectors.kpi.samples import join_samples, prefer

HOUR = ("entity", "entity_kind", "period_start")
SUSPECT_N = -1.0  # number of samples where a suspect value took the KPI out
NO_HOURS = pl.Schema(
    {"entity": pl.String(), "entity_kind": pl.String(), "period_start": pl.Datetime("us", "UTC")}
)


def hours_of(
    counters: pl.DataFrame, samples: pl.DataFrame, suspects: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """Hourly KPIs of these rows: PM counters first, then records.

    `suspects`: entity, entity_kind, period_start (hour), counter of the values that the counters leave out.
    """
    found = []
    if counters.height:
        found.append(_only_hours(hourly_kpis(counters, catalogue)))
    if samples.height:
        found.append(_only_hours(join_samples(samples, catalogue)))
    found = found or [pl.DataFrame(schema=NO_HOURS)]
    hours = found[0] if len(found) == 1 else _laid_over(found[0], found[1])
    return stored(_marked(hours, suspects, catalogue))


def _only_hours(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("period_s", "covered_s", strict=False)


def _laid_over(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Join on entity and hour; the kind of an entity is a label and may differ between the two."""
    kind = pl.concat([f.select("entity", "entity_kind") for f in (first, second)]).unique(
        "entity", keep="first", maintain_order=True
    )
    return prefer(first.drop("entity_kind"), second.drop("entity_kind")).join(kind, on="entity", how="left")


def _marked(hours: pl.DataFrame, suspects: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Write the mark of a suspect value as number of samples of the KPIs that it left without a value."""
    if suspects.is_empty():
        return hours
    only = suspects.select(*HOUR).unique(["entity", "period_start"], maintain_order=True)
    only = only.join(hours, on=["entity", "period_start"], how="anti")
    hours = pl.concat([hours, only], how="diagonal_relaxed").sort("entity", "period_start")
    for kpi in map(catalogue.kpi, catalogue.computed_ids):
        inputs = inputs_of(kpi)
        hit = suspects.filter(pl.col("counter").is_in(list(inputs)))
        if hit.height:
            absent = [c for c in (kpi.id, f"{kpi.id}__n") if c not in hours.columns]
            hours = hours.with_columns(pl.lit(None, pl.Float64).alias(c) for c in absent)
            keys = hit.select("entity", "period_start", pl.lit(value=True).alias("_hit")).unique()
            lost = pl.col("_hit").is_not_null() & pl.col(kpi.id).is_null()
            mark = pl.when(lost).then(pl.lit(SUSPECT_N)).otherwise(pl.col(f"{kpi.id}__n"))
            hours = hours.join(keys, on=["entity", "period_start"], how="left", maintain_order="left")
            hours = hours.with_columns(mark.alias(f"{kpi.id}__n")).drop("_hit")
    return hours


def stored(hours: pl.DataFrame) -> pl.DataFrame:
    """Bring hours to the form that is stored: Float32 with NaN, empty columns left out."""
    values = sorted(c for c in hours.columns if c not in HOUR)
    known = hours.select(pl.col(values).cast(pl.Float32).fill_null(float("nan")))
    empty = known.select(pl.all().is_nan().all()).row(0) if values else ()
    kept = [name for name, none in zip(values, empty, strict=True) if not none]
    return hours.select(*HOUR).hstack(known.select(kept))


def laid_over_former(fresh: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """Lay stored hours over former ones: a KPI without a value keeps the value and the samples it had."""
    frames = [
        f.with_columns(pl.col(c).fill_nan(None) for c in f.columns if c not in HOUR) for f in (fresh, before)
    ]
    return stored(_laid_over(*frames))


def merged(before: pl.DataFrame | None, touched: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Replace the touched hours (entity, period_start) of a shard by fresh ones; sorted."""
    if before is None:
        return fresh.sort("entity", "period_start")
    kept = before.join(touched, on=["entity", "period_start"], how="anti")
    rows = pl.concat([kept, fresh], how="diagonal_relaxed").sort("entity", "period_start")
    return rows.with_columns(pl.col(c).fill_null(float("nan")) for c in rows.columns if c not in HOUR)


def summed_ids(catalogue: Catalogue) -> list[str]:
    """KPIs that are summed over nodes or cells for the network."""
    return [kpi.id for kpi in catalogue.kpis if kpi.sum_type()]


def for_network(hours: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Pick what the network's sums need: keys, and the summed KPIs with nulls where nothing is known."""
    wanted = [c for kpi in summed_ids(catalogue) for c in (kpi, f"{kpi}__n") if c in hours.columns]
    known = [
        pl.when(pl.col(c).is_not_nan() & ~_is_mark(c)).then(pl.col(c)).cast(pl.Float64).alias(c)
        for c in wanted
    ]
    return hours.filter(pl.col("entity") != NETWORK).select(*HOUR, *known)


def _is_mark(column: str) -> pl.Expr:
    return (pl.col(column) == SUSPECT_N) if column.endswith("__n") else pl.lit(value=False)


def network_hours(
    parts: Iterable[pl.DataFrame], node_types: pl.DataFrame, given: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """Hourly rows of entity `network`: sums over the parts first, then what records say of the network."""
    rows = pl.concat(
        [part for part in parts if part.width > len(HOUR)] or [pl.DataFrame(schema=NO_HOURS)],
        how="diagonal_relaxed",
    )
    summed = _only_hours(network_rows(rows, catalogue, node_types, summed_ids(catalogue)))
    found = [
        f
        for f in (summed, _only_hours(join_samples(given, catalogue)) if given.height else summed.head(0))
        if f.height
    ]
    if not found:
        return pl.DataFrame(schema=NO_HOURS)
    return stored(found[0] if len(found) == 1 else _laid_over(found[0], found[1]))
