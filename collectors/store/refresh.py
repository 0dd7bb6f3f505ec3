"""The end of an ingest: merge what is new into partitions and shards, and keep up the hourly KPIs.

Everything a refresh writes becomes visible in one transaction. Killed before it, the next refresh does the
same work again from the same segments; killed after it, nothing is left to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.store import hourly, nodes, renaming, series, shards, tables
from collectors.store.hourly import NO_HOURS
from collectors.store.ledger import Ledger, Segment
from collectors.store.placement import NETWORK, UNMATCHED, UNMATCHED_PREFIX, shard_of, shards_of, split
from collectors.store.segment import Aside, locked, publish
from collectors.store.series import NO_COUNTERS, Span
from collectors.store.shards import COUNTERS, HOURLY, live, merge_counters
from collectors.store.tables import KEPT, PENDING, RECENT, SOURCE, Rewrite

HOUR_US = 3_600_000_000
SMALL_ROWS = 2_000_000  # below this all counters are merged at every refresh
SHARE = 4  # above it, when the recent rows are more than one in SHARE of the merged ones
MOST_RECENT_SEGMENTS = 256  # or when reads would have to open more files than this
GROUP_ROWS = 4_000_000  # counter rows held in memory at once
HOUR_ROWS = 400_000  # counter rows whose hours are computed together
TOUCHED = pl.Schema({"entity": pl.String(), "period_start": pl.Datetime("us", "UTC")})
Rematch = Callable[[list[str]], Mapping[str, tuple[str, str]]]


@dataclass(slots=True)
class Refreshed:
    """What a refresh did."""

    tables: dict[str, int] = field(default_factory=dict)  # pending segments by kind
    shards: int = 0  # shards whose hourly KPIs were rewritten
    hours: int = 0  # hours of an entity computed anew
    rematched: int = 0  # objects that an inventory now names


class Refresh:
    """One refresh; the caller holds the lock."""

    def __init__(self, root: Path, aside: Aside, ledger: Ledger, catalogue: Catalogue) -> None:
        self.root, self.aside, self.ledger, self.catalogue = root, aside, ledger, catalogue
        self.rewrite = Rewrite()
        self.done = Refreshed()
        self.facts: dict[str, str] = {}
        self.renamed: dict[str, tuple[str, str]] = {}

    def run(self, rematch: Rematch | None) -> Refreshed:
        """Do all that is due and make it visible at once."""
        pending = {kind: self.ledger.segments(kind, PENDING) for kind in self.ledger.kinds()}
        self.done.tables = {kind: len(found) for kind, found in pending.items() if found}
        if not self.done.tables:
            return self.done
        if rematch is not None:
            self._rename(rematch)
        self._counters_and_hours()
        for kind in self.done.tables:
            if kind != COUNTERS:
                self.rewrite.add(tables.compact(self.root, self.aside, self.ledger, kind))
        self._commit()
        return self.done

    def _commit(self) -> None:
        with locked(self.root / "write.lock"):
            publish(self.root, [(path, segment.name) for path, segment in self.rewrite.new])
            with self.ledger.transaction():
                self.ledger.write_segments([segment for _, segment in self.rewrite.new], self.rewrite.retired)
                self.ledger.mark(self.rewrite.seen, RECENT)
                for name, value in self.facts.items():
                    self.ledger.set_fact(name, value)

    # --- objects that an inventory now names

    def _rename(self, rematch: Rematch) -> None:
        """Ask for the entities of unmatched objects: of new rows; of old ones too when an inventory came."""
        inventory = self.ledger.segments("cell", PENDING) or self.ledger.segments("node", PENDING)
        places = (PENDING, RECENT, UNMATCHED) if inventory else (PENDING,)
        counters = [s for place in places for s in self.ledger.segments(COUNTERS, place)]
        kept = self.ledger.segments(KEPT) if inventory else self.ledger.segments(KEPT, PENDING)
        mine = self._unmatched(counters) | (self._unmatched(kept) - renaming.known_names(self.ledger).keys())
        if mine:
            self.renamed = dict(rematch(sorted(mine)))
        if self.renamed:
            self.done.rematched = len(self.renamed)
            self.facts[renaming.FACT] = renaming.as_fact(renaming.known_names(self.ledger) | self.renamed)

    def _unmatched(self, segments: list[Segment]) -> set[str]:
        """Objects of segments that had no entity when they were written."""
        if not segments:
            return set()
        rows = tables.read(self.root, segments).select(pl.col("entity").unique())
        return set(rows.filter(pl.col("entity").str.starts_with(UNMATCHED_PREFIX)).collect()["entity"])

    def _with_names(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows under the entities that the inventory gives them now."""
        return renaming.renamed(rows, renaming.known_names(self.ledger) | self.renamed)

    # --- counters and hours

    def _counters_and_hours(self) -> None:
        known = nodes.node_names(self.root, self.ledger)
        touched = self._touched(known)
        compacting = self._compacting()
        if touched.is_empty() and not compacting:
            self.rewrite.seen += [s.name for s in self.ledger.segments(COUNTERS, PENDING)]
            return
        suspects = self._suspects(touched)
        sums: list[pl.DataFrame] = []
        waiting: dict[str, pl.DataFrame] = {}
        for shard, fresh in self._shards(touched, compacting):
            base = self._base(shard, touched, whole=compacting)
            rows = merge_counters(pl.concat([base, fresh], how="diagonal_relaxed"))
            if compacting and fresh.height:
                self._replace(COUNTERS, shard, rows)
            if shard != UNMATCHED:
                waiting[shard] = _in_hours(rows, touched)
            if sum(frame.height for frame in waiting.values()) > HOUR_ROWS:
                sums.append(self._hours(waiting, touched, suspects))
                waiting = {}
        sums.append(self._hours(waiting, touched, suspects))
        written = set(touched["shard"].to_list())
        if compacting:
            outside = tables.unmerged(self.ledger, COUNTERS)
            self.rewrite.retired += [s.name for s in outside]
            self._retire_unmatched()
        else:
            self.rewrite.seen += [s.name for s in self.ledger.segments(COUNTERS, PENDING)]
        self._network(touched, sums, written, known)
        self.done.shards, self.done.hours = len(written), touched.height

    def _compacting(self) -> bool:
        outside = tables.unmerged(self.ledger, COUNTERS)
        if not outside:
            return bool(self.renamed)
        inside = sum(s.rows for s in self.ledger.segments(COUNTERS) if s.part not in (PENDING, RECENT))
        rows = sum(s.rows for s in outside)
        large = rows + inside > SMALL_ROWS
        return not large or bool(self.renamed) or rows * SHARE > inside or len(outside) > MOST_RECENT_SEGMENTS

    def _touched(self, known: pl.DataFrame) -> pl.DataFrame:
        """Hours to compute anew: entity, period_start (hour), shard."""
        found = [pl.DataFrame(schema=TOUCHED)]
        pending = self.ledger.segments(COUNTERS, PENDING)
        if self.renamed:
            pending = (
                pending + self.ledger.segments(COUNTERS, UNMATCHED) + self.ledger.segments(COUNTERS, RECENT)
            )
        for kind, segments in ((COUNTERS, pending), (KEPT, self.ledger.segments(KEPT, PENDING))):
            for segment in segments:
                rows = pl.scan_parquet(self.root / segment.name)
                rows = rows.filter(pl.col("suspect")) if kind == KEPT else rows
                found.append(_whole_hours(rows.select("entity", "entity_kind", "period_start")).collect())
        found = [self._with_names(f) if "entity_kind" in f.columns else f for f in found]
        found = [f.select(TOUCHED.names()) for f in found]
        found += self._touched_by_samples(known)
        touched = pl.concat(found).unique()
        touched = touched.filter(~pl.col("entity").str.starts_with(UNMATCHED_PREFIX))
        places = shards_of(touched["entity"].unique().to_list())
        return touched.join(places, on="entity", how="left").sort("entity", "period_start")

    def _touched_by_samples(self, known: pl.DataFrame) -> Iterator[pl.DataFrame]:
        for kind, name in (("cell_kpi", "ecgi"), ("node_kpi", "node_id")):
            pending = self.ledger.segments(kind, PENDING)
            if pending:
                rows = tables.read(self.root, pending)
                hours = _whole_hours(rows.select(pl.col(name).alias("entity"), "period_start")).collect()
                if kind == "node_kpi":
                    hours = nodes.resolve(hours.rename({"entity": "node_id"}), known)
                yield hours.select(TOUCHED.names())
        if self.ledger.segments("node", PENDING) or self.ledger.segments("node_kpi", PENDING):
            yield self._touched_by_names(known)

    def _touched_by_names(self, known: pl.DataFrame) -> pl.DataFrame:
        """All hours of nodes whose names resolve otherwise than before, under the old and the new name."""
        before = json.loads(self.ledger.fact("node_resolution") or "{}")
        after = nodes.resolution(self.root, self.ledger, known)
        self.facts["node_resolution"] = json.dumps(after, sort_keys=True)
        changed = {name for name, entity in after.items() if before.get(name, entity) != entity}
        if not changed:
            return pl.DataFrame(schema=TOUCHED)
        rows = tables.read(self.root, self.ledger.segments("node_kpi"))
        rows = rows.filter(pl.col("node_id").is_in(sorted(changed)))
        hours = _whole_hours(rows.select(pl.col("node_id").alias("entity"), "period_start")).collect()
        either = [
            hours.with_columns(pl.col("entity").replace(names)).select(TOUCHED.names())
            for names in (before, after)
        ]
        return pl.concat(either)

    def _suspects(self, touched: pl.DataFrame) -> pl.DataFrame:
        """Suspect values in touched hours of counters that formulas use: entity, period_start, counter."""
        schema = pl.Schema({**NO_HOURS, "counter": pl.String()})
        segments = self.ledger.segments(KEPT)
        if not segments or touched.is_empty():
            return pl.DataFrame(schema=schema)
        rows = tables.read(self.root, segments).filter(pl.col("suspect"))
        named = pl.col("target") if "target" in rows.collect_schema() else pl.lit(None, pl.String)
        columns = ("entity", "entity_kind", "period_start", pl.coalesce(named, "counter").alias("counter"))
        found = self._with_names(rows.select(*columns).collect())
        found = found.filter(pl.col("counter").is_in(sorted(self.catalogue.counters)))
        found = found.with_columns(pl.col("period_start").dt.truncate("1h")).select(list(schema)).unique()
        return found.join(touched, on=TOUCHED.names(), how="semi")

    def _shards(self, touched: pl.DataFrame, compacting: bool) -> Iterator[tuple[str, pl.DataFrame]]:
        """Each shard with something to do and its unmerged rows; a group of shards in memory at once."""
        outside = tables.unmerged(self.ledger, COUNTERS)
        if self.renamed:
            outside = outside + self.ledger.segments(COUNTERS, UNMATCHED)
        places = self._places(outside)
        due = set(touched["shard"].to_list()) | (set(places["shard"].to_list()) if compacting else set())
        for group in _grouped(sorted(due), sum(s.rows for s in outside)):
            fresh = self._fresh(outside, places.filter(pl.col("shard").is_in(group)), touched, compacting)
            for shard in group:
                yield shard, fresh.pop(shard, pl.DataFrame(schema=NO_COUNTERS))

    def _places(self, segments: list[Segment]) -> pl.DataFrame:
        """Entities of segments as written and the shard that they belong to: entity, shard."""
        if not segments:
            return shards_of([])
        written = (
            tables.read(self.root, segments).select(pl.col("entity").unique()).collect()["entity"].to_list()
        )
        current = {old: self.renamed[old][0] if old in self.renamed else old for old in written}
        return pl.DataFrame(
            [(old, shard_of(entity)) for old, entity in sorted(current.items())],
            schema={"entity": pl.String, "shard": pl.String},
            orient="row",
        )

    def _fresh(
        self, segments: list[Segment], places: pl.DataFrame, touched: pl.DataFrame, compacting: bool
    ) -> dict[str, pl.DataFrame]:
        if places.is_empty():
            return {}
        rows = tables.read(self.root, segments)
        if not compacting:
            rows = rows.filter(*_span_of(touched).holds())
        mine = rows.filter(pl.col("entity").is_in(places["entity"].to_list())).drop(SOURCE, strict=False)
        table = self._with_names(mine.collect()).join(places, on="entity", how="left", maintain_order="left")
        if self.renamed:
            table = table.drop("shard").join(
                shards_of(table["entity"].unique().to_list()), on="entity", how="left"
            )
        parted = table.partition_by("shard", as_dict=True, include_key=False)
        return {str(shard): frame for (shard,), frame in parted.items()}

    def _base(self, shard: str, touched: pl.DataFrame, *, whole: bool) -> pl.DataFrame:
        """Rows of the shard's file: all, or those that may lie in touched hours."""
        segment = live(self.ledger, COUNTERS, shard)
        if segment is None or (shard == UNMATCHED and self.renamed):
            return pl.DataFrame(schema=NO_COUNTERS)
        if whole:
            return pl.read_parquet(self.root / segment.name)
        span = _span_of(touched.filter(pl.col("shard") == shard))
        if span.start_us is None or (segment.end_us is not None and segment.end_us < span.start_us):
            return pl.DataFrame(schema=NO_COUNTERS)
        return pl.scan_parquet(self.root / segment.name).filter(*span.holds()).collect()

    def _hours(
        self, waiting: dict[str, pl.DataFrame], touched: pl.DataFrame, suspects: pl.DataFrame
    ) -> pl.DataFrame:
        """Write the hourly KPIs of some shards; returns what the network's sums need of the touched hours.

        Shards are computed together, because a formula costs as much for one cell as for a thousand.
        """
        own = touched.filter(pl.col("shard").is_in(list(waiting)) & (pl.col("entity") != NETWORK))
        if own.is_empty():
            return pl.DataFrame(schema=NO_HOURS)
        samples = series.samples(self.root, self.ledger, own["entity"].unique().to_list(), _span_of(own))
        rows = pl.concat(list(waiting.values()), how="diagonal_relaxed")
        mine = suspects.join(own, on=TOUCHED.names(), how="semi")
        fresh = hourly.hours_of(rows, _in_hours(samples, own), mine, self.catalogue)
        parted = split(fresh)
        for shard, mine in sorted(own.partition_by("shard", as_dict=True, include_key=False).items()):
            name = str(shard[0])
            before = live(self.ledger, HOURLY, name)
            old = None if before is None else pl.read_parquet(self.root / before.name)
            self._replace(HOURLY, name, hourly.merged(old, mine, parted.get(name, fresh.clear())))
        return hourly.for_network(fresh, self.catalogue)

    def _network(
        self, touched: pl.DataFrame, sums: list[pl.DataFrame], written: set[str], known: pl.DataFrame
    ) -> None:
        """Write the rows of entity `network` of every touched hour: sums over all entities of these hours."""
        hours = touched.select("period_start").unique()
        if hours.is_empty():
            return
        span = _span_of(touched)
        for segment in self.ledger.segments(HOURLY):
            if segment.end_us is not None and span.start_us is not None and segment.end_us >= span.start_us:
                there = pl.read_parquet_schema(self.root / segment.name)
                columns = [c for c in there if c in self._summed_columns()]
                rows = pl.read_parquet(self.root / segment.name, columns=[*NO_HOURS, *columns])
                rows = rows.join(hours, on="period_start", how="semi")
                if segment.part in written:
                    rows = rows.join(touched, on=TOUCHED.names(), how="anti")
                sums.append(hourly.for_network(rows, self.catalogue))
        given = series.samples(self.root, self.ledger, [NETWORK], span)
        given = given.filter(pl.col("period_start").dt.truncate("1h").is_in(hours["period_start"].implode()))
        types = known.select(pl.col("node_id").alias("entity"), "node_type").unique(
            "entity", maintain_order=True
        )
        fresh = hourly.network_hours(sums, types, given, self.catalogue)
        mine = hours.select(pl.lit(NETWORK).alias("entity"), "period_start")
        self._merge_into(shard_of(NETWORK), mine, fresh)

    def _summed_columns(self) -> set[str]:
        return {c for kpi in hourly.summed_ids(self.catalogue) for c in (kpi, f"{kpi}__n")}

    def _merge_into(self, shard: str, touched: pl.DataFrame, fresh: pl.DataFrame) -> None:
        """Merge rows into the hourly file of a shard, which this refresh may have written already."""
        mine = [(p, s) for p, s in self.rewrite.new if s.kind == HOURLY and s.part == shard]
        before = live(self.ledger, HOURLY, shard)
        old: pl.DataFrame | None = None
        if mine:
            old = pl.read_parquet(mine[0][0])
            self.rewrite.new.remove(mine[0])
        elif before is not None:
            old = pl.read_parquet(self.root / before.name)
        rows = hourly.merged(old, touched, fresh)
        if rows.height or before is not None:
            self._replace(HOURLY, shard, rows)

    def _replace(self, kind: str, shard: str, rows: pl.DataFrame) -> None:
        self.rewrite.new.append(shards.write(self.aside, kind, shard, rows))
        before = live(self.ledger, kind, shard)
        if before is not None and before.name not in self.rewrite.retired:
            self.rewrite.retired.append(before.name)

    def _retire_unmatched(self) -> None:
        """After a rename the old file of unmatched objects has no use, written anew or empty now."""
        before = live(self.ledger, COUNTERS, UNMATCHED)
        if self.renamed and before is not None and before.name not in self.rewrite.retired:
            self.rewrite.retired.append(before.name)


def _whole_hours(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.with_columns(pl.col("period_start").dt.truncate("1h")).unique()


def _span_of(touched: pl.DataFrame) -> Span:
    """Span the whole hours from the first to the last touched one."""
    if touched.is_empty():
        return Span()
    times = touched["period_start"].dt.timestamp("us")
    low, high = times.min(), times.max()
    return Span(low, high + HOUR_US) if isinstance(low, int) and isinstance(high, int) else Span()


def _in_hours(rows: pl.DataFrame, touched: pl.DataFrame) -> pl.DataFrame:
    """Rows whose entity and hour are touched."""
    if rows.is_empty():
        return rows
    keyed = rows.with_columns(pl.col("period_start").dt.truncate("1h").alias("_hour"))
    same = touched.select("entity", pl.col("period_start").alias("_hour"))
    return keyed.join(same, on=["entity", "_hour"], how="semi").drop("_hour")


def _grouped(names: list[str], rows: int) -> Iterator[list[str]]:
    """Part shards into groups of about GROUP_ROWS rows, so that memory stays bounded."""
    groups = max(1, min(len(names), rows // GROUP_ROWS + 1))
    size = max(1, -(-len(names) // groups))
    for start in range(0, len(names), size):
        yield names[start : start + size]
