"""One polled node: who it is, what is remembered of it, and what one more reading tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from collectors.readings.column import Reading, SampleRule
from collectors.readings.inputs import KpiPart
from collectors.readings.memory import Advance, CounterMemory
from collectors.readings.periods import ClosedPeriod, PeriodSums


class NodeState:
    """A node between its readings; one for each target of a collector."""

    def __init__(
        self,
        node_id: str,
        source: str,
        part: KpiPart,
        rules: Mapping[str, SampleRule],
        *,
        period_s: int,
        interval_s: float,
        from_zero: bool = True,
    ) -> None:
        self.node_id, self.source, self.part, self.rules = node_id, source, part, rules
        self.node_type = part.node_type
        self.memory = CounterMemory(rules, from_zero=from_zero)
        # Two missed readings are bridged by the counter itself; more would blur the edge of a period.
        self.periods = PeriodSums(rules, period_s, min(max(3 * interval_s, 60.0), period_s / 2))
        self._interval = timedelta(seconds=interval_s)
        self._labels: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._asked: datetime | None = None

    def take(self, reading: Reading, restarted: bool = False) -> tuple[Advance | None, list[ClosedPeriod]]:
        """Remember a reading; returns what happened since the one before, and the periods that ended."""
        self._asked = reading.at
        advance = self.memory.advance(reading, restarted)
        return advance, [] if advance is None else self.periods.add(advance)

    def since(self, now: datetime) -> datetime:
        """When the node was asked before, one interval ago where it never was; `now` counts as asked."""
        before, self._asked = self._asked, now
        return before if before is not None and before < now else now - self._interval

    def labels(self, name: str, instances: tuple[str, ...]) -> tuple[str, ...]:
        """Names of the samples of each instance: `name[instance]`."""
        known = self._labels.get(name)
        if known is None or known[0] != instances:
            known = (instances, tuple(f"{name}[{instance}]" if instance else name for instance in instances))
            self._labels[name] = known
        return known[1]
