"""Runbooks as readable text: one check, cause or category, and the list of all."""

from __future__ import annotations

from collections.abc import Iterator

from callcause_error import did_you_mean
from runbooks.errors import RunbookError
from runbooks.model import CATEGORIES, Cause, Check, ConditionSpec, Route, Runbooks

_WORDS = {
    "needs": ("Needs", "所需数据"),
    "rule": ("Rule", "规则"),
    "conditions": ("Conditions", "判定条件"),
    "routes": ("Routes", "分流"),
    "department": ("Department", "归属部门"),
    "remedy": ("Remedy", "处理措施"),
    "fault": ("Network at fault", "是否网络故障"),
    "checks": ("Checks that speak for it", "支持该原因的检查"),
    "before": ("Goes before", "优先于"),
    "after": ("Gives way to", "让位于"),
    "applies": ("Applies when", "适用条件"),
    "gap": ("Not answerable from the records", "现有记录无法判断"),
    "family": ("Family", "原因类别"),
}


def show(runbooks: Runbooks, name: str, lang: str = "en") -> str:
    """Return one check, cause or category in words; `lang` is `en` or `zh`.

    Raises `RunbookError` with a suggestion when nothing has that id.
    """
    if name in runbooks.checks:
        return "\n".join(_check_lines(runbooks, runbooks.checks[name], lang))
    if name in runbooks.causes:
        return "\n".join(_cause_lines(runbooks, runbooks.causes[name], lang))
    if name in CATEGORIES:
        return "\n\n".join(show(runbooks, check.id, lang) for check in runbooks.by_category[name])
    known = [*runbooks.checks, *runbooks.causes, *CATEGORIES]
    raise RunbookError(f"no check, cause or category {name!r}", key="id", hint=did_you_mean(name, known))


def listing(runbooks: Runbooks, lang: str = "en") -> str:
    """Return one line per check under its category, in tree order."""
    lines = [f"runbooks {runbooks.version}: {len(runbooks.checks)} checks, {len(runbooks.causes)} causes"]
    for category in CATEGORIES:
        lines += ["", f"# {category}"]
        for check in runbooks.by_category[category]:
            causes = ", ".join(check.causes) or "-"
            lines.append(f"{check.order:>3}. {check.id:<7} {check.question.in_language(lang)} -> {causes}")
    return "\n".join(lines)


def _word(key: str, lang: str) -> str:
    return _WORDS[key][lang == "zh"]


def _check_lines(runbooks: Runbooks, check: Check, lang: str) -> Iterator[str]:
    yield f"# {check.id} ({check.category} {check.order})"
    yield check.question.in_language(lang)
    yield ""
    yield f"{_word('rule', lang)}: {check.rule}"
    yield f"{_word('needs', lang)}: {', '.join(check.needs) or '-'}"
    if check.applies_when:
        yield f"{_word('applies', lang)}: {check.applies_when}"
    if check.conditions:
        yield f"{_word('conditions', lang)}:"
        for number, condition in enumerate(check.conditions, 1):
            yield from _condition_lines(runbooks, number, condition, lang)
    if check.routes:
        yield f"{_word('routes', lang)}:"
        for number, route in enumerate(check.routes, len(check.conditions) + 1):
            yield f"  {number}. {route.condition} {_strength(route)} -> {', '.join(route.causes)}"
    for gap in runbooks.unanswerable:
        if gap.check == check.id:
            yield f"{_word('gap', lang)}: {gap.asks} {gap.would_need}"


def _condition_lines(runbooks: Runbooks, number: int, condition: ConditionSpec, lang: str) -> Iterator[str]:
    unit = "" if condition.unit == "-" else f" {condition.unit}"
    yield f"  {number}. {condition.condition}{unit} {_strength(condition)} [{condition.origin}]"
    if condition.applies_when:
        yield f"     {_word('applies', lang)}: {condition.applies_when}"
    cause = runbooks.causes.get(condition.cause)
    yield f"     -> {condition.cause}" + (f": {cause.title.in_language(lang)}" if cause else "")


def _strength(entry: ConditionSpec | Route) -> str:
    return f"({entry.level}, HIT {entry.hit:+g}, MISS {entry.miss:+g})"


def _cause_lines(runbooks: Runbooks, cause: Cause, lang: str) -> Iterator[str]:
    yield f"# {cause.id} ({cause.category})"
    yield cause.title.in_language(lang)
    yield ""
    yield f"{_word('department', lang)}: {'; '.join(d.in_language(lang) for d in cause.departments)}"
    yield f"{_word('remedy', lang)}: {cause.remedy.in_language(lang)}"
    yield f"{_word('fault', lang)}: {cause.is_fault}"
    yield f"{_word('family', lang)}: {cause.family} [{'; '.join(cause.source_tag) or '-'}]"
    speaking = [check.id for check in runbooks.checks.values() if cause.id in check.causes]
    yield f"{_word('checks', lang)}: {', '.join(speaking) or '-'}"
    for entry in runbooks.precedence:
        if cause.id in entry.before and len(entry.after) < 15:
            yield f"{_word('before', lang)}: {', '.join(entry.after)} ({entry.reason.in_language(lang)})"
        if cause.id in entry.after and len(entry.before) < 15:
            yield f"{_word('after', lang)}: {', '.join(entry.before)} ({entry.reason.in_language(lang)})"
