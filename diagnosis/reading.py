"""Readings of the conditions: which value decided, against which threshold, from where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collectors.kpi.catalogue import load_catalogue
from diagnosis.conditions import Limits
from diagnosis.outcome import HIT, MISS, NO_DATA, NOT_APPLICABLE, STATE_NAMES, Entry, Plan
from diagnosis.row import Row
from diagnosis.written import json_value
from runbooks.condition import Comparison

ORDERING = ("<", "<=", ">", ">=")


class _Shown:
    """What does not depend on the ticket, of one entry: texts, terms, and the names of its columns."""

    def __init__(self, plan: Plan, entry: Entry, limits: Limits) -> None:
        self.number, self.limits = entry.number, limits
        self.when = str(entry.spec.condition)
        self.cause = None if entry.is_route else plan.causes[entry.causes[0]]
        self.level = entry.spec.level
        self.unit = getattr(entry.spec, "unit", "-")
        self.terms = entry.spec.condition.terms
        self.known = tuple((term, f"known:{term.name}") for term in self.terms)
        self.main = main_term(self.terms) if self.terms else None
        self.why_not = _why_not(plan, entry)
        self._threshold = {term: _threshold(term, limits) for term in self.terms}

    def deciding(self, state: int, row: Row) -> Comparison | None:
        """Return the term whose value decided: the one not known, the one that is false, or the main one."""
        if state == NO_DATA:
            return next((term for term, known in self.known if row.get(known) is not True), self.main)
        if state == MISS and len(self.terms) > 1:
            return next((term for term in self.terms if _is_false(term, row.get(term.name))), self.main)
        return self.main

    def threshold(self, term: Comparison, row: Row) -> Any:
        """Return the limit in force for the ticket's region."""
        if self.limits and term.op in ORDERING:
            region = self.limits.get(str(row.get("ticket.region")), {})
            if term.name in region:
                return json_value(float(region[term.name]))
        return self._threshold[term]


class CheckReader:
    """Builds the `checks` and `conditions` of one ticket after the other."""

    def __init__(self, plan: Plan, limits: Mapping[str, Limits]) -> None:
        self.plan = plan
        shown = [_Shown(plan, entry, limits.get(entry.check_id, {})) for entry in plan.entries]
        by_hit = [sorted(numbers, key=lambda n: (-plan.entries[n].spec.hit, n)) for numbers in plan.of_check]
        self._order = [[shown[n] for n in numbers] for numbers in by_hit]
        self._all = [[shown[n] for n in numbers] for numbers in plan.of_check]
        self._names: dict[str, tuple[str, ...]] = {}

    def check(self, number: int, state: int, states: Sequence[int], row: Row) -> dict[str, Any]:
        """Return the contract object of one check; `states`: of all entries of the ticket."""
        order = self._order[number]
        found: dict[str, Any] = {"id": self.plan.checks[number].id, "outcome": STATE_NAMES[state].value}
        decided = next((e for e in order if states[e.number] == state), order[0] if order else None)
        if decided is None:
            return {**found, **_empty("no condition that the records can answer")}
        found.update(self._about(decided, state, row))
        if len(order) > 1 and state != NOT_APPLICABLE:
            found["conditions"] = [_condition(e, states[e.number], row) for e in self._all[number]]
        return found

    def _about(self, entry: _Shown, state: int, row: Row) -> dict[str, Any]:
        if state == NOT_APPLICABLE:
            return _empty(entry.why_not)
        term = entry.deciding(state, row)
        if term is None:
            return _empty("")
        name = term.name
        if name not in self._names:
            self._names[name] = (
                f"{name}__base",
                f"{name}__n",
                f"at:{name}",
                f"why:{name}",
                _unit_of_kpi(name),
            )
        base, samples, at, why, unit = self._names[name]
        return {
            "reading": row.written(name),
            "unit": unit or entry.unit,
            "threshold": entry.threshold(term, row),
            "baseline": row.written(base),
            "samples": row.written(samples),
            "at": row.get(at) or "",
            "period": _period(name, row),
            "reason": (row.get(why) or f"{name} is not known") if state == NO_DATA else "",
        }


def _condition(entry: _Shown, state: int, row: Row) -> dict[str, Any]:
    term = entry.deciding(state, row)
    return {
        "when": entry.when,
        "outcome": STATE_NAMES[state].value,
        "cause": entry.cause,
        "reading": row.written(term.name) if term else None,
        "threshold": entry.threshold(term, row) if term else None,
        "level": entry.level,
    }


def _threshold(term: Comparison, limits: Limits) -> Any:
    """Return the limit in force where no region says otherwise."""
    if term.op in ORDERING:
        return json_value(float(limits.get("", {}).get(term.name, float(term.values[0]))))
    if len(term.values) == 1:
        return json_value(term.values[0])
    return ",".join(str(json_value(v)) for v in term.values)


def main_term(terms: Sequence[Comparison]) -> Comparison:
    """Prefer a limit to a code and a code to a flag."""
    return next((t for t in terms if t.op in ORDERING), next((t for t in terms if t.op == "in"), terms[-1]))


def _is_false(term: Comparison, value: object) -> bool:
    if value is None:
        return False
    if term.op in ORDERING:
        return not term.holds(float(value))  # type: ignore[arg-type]  # lint lets only numbers be ordered
    comparable = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = any(comparable == wanted for wanted in term.values)
    return found if term.op in ("!=", "not in") else not found


def _unit_of_kpi(name: str) -> str:
    """Return the unit of a KPI, which may be another than that of its condition; empty for other values."""
    catalogue = load_catalogue()
    return catalogue.kpi(name).unit if name in catalogue else ""


def _why_not(plan: Plan, entry: Entry) -> str:
    applies = entry.spec.applies or plan.checks[entry.check].applies
    return f"applies only when {applies}" if applies else "the tree does not run for this ticket"


def _empty(reason: str) -> dict[str, Any]:
    keys = ("reading", "unit", "threshold", "baseline", "samples")
    return {**dict.fromkeys(keys), "at": "", "period": None, "reason": reason}


def _period(name: str, row: Row) -> list[str] | None:
    """Start and end of the KPI period or of the record that the value comes from."""
    start, end = row.written(f"from:{name}"), row.written(f"to:{name}")
    return None if start is None else [start, start if end is None else end]


__all__ = ["HIT", "CheckReader", "json_value", "main_term"]
