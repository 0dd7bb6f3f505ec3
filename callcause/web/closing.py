"""What was found: the confirmed cause of a ticket, told with its closing or afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.state.feedback import NOT_FOUND
from callcause.web.page import PageRoute, language_of, see_other
from callcause.web.reader import service_of
from callcause.web.session import form_of, sees
from runbooks.model import Runbooks

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
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


@router.post("/ui/confirm/{ticket_id:path}")
async def confirm(request: Request, ticket_id: str, who: Engineer) -> Response:
    """Write down what really was wrong; a later word replaces an earlier one."""
    found = found_of(await form_of(request))
    cause = found["confirmed_cause"]
    if cause is None:
        raise Problem(422, "confirmed_cause: missing", hint=f"a cause, or {NOT_FOUND}")
    await service_of(request).loop.confirm(ticket_id, who.name, cause, found["remedied_at"])
    return see_other(request.url.path.replace("/ui/confirm/", "/ui/tickets/", 1))


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
