"""Rows that are older than their kind is kept: removed a step at a time, so that others can use the store.

Rows of records go exactly at their limit. PM counters, samples of KPIs and hourly KPIs stand in shards that
hold all times of a cell, and to write all of them anew each day would cost more than the ingest does. So
they go once the oldest of a kind is a tenth older than its limit, and then all that is older than the limit:
a row is rewritten about ten times as long as it is kept. Each step is a transaction of its own; killed in
between, the next run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import polars as pl

from collectors.kpi.baseline import WEEKS
from collectors.store.context import RAW_FROM
from collectors.store.erasure import AGE, Erased, rewrite
from collectors.store.ledger import Ledger, Segment
from collectors.store.segment import Aside, locked
from collectors.store.shards import COUNTERS, HOURLY
from collectors.store.span import HOUR_US
from collectors.store.tables import KEPT, PACKED, PENDING, RECENT

PERIODS: dict[str, tuple[str, ...]] = {
    COUNTERS: (COUNTERS,),
    KEPT: (KEPT, PACKED),
    "cell_kpi": ("cell_kpi",),
    "node_kpi": ("node_kpi",),
    "hourly_kpis": (HOURLY,),
}
"""Kinds of values per period with the kinds of their segments."""
WITH_AGE = frozenset(AGE) | PERIODS.keys()
"""All kinds whose rows have an age."""
LEAST_DAYS = {"hourly_kpis": WEEKS * 7 + 7.0}
"""A baseline reads four weeks before the complaint, and a complaint may come a week after the fault."""
SLACK = 10  # one in so many of the time that a kind is kept
STEP_ROWS = 2_000_000
NEVER_US = 1 << 62
_TIME = "period_start"


class Retention:
    """What is too old by kind, removed by as many calls of `step` as it takes."""

    def __init__(self, root: Path, aside: Aside, ledger: Ledger, before: Mapping[str, datetime]) -> None:
        self._root, self._aside, self._ledger = root, aside, ledger
        self._records = {kind: at for kind, at in before.items() if kind in AGE and kind not in PERIODS}
        self._periods = {kind: at for kind, at in before.items() if kind in PERIODS}
        self._steps = self._all()
        self.done = Erased()

    def step(self) -> bool:
        """Do one step; whether there may be another."""
        with locked(self._root / "refresh.lock"):
            return next(self._steps, False)

    def _all(self) -> Iterator[bool]:
        self._retain_records()
        yield True
        for name, at in sorted(self._periods.items()):
            limit_us = round(at.timestamp() * 1_000_000) // HOUR_US * HOUR_US
            for kind in PERIODS[name]:
                if self._is_due(kind, limit_us):
                    while self._cut(name, kind, limit_us):
                        yield True

    def _retain_records(self) -> None:
        before = self._records

        def young(kind: str, rows: pl.DataFrame) -> pl.DataFrame:
            left = rows.filter(~(pl.col(AGE[kind]) < before[kind]).fill_null(False))
            self.done.removed[kind] += rows.height - left.height
            return left

        def may_be_old(segment: Segment) -> bool:
            first_us = segment.start_us
            return first_us is None or first_us < before[segment.kind].timestamp() * 1e6

        rewrite(self._root, self._aside, self._ledger, before, young, self.done, may_be_old)

    def _is_due(self, kind: str, limit_us: int) -> bool:
        """Whether the oldest row is older than the limit by a tenth of the time that is kept."""
        found = [self._times_us(s) for s in self._segments(kind)]
        slack = (max((end for _, end in found), default=limit_us) - limit_us) / SLACK
        return any(start < limit_us - max(slack, 0) for start, _ in found)

    def _segments(self, kind: str) -> list[Segment]:
        """Segments that a refresh has seen; what lies over the shards comes after them."""
        found = [s for s in self._ledger.segments(kind) if s.part != PENDING]
        return sorted(found, key=lambda s: (s.part.startswith(RECENT), s.part, s.name))

    def _times_us(self, segment: Segment) -> tuple[int, int]:
        """First and last time of a segment; for some kinds the ledger has none."""
        if segment.start_us is not None and segment.end_us is not None:
            return segment.start_us, segment.end_us
        time = pl.col(_TIME).dt.timestamp("us")
        ends = pl.scan_parquet(self._root / segment.name).select(start=time.min(), end=time.max())
        start, end = ends.collect().row(0)
        return (NEVER_US, 0) if start is None else (int(start), int(end))

    def _cut(self, name: str, kind: str, limit_us: int) -> bool:
        """Write some segments with old rows anew; whether there were any."""
        chosen: set[str] = set()
        rows = 0
        for segment in self._segments(kind):
            if rows < STEP_ROWS and self._times_us(segment)[0] < limit_us:
                chosen.add(segment.name)
                rows += segment.rows
        if not chosen:
            return False
        if kind != HOURLY:
            self._remember(limit_us)

        def young(_: str, frame: pl.DataFrame) -> pl.DataFrame:
            left = frame.filter(~(pl.col(_TIME).dt.timestamp("us") < limit_us).fill_null(False))
            self.done.removed[name] += frame.height - left.height
            return left

        rewrite(self._root, self._aside, self._ledger, [kind], young, self.done, lambda s: s.name in chosen)
        return True

    def _remember(self, limit_us: int) -> None:
        """Before anything goes: a refresh that comes in between knows it."""
        with self._ledger.transaction():
            if limit_us > int(self._ledger.fact(RAW_FROM) or limit_us - 1):
                self._ledger.set_fact(RAW_FROM, str(limit_us))
