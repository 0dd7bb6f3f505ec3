"""Joining of counter periods: sums before dividing, and no second counted twice."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from collectors.errors import ConfigError
from collectors.kpi.catalogue import COVERED_S, Catalogue, load_catalogue
from collectors.kpi.expression import Expression
from collectors.kpi.formula import inputs_of, kpi_columns
from collectors.kpi.joined import joined_once
from collectors.kpi.model import CounterRule
from collectors.kpi.samples import join_samples, prefer

__all__ = ["hourly_kpis", "join_periods", "join_samples", "longer_periods", "prefer"]
_SPANS = {"15m": 900, "30m": 1800, "1h": 3600, "1d": 86400}
_HALF = ("entity", "entity_kind", "_start", "period_s")


def join_periods(wide: pl.DataFrame, to: str = "1h", catalogue: Catalogue | None = None) -> pl.DataFrame:
    """Join counters of one entity into periods of `to` (15m, 30m, 1h, 1d), each by its rule in counters.yaml.

    `wide`: `entity`, `entity_kind` (may be missing), `period_start` (UTC), `period_s` and one Float64 or
    Int32 column for each counter, one row for an entity, period and granularity. A period belongs to the one
    that holds its start. Where several granularities lie in one period, each counter is taken from the finest
    that covers it, else from the one that covers most. Result: the keys, `period_s`, `covered_s`
    (seconds that rows cover) and the counters; columns that no rule names are left out, longer periods too
    (`longer_periods` gives them). All null joins to null, never to 0.
    """
    catalogue = catalogue or load_catalogue()
    span = _span(to)
    counters = [name for name in wide.columns if catalogue.rule(name) is not None]
    rules = {name: catalogue.rule(name) or CounterRule() for name in counters}
    usual = bool(rules) and {"entity", "period_s"} <= set(wide.columns)
    once = joined_once(_up_to(wide, span), span, rules, COVERED_S) if usual else None
    if once is not None:
        return once
    return _joined_by_rule(wide, to, rules)


def _joined_by_rule(wide: pl.DataFrame, to: str, rules: dict[str, CounterRule]) -> pl.DataFrame:
    """Join periods of any kind: with several granularities, rules and kinds of entities."""
    span, counters = _span(to), list(rules)
    keys = [key for key in _HALF if key in wide.columns or key == "_start"]
    frame = (
        _in_order(wide.with_columns(pl.col(counters).cast(pl.Float64)))
        .lazy()
        .filter(pl.col("period_s") <= span)
        .with_columns(pl.col("period_start").dt.truncate(to).alias("_start"))
    )
    joined = (
        frame.group_by(keys)
        .agg(
            pl.len().mul(pl.col("period_s").first()).clip(upper_bound=span).cast(pl.Int32).alias(COVERED_S),
            *(_joined(name, rule, wide.columns).alias(name) for name, rule in rules.items()),
            *(_covered(name, span).alias(f"{name}__s") for name in counters),
        )
        .collect()
    )
    joined = _finest(joined, counters, keys)
    order = [key for key in ("entity", "entity_kind", "_start") if key in joined.columns]
    return joined.select(
        *(pl.col(key) for key in order if key != "_start"),
        pl.col("_start").alias("period_start"),
        pl.lit(span, pl.Int32).alias("period_s"),
        COVERED_S,
        *counters,
    ).sort(["entity", "period_start"])


def _up_to(wide: pl.DataFrame, span: int) -> pl.DataFrame:
    """Rows whose period is not longer than `span` seconds."""
    short = wide["period_s"] <= span
    return wide if short.all() else wide.filter(short)


def _in_order(wide: pl.DataFrame) -> pl.DataFrame:
    """Put the rows in one order, so that sums of floats do not depend on the order of files."""
    order = wide.select(pl.arg_sort_by("entity", "period_start", "period_s"))["entity"]
    return wide if order.is_sorted() else wide[order]


def longer_periods(wide: pl.DataFrame, to: str = "1h") -> pl.DataFrame:
    """Rows of `wide` whose period is longer than `to`: `join_periods` cannot divide them."""
    return wide.filter(pl.col("period_s") > _span(to))


def hourly_kpis(
    wide: pl.DataFrame,
    catalogue: Catalogue | None = None,
    kpi_ids: Sequence[str] | None = None,
    to: str = "1h",
) -> pl.DataFrame:
    """KPIs of joined periods, with every KPI joined over the periods in which all its inputs are known.

    Where a counter is missing in some rows (a suspect value, a lost block), numerator and denominator of the
    KPIs that use it would cover different periods; those KPIs leave such rows out on both sides.
    Result as `kpi_columns`, with `covered_s`.
    """
    catalogue = catalogue or load_catalogue()
    ids = tuple(catalogue.computed_ids if kpi_ids is None else kpi_ids)
    result = kpi_columns(join_periods(wide, to, catalogue), catalogue, ids)
    uneven = _uneven(wide, catalogue, ids)
    keys = [key for key in ("entity", "entity_kind", "period_start") if key in result.columns]
    for kpi_id, required in uneven.items():
        masked = _masked(wide, catalogue, kpi_id, required)
        one = kpi_columns(join_periods(masked, to, catalogue), catalogue, [kpi_id])
        columns = [kpi_id, f"{kpi_id}__n"]
        result = result.update(one.select(*keys, *columns), on=keys, how="left", include_nulls=True)
    return result


def _masked(wide: pl.DataFrame, catalogue: Catalogue, kpi_id: str, required: Sequence[str]) -> pl.DataFrame:
    """Keep the counters of one KPI, and only where all required ones are known."""
    inputs = [name for name in inputs_of(catalogue.kpi(kpi_id)) if name in wide.columns]
    weights = {
        n
        for name in inputs
        for w in (catalogue.rule(name) or CounterRule()).weight_expressions
        for n in w.counters
    }
    kept = [n for n in wide.columns if n in weights or n in inputs or catalogue.rule(n) is None]
    known = _all_known(required)
    return wide.select(kept).with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in inputs)


def _uneven(wide: pl.DataFrame, catalogue: Catalogue, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """KPIs that have an input known in rows where a required one is not, with the required ones."""
    inputs, required = {}, {}
    for kpi_id in ids:
        names = inputs_of(catalogue.kpi(kpi_id))
        needed = tuple(name for name in names if name not in catalogue.kpi(kpi_id).optional)
        if needed and set(needed) <= set(wide.columns):
            inputs[kpi_id], required[kpi_id] = [n for n in names if n in wide.columns], needed
    if not required:
        return {}
    known = {n: wide.height - wide[n].null_count() for n in {n for names in inputs.values() for n in names}}
    inputs = {i: names for i, names in inputs.items() if len({known[n] for n in names} | {wide.height}) > 1}
    if not inputs:
        return {}
    counts = wide.select(
        pl.when(_all_known(required[i])).then(pl.col(n)).count().alias(f"{i}\x00{n}")
        for i, names in inputs.items()
        for n in names
    ).row(0, named=True)
    return {
        i: required[i] for i, names in inputs.items() if any(known[n] != counts[f"{i}\x00{n}"] for n in names)
    }


def _all_known(names: Sequence[str]) -> pl.Expr:
    return pl.all_horizontal(pl.col(name).is_not_null() for name in names)


def _span(to: str) -> int:
    if to not in _SPANS:
        raise ConfigError(f"periods are joined to one of {', '.join(_SPANS)}, not to {to!r}")
    return _SPANS[to]


def _covered(name: str, span: int) -> pl.Expr:
    """Seconds in which the counter is known, at most the whole period."""
    return pl.col(name).count().cast(pl.Int64).mul(pl.col("period_s").first()).clip(upper_bound=span)


def _finest(joined: pl.DataFrame, counters: Sequence[str], keys: Sequence[str]) -> pl.DataFrame:
    """Keep per entity, period and counter the granularity that covers most, the finest of equals."""
    outer = [key for key in keys if key != "period_s"]
    if joined.select(outer).is_unique().all():
        return joined
    picks = [pl.col(name).get(pl.col(f"{name}__s").arg_max()) for name in counters]
    return joined.sort("period_s").group_by(outer, maintain_order=True).agg(pl.col(COVERED_S).max(), *picks)


def _joined(name: str, rule: CounterRule, columns: Sequence[str]) -> pl.Expr:
    """Turn the rule of a counter into an aggregation over the rows of one period."""
    column = pl.col(name)
    if rule.time == "sum":
        return pl.when(column.count() > 0).then(column.sum())
    if rule.time in ("first", "last"):
        known = column.sort_by("period_start").drop_nulls()
        return known.first() if rule.time == "first" else known.last()
    if rule.time == "weighted_mean":
        usable = [w for w in rule.weight_expressions if set(w.counters) <= set(columns)]
        return pl.coalesce(*(_weighted(column, weight) for weight in usable), column.mean())
    return column.max() if rule.time == "max" else column.mean()


def _weighted(column: pl.Expr, weight: Expression) -> pl.Expr:
    """Mean by weight; null where a weight is missing or all are 0, so that the next way is tried."""
    weights = pl.when(column.is_not_null()).then(weight.expr.cast(pl.Float64))
    complete = weights.count() == column.count()
    return pl.when(complete & (weights.sum() > 0)).then((column * weights).sum() / weights.sum())
