"""The end of an ingest: hourly KPIs kept up, and now and then recent segments merged.

What is new becomes part of the hourly KPIs in one transaction. Killed before it, the next refresh does the
same work again from the same segments; killed after it, nothing is left to do. Merging is a transaction of
its own, because it changes nothing that a reader sees. What merging replaced is removed once no reader can
still be using it: a service that runs for months merges every few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from collectors.store import nodes, tables
from collectors.store.compaction import merge_recent_counters, merge_recent_hours
from collectors.store.context import Context
from collectors.store.rematch import Rematch, find_again, rewrite_found
from collectors.store.segment import remove_retired
from collectors.store.shards import COUNTERS
from collectors.store.tables import PENDING
from collectors.store.touched import touched_hours
from collectors.store.upkeep import Upkeep

MERGES: tuple[Callable[[Context], None], ...] = (merge_recent_counters, merge_recent_hours)


@dataclass(slots=True)
class Refreshed:
    """What a refresh did."""

    tables: dict[str, int] = field(default_factory=dict)  # pending segments by kind
    hours: int = 0  # hours of an entity computed anew
    rematched: int = 0  # objects that an inventory now names


def refresh(context: Context, rematch: Rematch | None) -> Refreshed:
    """Do all that is due; the caller holds the lock."""
    pending = {kind: context.ledger.segments(kind, PENDING) for kind in context.ledger.kinds()}
    done = Refreshed({kind: len(found) for kind, found in pending.items() if found})
    if not done.tables:
        return done
    if rematch is not None:
        done.rematched = find_again(context, rematch)
    known = nodes.node_names(context.root, context.ledger)
    touched = touched_hours(context, known)
    Upkeep(context, known).run(touched)
    done.hours = touched.height
    rewrite_found(context)
    context.rewrite.seen += [s.name for s in context.ledger.segments(COUNTERS, PENDING)]
    for kind in done.tables:
        if kind != COUNTERS:
            context.rewrite.add(tables.compact(context.root, context.aside, context.ledger, kind))
    context.commit()
    for merge in MERGES:
        merge(context)
        if context.rewrite.new:
            context.commit()
    remove_retired(context.root, context.ledger)
    return done
