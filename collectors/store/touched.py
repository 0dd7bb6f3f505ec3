"""Which hours of which entities a refresh must compute anew."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from collectors.store import nodes, tables
from collectors.store.context import Context
from collectors.store.placement import UNMATCHED, UNMATCHED_PREFIX
from collectors.store.shards import COUNTERS
from collectors.store.tables import KEPT, PENDING, RECENT

TOUCHED = pl.Schema({"entity": pl.String(), "period_start": pl.Datetime("us", "UTC")})


def touched_hours(context: Context, known: pl.DataFrame) -> pl.DataFrame:
    """Hours to compute anew, sorted by time; `known`: the names of nodes."""
    found = [*_by_counters(context), *_by_samples(context, known)]
    if not found:
        return pl.DataFrame(schema=TOUCHED)
    touched = pl.concat(found).unique() if len(found) > 1 else found[0]
    return touched.filter(~pl.col("entity").str.starts_with(UNMATCHED_PREFIX)).sort("period_start")


def _by_counters(context: Context) -> Iterator[pl.DataFrame]:
    ledger = context.ledger
    for kind in (COUNTERS, KEPT):
        for segment in ledger.segments(kind, PENDING):
            warm = context.warm.get(segment.name)
            rows = pl.scan_parquet(context.root / segment.name) if warm is None else warm.lazy()
            rows = rows.filter(pl.col("suspect")) if kind == KEPT else rows
            yield _whole_hours(context, rows)
    if context.renamed:
        for segment in [*ledger.segments(COUNTERS, UNMATCHED), *ledger.segments(COUNTERS, RECENT)]:
            rows = pl.scan_parquet(context.root / segment.name)
            yield _whole_hours(context, rows.filter(pl.col("entity").is_in(list(context.renamed))))


def _whole_hours(context: Context, rows: pl.LazyFrame) -> pl.DataFrame:
    if not context.has_names:
        return _hours(rows.select(TOUCHED.names())).collect()
    hours = _hours(rows.select("entity", "entity_kind", "period_start")).collect()
    return context.named(hours).select(TOUCHED.names()).unique()


def _hours(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(pl.col("period_start").dt.truncate("1h")).unique()


def _by_samples(context: Context, known: pl.DataFrame) -> Iterator[pl.DataFrame]:
    ledger = context.ledger
    for kind, name in (("cell_kpi", "ecgi"), ("node_kpi", "node_id")):
        pending = ledger.segments(kind, PENDING)
        if pending:
            rows = tables.read(context.root, pending)
            hours = _hours(rows.select(pl.col(name).alias("entity"), "period_start")).collect()
            if kind == "node_kpi":
                hours = nodes.resolve(hours.rename({"entity": "node_id"}), known)
            yield hours.select(TOUCHED.names())
    if ledger.segments("node", PENDING) or ledger.segments("node_kpi", PENDING):
        yield _by_names(context, known)


def _by_names(context: Context, known: pl.DataFrame) -> pl.DataFrame:
    """All hours of nodes whose names resolve otherwise than before, under the old and the new name."""
    before = json.loads(context.ledger.fact("node_resolution") or "{}")
    after = nodes.resolution(context.root, context.ledger, known)
    context.facts["node_resolution"] = json.dumps(after, sort_keys=True)
    changed = {name for name, entity in after.items() if before.get(name, entity) != entity}
    if not changed:
        return pl.DataFrame(schema=TOUCHED)
    rows = tables.read(context.root, context.ledger.segments("node_kpi"))
    rows = rows.filter(pl.col("node_id").is_in(sorted(changed)))
    hours = _hours(rows.select(pl.col("node_id").alias("entity"), "period_start")).collect()
    either = [
        hours.with_columns(pl.col("entity").replace(names)).select(TOUCHED.names())
        for names in (before, after)
    ]
    return pl.concat(either)
