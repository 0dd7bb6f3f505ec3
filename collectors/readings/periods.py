"""Whole periods: increases and gauges between readings, summed over 300, 900 or 3600 s of the clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from collectors.readings.column import Kind, SampleRule
from collectors.readings.memory import Advance, Change

PERIODS_S = (300, 900, 3600)


@dataclass(slots=True)
class OpenPeriod:
    """A period that still runs."""

    start: datetime
    broken: bool = False
    """A part of it was not seen: its begin, or a gap."""
    totals: dict[str, float] = field(default_factory=dict)
    """Samples by name: the sum of a counter's increases, the sum of a gauge's readings."""
    looks: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    """In how many of the `looks` each sample was there."""


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A period that is over: what each sample came to, where it was seen throughout."""

    start: datetime
    period_s: int
    whole: bool
    totals: Mapping[str, float]


@dataclass(slots=True)
class PeriodSums:
    """Sums of one node. An interval belongs to the period that holds its middle, so that nothing is lost.

    A gap of more than `longest_gap_s` breaks the periods that it touches: what happened in it cannot be
    shared out between them.
    """

    rules: Mapping[str, SampleRule]
    period_s: int
    longest_gap_s: float
    open: OpenPeriod | None = None

    def add(self, advance: Advance) -> list[ClosedPeriod]:
        """Take what happened between two readings; returns the periods that ended before its middle."""
        length_s = (advance.end - advance.start).total_seconds()
        start = self._period_of(advance.start + (advance.end - advance.start) / 2)
        gap = length_s > self.longest_gap_s
        closed = self._close_before(start, gap)
        if self.open is None:
            # Seen from its begin: the interval before this one belonged to the period before.
            self.open = OpenPeriod(start, broken=not closed and advance.start > start)
        self.open.broken |= gap
        self.open.looks += 1
        for name, change in advance.changes.items():
            value = node_value(change, self.rules[name])
            self.open.totals[name] = self.open.totals.get(name, 0.0) + value
            self.open.seen[name] = self.open.seen.get(name, 0) + 1
        return closed

    def _close_before(self, start: datetime, gap: bool) -> list[ClosedPeriod]:
        done = self.open
        if done is None or done.start >= start:
            return []
        self.open = None
        return [ClosedPeriod(done.start, self.period_s, not (done.broken or gap), self._totals(done))]

    def _totals(self, done: OpenPeriod) -> dict[str, float]:
        """Keep samples that were seen at every look; gauges as their mean."""
        totals: dict[str, float] = {}
        for name, total in done.totals.items():
            gauge = self.rules[name].kind is Kind.GAUGE
            if done.seen[name] == done.looks and not math.isnan(total):
                totals[name] = total / done.looks if gauge else total
        return totals

    def _period_of(self, moment: datetime) -> datetime:
        seconds = int(moment.timestamp()) // self.period_s * self.period_s
        return datetime.fromtimestamp(seconds, UTC)

    def deadline(self) -> datetime | None:
        """When the open period ends."""
        return None if self.open is None else self.open.start + timedelta(seconds=self.period_s)


def node_value(change: Change, rule: SampleRule) -> float:
    """One value of the node for a sample: its instances joined as the map says; NaN when one is unknown."""
    gauge = rule.kind is Kind.GAUGE
    values = change.column.values * rule.scale if gauge else change.increase
    if not values.size:
        return math.nan
    if rule.over_instances == "mean":
        return float(values.mean())
    if rule.over_instances == "max":
        return float(values.max())
    if rule.over_instances == "min":
        return float(values.min())
    return float(np.add.reduce(values))
