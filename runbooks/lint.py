"""Check loaded runbooks for what loads and is still wrong; codes are stable (docs/runbook-lint.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from callcause_error import did_you_mean
from runbooks.cases import entry_outcome, run_cases
from runbooks.condition import Comparison, Condition, Outcome, Value
from runbooks.errors import RunbookError
from runbooks.model import Bilingual, Cause, Check, ConditionSpec, Place, Route, Runbooks
from runbooks.precedence import find_cycle

_TYPE_OF = {
    **dict.fromkeys(("number", "integer", "float", "int", "double"), "number"),
    **dict.fromkeys(("bool", "boolean"), "bool"),
    **dict.fromkeys(("word", "string", "enum", "text", "str"), "word"),
}
_CHINESE = re.compile("[㐀-鿿]")
_ORIGIN = re.compile(r"manual|default-unverified|operator|(field-source|standard):.+")
_ASIDE = re.compile(r"__[a-z_]+$")  # <kpi>__base and the like
_ROLE = re.compile(r"^(called|calling)\.")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong: stable code, where it stands, the key it is about, and what."""

    file: str
    line: int
    code: str
    key: str
    message: str

    def __str__(self) -> str:
        """Return `file:line: code key: message`."""
        return f"{self.file}:{self.line}: {self.code} {self.key}: {self.message}"


Found = Iterator[Finding]


def lint(runbooks: Runbooks, known_names: Mapping[str, str]) -> list[Finding]:
    """Return all findings, sorted by place.

    `known_names`: record fields and KPI ids with their type (`number`, `bool`, `word`, or a type of the
    record schemas); derived names come from the runbooks themselves.
    """
    names = dict(known_names) | {name: spec.type for name, spec in runbooks.names.items()}
    found = [finding for rule in _RULES for finding in rule(runbooks)]
    found += _names_and_types(runbooks, names)
    return sorted(set(found))


def _finding(code: str, place: Place, key: str, message: str) -> Finding:
    return Finding(place.file, place.line, code, key, message)


def _entries(runbooks: Runbooks) -> Iterator[tuple[Check, int, ConditionSpec | Route]]:
    for check in runbooks.checks.values():
        for number, entry in enumerate(check.entries, 1):
            yield check, number, entry


def _names_and_types(runbooks: Runbooks, names: Mapping[str, str]) -> Found:
    for check in runbooks.checks.values():
        if check.applies:
            yield from _read(check.applies, names, check.place, check.id)
    for check, number, entry in _entries(runbooks):
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
            yield _finding("RB001", place, key, f"unknown name {name!r}" + (f"; {hint}" if hint else ""))
    for term in condition.terms:
        known = _type_of(term.name, names)
        if known is not None and _TYPE_OF.get(known) != _kind(term.values[0]):
            yield _finding("RB008", place, key, f"{term.name} is a {known}, the comparison is {term}")


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
            yield _finding("RB015", place, key, f"{name} is not among the needs of the check")


def _listed(condition: Condition, runbooks: Runbooks, place: Place, key: str) -> Found:
    for term in condition.terms:
        spec = runbooks.names.get(term.name)
        wrong = [value for value in term.values if spec and spec.values and value not in spec.values]
        if spec and wrong:
            yield _finding(
                "RB009", place, key, f"{term.name} is never {wrong[0]}: one of {', '.join(spec.values)}"
            )


def _causes(runbooks: Runbooks) -> Found:
    for check, number, entry in _entries(runbooks):
        against = tuple(entry.against) if isinstance(entry, ConditionSpec) else ()
        spoken = entry.causes if isinstance(entry, Route) else (entry.cause,)
        for cause in (*spoken, *against):
            if cause not in runbooks.causes:
                hint = did_you_mean(cause, runbooks.causes)
                message = f"unknown cause {cause!r}" + (f"; {hint}" if hint else "")
                yield _finding("RB002", entry.place, f"{check.id}/{number}", message)


def _silent_causes(runbooks: Runbooks) -> Found:
    spoken = {entry.cause for _, _, entry in _entries(runbooks) if isinstance(entry, ConditionSpec)}
    for cause in runbooks.causes.values():
        if cause.id not in spoken:
            yield _finding("RB003", cause.place, cause.id, "no condition speaks for this cause")


def _origins(runbooks: Runbooks) -> Found:
    for check, number, entry in _entries(runbooks):
        if not _ORIGIN.fullmatch(entry.origin):
            message = f"origin {entry.origin!r}: write manual, field-source:, standard: or default-unverified"
            yield _finding("RB004", entry.place, f"{check.id}/{number}", message)


