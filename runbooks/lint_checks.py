"""Lint: checks, weights and cases (RB004, RB006, RB007, RB014, RB017 to RB021)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from callcause_error import did_you_mean
from runbooks.cases import entry_outcome, run_cases
from runbooks.condition import Outcome, Value
from runbooks.errors import RunbookError
from runbooks.lint_finding import Found, entries, finding
from runbooks.model import Check, ConditionSpec, Route, Runbooks

_ORIGIN = re.compile(r"manual|default-unverified|operator|(field-source|standard):.+")


def _origins(runbooks: Runbooks) -> Found:
    for check, number, entry in entries(runbooks):
        if not _ORIGIN.fullmatch(entry.origin):
            message = f"origin {entry.origin!r}: write manual, field-source:, standard: or default-unverified"
            yield finding("RB004", entry.place, f"{check.id}/{number}", message)


def _missing_cases(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        for outcome in (Outcome.HIT, Outcome.MISS, Outcome.NO_DATA):
            if outcome not in {case.expect for case in check.cases}:
                yield finding("RB006", check.place, check.id, f"no case ends in {outcome}")
    for check, number, entry in entries(runbooks):
        if not any(_hits(check, entry, number, case.condition, case.given) for case in check.cases):
            yield finding("RB006", entry.place, f"{check.id}/{number}", "no case makes this condition hit")


def _hits(
    check: Check,
    entry: ConditionSpec | Route,
    number: int,
    meant: int | None,
    given: Mapping[str, Value | int | None],
) -> bool:
    values = {name: float(value) if type(value) is int else value for name, value in given.items()}
    try:
        return meant in (None, number) and entry_outcome(check, entry, values) is Outcome.HIT
    except RunbookError:  # a value of the wrong type; RB014 says so
        return False


def _orders(runbooks: Runbooks) -> Found:
    for category, checks in runbooks.by_category.items():
        seen: dict[int, str] = {}
        for check in checks:
            if check.order in seen:
                message = f"order {check.order} of {category} is that of {seen[check.order]}"
                yield finding("RB007", check.place, check.id, message)
            seen.setdefault(check.order, check.id)


def _failing_cases(runbooks: Runbooks) -> Found:
    for failure in run_cases(runbooks):
        message = failure.problem or f"expected {failure.expected}, got {failure.got}"
        yield finding("RB014", failure.place, f"{failure.check}/{failure.case}", message)


def _unknown_checks(runbooks: Runbooks) -> Found:
    named = [(spec.place, spec.name, check) for spec in runbooks.names.values() for check in spec.hits_of]
    named += [(gap.place, "unanswerable", gap.check) for gap in runbooks.unanswerable]
    named += [
        (c.place, f"{c.id}/runs_after", other) for c in runbooks.checks.values() for other in c.runs_after
    ]
    for place, key, check in named:
        if check not in runbooks.checks and not check.endswith("*"):
            hint = did_you_mean(check, runbooks.checks)
            yield finding("RB017", place, key, f"unknown check {check!r}" + (f"; {hint}" if hint else ""))


def _signs(runbooks: Runbooks) -> Found:
    for check, number, entry in entries(runbooks):
        against = tuple(entry.against.values()) if isinstance(entry, ConditionSpec) else ()
        turned = entry.hit == 0 if isinstance(entry, Route) else entry.hit <= 0
        if turned or entry.miss > 0 or any(weight >= 0 for weight in against):
            message = "hit is above 0 (of a route not 0), miss at most 0, against below 0"
            yield finding("RB018", entry.place, f"{check.id}/{number}", message)


def _empty_checks(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        if not check.entries:
            yield finding("RB019", check.place, check.id, "has neither conditions nor routes")


def _circular_hits(runbooks: Runbooks) -> Found:
    reads = {check.id: check.names for check in runbooks.checks.values()}
    for check in runbooks.checks.values():
        waits, todo = set[str](), [check.id]
        while todo:
            for name in reads.get(todo.pop(), ()):
                ahead = set(runbooks.names[name].hits_of) - waits if name in runbooks.names else set[str]()
                waits |= ahead
                todo += sorted(ahead)
        if check.id in waits:
            yield finding("RB020", check.place, check.id, "waits for its own outcome through hits_of")


def _repeated(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        texts = Counter((str(c.condition), c.cause) for c in check.conditions)
        for (text, cause), count in texts.items():
            if count > 1:
                yield finding("RB021", check.place, check.id, f"{text} speaks for {cause} {count} times")


RULES: tuple[Callable[[Runbooks], Found], ...] = (
    _origins,
    _missing_cases,
    _orders,
    _failing_cases,
    _unknown_checks,
    _signs,
    _empty_checks,
    _circular_hits,
    _repeated,
)
