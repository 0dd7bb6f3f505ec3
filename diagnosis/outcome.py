"""Outcomes: every condition of every check for all tickets at once.

States are small integers in matrices of tickets x entries (conditions and routes) and tickets x checks.
A check is HIT when one of its conditions is; else NOT_APPLICABLE when none applies; else NO_DATA when one
that applies lacks data (NO_DATA never counts as MISS); else MISS. Ranking and verdict read the single
conditions, so a condition that was decided still speaks in a check that is NO_DATA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.conditions import Limits, Place, Readings, comparison_expr, condition_expr
from runbooks.condition import Condition, Outcome
from runbooks.model import LEVELS, Check, ConditionSpec, Route, Runbooks

NO_DATA, MISS, HIT, NOT_APPLICABLE = 0, 1, 2, 3
STATE_NAMES = (Outcome.NO_DATA, Outcome.MISS, Outcome.HIT, Outcome.NOT_APPLICABLE)
States = NDArray[np.int8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Entry:
    """One condition or route of a check; `causes` are the numbers of the causes that it moves."""

    number: int
    check: int
    check_id: str
    position: int
    spec: ConditionSpec | Route
    causes: tuple[int, ...]

    @property
    def is_route(self) -> bool:
        """True when the entry shifts weight but supports no cause by itself."""
        return isinstance(self.spec, Route)

    @property
    def rank(self) -> int:
        """0 = the user's own evidence, then cell, neighbour, node, network."""
        return LEVELS.index(self.spec.level)


@dataclass(frozen=True)
class Plan:
    """The runbooks, numbered: checks, causes and entries as the columns of all matrices."""

    runbooks: Runbooks
    checks: tuple[Check, ...]
    causes: tuple[str, ...]
    entries: tuple[Entry, ...]

    @cached_property
    def cause_number(self) -> Mapping[str, int]:
        """Number of each cause id."""
        return {cause: number for number, cause in enumerate(self.causes)}

    @cached_property
    def check_number(self) -> Mapping[str, int]:
        """Number of each check id."""
        return {check.id: number for number, check in enumerate(self.checks)}

    @cached_property
    def of_check(self) -> tuple[tuple[int, ...], ...]:
        """Entry numbers of each check: its conditions, or its routes when it only routes."""
        of: list[list[int]] = [[] for _ in self.checks]
        for entry in self.entries:
            if not entry.is_route or self.checks[entry.check].routes_only:
                of[entry.check].append(entry.number)
        return tuple(map(tuple, of))

    @cached_property
    def hits_of(self) -> Mapping[str, tuple[str, ...]]:
        """Names that the engine fills in, with the checks they look at (patterns spread, no readers)."""
        found: dict[str, tuple[str, ...]] = {}
        for name, spec in self.runbooks.names.items():
            if spec.hits_of:
                matches = [
                    c for c in self.checks if any(fnmatchcase(c.id, pattern) for pattern in spec.hits_of)
                ]
                found[name] = tuple(c.id for c in matches if name not in c.names)
        return found

    def check_columns(self, category: str) -> list[int]:
        """Numbers of the checks of a category, in tree order."""
        return [number for number, check in enumerate(self.checks) if check.category == category]


def make_plan(runbooks: Runbooks) -> Plan:
    """Give numbers to the checks in tree order and to the causes in runbook order."""
    checks = tuple(runbooks.checks.values())
    causes = tuple(runbooks.causes)
    number = {cause: i for i, cause in enumerate(causes)}
    entries: list[Entry] = []
    for at, check in enumerate(checks):
        for position, spec in enumerate(check.entries):
            ids = spec.causes if isinstance(spec, Route) else (spec.cause,)
            entries.append(Entry(len(entries), at, check.id, position, spec, tuple(number[c] for c in ids)))
    return Plan(runbooks, checks, causes, tuple(entries))


@dataclass
class Outcomes:
    """`entries`: tickets x entries, `checks`: tickets x checks, as state numbers of this module."""

    plan: Plan
    entries: States
    checks: States
    readings: pl.DataFrame

    def rows(self, start: int, count: int) -> Outcomes:
        """Return some tickets of the batch."""
        end = start + count
        return Outcomes(
            self.plan, self.entries[start:end], self.checks[start:end], self.readings.slice(start, count)
        )


