"""Cell-hash shards: a cell's whole history in one file, sorted by cell and time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars import selectors

from collectors.store.ledger import Ledger, Segment
from collectors.store.segment import Aside, time_range
from collectors.store.tables import SOURCE, unmerged

COUNTERS, HOURLY = "counters", "hourly"
HOURLY_GROUP = 65_536  # hourly files are read whole, for all tickets at once
KEY = ("entity", "period_start", "period_s")
LABELS = (*KEY, "entity_kind")
_INT32 = 2.0**31


def counter_scan(path: Path) -> pl.LazyFrame:
    """Counter rows of a file; columns of whole numbers may be written as integers and are Float64 here."""
    rows = as_written(path)
    whole = selectors.integer() - selectors.by_name("period_s", require_all=False)
    return rows.with_columns(whole.cast(pl.Float64))


def as_written(path: Path) -> pl.LazyFrame:
    """Counter rows of a file, Int32 where a column of whole numbers is written so."""
    return pl.scan_parquet(path).drop(SOURCE, strict=False)


def merge_counters(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per entity and period, sorted by entity and time.

    Files of one period may each bring some of the counters. Where two files name the same counter the
    larger value stands: a file that was written again is the fuller one, and the answer cannot depend on
    the order of the files.
    """
    rows = rows.drop(SOURCE, strict=False).sort(KEY)
    same = rows.select(pl.struct(KEY) == pl.struct(KEY).shift(1)).to_series().fill_null(value=False)
    if not same.any():
        return rows
    doubled = (same | same.shift(-1).fill_null(value=False)).alias("doubled")
    values = [c for c in rows.columns if c not in LABELS]
    merged = (
        rows.filter(doubled)
        .group_by(KEY)
        .agg(pl.col("entity_kind").min(), *(pl.col(c).max() for c in values))
        .select(rows.columns)
    )
    return pl.concat([rows.filter(~doubled), merged]).sort(KEY)


def conflicts(rows: pl.DataFrame) -> int:
    """Count the values of one counter, entity and period on which two rows disagree."""
    values = [c for c in rows.columns if c not in (*LABELS, SOURCE)]
    doubled = rows.filter(pl.struct(KEY).is_duplicated())
    if doubled.height == 0:
        return 0
    differ = doubled.group_by(KEY).agg((pl.col(values).max() != pl.col(values).min()).fill_null(value=False))
    return int(differ.select(pl.sum_horizontal(pl.col(values).sum())).item())


def live(ledger: Ledger, kind: str, shard: str) -> Segment | None:
    """Return the file of a shard, or None when it has none yet."""
    found = ledger.segments(kind, shard)
    return found[0] if found else None


def narrowed(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns of whole numbers as Int32, which is half to write and half to read."""
    numbers = rows.select(selectors.float())
    if not numbers.width or rows.is_empty():
        return rows
    whole = numbers.select(((pl.all() == pl.all().floor()) & (pl.all().abs() < _INT32)).all()).row(0)
    names = [name for name, is_whole in zip(numbers.columns, whole, strict=True) if is_whole]
    return rows.with_columns(pl.col(names).cast(pl.Int32)) if names else rows


def write(aside: Aside, kind: str, shard: str, rows: pl.DataFrame) -> tuple[Path, Segment]:
    """Write the new file of a shard; `rows` are sorted by entity and time."""
    path = (
        aside.write(rows, row_group=HOURLY_GROUP, fast=True)
        if kind == HOURLY
        else aside.write(narrowed(rows), fast=True)
    )
    start, end = time_range(rows, "period_start")
    return path, Segment(f"shards/{shard}/{kind}-{path.stem}.parquet", kind, shard, rows.height, start, end)


def unmerged_between(ledger: Ledger, kind: str, start_us: int | None, end_us: int | None) -> list[Segment]:
    """Segments outside the shards that hold a period in [start, end)."""
    return [
        s
        for s in unmerged(ledger, kind)
        if (end_us is None or s.start_us is None or s.start_us < end_us)
        and (start_us is None or s.end_us is None or s.end_us >= start_us)
    ]
