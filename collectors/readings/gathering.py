"""Runs that end at about the same time hand their rows to the sink together: fewer, larger frames."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from collectors.readings.rows import Told, kpi_rows, sample_rows
from collectors.sink import Sink

LINGER_S = 0.05


class Gathering:
    """Waits a moment for other runs of the collector; every run learns whether its rows were taken."""

    def __init__(self, source: str, linger_s: float = LINGER_S) -> None:
        self._source, self._linger_s = source, linger_s
        self._waiting: list[Told] = []
        self._handing: asyncio.Task[Counter[str]] | None = None

    async def hand_over(self, told: Sequence[Told], sink: Sink) -> Counter[str]:
        """Give rows to the sink; returns the counts of this run alone."""
        self._waiting.extend(told)
        if self._handing is None:
            self._handing = asyncio.create_task(self._hand_over(sink), name=f"rows of {self._source}")
        await asyncio.shield(self._handing)
        counts: Counter[str] = Counter()
        for one in told:
            counts["periods"] += sum(period.whole for period in one.closed)
            counts["periods_incomplete"] += sum(not period.whole for period in one.closed)
        return +counts

    async def _hand_over(self, sink: Sink) -> Counter[str]:
        await asyncio.sleep(self._linger_s)
        told, self._waiting, self._handing = self._waiting, [], None
        samples = sample_rows(told)
        if samples.height:
            await sink.rows(self._source, "node_sample", samples)
        kpis, counts = kpi_rows(told)
        if kpis.height:
            await sink.rows(self._source, "node_kpi", kpis)
        return counts
