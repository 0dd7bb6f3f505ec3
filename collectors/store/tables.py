"""Record tables in the store: what makes two rows the same record, and which of them wins.

Rows arrive as pending segments, one or more per source file. A refresh merges them into partitions of
seven days, sorted by time, in which every record stands once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from collectors.pm.kept import unpacked
from collectors.records.schema import load_schemas
from collectors.store.absence import scan
from collectors.store.ledger import Ledger, Segment
from collectors.store.placement import shards_of
from collectors.store.segment import ROW_GROUP, Aside, time_range
from collectors.store.tiers import merge_is_due, to_merge

PENDING = "pending"  # written by an ingest, not yet seen by a refresh
RECENT = "recent"  # seen by a refresh, not yet merged into partitions or shards
SOURCE, LINE = "_source", "_line"  # hash number of the source file, row in it
WEEK_US = 7 * 24 * 3600 * 1_000_000

KEPT = "counters_kept"
PACKED = "counters_packed"  # rows of KEPT, many values in a row
KEPT_IDENTITY = ("entity", "job", "counter", "period_start", "period_s")
# Columns that say which of two rows of one record is the later one; empty counts as earliest.
VERSION: dict[str, tuple[str, ...]] = {
    "ticket": ("status_changed_at", "entered_at", "received_at"),
    "subscriber": ("volte_opened_at",),
    "neighbour": ("updated_at",),
    "alarm": ("cleared_at", "raised_at"),
    "change": ("actual_end", "actual_start", "planned_start"),
    "registration": ("ended_at", "started_at"),
    "call": ("t_end", "started_at"),
    "hop": ("at",),
    "node_sample": ("period_end",),
}
TIME: dict[str, str] = {
    "registration": "started_at",
    "call": "started_at",
    "voice_slice": "start",
    "hop": "at",
    "node_sample": "period_end",
    "diameter_answer": "at",
    KEPT: "period_start",
    PACKED: "period_start",
}
SHARDED = {"cell_kpi": "ecgi"}  # parted by the shard of an entity, so that one cell is read from one file
ORDER = {
    "cell_kpi": ("ecgi", "kpi_id", "period_start"),
    "node_kpi": ("node_id", "kpi_id", "period_start"),
}
MERGE_ROWS = 20_000  # fewer rows than this stay outside the partitions


def identity(kind: str) -> tuple[str, ...]:
    """Columns that together name one record."""
    return KEPT_IDENTITY if kind == KEPT else load_schemas()[kind].key_fields


@dataclass(slots=True)
class Rewrite:
    """Files to publish and segments to retire in one transaction."""

    new: list[tuple[Path, Segment]] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # pending segments that are recent from now on

    def add(self, other: Rewrite) -> None:
        """Take in the work of another part of the refresh."""
        self.new += other.new
        self.retired += other.retired
        self.seen += other.seen


def winners(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Keep one row per record: the latest, then the fullest, then by source hash and line.

    The answer does not depend on the order in which the files came.
    """
    same = list(identity(kind))
    if not rows.select(pl.struct(same).is_duplicated().any()).item():
        return rows
    content = [c for c in rows.columns if c not in (SOURCE, LINE)]
    ranked = rows.with_columns(pl.sum_horizontal(pl.col(content).is_not_null()).alias("_filled"))
    rank = [c for c in VERSION.get(kind, ()) if c in rows.columns] + ["_filled", SOURCE, LINE]
    return ranked.sort(rank, nulls_last=False).unique(same, keep="last", maintain_order=True).drop("_filled")


def unmerged(ledger: Ledger, kind: str) -> list[Segment]:
    """Segments of a kind that stand outside its partitions or shards."""
    return [s for s in ledger.segments(kind) if s.part in (PENDING, RECENT)]


def read(root: Path, segments: Sequence[Segment]) -> pl.LazyFrame:
    """Segments of one kind as one table; a column that a segment lacks is null there."""
    return pl.concat([scan(root / s.name) for s in segments], how="diagonal_relaxed")


