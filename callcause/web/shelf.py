"""`/ui/runbooks`: the runbooks in words, by category, check or cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.web.page import PageRoute, language_of, render
from callcause.web.reader import runbooks_of
from callcause.web.session import sees
from callcause_error import did_you_mean
from runbooks.model import CATEGORIES, Check, Runbooks
from runbooks.text import show

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]


@router.get("/ui/runbooks")
async def shelf(request: Request, who: Viewer) -> Response:
    """List the categories with their checks."""
    runbooks = runbooks_of(request)
    return render(request, "shelf.html.j2", runbooks=runbooks, categories=CATEGORIES)


@router.get("/ui/runbooks/{name}")
async def runbook(request: Request, name: str, who: Viewer) -> Response:
    """Show a category, one check, or one cause with the checks that speak for it."""
    runbooks = runbooks_of(request)
    known = [*runbooks.checks, *runbooks.causes, *CATEGORIES]
    if name not in known:
        hint = did_you_mean(name, known)
        raise Problem(404, "no check, cause or category has this name", hint=hint)
    lang = language_of(request)
    text = "" if name in CATEGORIES else show(runbooks, name, lang).partition("\n\n")[2]
    return render(
        request,
        "runbook.html.j2",
        name=name,
        text=text,
        checks=_checks(runbooks, name),
        causes=runbooks.causes_of(name) if name in CATEGORIES else (),
        cause=runbooks.causes.get(name),
        check=runbooks.checks.get(name),
        known_causes=runbooks.causes,
    )


def _checks(runbooks: Runbooks, name: str) -> Sequence[Check]:
    if name in CATEGORIES:
        return runbooks.by_category[name]
    if name in runbooks.checks:
        return [runbooks.checks[name]]
    return [check for check in runbooks.checks.values() if name in check.causes]
