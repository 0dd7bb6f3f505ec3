"""Joining of counter periods in one compiled pass over each column, for rows as networks usually write them.

Usual: within a joined period each entity has one granularity and no period twice. `periods.join_periods` says
the same of all rows, with an aggregation for each counter; a property test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.compiled import compiled
from collectors.kpi.model import CounterRule
from collectors.kpi.order import entity_order

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
_WAYS = {"sum": 0, "mean": 1, "max": 2, "first": 3, "last": 4}
SUM, MEAN, MAX, FIRST, LAST = range(5)


def joined_once(
    wide: pl.DataFrame, span_s: int, rules: Mapping[str, CounterRule], covered: str
) -> pl.DataFrame | None:
    """Join rows to periods of `span_s`; None where the rows are not the usual ones.

    `wide`: `entity`, `period_start`, `period_s`, perhaps `entity_kind`, and the counters of `rules`.
    """
    groups = _groups(wide, span_s) if wide.height else None
    if groups is None:
        return None
    order, bounds = groups
    first = order[bounds[:-1]]
    kinds = ["entity_kind"] if "entity_kind" in wide.columns else []
    heads = wide.select("entity", *kinds, pl.col("period_start").dt.truncate(f"{span_s}s"), "period_s")[first]
    seconds = np.minimum(np.diff(bounds) * heads["period_s"].to_numpy().astype(np.int64), span_s)
    weights: dict[str, Floats] = {}
    columns = [
        pl.Series(name, _joined(wide, name, rule, order, bounds, weights), nan_to_null=True)
        for name, rule in rules.items()
    ]
    return heads.with_columns(
        pl.lit(span_s, pl.Int32).alias("period_s"), pl.Series(covered, seconds.astype(np.int32))
    ).hstack(columns)


def _groups(wide: pl.DataFrame, span_s: int) -> tuple[Indices, Indices] | None:
    """Rows in the order of entity and time, and where each joined period begins in it."""
    order, ranks = entity_order(wide)
    start = wide["period_start"].dt.timestamp("us").to_numpy()[order]
    span = start // (span_s * 1_000_000)
    length = wide["period_s"].to_numpy()[order]
    entity = ranks[order]
    same = (entity[1:] == entity[:-1]) & (span[1:] == span[:-1])
    unlike = (length[1:] != length[:-1]) | (start[1:] == start[:-1])
    if "entity_kind" in wide.columns:
        kind = wide["entity_kind"][order].rle_id().to_numpy()
        unlike |= kind[1:] != kind[:-1]
    if (same & unlike).any():
        return None
    return order, np.concatenate([[0], np.flatnonzero(~same) + 1, [len(order)]]).astype(np.int64)


def _joined(
    wide: pl.DataFrame,
    name: str,
    rule: CounterRule,
    order: Indices,
    bounds: Indices,
    weights: dict[str, Floats],
) -> Floats:
    values = wide[name].to_numpy()
    if rule.time != "weighted_mean":
        return _aggregated(values, order, bounds, _WAYS[rule.time])
    found = _aggregated(values, order, bounds, MEAN)
    for weight in reversed(rule.weight_expressions):
        if set(weight.counters) <= set(wide.columns):
            if weight.text not in weights:
                inputs = wide.select(pl.col(weight.counters).cast(pl.Float64))
                weights[weight.text] = inputs.select(weight.expr.cast(pl.Float64)).to_series().to_numpy()
            better = _weighted(values, weights[weight.text], order, bounds)
            found = np.where(np.isnan(better), found, better)
    return found


@compiled()
def _aggregated(values: Floats, order: Indices, bounds: Indices, way: int) -> Floats:
    """One value for each group; NaN where none of its values is known."""
    groups = bounds.size - 1
    found = np.empty(groups)
    for group in range(groups):
        count = 0
        result = np.nan
        for at in range(bounds[group], bounds[group + 1]):
            value = values[order[at]]
            if value != value:
                continue
            count += 1
            if count == 1 or way == LAST:
                result = value
            elif way in (SUM, MEAN):
                result += value
            elif way == MAX:
                result = max(result, value)
        found[group] = result / count if way == MEAN and count > 1 else result
    return found


@compiled()
def _weighted(values: Floats, weights: Floats, order: Indices, bounds: Indices) -> Floats:
    """Mean by weight; NaN where a weight is missing or all are 0."""
    groups = bounds.size - 1
    found = np.full(groups, np.nan)
    for group in range(groups):
        product = total = 0.0
        complete = True
        for at in range(bounds[group], bounds[group + 1]):
            value, weight = values[order[at]], weights[order[at]]
            if value != value:
                continue
            if np.isnan(weight):
                complete = False
                break
            product += value * weight
            total += weight
        if complete and total > 0:
            found[group] = product / total
    return found
