"""Lint: causes, their order, owners and texts (RB002, RB003, RB005, RB010 to RB013, RB022)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from callcause_error import did_you_mean
from runbooks.lint_finding import Found, entries, finding
from runbooks.model import Bilingual, Cause, ConditionSpec, Place, Route, Runbooks
from runbooks.precedence import find_cycle

_CHINESE = re.compile("[㐀-鿿]")


def _causes(runbooks: Runbooks) -> Found:
    for check, number, entry in entries(runbooks):
        against = tuple(entry.against) if isinstance(entry, ConditionSpec) else ()
        spoken = entry.causes if isinstance(entry, Route) else (entry.cause,)
        for cause in (*spoken, *against):
            if cause not in runbooks.causes:
                hint = did_you_mean(cause, runbooks.causes)
                message = f"unknown cause {cause!r}" + (f"; {hint}" if hint else "")
                yield finding("RB002", entry.place, f"{check.id}/{number}", message)


def _silent_causes(runbooks: Runbooks) -> Found:
    spoken = {entry.cause for _, _, entry in entries(runbooks) if isinstance(entry, ConditionSpec)}
    for cause in runbooks.causes.values():
        if cause.id not in spoken:
            yield finding("RB003", cause.place, cause.id, "no condition speaks for this cause")


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
        yield finding("RB005", place, key, "no English text")
    if not _CHINESE.search(text.zh):
        yield finding("RB005", place, key, "no Chinese text")


def _precedence(runbooks: Runbooks) -> Found:
    for entry in runbooks.precedence:
        for cause in (*entry.before, *entry.after):
            if cause not in runbooks.causes:
                hint = did_you_mean(cause, runbooks.causes)
                yield finding(
                    "RB010", entry.place, entry.id, f"unknown cause {cause!r}" + (f"; {hint}" if hint else "")
                )
        if not entry.before or not entry.after:
            yield finding("RB011", entry.place, entry.id, "orders nothing: before or after is empty")
    cycle = find_cycle(runbooks.precedence)
    if cycle:
        place = next(e.place for e in runbooks.precedence if cycle[0] in e.before and cycle[1] in e.after)
        yield finding("RB012", place, cycle[0], "goes before itself: " + " -> ".join(cycle))


def _departments(runbooks: Runbooks) -> Found:
    for cause in runbooks.causes.values():
        for department in cause.departments:
            yield from _department(department, cause, runbooks.departments)


def _department(department: Bilingual, cause: Cause, known: Mapping[str, str]) -> Found:
    if department.en not in known:
        hint = did_you_mean(department.en, known)
        message = f"unknown department {department.en!r}" + (f"; {hint}" if hint else "")
        yield finding("RB013", cause.place, cause.id, message)
    elif department.zh != known[department.en]:
        message = f"{department.en} is {known[department.en]}, not {department.zh}"
        yield finding("RB013", cause.place, cause.id, message)


def _foreign_causes(runbooks: Runbooks) -> Found:
    for check, number, entry in entries(runbooks):
        cause = runbooks.causes.get(entry.cause) if isinstance(entry, ConditionSpec) else None
        if cause and cause.category not in (check.category, "all"):
            message = f"{cause.id} is a cause of {cause.category}, the check is of {check.category}"
            yield finding("RB022", entry.place, f"{check.id}/{number}", message)


RULES: tuple[Callable[[Runbooks], Found], ...] = (
    _causes,
    _silent_causes,
    _translations,
    _precedence,
    _departments,
    _foreign_causes,
)
