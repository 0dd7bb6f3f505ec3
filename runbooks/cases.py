"""Run the worked cases that stand beside each check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runbooks.condition import Condition, Outcome, Value, evaluate
from runbooks.errors import RunbookError
from runbooks.model import Case, Check, ConditionSpec, Place, Route, Runbooks


@dataclass(frozen=True, slots=True)
class CaseFailure:
    """A case whose outcome is not the expected one."""

    check: str
    case: str
    place: Place
    expected: Outcome
    got: Outcome | None
    problem: str = ""

    def __str__(self) -> str:
        """Return one line with file, line, check and case."""
        found = self.problem or f"expected {self.expected}, got {self.got}"
        return f"{self.place.file}:{self.place.line}: {self.check}: {self.case}: {found}"


def run_cases(runbooks: Runbooks) -> list[CaseFailure]:
    """Run every case of every check; returns those that fail, in tree order."""
    found = (_run(check, case) for check in runbooks.checks.values() for case in check.cases)
    return [failure for failure in found if failure is not None]


def check_outcome(check: Check, given: Mapping[str, Value | None]) -> Outcome:
    """Outcome of a whole check: one HIT is enough, and unknown is never MISS.

    A check that only routes is HIT when one of its routes is.
    """
    if _missed(check.applies, given):
        return Outcome.NOT_APPLICABLE
    return _together(entry_outcome(check, entry, given) for entry in check.conditions or check.routes)


def entry_outcome(check: Check, entry: ConditionSpec | Route, given: Mapping[str, Value | None]) -> Outcome:
    """Outcome of one condition or route of a check."""
    if _missed(check.applies, given) or _missed(entry.applies, given):
        return Outcome.NOT_APPLICABLE
    return evaluate(entry.condition, given)


def _missed(applies: Condition | None, given: Mapping[str, Value | None]) -> bool:
    return applies is not None and evaluate(applies, given) is Outcome.MISS


def _together(outcomes: Iterable[Outcome]) -> Outcome:
    found = set(outcomes)
    for outcome in (Outcome.HIT, Outcome.NO_DATA, Outcome.MISS):
        if outcome in found:
            return outcome
    return Outcome.NOT_APPLICABLE


def _run(check: Check, case: Case) -> CaseFailure | None:
    given = {name: float(v) if type(v) is int else v for name, v in case.given.items()}
    got, problem = None, ""
    try:
        if case.condition is None:
            got = check_outcome(check, given)
        elif case.condition <= len(check.entries):
            got = entry_outcome(check, check.entries[case.condition - 1], given)
        else:
            problem = f"the check has no condition {case.condition}"
    except RunbookError as wrong:
        problem = str(wrong)
    if got is case.expect:
        return None
    return CaseFailure(check.id, case.name, case.place, case.expect, got, problem)
