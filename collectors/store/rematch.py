"""Objects of PM files that no inventory row named when they came: found again once one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from collectors.store import renaming, shards
from collectors.store.context import Context
from collectors.store.ledger import Segment
from collectors.store.placement import UNMATCHED, UNMATCHED_PREFIX
from collectors.store.shards import COUNTERS, counter_scan, merge_counters
from collectors.store.tables import KEPT, PACKED, PENDING, RECENT

Rematch = Callable[[list[str]], Mapping[str, tuple[str, str]]]


def find_again(context: Context, rematch: Rematch) -> int:
    """Ask for the entities of unmatched objects: of new rows; of old ones too when an inventory came.

    Returns how many were found; `context.renamed` has them.
    """
    ledger = context.ledger
    inventory = ledger.segments("cell", PENDING) or ledger.segments("node", PENDING)
    places = (PENDING, RECENT, UNMATCHED) if inventory else (PENDING,)
    counters = [s for place in places for s in ledger.segments(COUNTERS, place)]
    kept = [s for kind in (KEPT, PACKED) for s in ledger.segments(kind) if inventory or s.part == PENDING]
    known = renaming.known_names(ledger)
    names = _unmatched(context, counters) | (_unmatched(context, kept) - known.keys())
    if names:
        context.renamed = dict(rematch(sorted(names)))
    if context.renamed:
        context.facts[renaming.FACT] = renaming.as_fact(known | dict(context.renamed))
    return len(context.renamed)


def _unmatched(context: Context, segments: Sequence[Segment]) -> set[str]:
    """Objects of segments that had no entity when they were written."""
    found: set[str] = set()
    for segment in segments:
        kept = context.warm.get(segment.name)
        rows = pl.scan_parquet(context.root / segment.name) if kept is None else kept.lazy()
        names = rows.select("entity").filter(pl.col("entity").str.starts_with(UNMATCHED_PREFIX)).unique()
        found |= set(names.collect()["entity"])
    return found


def rewrite_found(context: Context) -> None:
    """Write the counter segments with objects that were found again under their entities."""
    if not context.renamed:
        return
    segments = [s for part in (PENDING, RECENT, UNMATCHED) for s in context.ledger.segments(COUNTERS, part)]
    left = []
    for segment in segments:
        if not _unmatched(context, [segment]) & context.renamed.keys():
            continue
        rows = counter_scan(context.root / segment.name).collect()
        rows = merge_counters(context.named(rows))
        context.retire(segment)
        if segment.part == UNMATCHED:
            still = pl.col("entity").str.starts_with(UNMATCHED_PREFIX)
            left.append(rows.filter(still))
            rows = rows.filter(~still)
        context.append(COUNTERS, RECENT, rows, ())
    unmatched = [rows for rows in left if rows.height]
    if unmatched:
        context.rewrite.new.append(shards.write(context.aside, COUNTERS, UNMATCHED, pl.concat(unmatched)))
