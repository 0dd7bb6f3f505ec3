"""Readings about the store itself.

Files by state, age of the newest rows, planned work and alarms going on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import polars as pl

from collectors.store import Store
from dashboards.exposition.collector import Reading
from dashboards.exposition.survey import regions_of

TIMED = ("counters", "cell_kpi", "node_kpi", "call", "registration", "voice_slice", "node_sample", "ticket")
_SEVERITY = {"critical", "major", "minor", "warning", "indeterminate"}


class StoreSource:
    """Reads the ledger and the two calendars at each scrape."""

    def __init__(
        self, open_store: Callable[[], Store], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._open, self._clock = open_store, clock

    def __call__(self) -> Iterator[Reading]:
        """Yield the readings of this moment."""
        now = self._clock()
        with self._open() as store:
            regions = dict(regions_of(store).select("entity", "region").iter_rows())
            found = [*_files(store), *_lags(store, now), *_work(store, now), *_alarms(store, now, regions)]
        yield from found


def _files(store: Store) -> Iterator[Reading]:
    for state, number in store.ledger.counts().items():
        yield Reading("callcause_files", (str(state),), number)


def _lags(store: Store, now: datetime) -> Iterator[Reading]:
    """Age of the end of the newest segment of each kind; a kind that never came has no age."""
    for kind in TIMED:
        ends = [segment.end_us for segment in store.ledger.segments(kind) if segment.end_us is not None]
        if ends:
            age_s = now.timestamp() - max(ends) / 1e6
            yield Reading("callcause_ingest_lag_seconds", (kind,), max(0.0, age_s))


def _work(store: Store, now: datetime) -> Iterator[Reading]:
    """Give changes whose actual, else planned, time holds now; a cancelled one does not go on."""
    start = pl.coalesce("actual_start", "planned_start")
    end = pl.coalesce("actual_end", "planned_end")
    cancelled = pl.col("status").fill_null("") == "cancelled"
    rows = store.records("change").filter(~cancelled, start <= now, end.is_null() | (end > now))
    for change, kind in rows.select("id", "change_type").collect().iter_rows():
        yield Reading("callcause_planned_work_active", (str(change), str(kind or ""), ""), 1.0)


def _alarms(store: Store, now: datetime, regions: dict[str, str]) -> Iterator[Reading]:
    """Alarms that are not cleared, by severity and element."""
    open_now = pl.col("cleared_at").is_null() | (pl.col("cleared_at") > now)
    rows = store.records("alarm").filter(open_now, pl.col("raised_at") <= now).collect()
    named = rows.with_columns(
        pl.col("perceived_severity").str.to_lowercase().fill_null("indeterminate").alias("severity"),
        pl.col("alarmed_object").fill_null("").alias("entity"),
    )
    counted = named.group_by("severity", "entity").len().sort("severity", "entity")
    for severity, entity, number in counted.iter_rows():
        known = severity if severity in _SEVERITY else "indeterminate"
        labels = (known, entity, regions.get(entity, ""))
        yield Reading("callcause_network_alarms_active", labels, number)