def _translations(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        yield from _translated(check.question, check.place, f"{check.id}/question")
    for cause in runbooks.causes.values():
        for key, text in (("title", cause.title), ("remedy", cause.remedy)):
            yield from _translated(text, cause.place, f"{cause.id}/{key}")
    for entry in runbooks.precedence:
        yield from _translated(entry.reason, entry.place, f"{entry.id}/reason")


def _translated(text: Bilingual, place: Place, key: str) -> Found:
    if not text.en.strip() or _CHINESE.search(text.en):
        yield _finding("RB005", place, key, "no English text")
    if not _CHINESE.search(text.zh):
        yield _finding("RB005", place, key, "no Chinese text")


def _missing_cases(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        for outcome in (Outcome.HIT, Outcome.MISS, Outcome.NO_DATA):
            if outcome not in {case.expect for case in check.cases}:
                yield _finding("RB006", check.place, check.id, f"no case ends in {outcome}")
    for check, number, entry in _entries(runbooks):
        if not any(_hits(check, entry, number, case.condition, case.given) for case in check.cases):
            yield _finding("RB006", entry.place, f"{check.id}/{number}", "no case makes this condition hit")


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
                yield _finding("RB007", check.place, check.id, message)
            seen.setdefault(check.order, check.id)


def _precedence(runbooks: Runbooks) -> Found:
    for entry in runbooks.precedence:
        for cause in (*entry.before, *entry.after):
            if cause not in runbooks.causes:
                hint = did_you_mean(cause, runbooks.causes)
                yield _finding(
                    "RB010", entry.place, entry.id, f"unknown cause {cause!r}" + (f"; {hint}" if hint else "")
                )
        if not entry.before or not entry.after:
            yield _finding("RB011", entry.place, entry.id, "orders nothing: before or after is empty")
    cycle = find_cycle(runbooks.precedence)
    if cycle:
        place = next(e.place for e in runbooks.precedence if cycle[0] in e.before and cycle[1] in e.after)
        yield _finding("RB012", place, cycle[0], "goes before itself: " + " -> ".join(cycle))


def _departments(runbooks: Runbooks) -> Found:
    for cause in runbooks.causes.values():
        for department in cause.departments:
            yield from _department(department, cause, runbooks.departments)


def _department(department: Bilingual, cause: Cause, known: Mapping[str, str]) -> Found:
    if department.en not in known:
        hint = did_you_mean(department.en, known)
        message = f"unknown department {department.en!r}" + (f"; {hint}" if hint else "")
        yield _finding("RB013", cause.place, cause.id, message)
    elif department.zh != known[department.en]:
        message = f"{department.en} is {known[department.en]}, not {department.zh}"
        yield _finding("RB013", cause.place, cause.id, message)


def _failing_cases(runbooks: Runbooks) -> Found:
    for failure in run_cases(runbooks):
        message = failure.problem or f"expected {failure.expected}, got {failure.got}"
        yield _finding("RB014", failure.place, f"{failure.check}/{failure.case}", message)


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
            yield _finding("RB016", spec.place, name, "no condition uses this derived name")


def _unknown_checks(runbooks: Runbooks) -> Found:
    named = [(spec.place, spec.name, check) for spec in runbooks.names.values() for check in spec.hits_of]
    named += [(gap.place, "unanswerable", gap.check) for gap in runbooks.unanswerable]
    named += [
        (c.place, f"{c.id}/runs_after", other) for c in runbooks.checks.values() for other in c.runs_after
    ]
    for place, key, check in named:
        if check not in runbooks.checks and not check.endswith("*"):
            hint = did_you_mean(check, runbooks.checks)
            yield _finding("RB017", place, key, f"unknown check {check!r}" + (f"; {hint}" if hint else ""))


def _signs(runbooks: Runbooks) -> Found:
    for check, number, entry in _entries(runbooks):
        against = tuple(entry.against.values()) if isinstance(entry, ConditionSpec) else ()
        turned = entry.hit == 0 if isinstance(entry, Route) else entry.hit <= 0
        if turned or entry.miss > 0 or any(weight >= 0 for weight in against):
            message = "hit is above 0 (of a route not 0), miss at most 0, against below 0"
            yield _finding("RB018", entry.place, f"{check.id}/{number}", message)


def _empty_checks(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        if not check.entries:
            yield _finding("RB019", check.place, check.id, "has neither conditions nor routes")


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
            yield _finding("RB020", check.place, check.id, "waits for its own outcome through hits_of")


def _repeated(runbooks: Runbooks) -> Found:
    for check in runbooks.checks.values():
        texts = Counter((str(c.condition), c.cause) for c in check.conditions)
        for (text, cause), count in texts.items():
            if count > 1:
                yield _finding("RB021", check.place, check.id, f"{text} speaks for {cause} {count} times")


def _foreign_causes(runbooks: Runbooks) -> Found:
    for check, number, entry in _entries(runbooks):
        cause = runbooks.causes.get(entry.cause) if isinstance(entry, ConditionSpec) else None
        if cause and cause.category not in (check.category, "all"):
            message = f"{cause.id} is a cause of {cause.category}, the check is of {check.category}"
            yield _finding("RB022", entry.place, f"{check.id}/{number}", message)


def _impossible(runbooks: Runbooks) -> Found:
    for check, number, entry in _entries(runbooks):
        for first in entry.condition.terms:
            for second in entry.condition.terms:
                if _excludes(first, second):
                    message = f"{first} and {second} never hold together"
                    yield _finding("RB023", entry.place, f"{check.id}/{number}", message)


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


_RULES: tuple[Callable[[Runbooks], Found], ...] = (
    _causes,
    _silent_causes,
    _origins,
    _translations,
    _missing_cases,
    _orders,
    _precedence,
    _departments,
    _failing_cases,
    _unused_names,
    _unknown_checks,
    _signs,
    _empty_checks,
    _circular_hits,
    _repeated,
    _foreign_causes,
    _impossible,
)
