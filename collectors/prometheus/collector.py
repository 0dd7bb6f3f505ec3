"""The Prometheus collector: exporters scraped directly, or a Prometheus asked for what it scraped."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectors.collector import Collector, PolledSettings
from collectors.errors import ConfigError, SourceError
from collectors.prometheus.exposition import Exposition, parse
from collectors.prometheus.fetch import HttpAccess, get_text, query_range
from collectors.prometheus.node_map import PrometheusMap, load_maps
from collectors.prometheus.selector import quoted
from collectors.readings.column import Reading
from collectors.readings.gathering import Gathering
from collectors.readings.node import NodeState
from collectors.readings.rows import UP, Told
from collectors.sink import Sink

UPTIME = "uptime_s"


class PrometheusTarget(BaseModel):
    """A node: its exporter (`url`), or its labels in the Prometheus that is asked (`labels`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str = Field(min_length=1, description="node_id, or one of the node's names")
    map: str = Field(description="what its metrics mean")
    url: str | None = Field(default=None, description="where its exporter answers, path included")
    labels: dict[str, str] = Field(default_factory=dict, description="labels of its series in Prometheus")


class PrometheusSettings(PolledSettings):
    """Settings of `[[collect.prometheus]]`."""

    interval_s: float = Field(default=15.0, gt=0, description="from one run on a target to the next")
    deadline_s: float = Field(default=10.0, gt=0, description="a run that takes longer is given up")
    targets: tuple[PrometheusTarget, ...] = Field(min_length=1)
    period_s: Literal[300, 900, 3600] = Field(default=300, description="period of the KPIs")
    maps: tuple[Path, ...] = Field(default=(), description="folders with maps of your own")
    access: HttpAccess = HttpAccess()
    prometheus: str | None = Field(default=None, description="base URL of a Prometheus to ask instead")
    lookback_s: float = Field(default=3600.0, ge=0, description="how far the first range query reaches back")
    delay_s: float = Field(default=30.0, ge=0, description="how old a step must be to be asked for")

    @model_validator(mode="after")
    def _reachable(self) -> PrometheusSettings:
        nodes = [target.node for target in self.targets]
        if len(set(nodes)) < len(nodes):
            raise ValueError("a node stands twice under targets")
        for target in self.targets:
            if self.prometheus is None and target.url is None:
                raise ValueError(f"target {target.node!r} has no url")
            if self.prometheus is not None and not target.labels:
                raise ValueError(f"target {target.node!r} has no labels to find it by in Prometheus")
        return self


class PrometheusCollector(Collector[PrometheusSettings]):
    """Reads counters and gauges of nodes and makes node samples and KPIs of them."""

    kind: ClassVar[str] = "prometheus"
    settings_model: ClassVar[type[PolledSettings]] = PrometheusSettings

    def __init__(self, settings: PrometheusSettings) -> None:
        super().__init__(settings)
        maps = load_maps(*settings.maps)
        self._maps: dict[str, PrometheusMap] = {}
        self._targets = {target.node: target for target in settings.targets}
        for target in settings.targets:
            self._maps[target.node] = maps[target.map]
        self._nodes = {target.node: self._state(target) for target in settings.targets}
        self._asked: dict[str, datetime] = {}
        self._gathering = Gathering(settings.name)
        self._client: httpx.AsyncClient | None = None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def _state(self, target: PrometheusTarget) -> NodeState:
        known = self._maps[target.node]
        settings = self.settings
        where = target.url or settings.prometheus or ""
        try:
            url = httpx.URL(where)
        except httpx.InvalidURL as error:
            raise ConfigError(
                f"is no URL: {error}", file=settings.name, key=f"targets.{target.node}.url"
            ) from error
        source = f"prometheus {url.host}:{url.port}" if url.port else f"prometheus {url.host}"
        return NodeState(
            target.node,
            source,
            known.part,
            known.rules,
            period_s=settings.period_s,
            interval_s=settings.interval_s,
        )

    def targets(self) -> Sequence[str]:
        """Return the nodes."""
        return tuple(self._targets)

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Read one node; one that does not answer leaves an `up` of 0 before the error is raised."""
        if self.settings.prometheus is not None:
            return await self._query(target, sink)
        return await self._scrape(target, sink)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            # Sooner than the deadline, so that a node that does not answer still leaves its `up` of 0 behind.
            self._client = self.settings.access.client(0.8 * self.settings.deadline_s)
        return self._client

    async def _scrape(self, target: str, sink: Sink) -> Counter[str]:
        place = f"{self.settings.name} {target}"
        try:
            text = await self._text(target, place)
        except SourceError:
            await self._gathering.hand_over([self._down(target, self.clock())], sink)
            raise
        now = self.clock()
        found = parse(text)
        told = self._told(target, now, found)
        if not found.counts["known_samples"]:
            raise SourceError("bad_answer", "has none of the metrics of its map", file=place)
        counts = await self._gathering.hand_over([told], sink)
        return +(found.counts + counts + Counter(scrapes=1))

    async def _text(self, target: str, place: str) -> str:
        """Fetch the exposition; an exporter that only trickles ends as a timeout, not at the deadline."""
        try:
            async with asyncio.timeout(0.8 * self.settings.deadline_s):
                return await get_text(self._http(), str(self._targets[target].url), None, place)
        except TimeoutError as error:
            raise SourceError("timeout", "did not answer in time", file=place) from error

    def _down(self, target: str, now: datetime) -> Told:
        state = self._nodes[target]
        return Told(state, None, up=False, start=state.since(now), end=now)

    def _told(self, target: str, now: datetime, found: Exposition) -> Told:
        state = self._nodes[target]
        columns = self._maps[target].columns(found, now.timestamp())
        found.counts["known_samples"] += sum(len(column.values) for column in columns.values())
        own = columns.get(UP)
        start = state.since(now)
        reading = Reading(now, columns)
        advance, closed = state.take(reading, _restarted(state.memory.last, reading))
        return Told(state, advance, closed, own is None or bool(own.values.min() > 0), start, now)

    async def _query(self, target: str, sink: Sink) -> Counter[str]:
        settings, place = self.settings, f"{self.settings.name} {target}"
        steps = self._steps(target)
        if not steps:
            return Counter(nothing_new=1)
        found = await query_range(
            self._http(),
            str(settings.prometheus),
            self._query_text(target),
            steps[0],
            steps[-1],
            settings.interval_s,
            place,
        )
        told, counts = [], Counter[str]()
        for at in steps:
            looks = found.get(at.timestamp(), Exposition())
            up = [series.value for series in looks.series.pop(UP, ())]
            if not looks.series or (up and not max(up)):
                counts["down"] += 1
                told.append(self._down(target, at))
                continue
            told.append(self._told(target, at, looks))
            counts += looks.counts
        counts += await self._gathering.hand_over(told, sink)
        # Only what the sink has taken counts as asked: a failed run is asked for again.
        self._asked[target] = steps[-1]
        return +(counts + Counter(queries=1))

    def _steps(self, target: str) -> list[datetime]:
        """Moments to ask for: multiples of the interval, so that a second process asks for the same."""
        settings = self.settings
        step = settings.interval_s
        now = self.clock().timestamp() - settings.delay_s
        asked = self._asked.get(target)
        last = math.floor(now / step)
        first = (
            math.floor((now - settings.lookback_s) / step)
            if asked is None
            else round(asked.timestamp() / step)
        )
        first = max(first, last - 10_000)
        return [datetime.fromtimestamp(place * step, UTC) for place in range(first + 1, last + 1)]

    def _query_text(self, target: str) -> str:
        names = "|".join((*self._maps[target].metric_names, UP))
        labels = [f"{key}={quoted(value)}" for key, value in sorted(self._targets[target].labels.items())]
        return "{" + ",".join([f'__name__=~"{names}"', *labels]) + "}"


def _restarted(before: Reading | None, now: Reading) -> bool:
    """Whether the uptime fell: a counter that is past its old value again began anew all the same."""
    if before is None or UPTIME not in before.columns or UPTIME not in now.columns:
        return False
    elapsed = (now.at - before.at) / timedelta(seconds=1)
    then, here = before.columns[UPTIME].values.max(), now.columns[UPTIME].values.max()
    # Two clocks are compared: seconds of drift are no restart.
    return bool(here < then + elapsed - max(5.0, 0.1 * elapsed) and here < then)
