"""Rows of node_sample and node_kpi out of what nodes did, many nodes at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from typing import Any

import numpy as np
import polars as pl

from collectors.kpi.catalogue import Catalogue, load_catalogue
from collectors.kpi.formula import kpi_columns
from collectors.readings.column import Kind
from collectors.readings.inputs import NODE_KPI_TYPES, KpiPart, computable, input_values, summed
from collectors.readings.memory import Advance, Change
from collectors.readings.node import NodeState
from collectors.readings.periods import ClosedPeriod, node_value

UP = "up"
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Told:
    """What one run on one node brought: its samples, and the periods that it closed."""

    node: NodeState
    advance: Advance | None
    closed: Sequence[ClosedPeriod] = ()
    up: bool = True
    start: datetime | None = None
    end: datetime | None = None


def sample_rows(told: Sequence[Told]) -> pl.DataFrame:
    """Rows of node_sample: one for each sample of each node, one per instance where the map says so."""
    parts = [part for one in told for part in _parts_of(one)]
    if not parts:
        return pl.DataFrame()
    lengths = np.array([len(part.names) for part in parts])
    numbers = np.concatenate([np.stack([part.increase, part.value]) for part in parts], axis=1)

    def spread(values: list[Any], dtype: Any) -> pl.Series:
        places = np.repeat(np.arange(len(parts)), lengths)
        return pl.Series(values, dtype=dtype).gather(places)

    return pl.DataFrame({
        "node_id": spread([part.told.node.node_id for part in parts], pl.String),
        "node_type": spread([part.told.node.node_type for part in parts], pl.String),
        "counter": pl.Series(list(chain.from_iterable(part.names for part in parts)), dtype=pl.String),
        "period_start": spread([part.told.start for part in parts], _TIME),
        "period_end": spread([part.told.end for part in parts], _TIME),
        "increase": pl.Series(numbers[0]).fill_nan(None),
        "value": pl.Series(numbers[1]).fill_nan(None),
        "reset": pl.Series(np.concatenate([part.reset for part in parts])),
        "source": spread([part.told.node.source for part in parts], pl.String),
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    told: Told
    names: Sequence[str]
    increase: Any
    value: Any
    reset: Any


def _parts_of(told: Told) -> list[_Part]:
    up = _Part(told, (UP,), np.array([np.nan]), np.array([float(told.up)]), np.zeros(1, np.bool_))
    if told.advance is None:
        return [up]
    found = [_part(told, name, change) for name, change in told.advance.changes.items() if name != UP]
    return [up, *found]


def _part(told: Told, name: str, change: Change) -> _Part:
    rule = told.node.rules[name]
    value = change.column.values * rule.scale
    if rule.per_instance:
        return _Part(
            told, told.node.labels(name, change.column.instances), change.increase, value, change.reset
        )
    gauge = rule.kind is Kind.GAUGE
    increase = np.nan if gauge else node_value(change, rule)
    whole = node_value(change, rule) if gauge else value.sum()
    return _Part(told, (name,), np.array([increase]), np.array([whole]), np.array([change.reset.any()]))


def kpi_rows(told: Sequence[Told]) -> tuple[pl.DataFrame, Counter[str]]:
    """Rows of node_kpi of the whole periods that ended, and the counts of periods by what became of them."""
    counts: Counter[str] = Counter()
    closed = [(one.node, period) for one in told for period in one.closed]
    counts["periods_incomplete"] += sum(not period.whole for _, period in closed)
    whole = sorted(((n, p) for n, p in closed if p.whole), key=lambda pair: pair[0].part.name)
    counts["periods"] += len(whole)
    frames = []
    for _, group in groupby(whole, key=lambda pair: pair[0].part.name):
        pairs = list(group)
        frames += [_computed(pairs[0][0].part, pairs), _split_rows(pairs)]
    rows = [frame for frame in frames if frame.height]
    return (pl.concat(rows) if rows else pl.DataFrame()), counts


_Pairs = Sequence[tuple[NodeState, ClosedPeriod]]


def _computed(part: KpiPart, pairs: _Pairs, catalogue: Catalogue | None = None) -> pl.DataFrame:
    """KPIs by the formulas of the catalogue; a value that cannot be known gives no row."""
    catalogue = catalogue or load_catalogue()
    ids = computable(part, catalogue)
    if not ids:
        return pl.DataFrame()
    values = [input_values(part, period.totals) for _, period in pairs]
    wide = pl.DataFrame({
        "entity": [node.node_id for node, _ in pairs],
        "period_start": pl.Series([p.start for _, p in pairs], dtype=_TIME),
        "period_s": pl.Series([p.period_s for _, p in pairs], dtype=pl.Int32),
        **{name: pl.Series([v.get(name) for v in values], dtype=pl.Float64) for name in part.inputs},
    })  # fmt: skip
    computed = kpi_columns(wide, catalogue, ids)
    frames = [_long(computed, kpi_id, catalogue) for kpi_id in ids]
    return pl.concat(frames).with_columns(_kpi_type(part))


def _long(computed: pl.DataFrame, kpi_id: str, catalogue: Catalogue) -> pl.DataFrame:
    value, samples = pl.col(kpi_id), pl.col(f"{kpi_id}__n")
    return computed.filter(value.is_not_null()).select(
        pl.col("entity").alias("node_id"),
        "period_start",
        pl.col("period_s").alias("period"),
        pl.lit(kpi_id).alias("kpi_id"),
        # Counts are whole numbers; the way over the ratio leaves crumbs behind the point.
        (value * samples / catalogue.kpi(kpi_id).factor).round(6).alias("numerator"),
        samples.alias("denominator"),
        value.alias("value"),
        pl.lit(None, pl.String).alias("split"),
    )


def _split_rows(pairs: _Pairs) -> pl.DataFrame:
    catalogue = load_catalogue()
    part = pairs[0][0].part
    rows = []
    for node, period in pairs:
        for split in part.splits:
            over, under = summed(split.numerator, period.totals), summed(split.denominator, period.totals)
            if under > 0 and over == over:  # NaN is not equal to itself
                value = catalogue.kpi(split.kpi).factor * over / under
                rows.append(
                    (node.node_id, period.start, period.period_s, split.kpi, over, under, value, split.split)
                )
    schema: dict[str, Any] = {
        "node_id": pl.String, "period_start": _TIME, "period": pl.Int32, "kpi_id": pl.String,
        "numerator": pl.Float64, "denominator": pl.Float64, "value": pl.Float64, "split": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(_kpi_type(part))


def _kpi_type(part: KpiPart) -> pl.Expr:
    return pl.lit(NODE_KPI_TYPES.get(part.node_type), pl.String).alias("node_type")
