"""What a node's counters did between two readings: increases, wraps and restarts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.readings.column import Column, Kind, Reading, SampleRule

_HALF: Final = {Kind.COUNTER32: np.uint64(2**31), Kind.COUNTER64: np.uint64(2**63)}
_MASK: Final = {Kind.COUNTER32: np.uint64(2**32 - 1), Kind.COUNTER64: np.uint64(2**64 - 1)}


@dataclass(frozen=True, slots=True)
class Change:
    """One sample between two readings: `increase` is NaN for gauges and where it cannot be known."""

    column: Column
    increase: NDArray[np.float64]
    reset: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Advance:
    """All samples of a node between the reading before and this one."""

    start: datetime
    end: datetime
    changes: Mapping[str, Change]
    restarted: bool = False


@dataclass(slots=True)
class CounterMemory:
    """The last reading of one node.

    `from_zero`: counters begin at 0 after a restart, so that the new value is what was counted since
    (Prometheus). Without it a counter after a restart says nothing about the time before (RFC 2578, 7.1.6).
    """

    rules: Mapping[str, SampleRule]
    from_zero: bool = True
    last: Reading | None = field(default=None)

    def advance(self, reading: Reading, restarted: bool = False) -> Advance | None:
        """Compare with the reading before; None for the first one and for one that is not later."""
        before, self.last = self.last, reading
        if before is None:
            return None
        if reading.at <= before.at:
            self.last = before
            return None
        changes = {
            name: self._change(name, column, before.columns.get(name), restarted)
            for name, column in reading.columns.items()
        }
        return Advance(before.at, reading.at, changes, restarted)

    def _change(self, name: str, now: Column, before: Column | None, restarted: bool) -> Change:
        rule = self.rules[name]
        if rule.kind is Kind.GAUGE:
            return Change(now, np.full(len(now.values), np.nan), np.zeros(len(now.values), np.bool_))
        then, known = _aligned(now, before, rule.new_is_zero)
        if now.exact is not None and then.exact is not None:
            increase, fell = _exact_increase(now.exact, then.exact, rule.kind)
        else:
            increase = now.values - then.values
            fell = increase < 0
        reset = known & (fell | (restarted and not rule.own_start))
        increase[reset] = now.values[reset] if self.from_zero or rule.own_start else np.nan
        increase[~known] = np.nan
        return Change(now, increase * rule.scale, reset)


def _exact_increase(
    now: NDArray[np.uint64], then: NDArray[np.uint64], kind: Kind
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Differences modulo the range; a fall whose difference is over half of the range was no wrap."""
    difference = (now - then) & _MASK[kind]
    fell = (now < then) & (difference >= _HALF[kind])
    return difference.astype(np.float64), fell


def _aligned(now: Column, before: Column | None, new_is_zero: bool) -> tuple[Column, NDArray[np.bool_]]:
    """Lay the values before beside the instances of now, and tell where there were any."""
    if before is not None and before.instances == now.instances:
        return before, np.ones(len(now.values), np.bool_)
    there = {} if before is None else {name: place for place, name in enumerate(before.instances)}
    places = np.array([there.get(name, -1) for name in now.instances], np.int64)
    known = places >= 0
    values = np.zeros(len(places))
    exact = None if now.exact is None else np.zeros(len(places), np.uint64)
    if before is not None:
        values[known] = before.values[places[known]]
        if exact is not None and before.exact is not None:
            exact[known] = before.exact[places[known]]
    # A sample that was never read before may have been running for years: only a later instance is new.
    usable = known | new_is_zero if before is not None else known
    return Column(now.instances, values, exact), usable
