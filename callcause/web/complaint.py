"""`/ui/new`: paste what the customer said; the diagnosis follows in seconds."""

from __future__ import annotations

import json
import re
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.web.page import PageRoute, render, see_other
from callcause.web.reader import service_of
from callcause.web.session import form_of, sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
FIELDS = ("description", "msisdn", "occurred_at", "place_text", "ecgi")

WITHOUT_SECONDS = r"\d{4}-\d\d-\d\dT\d\d:\d\d"
"""Browsers leave seconds out that are zero."""


@router.get("/ui/new")
async def blank(request: Request, who: Engineer) -> Response:
    """Show the empty form."""
    return render(request, "complaint.html.j2", given=dict.fromkeys(FIELDS, ""), errors={})


@router.post("/ui/new")
async def take(request: Request, who: Engineer) -> Response:
    """Take the complaint in as a ticket and open its page; what is wrong with a field is shown beside it."""
    form = await form_of(request)
    given = {name: str(form.get(name) or "").strip() for name in FIELDS}
    told = {name: text for name, text in given.items() if text}
    if "occurred_at" in told:
        told["occurred_at"] = with_seconds(told["occurred_at"])
    service = service_of(request)
    if "description" not in told:
        return _again(request, given, {"description": "missing"})
    try:
        answer = await service.intake.post(json.dumps(told).encode(), None, who)
    except Problem as error:
        if error.status != 422:
            raise
        return _again(request, given, {str(one["field"]): str(one["reason"]) for one in error.errors})
    service.tickets.wake()
    return see_other(f"/ui/tickets/{quote(answer['tickets'][0]['id'])}")


def with_seconds(text: str) -> str:
    """Return a moment as a record has it; any other text stays as it is."""
    return f"{text}:00" if re.fullmatch(WITHOUT_SECONDS, text) else text


def _again(request: Request, given: dict[str, str], errors: dict[str, str]) -> Response:
    """Show the form again; the number is not sent back: a page holds no identity, not even one just typed."""
    return render(request, "complaint.html.j2", 422, given={**given, "msisdn": ""}, errors=errors)
