"""What was found: the confirmed cause of a ticket, told with its closing or afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData

from callcause.service.problem import Problem
from callcause.web.page import language_of
from callcause.web.reader import service_of
from runbooks.model import Runbooks

Choice = tuple[str, str]


def choices(
    result: Mapping[str, Any] | None, runbooks: Runbooks, lang: str
) -> tuple[list[Choice], list[Choice]]:
    """Return the causes to choose from, as (id, title): those that were ranked, then all others by title."""
    ranked = [str(one["id"]) for one in result["causes"]] if result else []
    titles = {name: str(cause.title.in_language(lang)) for name, cause in runbooks.causes.items()}
    others = sorted(titles.keys() - set(ranked), key=lambda name: (titles[name], name))
    return _titled(ranked, titles), _titled(others, titles)


def choices_of(request: Request, result: Mapping[str, Any] | None) -> tuple[list[Choice], list[Choice]]:
    """Return the causes to choose from on a page; none while the runbooks are being loaded."""
    diagnostician = service_of(request).diagnostician
    if not diagnostician.runbook_version:
        return [], []
    return choices(result, diagnostician.runbooks, language_of(request))


def found_of(form: FormData) -> dict[str, Any]:
    """Return what a form tells of the cause: `confirmed_cause`, `remedied_at` (UTC); Problem 422."""
    cause = str(form.get("confirmed_cause") or "").strip() or None
    return {"confirmed_cause": cause, "remedied_at": _moment(str(form.get("remedied_at") or "").strip())}


def _titled(names: Sequence[str], titles: Mapping[str, str]) -> list[Choice]:
    return [(name, titles.get(name, name)) for name in names]


def _moment(text: str) -> datetime | None:
    """Read a moment as a form sends it: without a zone it is UTC, as the pages write moments."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Problem(422, "remedied_at: expected a date and a time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
