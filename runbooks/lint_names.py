"""Lint: names and values of the conditions (RB001, RB008, RB009, RB015, RB016, RB023)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from callcause_error import did_you_mean
from runbooks.condition import Comparison, Condition, Value
from runbooks.lint_finding import Found, entries, finding
from runbooks.model import Check, Place, Runbooks

_TYPE_OF = {
    **dict.fromkeys(("number", "integer", "float", "int", "double"), "number"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
    **dict.fromkeys(("word", "string", "enum", "text", "str"), "word"),
}
_ASIDE = re.compile(r"__[a-z_]+$")  # <kpi>__base and the like
_ROLE = re.compile(r"^(called|calling)\.")


def names_and_types(runbooks: Runbooks, names: Mapping[str, str]) -> Found:
    """Names that exist, are needed by their check, and are compared with values of their type."""
    for check in runbooks.checks.values():
        if check.applies:
            yield from _read(check.applies, names, check.place, check.id)
    for check, number, entry in entries(runbooks):
        for condition in (entry.condition, entry.applies):
            if condition:
                yield from _read(condition, names, entry.place, f"{check.id}/{number}")
                yield from _needed(condition, check, runbooks, entry.place, f"{check.id}/{number}")
                yield from _listed(condition, runbooks, entry.place, f"{check.id}/{number}")
    for category, runs in runbooks.also_runs.items():
        for run in runs:
            if run.condition:
                yield from _read(run.condition, names, run.place, f"{category}/also_runs")


def _read(condition: Condition, names: Mapping[str, str], place: Place, key: str) -> Found:
    for name in condition.names:
        if _type_of(name, names) is None:
            hint = did_you_mean(name, names)
            yield finding("RB001", place, key, f"unknown name {name!r}" + (f"; {hint}" if hint else ""))
    for term in condition.terms:
        known = _type_of(term.name, names)
        if known is not None and _TYPE_OF.get(known) != _kind(term.values[0]):
            yield finding("RB008", place, key, f"{term.name} is a {known}, the comparison is {term}")


def _type_of(name: str, names: Mapping[str, str]) -> str | None:
    plain = _ASIDE.sub("", name)
    for candidate in (name, plain, _ROLE.sub("call.", plain)):
        if candidate in names:
            return "number" if candidate != name and candidate == plain else names[candidate]
    kpi = name.partition(".")[0]  # <kpi>.<name> of a KPI with two values
    return "number" if kpi != name and _TYPE_OF.get(names.get(kpi, "")) == "number" else None


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, float) else "word"


def _needed(condition: Condition, check: Check, runbooks: Runbooks, place: Place, key: str) -> Found:
    for name in condition.names:
        plain = _ASIDE.sub("", name)
        written = {plain, _ROLE.sub("call.", plain), plain.partition(".")[0]}
        if name not in runbooks.names and not written & set(check.needs):
            yield finding("RB015", place, key, f"{name} is not among the needs of the check")


def _listed(condition: Condition, runbooks: Runbooks, place: Place, key: str) -> Found:
    for term in condition.terms:
        spec = runbooks.names.get(term.name)
        wrong = [value for value in term.values if spec and spec.values and value not in spec.values]
        if spec and wrong:
            yield finding(
                "RB009", place, key, f"{term.name} is never {wrong[0]}: one of {', '.join(spec.values)}"
            )


def _unused_names(runbooks: Runbooks) -> Found:
    used = {name for check in runbooks.checks.values() for name in check.names}
    used |= {
        name
        for runs in runbooks.also_runs.values()
        for run in runs
        if run.condition
        for name in run.condition.names
    }
    for name, spec in runbooks.names.items():
        if name not in used:
            yield finding("RB016", spec.place, name, "no condition uses this derived name")


def _impossible(runbooks: Runbooks) -> Found:
    for check, number, entry in entries(runbooks):
        for first in entry.condition.terms:
            for second in entry.condition.terms:
                if _excludes(first, second):
                    message = f"{first} and {second} never hold together"
                    yield finding("RB023", entry.place, f"{check.id}/{number}", message)


def _excludes(first: Comparison, second: Comparison) -> bool:
    """Tell whether `first` fixes a value that `second` refuses, or the two leave no number between."""
    if first.name != second.name or first is second:
        return False
    if first.op in ("==", "in"):
        return all(type(v) is type(second.values[0]) and not second.holds(v) for v in first.values)
    if first.op in (">", ">=") and second.op in ("<", "<="):
        low, high = float(first.values[0]), float(second.values[0])
        return low > high or (low == high and (first.op, second.op) != (">=", "<="))
    return False


RULES: tuple[Callable[[Runbooks], Found], ...] = (
    _unused_names,
    _impossible,
)