def evaluate(
    plan: Plan,
    readings: Readings,
    thresholds: Mapping[str, Limits] | None = None,
    running: Mapping[str, Mask] | None = None,
) -> Outcomes:
    """Evaluate every entry for all tickets; `thresholds` = check id -> region -> name -> limit.

    Names with `hits_of` are filled in from the checks that they name, so their readers run after those.
    `running`: category -> tickets for which its tree runs; a tree is evaluated for those alone and is
    NOT_APPLICABLE elsewhere.
    """
    work = _Evaluation(plan, readings, thresholds or {}, running or {})
    waiting, todo = plan.hits_of, list(plan.entries)
    while todo:
        ready = [entry for entry in todo if not _reads(plan, entry) & waiting.keys()] or todo
        work.run(ready)
        pending = {entry.number for entry in ready}
        todo = [entry for entry in todo if entry.number not in pending]
        done = {n: checks for n, checks in waiting.items() if not _pending(checks, todo)} if todo else waiting
        work.fill(done)
        waiting = {name: checks for name, checks in waiting.items() if name not in done}
    work.hide_idle_trees()
    return Outcomes(plan, work.states, check_states(plan, work.states), work.frame)


def half_met(
    plan: Plan, states: States, readings: Readings, frame: pl.DataFrame, thresholds: Mapping[str, Limits]
) -> Mask:
    """Tickets x entries: NO_DATA although one part of the condition holds; `frame`: those tickets."""
    view = _Filled(readings, frame)
    parts = {
        entry.number: [comparison_expr(term, view, thresholds.get(entry.check_id, {})) for term in terms]
        for entry in plan.entries
        if len(terms := entry.spec.condition.terms) > 1
    }
    half = np.zeros(states.shape, np.bool_)
    found = view.frame.select(
        pl.any_horizontal(e.fill_null(value=False) for e in terms).alias(str(n)) for n, terms in parts.items()
    )
    half[:, list(parts)] = found.to_numpy()
    return np.asarray(half & (states == NO_DATA))


def _reads(plan: Plan, entry: Entry) -> set[str]:
    conditions = (entry.spec.condition, entry.spec.applies, plan.checks[entry.check].applies)
    return {name for condition in conditions if condition for name in condition.names}


def _pending(checks: Sequence[str], todo: Sequence[Entry]) -> bool:
    return any(entry.check_id in checks for entry in todo)


def _hits_of(plan: Plan, states: States, name: str, checks: Sequence[str]) -> pl.Series:
    """Return True when one of the checks hits; false when none does and one is a MISS; else not known."""
    entries = [number for check in checks for number in plan.of_check[plan.check_number[check]]]
    of = states[:, entries]
    hit, miss = (of == HIT).any(axis=1), (of == MISS).any(axis=1)
    known = pl.Series(hit | miss)
    return pl.select(pl.when(known).then(pl.Series(hit)).alias(name)).to_series()


