"""The recent tier: small segments are merged into larger ones, and seldom all of them into shards.

Segments grow by merging neighbours of like size, so that few are open at a time and a row is rewritten about
as often as the logarithm of the store says. Once the recent tier is a share of the merged one, it goes into
the shards, all but the newest hourly KPIs: a shard's file is read and written once for many rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from collectors.store.ledger import Segment

MOST_SEGMENTS = 8
LARGE_ROWS = 400_000  # such a segment waits for its shards
COMPACT_ROWS = 250_000  # fewer recent rows than this stay recent
SHARE = 4  # recent rows go into the shards when they are more than one in SHARE of the rows there
KEEP_US = 3 * 3_600_000_000  # the newest hourly KPIs, which the sums over the network read again and again


def to_merge(segments: Sequence[Segment]) -> list[Segment]:
    """Which of the recent segments (oldest first) become one; the newest are among them."""
    small = [segment for segment in segments if segment.rows < LARGE_ROWS]
    if len(small) <= MOST_SEGMENTS:
        return []
    at, total = len(small) - 2, small[-1].rows + small[-2].rows
    while at > 0 and small[at - 1].rows <= 2 * total:
        at -= 1
        total += small[at].rows
    return small[at:]


def compaction_is_due(recent: Sequence[Segment], merged: Sequence[Segment]) -> bool:
    """Whether the recent rows are worth a rewrite of the shards."""
    return merge_is_due(recent, merged, COMPACT_ROWS)


def merge_is_due(recent: Sequence[Segment], merged: Sequence[Segment], least: int) -> bool:
    """Whether the recent rows are more than `least` and a share of the merged ones."""
    rows = sum(segment.rows for segment in recent)
    return rows > least and rows * SHARE > sum(segment.rows for segment in merged)


def newest_us(segments: Sequence[Segment]) -> int | None:
    """Return the latest time in any of the segments."""
    return max((s.end_us for s in segments if s.end_us is not None), default=None)


def overlapping(segments: Sequence[Segment], start_us: int | None, end_us: int | None) -> list[Segment]:
    """Segments that may hold a time in [start, end); None is open."""
    return [
        s
        for s in segments
        if (end_us is None or s.start_us is None or s.start_us < end_us)
        and (start_us is None or s.end_us is None or s.end_us >= start_us)
    ]
