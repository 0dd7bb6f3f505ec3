"""Hourly KPIs kept up: what is touched is computed anew and appended as a recent segment."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.order import has_doubles
from collectors.store import hourly, hours, renaming, series, tables
from collectors.store.context import Context
from collectors.store.ledger import Segment
from collectors.store.placement import NETWORK, UNMATCHED, UNMATCHED_PREFIX, shard_names
from collectors.store.shards import COUNTERS, HOURLY, as_written, merge_counters
from collectors.store.span import Span, among, span_of
from collectors.store.tables import KEPT, PENDING, SOURCE
from collectors.store.tiers import overlapping
from collectors.store.touched import TOUCHED

WINDOW_HOURS = 40_000  # hours of an entity computed together
FEW_ENTITIES = 2_000  # up to here rows are read by entity


class Upkeep:
    """Computes hours window by window, so that memory stays bounded."""

    def __init__(self, context: Context, known: pl.DataFrame) -> None:
        self._context, self._known = context, known
        self._number = hours.next_number(context.ledger)
        names = renaming.known_names(context.ledger) | dict(context.renamed)
        self._written: dict[str, list[str]] = {}
        for old, (entity, _) in names.items():
            self._written.setdefault(entity, []).append(old)

    def run(self, touched: pl.DataFrame) -> None:
        """Compute and write all touched hours (entity, period_start; sorted by time)."""
        for window in _windows(touched):
            rows = self._window(window)
            if rows.height:
                self._context.append(HOURLY, hours.recent_part(self._number), rows, ())
                self._number += 1

    def _window(self, touched: pl.DataFrame) -> pl.DataFrame:
        when, context = span_of(touched), self._context
        own = touched.filter(pl.col("entity") != NETWORK)
        samples = series.samples(context.root, context.ledger, own["entity"].unique().to_list(), when)
        rows = self._counters(own, when)
        fresh = hourly.hours_of(rows, in_hours(samples, own), self._suspects(own, when), context.catalogue)
        fresh = self._over_former(fresh, own, when)
        network = self._network(touched, fresh, when)
        rows = (
            hours.with_nan(pl.concat([fresh, network], how="diagonal_relaxed")) if network.height else fresh
        )
        gone = self._gone(touched, rows, when)
        return _in_order(pl.concat([rows, gone], how="diagonal_relaxed") if gone.height else rows)

    # --- what hours are computed from

    def _counters(self, touched: pl.DataFrame, when: Span) -> pl.DataFrame:
        """Counter rows of the touched hours, each entity and period once."""
        if touched.is_empty():
            return pl.DataFrame(schema=series.NO_COUNTERS)
        context = self._context
        entities = touched["entity"].unique().to_list()
        outside = tables.unmerged(context.ledger, COUNTERS)
        if context.renamed:
            outside = outside + context.ledger.segments(COUNTERS, UNMATCHED)
        shards = shard_names(entities)
        inside = [s for s in context.ledger.segments(COUNTERS) if s.part in shards]
        segments = overlapping([*outside, *inside], when.start_us, when.end_us)
        names = self._as_written(entities) if len(entities) <= FEW_ENTITIES else None
        # all that an ingest brought is touched
        frames = [self._rows(s, None if s.part == PENDING else names, when) for s in segments]
        frames = [frame for frame in frames if frame.height]
        if not frames:
            return pl.DataFrame(schema=series.NO_COUNTERS)
        rows = context.named(_together(frames))
        unmatched = rows["entity"].str.starts_with(UNMATCHED_PREFIX)
        rows = rows.filter(~unmatched) if unmatched.any() else rows
        if any(segment.part != PENDING for segment in segments):
            rows = in_hours(rows, touched)
        return merge_counters(rows) if has_doubles(rows) else rows

    def _as_written(self, entities: list[str]) -> list[str]:
        """Names under which rows of these entities may stand."""
        return [*entities, *(old for name in entities for old in self._written.get(name, ()))]

    def _rows(self, segment: Segment, names: list[str] | None, when: Span) -> pl.DataFrame:
        kept = self._context.warm.get(segment.name)
        if kept is not None:
            rows = kept.lazy().drop(SOURCE, strict=False)
        else:
            rows = as_written(self._context.root / segment.name)
        rows = rows if when.covers(segment.start_us, segment.end_us) else rows.filter(*when.holds())
        return (rows if names is None else rows.filter(among("entity", names))).collect()

    def _suspects(self, touched: pl.DataFrame, when: Span) -> pl.DataFrame:
        """Suspect values in touched hours of counters that formulas use: entity, period_start, counter."""
        context = self._context
        schema = pl.Schema({**hourly.NO_HOURS, "counter": pl.String()})
        segments = overlapping(context.ledger.segments(KEPT), when.start_us, when.end_us)
        if not segments or touched.is_empty():
            return pl.DataFrame(schema=schema)
        rows = tables.read(context.root, segments).filter(pl.col("suspect"), *when.holds())
        named = pl.col("target") if "target" in rows.collect_schema() else pl.lit(None, pl.String)
        columns = ("entity", "entity_kind", "period_start", pl.coalesce(named, "counter").alias("counter"))
        found = context.named(rows.select(*columns).collect())
        found = found.filter(pl.col("counter").is_in(sorted(context.catalogue.counters)))
        found = found.with_columns(pl.col("period_start").dt.truncate("1h")).select(list(schema)).unique()
        return found.join(touched, on=TOUCHED.names(), how="semi")

    def _over_former(self, fresh: pl.DataFrame, touched: pl.DataFrame, when: Span) -> pl.DataFrame:
        """Hours whose counters are kept no more: what was computed from them stands where nothing is new."""
        context, limit = self._context, self._context.raw_from_us
        if limit is None or when.start_us is None or when.start_us >= limit:
            return fresh
        names, old = touched["entity"].unique().to_list(), Span(when.start_us, limit)
        before = hours.hours(context.root, context.ledger, names, old)
        before = before.join(touched, on=TOUCHED.names(), how="semi")
        return hourly.laid_over_former(fresh, before) if before.height else fresh

    # --- what depends on other hours

    def _network(self, touched: pl.DataFrame, fresh: pl.DataFrame, when: Span) -> pl.DataFrame:
        """Rows of entity `network` of every touched hour: sums over all entities of these hours."""
        context = self._context
        whole = touched.select("period_start").unique()
        others = hours.hours(context.root, context.ledger, None, when, _summed_columns(context.catalogue))
        others = others.join(whole, on="period_start", how="semi")
        others = others.join(touched, on=TOUCHED.names(), how="anti")
        parts = [hourly.for_network(rows, context.catalogue) for rows in (fresh, others)]
        given = series.samples(context.root, context.ledger, [NETWORK], when)
        given = given.filter(pl.col("period_start").dt.truncate("1h").is_in(whole["period_start"].implode()))
        types = self._known.select(pl.col("node_id").alias("entity"), "node_type")
        sums = hourly.network_hours(
            parts, types.unique("entity", maintain_order=True), given, context.catalogue
        )
        return self._over_former(sums, _of_network(touched), when)

    def _gone(self, touched: pl.DataFrame, rows: pl.DataFrame, when: Span) -> pl.DataFrame:
        """Hours that stood there and are no more: without an `entity_kind`."""
        lost = pl.concat([touched, _of_network(touched)]).unique().join(rows, on=TOUCHED.names(), how="anti")
        if lost.is_empty():
            return pl.DataFrame(schema=hours.EMPTY)
        names = lost["entity"].unique().to_list()
        before = hours.hours(self._context.root, self._context.ledger, names, when, ())
        found = lost.join(before.select(TOUCHED.names()), on=TOUCHED.names(), how="semi")
        return found.with_columns(entity_kind=pl.lit(None, pl.String)).select(hours.EMPTY.names())


def _of_network(touched: pl.DataFrame) -> pl.DataFrame:
    """Touched hours as hours of the network."""
    return touched.select(pl.lit(NETWORK).alias("entity"), "period_start").unique()


def _together(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """All rows; of the same columns, as in the files of one network, without another type to find."""
    alike = all(frame.schema == frames[0].schema for frame in frames)
    return pl.concat(frames, how="vertical" if alike else "diagonal_relaxed")


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by entity and time, mostly a row or two at the end."""
    order = rows.select(pl.arg_sort_by("entity", "period_start")).to_series()
    return rows if order.is_sorted() else rows[order]


def _summed_columns(catalogue: Catalogue) -> list[str]:
    return [c for kpi in hourly.summed_ids(catalogue) for c in (kpi, f"{kpi}__n")]


def _windows(touched: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Part touched hours (sorted by time) into windows of whole hours."""
    start = 0
    while start < touched.height:
        end = min(start + WINDOW_HOURS, touched.height)
        last = touched["period_start"][end - 1]
        end = max(end, int(touched["period_start"].search_sorted(last, side="right")))
        yield touched[start:end]
        start = end


def in_hours(rows: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    """Rows whose entity and hour are touched."""
    if rows.is_empty():
        return rows
    keyed = rows.with_columns(pl.col("period_start").dt.truncate("1h").alias("_hour"))
    same = touched.select("entity", pl.col("period_start").alias("_hour"))
    return keyed.join(same, on=["entity", "_hour"], how="semi").drop("_hour")