class _Evaluation:
    """States of all entries, filled in category by category; equal conditions are computed once.

    The matrix lies in memory column by column: everything that reads it goes through whole columns.
    """

    def __init__(
        self, plan: Plan, readings: Readings, thresholds: Mapping[str, Limits], running: Mapping[str, Mask]
    ) -> None:
        self.plan, self.readings, self.thresholds, self.running = plan, readings, thresholds, running
        self.frame = readings.frame
        size = (self.frame.height, len(plan.entries))
        self.states = np.full(size, NOT_APPLICABLE, np.int8, order="F")
        self._asked_of_all = {check for checks in plan.hits_of.values() for check in checks}

    def run(self, entries: Sequence[Entry]) -> None:
        """Evaluate entries, those of a category for the tickets whose tree runs."""
        groups: dict[str, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(self._tree(entry), []).append(entry)
        for category, members in groups.items():
            self._run(members, self.running.get(category))

    def _tree(self, entry: Entry) -> str:
        category = self.plan.checks[entry.check].category
        return "" if category not in self.running or entry.check_id in self._asked_of_all else category

    def _run(self, entries: Sequence[Entry], runs: Mask | None) -> None:
        rows = None if runs is None or runs.all() else np.flatnonzero(runs)
        view = _Filled(self.readings, self.frame)
        held, applying, columns = self._compiled(entries, view)
        told = _told(self.frame, columns, rows)
        where = slice(None) if rows is None else rows
        for entry in entries:
            state = told[held[entry.number]] + np.int8(1)
            for number in applying[entry.number]:
                state = np.where(told[number] == 0, np.int8(NOT_APPLICABLE), state)
            self.states[where, entry.number] = state

    def _compiled(
        self, entries: Sequence[Entry], view: _Filled
    ) -> tuple[dict[int, int], dict[int, list[int]], list[pl.Expr]]:
        """Return the column of each entry's condition, those of what it applies to, and the columns."""
        numbers: dict[object, int] = {}
        columns: list[pl.Expr] = []

        def column(condition: Condition, check: str | None) -> int:
            limits = self.thresholds.get(check) if check is not None else None
            key = (condition.terms, condition.sql, check if limits else None)
            if key not in numbers:
                numbers[key] = len(columns)
                columns.append(condition_expr(condition, view, limits))
            return numbers[key]

        held, applying = {}, {}
        for entry in entries:
            held[entry.number] = column(entry.spec.condition, entry.check_id)
            when = (entry.spec.applies, self.plan.checks[entry.check].applies)
            applying[entry.number] = [column(condition, None) for condition in when if condition is not None]
        return held, applying, columns

    def fill(self, names: Mapping[str, Sequence[str]]) -> None:
        """Add the columns that look at checks."""
        self.frame = self.frame.with_columns(
            _hits_of(self.plan, self.states, name, checks) for name, checks in names.items()
        )

    def hide_idle_trees(self) -> None:
        """Where their tree does not run, checks that others asked about are NOT_APPLICABLE too."""
        for entry in self.plan.entries:
            runs = self.running.get(self.plan.checks[entry.check].category)
            if runs is not None and entry.check_id in self._asked_of_all:
                self.states[~runs, entry.number] = NOT_APPLICABLE


def _told(
    frame: pl.DataFrame, columns: Sequence[pl.Expr], rows: NDArray[np.int64] | None
) -> list[NDArray[np.int8]]:
    """Each boolean column as 1 (true), 0 (false) or -1 (not known), for the given rows of the frame."""
    if rows is not None:
        names = {name for column in columns for name in column.meta.root_names()}
        frame = frame.select(sorted(names) or pl.first())[rows]
    found = frame.select(
        column.cast(pl.Int8).fill_null(-1).alias(str(number)) for number, column in enumerate(columns)
    )
    return [np.broadcast_to(series.to_numpy(), frame.height) for series in found]


class _Filled:
    """The evidence with the `hits_of` columns that the engine has filled in so far."""

    def __init__(self, base: Readings, frame: pl.DataFrame) -> None:
        self.base, self.frame = base, frame
        self.schema = frame.schema
        self._own = frozenset(base.frame.columns)

    def known(self, name: str) -> pl.Expr:
        return self.base.known(name) if name in self._own else pl.col(name).is_not_null()

    def reason(self, name: str) -> pl.Expr:
        return self.base.reason(name)

    def place(self, name: str) -> Place:
        return self.base.place(name)


def check_states(plan: Plan, states: States) -> States:
    """Tickets x checks from tickets x entries; a check without any condition is NOT_APPLICABLE."""
    result = np.full((len(states), len(plan.checks)), NOT_APPLICABLE, np.int8, order="F")
    for number, entries in enumerate(plan.of_check):
        if entries:
            result[:, number] = _combined(states[:, entries])
    return result


def _combined(of: States) -> States:
    hit, applies = (of == HIT).any(axis=1), (of != NOT_APPLICABLE).any(axis=1)
    lacks = (of == NO_DATA).any(axis=1)
    combined = np.where(hit, HIT, np.where(~applies, NOT_APPLICABLE, np.where(lacks, NO_DATA, MISS)))
    return combined.astype(np.int8)


def mask_trees(plan: Plan, outcomes: Outcomes, running: Mapping[str, Mask]) -> Outcomes:
    """NOT_APPLICABLE where the tree of the check does not run; `running`: category -> tickets."""
    entries, checks = outcomes.entries.copy(), outcomes.checks.copy()
    for category, runs in running.items():
        columns = plan.check_columns(category)
        own = [e.number for e in plan.entries if plan.checks[e.check].category == category]
        for matrix, at in ((entries, own), (checks, columns)):
            matrix[np.ix_(np.flatnonzero(~runs), np.array(at, np.int64))] = NOT_APPLICABLE
    return Outcomes(plan, entries, checks, outcomes.readings)
