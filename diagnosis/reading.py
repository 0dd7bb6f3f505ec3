"""Readings of the conditions: which value decided, against which threshold, from where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from diagnosis.conditions import Limits
from diagnosis.outcome import HIT, MISS, NO_DATA, NOT_APPLICABLE, STATE_NAMES, Entry, Plan, States
from runbooks.condition import Comparison

ORDERING = ("<", "<=", ">", ">=")


def json_value(value: object) -> Any:
    """Turn a reading into what JSON can hold: RFC 3339 in UTC, floats to 6 digits, infinity as text."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return (
            value.strftime("%Y-%m-%dT%H:%M:%S")
            + (f".{value.microsecond // 1000:03d}" if value.microsecond else "")
            + "Z"
        )
    if isinstance(value, (list, tuple)):
        return ";".join(str(json_value(v)) for v in value)
    return str(value)


def _number(value: float) -> Any:
    if value != value:
        return None
    if value in (float("inf"), float("-inf")):
        return "never" if value > 0 else "-never"
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


class CheckReader:
    """Builds the `checks` and `conditions` of one ticket after the other."""

    def __init__(self, plan: Plan, limits: Mapping[str, Limits]) -> None:
        self.plan, self.limits = plan, limits
        by_hit = [sorted(numbers, key=lambda n: (-plan.entries[n].spec.hit, n)) for numbers in plan.of_check]
        self._order: list[list[Entry]] = [[plan.entries[n] for n in numbers] for numbers in by_hit]
        self._all = [[plan.entries[n] for n in numbers] for numbers in plan.of_check]

    def check(self, number: int, state: int, states: States, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the contract object of one check; `row`: evidence values with `why:` and `at:` columns."""
        decided = self._deciding(number, state, states)
        found: dict[str, Any] = {"id": self.plan.checks[number].id, "outcome": STATE_NAMES[state].value}
        if decided is None:
            return {**found, **_empty("no condition that the records can answer")}
        found.update(self._about(decided, state, row))
        if len(self._all[number]) > 1 and state != NOT_APPLICABLE:
            found["conditions"] = [self._condition(e, int(states[e.number]), row) for e in self._all[number]]
        return found

    def _deciding(self, number: int, state: int, states: States) -> Entry | None:
        entries = self._order[number]
        return next((e for e in entries if states[e.number] == state), entries[0] if entries else None)

    def _about(self, entry: Entry, state: int, row: Mapping[str, Any]) -> dict[str, Any]:
        if state == NOT_APPLICABLE:
            return _empty(_why_not(self.plan, entry))
        term = deciding_term(entry, state, row)
        if term is None:
            return _empty("")
        name = term.name
        return {
            "reading": json_value(row.get(name)),
            "unit": getattr(entry.spec, "unit", "-"),
            "threshold": self.threshold(entry, term, row),
            "baseline": json_value(row.get(f"{name}__base")),
            "samples": json_value(row.get(f"{name}__n")),
            "at": row.get(f"at:{name}") or "",
            "period": _period(name, row),
            "reason": (row.get(f"why:{name}") or f"{name} is not known") if state == NO_DATA else "",
        }

    def _condition(self, entry: Entry, state: int, row: Mapping[str, Any]) -> dict[str, Any]:
        term = deciding_term(entry, state, row)
        name = term.name if term else None
        return {
            "when": str(entry.spec.condition),
            "outcome": STATE_NAMES[state].value,
            "cause": self.plan.causes[entry.causes[0]] if not entry.is_route else None,
            "reading": json_value(row.get(name)) if name else None,
            "threshold": self.threshold(entry, term, row) if term else None,
            "level": entry.spec.level,
        }

    def threshold(self, entry: Entry, term: Comparison, row: Mapping[str, Any]) -> Any:
        """Return the limit in force for the ticket's region."""
        if term.op in ORDERING:
            limits = self.limits.get(entry.check_id, {})
            region = limits.get(str(row.get("ticket.region")), {})
            return json_value(
                float(region.get(term.name, limits.get("", {}).get(term.name, float(term.values[0]))))
            )
        return (
            json_value(term.values[0])
            if len(term.values) == 1
            else ",".join(str(json_value(v)) for v in term.values)
        )


def deciding_term(entry: Entry, state: int, row: Mapping[str, Any]) -> Comparison | None:
    """Return the term whose value decided: the one not known, the one that is false, or the main one."""
    terms = entry.spec.condition.terms
    if not terms:
        return None
    if state == NO_DATA:
        return next((t for t in terms if row.get(f"known:{t.name}") is not True), main_term(terms))
    if state == MISS and len(terms) > 1:
        return next((t for t in terms if _is_false(t, row.get(t.name))), main_term(terms))
    return main_term(terms)


def main_term(terms: Sequence[Comparison]) -> Comparison:
    """Prefer a limit to a code and a code to a flag."""
    return next((t for t in terms if t.op in ORDERING), next((t for t in terms if t.op == "in"), terms[-1]))


def _is_false(term: Comparison, value: object) -> bool:
    if value is None:
        return False
    if term.op in ORDERING:
        return not term.holds(float(value))  # type: ignore[arg-type]
    comparable = float(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = any(comparable == wanted for wanted in term.values)
    return found if term.op in ("!=", "not in") else not found


def _why_not(plan: Plan, entry: Entry) -> str:
    applies = entry.spec.applies or plan.checks[entry.check].applies
    return f"applies only when {applies}" if applies else "the tree does not run for this ticket"


def _empty(reason: str) -> dict[str, Any]:
    keys = ("reading", "unit", "threshold", "baseline", "samples")
    return {**dict.fromkeys(keys), "at": "", "period": None, "reason": reason}


def _period(name: str, row: Mapping[str, Any]) -> list[str] | None:
    """Start and end of the KPI period or of the record that the value comes from."""
    start, end = row.get(f"from:{name}"), row.get(f"to:{name}")
    return None if start is None else [json_value(start), json_value(start if end is None else end)]


__all__ = ["HIT", "CheckReader", "deciding_term", "json_value", "main_term"]
