"""Hourly KPIs on disk: shards, and over them recent segments of which a later one holds the truth of an hour.

A row of a recent segment without an `entity_kind` says that its hour is no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import polars as pl

from collectors.store.ledger import Ledger, Segment
from collectors.store.placement import shard_of
from collectors.store.shards import HOURLY
from collectors.store.span import ALWAYS, Span, among
from collectors.store.tiers import overlapping

HOUR = ("entity", "period_start")
LABELS = ("entity", "entity_kind", "period_start")
_RECENT = "recent-"
EMPTY = pl.Schema(
    {"entity": pl.String(), "entity_kind": pl.String(), "period_start": pl.Datetime("us", "UTC")}
)


def recent(ledger: Ledger) -> list[Segment]:
    """Recent segments, oldest first."""
    found = [s for s in ledger.segments(HOURLY) if s.part.startswith(_RECENT)]
    return sorted(found, key=lambda s: s.part)


def merged(ledger: Ledger) -> list[Segment]:
    """Files of the shards."""
    return [s for s in ledger.segments(HOURLY) if not s.part.startswith(_RECENT)]


def recent_part(number: int) -> str:
    """Name the part of the recent segment with that number; numbers rise."""
    return f"{_RECENT}{number:010d}"


def next_number(ledger: Ledger) -> int:
    """Return the number of the next recent segment."""
    return max((int(s.part.removeprefix(_RECENT)) for s in recent(ledger)), default=0) + 1


@lru_cache(maxsize=4096)
def columns_of(path: Path) -> frozenset[str]:
    """Columns of a data file; a file never changes under its name."""
    return frozenset(pl.read_parquet_schema(path))


def hours(
    root: Path,
    ledger: Ledger,
    names: Sequence[str] | None = None,
    when: Span = ALWAYS,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Hours of some entities (None: all) in a span of time: labels and values, NaN where nothing is known."""
    parts = None if names is None else {shard_of(name) for name in names}
    old = [s for s in merged(ledger) if parts is None or s.part in parts]
    base = _rows(root, overlapping(old, when.start_us, when.end_us), names, when, columns)
    fresh = latest(root, overlapping(recent(ledger), when.start_us, when.end_us), names, when, columns)
    return laid_over(base, fresh)


def latest(
    root: Path,
    segments: Sequence[Segment],
    names: Sequence[str] | None = None,
    when: Span = ALWAYS,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Take the last row of each hour of recent segments (oldest first), hours that are no more included."""
    rows = _rows(root, segments, names, when, columns)
    if len(segments) < 2 or rows.is_empty():
        return rows
    return rows.unique(HOUR, keep="last", maintain_order=True)


def laid_over(base: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
    """Rows of the shards with recent ones in their place; hours that are no more are left out."""
    there = fresh.filter(pl.col("entity_kind").is_not_null())
    if base.is_empty() or fresh.is_empty():
        return there if base.is_empty() else base
    first = fresh["period_start"].min()
    again = pl.col("period_start") >= pl.lit(first, fresh.schema["period_start"])
    kept = base.filter(again).join(fresh.select(HOUR), on=HOUR, how="anti")
    return with_nan(pl.concat([base.filter(~again), kept, there], how="diagonal_relaxed"))


def _rows(
    root: Path,
    segments: Sequence[Segment],
    names: Sequence[str] | None,
    when: Span,
    columns: Sequence[str] | None,
) -> pl.DataFrame:
    frames = []
    for segment in segments:
        path = root / segment.name
        rows = pl.scan_parquet(path)
        if columns is not None:
            rows = rows.select(*LABELS, *(c for c in columns if c in columns_of(path)))
        if names is not None:
            rows = rows.filter(among("entity", names))
        frames.append(rows.filter(*when.holds()).collect())
    if not frames:
        return pl.DataFrame(schema=EMPTY)
    return frames[0] if len(frames) == 1 else with_nan(pl.concat(frames, how="diagonal_relaxed"))


def with_nan(rows: pl.DataFrame) -> pl.DataFrame:
    """Columns that one of the joined frames did not have, with NaN for none."""
    holes = [c for c in rows.columns if c not in LABELS and rows[c].null_count()]
    return rows.with_columns(pl.col(holes).fill_null(float("nan"))) if holes else rows