def unpack(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Packed rows as rows of `KEPT`."""
    line = pl.int_range(pl.len(), dtype=pl.Int64).over(SOURCE).alias(LINE)
    return unpacked(rows).with_columns(line)


def compact(root: Path, aside: Aside, ledger: Ledger, kind: str) -> Rewrite:
    """Merge the rows outside a kind's partitions into them when they are many, else with each other."""
    pending = unmerged(ledger, kind)
    inside = [s for s in ledger.segments(kind) if s.part not in (PENDING, RECENT)]
    if kind == PACKED or not merge_is_due(pending, inside, MERGE_ROWS):
        return _stay_recent(root, aside, kind, pending)
    fresh = _with_part(read(root, pending).collect(), kind)
    touched = _touched(root, ledger, kind, fresh)
    before = [s for s in ledger.segments(kind) if s.part in touched]
    rows = pl.concat(
        [fresh.drop("_part"), *(scan(root / s.name).collect() for s in before)], how="diagonal_relaxed"
    )
    rewrite = Rewrite(retired=[s.name for s in [*pending, *before]])
    rows = _with_part(winners(rows, kind), kind)
    for (part,), frame in sorted(rows.partition_by("_part", as_dict=True).items()):
        rewrite.new.append(_write(aside, kind, str(part), frame.drop("_part")))
    return rewrite


def _stay_recent(root: Path, aside: Aside, kind: str, pending: Sequence[Segment]) -> Rewrite:
    """Keep segments outside the partitions, few of them."""
    rewrite = Rewrite(seen=[s.name for s in pending if s.part == PENDING])
    chosen = to_merge(sorted(pending, key=lambda s: (-s.rows, s.name)))
    if chosen:
        rows = read(root, chosen).collect()
        rows = rows if kind == PACKED else winners(rows, kind)
        path = aside.write(rows)
        start, end = time_range(rows, TIME.get(kind))
        segment = Segment(f"segments/{kind}/{path.stem}.parquet", kind, RECENT, rows.height, start, end)
        rewrite.new.append((path, segment))
        rewrite.retired = [s.name for s in chosen]
    return rewrite


def current(root: Path, segments: Sequence[Segment], kind: str) -> pl.LazyFrame:
    """Segments of a kind with every record once; only records outside the partitions are compared."""
    outside = [s for s in segments if s.part in (PENDING, RECENT)]
    inside = [s for s in segments if s.part not in (PENDING, RECENT)]
    if not outside:
        return read(root, inside)
    fresh = read(root, outside).collect()
    if not inside:
        return winners(fresh, kind).lazy()
    same = list(identity(kind))
    merged, again = read(root, inside), fresh.lazy().select(same).unique()
    older = merged.join(again, on=same, how="semi", nulls_equal=True).collect()
    rest = merged.join(again, on=same, how="anti", nulls_equal=True)
    newest = winners(pl.concat([older, fresh], how="diagonal_relaxed"), kind)
    return pl.concat([rest, newest.lazy()], how="diagonal_relaxed")


def _with_part(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    if kind in SHARDED:
        shards = shards_of(rows[SHARDED[kind]].unique().to_list()).rename({"shard": "_part"})
        return rows.join(shards, left_on=SHARDED[kind], right_on="entity", how="left", maintain_order="left")
    if kind not in TIME:
        return rows.with_columns(pl.lit("all").alias("_part"))
    week = pl.col(TIME[kind]).dt.timestamp("us") // WEEK_US
    return rows.with_columns(week.cast(pl.String).str.zfill(6).fill_null("none").alias("_part"))


def _touched(root: Path, ledger: Ledger, kind: str, fresh: pl.DataFrame) -> set[str]:
    """Partitions that the fresh rows fall into, or that hold an older row of one of their records."""
    touched = set(fresh["_part"].to_list())
    same = list(identity(kind))
    if kind not in TIME or TIME[kind] in same:
        return touched
    wanted = fresh.lazy().select(same).unique()
    for segment in ledger.segments(kind):
        if segment.part not in touched | {PENDING, RECENT}:
            there = pl.scan_parquet(root / segment.name).select(same)
            again = there.join(wanted, on=same, how="semi", nulls_equal=True)
            if again.select(pl.len()).collect().item():
                touched.add(segment.part)
    return touched


def _write(aside: Aside, kind: str, part: str, frame: pl.DataFrame) -> tuple[Path, Segment]:
    first = ORDER.get(kind, (TIME[kind],) if kind in TIME else ())
    order = [*first, *(c for c in identity(kind) if c not in first)]
    path = aside.write(frame.sort(order), row_group=ROW_GROUP if kind in ORDER else 8 * ROW_GROUP)
    start, end = time_range(frame, TIME.get(kind))
    name = f"records/{kind}/{part}-{path.stem}.parquet"
    return path, Segment(name, kind, part, frame.height, start, end)
