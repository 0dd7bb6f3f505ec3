"""Thresholds of an operator, and of a region of it, laid over those of the runbooks.

A table of the configuration: `{check: {name: value}}`, and below the key `regions` the same per region.
`name` is the compared name (`call.rsrp_last`), or with a condition number before it (`2:call.rsrp_last`)
where the check compares the name more than once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from callcause_error import did_you_mean
from runbooks.condition import Comparison, Condition, Value, parse_text
from runbooks.errors import RunbookError
from runbooks.loader import with_version
from runbooks.model import Check, ConditionSpec, Route, Runbooks

Spec = TypeVar("Spec", ConditionSpec, Route)


@dataclass(frozen=True, slots=True)
class Override:
    """One threshold: `values` replace those compared with `name`; `condition` 0 = in every condition."""

    check: str
    name: str
    values: tuple[Value, ...]
    condition: int = 0
    region: str | None = None


@dataclass(frozen=True, slots=True)
class ThresholdOverrides:
    """All overrides of a configuration; `file` is named in errors."""

    entries: tuple[Override, ...] = ()
    file: str | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that have thresholds of their own, sorted."""
        return tuple(sorted({entry.region for entry in self.entries if entry.region is not None}))

    @classmethod
    def parse(cls, table: Mapping[str, object], file: str | None = None) -> ThresholdOverrides:
        """Read the configuration table; a wrong shape raises `RunbookError` that names the key."""
        entries = list(_entries({k: v for k, v in table.items() if k != "regions"}, None, file))
        for region, below in _table(table.get("regions", {}), "regions", file).items():
            entries += _entries(_table(below, f"regions.{region}", file), region, file)
        return cls(tuple(entries), file)


def apply(runbooks: Runbooks, overrides: ThresholdOverrides, region: str | None = None) -> Runbooks:
    """Return runbooks with the operator's thresholds, then those of `region`; origin becomes `operator`.

    Raises `RunbookError` for a check, name or value that does not fit; every entry is checked, also those of
    other regions.
    """
    checks = dict(runbooks.checks)
    for entry in sorted(overrides.entries, key=lambda e: e.region is not None):
        changed = _override(checks, entry, overrides.file)
        if entry.region is None or entry.region == region:
            checks[entry.check] = changed
    return with_version(runbooks.model_copy(update={"checks": checks}))


def _entries(table: Mapping[str, object], region: str | None, file: str | None) -> Iterator[Override]:
    for check, below in table.items():
        for key, value in _table(below, check, file).items():
            number, _, name = key.rpartition(":")
            if number and not (number.isdecimal() and int(number) > 0):
                raise RunbookError(
                    "the condition number before ':' starts at 1", file=file, key=f"{check}.{key}"
                )
            yield Override(check, name, _values(value, f"{check}.{key}", file), int(number or 0), region)


def _table(raw: object, key: str, file: str | None) -> Mapping[str, object]:
    if not isinstance(raw, Mapping) or not all(isinstance(name, str) for name in raw):
        raise RunbookError("is a table of thresholds", file=file, key=key)
    return raw


def _values(raw: object, key: str, file: str | None) -> tuple[Value, ...]:
    items = raw if isinstance(raw, list) else [raw]
    values = tuple(_value(item) for item in items)
    if not values or None in values:
        raise RunbookError("a threshold is a number, word, truth value or a list of them", file=file, key=key)
    return tuple(value for value in values if value is not None)


def _value(item: object) -> Value | None:
    if isinstance(item, bool | str):
        return item
    if isinstance(item, int | float) and math.isfinite(item):
        return float(item)
    return None


def _override(checks: Mapping[str, Check], entry: Override, file: str | None) -> Check:
    key = f"{entry.check}.{entry.name}"
    if entry.check not in checks:
        raise RunbookError(
            "unknown check", file=file, key=entry.check, hint=did_you_mean(entry.check, checks)
        )
    check = checks[entry.check]
    if entry.condition > len(check.entries):
        raise RunbookError(f"the check has {len(check.entries)} conditions", file=file, key=key)
    if not _compares(check, entry):
        hint = did_you_mean(entry.name, check.names)
        raise RunbookError("the check compares no such name", file=file, key=key, hint=hint)
    conditions = tuple(_spec(spec, entry, n, key, file) for n, spec in enumerate(check.conditions, 1))
    first_route = len(conditions) + 1
    routes = tuple(_spec(spec, entry, n, key, file) for n, spec in enumerate(check.routes, first_route))
    return check.model_copy(update={"conditions": conditions, "routes": routes})


def _compares(check: Check, entry: Override) -> bool:
    found = [check.entries[entry.condition - 1]] if entry.condition else check.entries
    return any(term.name == entry.name for spec in found for term in spec.condition.terms)


def _spec(spec: Spec, entry: Override, number: int, key: str, file: str | None) -> Spec:
    """Replace the values of the named comparison; entries that do not compare the name stay as they are."""
    terms = spec.condition.terms
    if entry.condition not in (0, number) or entry.name not in {term.name for term in terms}:
        return spec
    changed = tuple(_term(term, entry, key, file) if term.name == entry.name else term for term in terms)
    text = str(Condition("", changed))
    new = spec.model_copy(update={"when": text, "origin": "operator"})
    # the copy carries the parsed condition of the original along
    new.__dict__.update(condition=parse_text(text))
    return new


def _term(term: Comparison, entry: Override, key: str, file: str | None) -> Comparison:
    if {type(v) for v in entry.values} != {type(term.values[0])}:
        raise RunbookError(f"{term} is compared with another kind of value", file=file, key=key)
    if len(entry.values) > 1 and term.op not in ("in", "not in"):
        raise RunbookError(f"{term} compares with one value", file=file, key=key)
    return replace(term, values=entry.values)
