"""`/ui/login` and the switches: who one is, which language, light or dark; and the files of the pages."""

from __future__ import annotations

import time
from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from callcause.service.authentication import Authentication
from callcause.service.problem import Problem
from callcause.web.chart import LIBRARY, library
from callcause.web.page import LANGUAGE, THEME, PageRoute, local_path, render, see_other
from callcause.web.session import COOKIE, form_of, keep, seal_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
YEAR_S = 365 * 24 * 3600
CHOICES = {"language": (LANGUAGE, ("en", "zh")), "theme": (THEME, ("light", "dark", "auto"))}
CSS, JS = "text/css; charset=utf-8", "text/javascript; charset=utf-8"
TYPES = {"style.css": CSS, "keys.js": JS, "chart.js": JS, LIBRARY[0]: CSS, LIBRARY[1]: JS}


@router.get("/ui/login")
async def login(request: Request) -> Response:
    """Ask for the token."""
    goal = local_path(request.query_params.get("next", "/ui/tickets"))
    return render(request, "login.html.j2", goal=goal, wrong=False)


@router.post("/ui/login")
async def take_token(request: Request) -> Response:
    """Give a session cookie for a token that is known."""
    form = await form_of(request)
    goal = local_path(str(form.get("next") or "/ui/tickets"))
    authentication: Authentication = request.app.state.authentication
    try:
        header = {"authorization": f"Bearer {form.get('token') or ''}"}
        who = authentication.principal(header, {})
    except Problem:
        return render(request, "login.html.j2", 401, goal=goal, wrong=True)
    answer = see_other(goal)
    known = authentication.token_of(who.name)
    if known is None:  # taken away in this very moment
        return render(request, "login.html.j2", 401, goal=goal, wrong=True)
    keep(request, answer, COOKIE, seal_of(request).session(who, known[1], time.time()))
    return answer


@router.post("/ui/logout")
async def logout(request: Request) -> Response:
    """Forget the session of this browser."""
    await form_of(request)
    answer = see_other("/ui/login")
    answer.delete_cookie(COOKIE, path="/ui")
    return answer


@router.get("/ui/switch")
async def switch(request: Request, back: str = "/ui/tickets") -> Response:
    """Set language or theme and go back."""
    answer = see_other(local_path(back))
    for name, (cookie, allowed) in CHOICES.items():
        wanted = request.query_params.get(name)
        if wanted in allowed:
            keep(request, answer, cookie, wanted, YEAR_S)
    return answer


@router.get("/ui/static/{name:path}")
async def static(name: str) -> Response:
    """Give one of the files of the pages."""
    if name not in TYPES or (name in LIBRARY and not library()):
        raise Problem(404, "no such file")
    return Response(_file(name), media_type=TYPES[name], headers={"Cache-Control": "max-age=3600"})


@lru_cache(maxsize=len(TYPES))
def _file(name: str) -> bytes:
    return (files("callcause.web") / "static" / name).read_bytes()
