"""From the counters of a file to those that are wanted: what each column is, how each target is computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.pm.counter_map import CounterMap, Source, Way, loose

BETWEEN: Final = "\x1f"  # XML cannot hold it, so no counter name does
_MOST_PLANS = 1024


@dataclass(frozen=True, eq=False)
class Wanted:
    """3GPP names, and patterns (`ERAB.EstabInitFailNbr.*`) for those of one family."""

    names: frozenset[str]
    patterns: tuple[str, ...]
    by_spelling: Mapping[str, str]

    @classmethod
    def of(cls, wanted: Collection[str]) -> Wanted:
        """Take names and patterns apart; the same collection gives the same object."""
        return _wanted(frozenset(wanted))

    def has(self, name: str) -> bool:
        """Whether the name is wanted as it stands."""
        return name in self.names or any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def spelled(self, written: str) -> str | None:
        """Return the wanted name that is written so, None when none is."""
        if written in self.names:
            return written
        return self.by_spelling.get(loose(written)) or (written if self.has(written) else None)


@lru_cache(maxsize=8)
def _wanted(wanted: frozenset[str]) -> Wanted:
    names = frozenset(name for name in wanted if "*" not in name)
    patterns = tuple(sorted(name for name in wanted if "*" in name))
    return Wanted(names, patterns, {loose(name): name for name in sorted(names, reverse=True)})


@dataclass(eq=False)
class Plan:
    """What the columns of one list of counters are."""

    counters: tuple[str, ...]
    numbers: list[tuple[int, str]] = field(default_factory=list)
    """(column, name in the frame)."""
    places: dict[int, list[Source]] = field(default_factory=dict)
    """Places of lists that are used, by column."""
    other: list[int] = field(default_factory=list)
    """Columns that nothing uses as a number: kept."""
    unknown: list[int] = field(default_factory=list)
    """Those of them that the map does not speak of: unmapped."""

    @property
    def used(self) -> list[int]:
        """Columns used as a number, ascending, each once."""
        return sorted({column for column, _ in self.numbers})

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of `numbers`."""
        return tuple(name for _, name in self.numbers)

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """Columns of `numbers`."""
        return np.array([column for column, _ in self.numbers], dtype=np.int64)

    @cached_property
    def packed(self) -> NDArray[np.int64]:
        """Columns that are kept whole."""
        return np.array([column for column in self.other if column not in self.places], dtype=np.int64)

    @cached_property
    def packed_counters(self) -> str:
        """Their counters as one text."""
        return BETWEEN.join(self.counters[column] for column in self.packed)


@dataclass(frozen=True, slots=True)
class Target:
    """A wanted counter: the column that it is where that has a value, and how to compute it in all rows."""

    name: str
    plain: str | None
    alone: bool
    expr: pl.Expr


@lru_cache(maxsize=64)
def translation(counter_map: CounterMap, wanted: Wanted) -> Translation:
    """Return the translation by that map, which remembers its plans."""
    return Translation(counter_map, wanted)


class Translation:
    """One counter map applied to the wanted names."""

    def __init__(self, counter_map: CounterMap, wanted: Wanted) -> None:
        self.map, self._wanted = counter_map, wanted
        self.no_values = np.array(counter_map.no_values, dtype=np.float64)
        named = {name for name in counter_map.counters.values() if name and "*" not in name}
        targets = wanted.names | {name for name in named | set(counter_map.formulas) if wanted.has(name)}
        self._ways: dict[str, tuple[Way, ...]] = {
            target: (Way((Source(target),)), *counter_map.ways(target)) for target in sorted(targets)
        }
        self._sources: dict[str, list[Source]] = {}
        self._target_of: dict[str, str] = {}
        for target, way in ((target, way) for target, ways in self._ways.items() for way in ways[1:]):
            for source in (*way.add, *way.over):
                self._target_of.setdefault(source.key, target)
                plain = Source(source.name, source.index)
                if plain not in self._sources.setdefault(source.name, []):
                    self._sources[source.name].append(plain)
        self._spoken_of = counter_map.names_used()
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._last_targets: tuple[frozenset[str], list[Target]] = (frozenset(), [])

    def target_of(self, name: str) -> str | None:
        """Return the first wanted counter that `name` (a counter, or `name[i]`) goes into, None if none."""
        return self._target_of.get(name) or self._wanted.spelled(name)

    def plan(self, counters: tuple[str, ...]) -> Plan:
        """Return the plan for one list of counters; kept, as a network has only a few lists."""
        if counters not in self._plans:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._plans[counters] = self._new_plan(counters)
        return self._plans[counters]

    def _new_plan(self, counters: tuple[str, ...]) -> Plan:
        plan = Plan(counters)
        for column, counter in enumerate(counters):
            own = self._wanted.spelled(counter)
            sources = self._sources.get(counter, [])
            names = [own] if own else []
            names += [source.key for source in sources if source.index is None and source.key != own]
            plan.numbers += [(column, name) for name in names]
            places = [source for source in sources if source.index is not None]
            if places:
                plan.places[column] = places
            if not names:
                plan.other.append(column)
                if not places and counter not in self._spoken_of:
                    plan.unknown.append(column)
        return plan

    def targets(self, columns: Iterable[str]) -> list[Target]:
        """Return the wanted counters that the columns give, sorted; null where a part is unknown."""
        there = frozenset(columns)
        if self._last_targets[0] != there:
            self._last_targets = there, self._new_targets(there)
        return self._last_targets[1]

    def _new_targets(self, there: frozenset[str]) -> list[Target]:
        found = []
        for target in sorted({*self._ways, *(name for name in there if self._wanted.has(name))}):
            ways = self._ways.get(target, (Way((Source(target),)),))
            usable = [way for way in ways if all(source.key in there for source in (*way.add, *way.over))]
            if usable:
                expr = pl.coalesce(_computed(way) for way in usable).cast(pl.Float64).alias(target)
                found.append(Target(target, _plain(usable[0]), len(usable) == 1, expr))
        return found


def _plain(way: Way) -> str | None:
    """Return the column that a way only copies, None where it computes."""
    one = way.add[0]
    copies = len(way.add) == 1 and not way.over and way.scale == 1.0 and one.sign > 0
    return one.key if copies else None


def _computed(way: Way) -> pl.Expr:
    total = _sum(way.add) * way.scale if way.scale != 1.0 else _sum(way.add)
    if not way.over:
        return total
    below = _sum(way.over)
    return pl.when(below != 0).then(total / below)


def _sum(sources: tuple[Source, ...]) -> pl.Expr:
    terms = [pl.col(source.key) if source.sign > 0 else -pl.col(source.key) for source in sources]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
