"""Recent segments into shards: their rows are sorted by shard, then each shard is merged once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from collectors.store import hours, shards
from collectors.store.context import Context
from collectors.store.ledger import Segment
from collectors.store.placement import shards_of
from collectors.store.segment import Aside
from collectors.store.shards import COUNTERS, HOURLY, counter_scan, live, merge_counters
from collectors.store.tables import PENDING, RECENT
from collectors.store.tiers import KEEP_US, compaction_is_due, newest_us, to_merge

RUN_VALUES = 40_000_000  # values in memory at once
Merge = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


def merge_recent_counters(context: Context) -> None:
    """Make few recent segments of many, or shards of all when they have become a large share."""
    ledger = context.ledger
    recent = ledger.segments(COUNTERS, RECENT)
    inside = [s for s in ledger.segments(COUNTERS) if s.part not in (PENDING, RECENT)]
    if compaction_is_due(recent, inside):
        Compaction(context, COUNTERS, _counters_merged).run(recent)
        return
    chosen = to_merge(sorted(recent, key=lambda s: (-s.rows, s.name)))
    if chosen:
        rows = pl.concat([_read(context.root / s.name) for s in chosen], how="diagonal_relaxed")
        context.append(COUNTERS, RECENT, merge_counters(rows), chosen)


def merge_recent_hours(context: Context) -> None:
    """Do the same for hourly KPIs."""
    recent = hours.recent(context.ledger)
    if compaction_is_due(recent, hours.merged(context.ledger)):
        Compaction(context, HOURLY, _hours_merged).run(recent)
        return
    chosen = to_merge(recent)
    if chosen:
        chosen = recent[recent.index(chosen[0]) :]
        rows = hours.latest(context.root, chosen).sort(hours.HOUR)
        context.append(HOURLY, hours.recent_part(hours.next_number(context.ledger)), rows, chosen)


class Compaction:
    """One kind's recent segments (oldest first) on their way into its shards."""

    def __init__(self, context: Context, kind: str, merge: Merge) -> None:
        self._context, self._kind, self._merge = context, kind, merge
        self._number = hours.next_number(context.ledger)

    def run(self, recent: Sequence[Segment]) -> None:
        """Rewrite the shards that these segments fall into."""
        newest = newest_us(recent) if self._kind == HOURLY else None
        cut = None if newest is None else (newest - KEEP_US) // KEEP_US * KEEP_US
        runs = []
        for rows in self._chunks(recent):
            old, new = _parted(rows, cut)
            if new.height:
                self._keep(new)
            if old.height:
                runs.append(_Run(self._context.aside, old))
        for shard in sorted({shard for run in runs for shard in run.places}):
            rows = pl.concat([run.rows(shard) for run in runs if shard in run.places], how="diagonal_relaxed")
            before = live(self._context.ledger, self._kind, shard)
            base = pl.DataFrame() if before is None else pl.read_parquet(self._context.root / before.name)
            merged = self._merge(base, rows)
            self._context.retire(before)
            if merged.height:
                self._context.rewrite.new.append(shards.write(self._context.aside, self._kind, shard, merged))
        for segment in recent:
            self._context.retire(segment)
        for run in runs:
            run.path.unlink()

    def _chunks(self, recent: Sequence[Segment]) -> Iterator[pl.DataFrame]:
        """Rows of the segments, as many at a time as memory is meant to hold."""
        waiting: list[pl.DataFrame] = []
        values = 0
        for segment in recent:
            rows = _read(self._context.root / segment.name)
            waiting.append(rows)
            values += rows.height * rows.width
            if values > RUN_VALUES:
                yield pl.concat(waiting, how="diagonal_relaxed")
                waiting, values = [], 0
        if waiting:
            yield pl.concat(waiting, how="diagonal_relaxed")

    def _keep(self, rows: pl.DataFrame) -> None:
        """Write the newest hours as a recent segment."""
        part = hours.recent_part(self._number)
        self._number += 1
        rows = hours.with_nan(rows.unique(hours.HOUR, keep="last", maintain_order=True)).sort(hours.HOUR)
        self._context.append(self._kind, part, rows, ())


class _Run:
    """Rows sorted by shard in a file aside, and where each shard's rows stand in it."""

    def __init__(self, aside: Aside, rows: pl.DataFrame) -> None:
        places = shards_of(rows["entity"].unique().to_list())
        placed = rows.join(places, on="entity", how="left", maintain_order="left")
        placed = placed.sort("shard", "entity", "period_start", maintain_order=True)
        starts = placed.select(pl.col("shard").rle().struct.unnest())
        ends = starts["len"].cum_sum().to_list()
        self.places = {
            str(shard): (end - length, length)
            for shard, length, end in zip(starts["value"], starts["len"], ends, strict=True)
        }
        self.path = aside.path()
        placed.drop("shard").write_parquet(self.path, compression="lz4", row_group_size=16_384)

    def rows(self, shard: str) -> pl.DataFrame:
        """Rows of one shard."""
        return pl.scan_parquet(self.path).slice(*self.places[shard]).collect()


def _read(path: Path) -> pl.DataFrame:
    return counter_scan(path).collect()


def _parted(rows: pl.DataFrame, cut_us: int | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    if cut_us is None:
        return rows, rows.clear()
    new = rows["period_start"].dt.timestamp("us") >= cut_us
    return rows.filter(~new), rows.filter(new)


def _counters_merged(base: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    return merge_counters(pl.concat([base, rows], how="diagonal_relaxed") if base.width else rows)


def _hours_merged(base: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    fresh = hours.with_nan(rows.unique(hours.HOUR, keep="last", maintain_order=True))
    return hours.laid_over(base, fresh).sort(hours.HOUR)
