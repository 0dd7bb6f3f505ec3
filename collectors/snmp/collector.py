"""The SNMP collector: agents polled by their profiles, with one of two engines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from collectors.collector import Collector, PolledSettings
from collectors.errors import SourceError
from collectors.readings.column import Column, Kind, Reading, SampleRule
from collectors.readings.gathering import Gathering
from collectors.readings.inputs import NodeType
from collectors.readings.node import NodeState
from collectors.readings.rows import Told
from collectors.sink import Sink
from collectors.snmp.access import Agent
from collectors.snmp.engine import Engine, Value
from collectors.snmp.gufo_engine import GufoEngine
from collectors.snmp.profile import Profile, load_profiles, readings
from collectors.snmp.pysnmp_engine import PysnmpEngine
from collectors.snmp.restart import ENGINE_BOOTS, SYS_UPTIME, AgentClock

ENGINES: Mapping[str, Callable[[], Engine]] = {"pysnmp": PysnmpEngine, "gufo": GufoEngine}
UPTIME = "uptime_s"
MOST_OBJECTS = 40
"""Objects in one GET: more do not fit into one packet of 1,472 octets."""


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return text


class SnmpTarget(BaseModel):
    """A node and its agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    node: str = Field(min_length=1, description="node_id, or one of the node's names")
    node_type: NodeType | None = Field(default=None, description="where the profiles do not say it")
    agent: Agent
    profiles: tuple[str, ...] = Field(min_length=1)
    instances: Annotated[str, AfterValidator(_pattern)] | None = Field(
        default=None, description="regular expression: rows of tables by name, all where it is not set"
    )


class SnmpSettings(PolledSettings):
    """Settings of `[[collect.snmp]]`."""

    engine: Literal["pysnmp", "gufo"] = Field(default="pysnmp", description="gufo is the fast one")
    targets: tuple[SnmpTarget, ...] = Field(min_length=1)
    period_s: Literal[300, 900, 3600] = Field(default=300, description="period of the KPIs")
    profiles: tuple[Path, ...] = Field(default=(), description="folders with profiles of your own")

    @model_validator(mode="after")
    def _once(self) -> SnmpSettings:
        nodes = [target.node for target in self.targets]
        if len(set(nodes)) < len(nodes):
            raise ValueError("a node stands twice under targets")
        return self


class _Polled:
    """A target with what is remembered of it."""

    def __init__(self, target: SnmpTarget, profile: Profile, settings: SnmpSettings) -> None:
        self.target, self.profile = target, profile
        rules = {**profile.rules, UPTIME: SampleRule(Kind.GAUGE)}
        self.state = NodeState(
            target.node,
            f"snmp {target.agent.host}:{target.agent.port}",
            profile.part,
            rules,
            period_s=settings.period_s,
            interval_s=settings.interval_s,
            from_zero=False,
        )
        self.clock = AgentClock()
        self.wanted = re.compile(target.instances) if target.instances else None
        self.names: dict[str, str] = {}
        self.rows: dict[str, int] = {}
        """How many rows each column had the last time."""


class SnmpCollector(Collector[SnmpSettings]):
    """Reads agents and makes node samples and KPIs of what they answer."""

    kind: ClassVar[str] = "snmp"
    settings_model: ClassVar[type[PolledSettings]] = SnmpSettings

    def __init__(self, settings: SnmpSettings) -> None:
        super().__init__(settings)
        profiles = load_profiles(*settings.profiles)
        self._polled = {
            target.node: _Polled(target, profiles.joined(target.profiles, target.node_type), settings)
            for target in settings.targets
        }
        self._engine = ENGINES[settings.engine]()
        self._gathering = Gathering(settings.name)
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def targets(self) -> Sequence[str]:
        """Return the nodes."""
        return tuple(self._polled)

    async def collect(self, target: str, sink: Sink) -> Counter[str]:
        """Poll one agent; one that does not answer leaves an `up` of 0 before the error is raised."""
        polled = self._polled[target]
        counts: Counter[str] = Counter()
        try:
            told = await self.poll(target, counts)
        except SourceError:
            now = self.clock()
            down = Told(polled.state, None, up=False, start=polled.state.since(now), end=now)
            await self._gathering.hand_over([down], sink)
            raise
        return +(counts + await self._gathering.hand_over([told], sink) + Counter(polls=1))

    async def close(self) -> None:
        """Close the sockets."""
        await self._engine.close()

    async def poll(self, target: str, counts: Counter[str]) -> Told:
        """Ask one agent and compare with the time before; hands nothing to a sink."""
        polled, place = self._polled[target], f"{self.settings.name} {target}"
        objects = await self._objects(polled, place)
        tables = await self._tables(polled, place)
        now = self.clock()
        columns = readings(polled.profile, objects, tables, polled.names, counts)
        if not columns:
            raise SourceError("bad_answer", "has none of the objects of its profiles", file=place)
        restarted = polled.clock.restarted(now, objects)
        ticks = objects.get(SYS_UPTIME)
        if isinstance(ticks, int):
            columns[UPTIME] = Column.of(("",), [ticks / 100], Kind.GAUGE)
        counts["restarts"] += restarted
        start = polled.state.since(now)
        advance, closed = polled.state.take(Reading(now, columns), restarted)
        return Told(polled.state, advance, closed, True, start, now)

    async def _objects(self, polled: _Polled, place: str) -> dict[str, Value]:
        wanted = (SYS_UPTIME, ENGINE_BOOTS, *polled.profile.objects)
        found: dict[str, Value] = {}
        for start in range(0, len(wanted), MOST_OBJECTS):
            found |= await self._engine.get(polled.target.agent, wanted[start : start + MOST_OBJECTS], place)
        return found

    async def _tables(self, polled: _Polled, place: str) -> dict[str, dict[str, Value]]:
        tables = {column: await self._column(polled, column, place) for column in polled.profile.columns}
        indexes = set().union(*tables.values()) if tables else set()
        if polled.profile.instance_names and not indexes <= polled.names.keys():
            await self._learn_names(polled, indexes, place)
        if polled.wanted is None:
            return tables
        kept = {i for i in indexes if polled.wanted.search(polled.names.get(i, i))}
        return {column: {i: v for i, v in rows.items() if i in kept} for column, rows in tables.items()}

    async def _column(self, polled: _Polled, column: str, place: str) -> dict[str, Value]:
        expected = polled.rows.get(column, polled.target.agent.max_repetitions)
        binds = await self._engine.walk(polled.target.agent, column, expected, place)
        polled.rows[column] = len(binds)
        after = len(column) + 1
        return {oid[after:]: value for oid, value in binds}

    async def _learn_names(self, polled: _Polled, indexes: set[str], place: str) -> None:
        """Read the names of rows; an index that no column names keeps its number, once for all.

        Two rows of the same name are told apart by their index.
        """
        names: dict[str, str] = {}
        for column in reversed(polled.profile.instance_names):
            rows = await self._column(polled, column, place)
            names |= {index: text for index, value in rows.items() if (text := _text(value))}
        used = Counter(names.get(index, index) for index in indexes)
        polled.names = {
            index: name if used[name := names.get(index, index)] == 1 else f"{name} {index}"
            for index in sorted(indexes)
        }


def _text(value: Value) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text.strip().strip("\0")
