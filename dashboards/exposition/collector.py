"""The custom collector: at each scrape it builds every metric from the store and the service's counts.

Prometheus conventions and the exposition format: https://prometheus.io/docs/instrumenting/writing_exporters/
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from callcause_error import UsageError, did_you_mean
from dashboards.exposition.families import FAMILIES, Family

SERIES_BUDGET = 50_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One series: family, values of its labels in the order of the family, value."""

    family: str
    labels: tuple[str, ...]
    value: float


Source = Callable[[], Iterable[Reading]]


class CallcauseCollector(Collector):
    """Readings of all sources as metric families, within a budget of series.

    The budget is spent in the order of FAMILIES; what falls over it is counted in callcause_dropped_series.
    """

    def __init__(self, sources: Iterable[Source], budget: int = SERIES_BUDGET) -> None:
        self._sources, self._budget = tuple(sources), budget

    def describe(self) -> Iterable[Metric]:
        """Nothing is registered beforehand: names are checked when readings come."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the families that have readings, then what the budget left out."""
        readings: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for source in self._sources:
            for reading in source():
                readings[_known(reading.family).name][reading.labels] = reading.value
        left, dropped, written = self._budget, Counter[str](), 0
        for family in FAMILIES.values():
            series = readings.get(family.name)
            if not series:
                continue
            kept = dict(list(series.items())[: max(left, 0)])
            dropped[family.name] += len(series) - len(kept)
            left -= len(kept)
            written += len(kept)
            if kept:
                yield _metric(family, kept)
        yield _metric(
            FAMILIES["callcause_dropped_series"], {(name,): float(n) for name, n in sorted(dropped.items())}
        )
        yield _metric(FAMILIES["callcause_series"], {(): float(written)})


def _known(name: str) -> Family:
    if name not in FAMILIES:
        raise UsageError("no such metric family", key=name, hint=did_you_mean(name, FAMILIES))
    return FAMILIES[name]


def _metric(family: Family, series: Mapping[tuple[str, ...], float]) -> Metric:
    labels = list(family.labels)
    if family.type == "info":
        info = InfoMetricFamily(family.base, family.help, labels=labels)
        for values in series:
            info.add_metric(values, {})
        return info
    kind = CounterMetricFamily if family.type == "counter" else GaugeMetricFamily
    metric = kind(family.base, family.help, labels=labels)
    for values, value in series.items():
        metric.add_metric(values, value)
    return metric
