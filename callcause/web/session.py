"""Who sits at the browser: a signed cookie made from a token, and forms that only our pages send."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response

from callcause.service.authentication import Authentication, Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role

COOKIE, VISIT, FIELD = "callcause_session", "callcause_visit", "csrf"
LASTS_S = 12 * 3600
TokenOf = Callable[[str], tuple[Principal, bytes] | None]
"""Gives who holds the token of a name now, and its digest."""


class Seal:
    """Signs what a browser keeps; the key lives as long as the process: a restart asks for the token."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def sign(self, purpose: str, text: str) -> str:
        """Return the signature of a text for one purpose."""
        return hmac.new(self._key, f"{purpose}\n{text}".encode(), hashlib.sha256).hexdigest()

    def session(self, who: Principal, token: bytes, now: float) -> str:
        """Return the value of the session cookie; `token` is the digest of the token it was made from."""
        mark = self.sign("token", token.hex())
        said = json.dumps({"name": who.name, "token": mark, "until": now + LASTS_S})
        body = base64.urlsafe_b64encode(said.encode()).decode()
        return f"{body}.{self.sign('session', body)}"

    def principal(self, cookie: str, now: float, token_of: TokenOf) -> Principal | None:
        """Return who a session cookie is of; None where it is forged, broken, old, or its token is no more.

        The role is that which the token has now.
        """
        body, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self.sign("session", body).encode()):
            return None
        try:
            said = json.loads(base64.urlsafe_b64decode(body))
        except (ValueError, binascii.Error):
            return None
        known = token_of(said["name"]) if said["until"] > now else None
        if known is None or not hmac.compare_digest(said["token"], self.sign("token", known[1].hex())):
            return None
        return known[0]


def seal_of(request: Request) -> Seal:
    """Return the seal of this application."""
    state = request.app.state
    if not hasattr(state, "web_seal"):
        state.web_seal = Seal()
    found: Seal = state.web_seal
    return found


def found_principal(request: Request) -> Principal:
    """Return who asks: by session cookie, else as on the API; Problem 401 where nobody we know does."""
    cookie = request.cookies.get(COOKIE, "")
    authentication: Authentication = request.app.state.authentication
    found = seal_of(request).principal(cookie, time.time(), authentication.token_of) if cookie else None
    if found is None:
        found = authentication.principal(request.headers, request.scope)
    return found


def sees(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """Make a FastAPI dependency: the principal at the browser, who must have at least this role."""

    async def principal(request: Request) -> Principal:
        found = found_principal(request)
        request.state.who = found
        if not found.role.covers(role):
            raise Problem(403, f"the role {role} is needed", hint=f"{found.name} has the role {found.role}")
        return found

    return principal


def visit_of(request: Request) -> str:
    """Return the random text that this browser keeps; a new one where it has none."""
    if not hasattr(request.state, "visit"):
        request.state.visit = request.cookies.get(VISIT) or secrets.token_urlsafe(24)
    found: str = request.state.visit
    return found


def csrf_of(request: Request) -> str:
    """Return what a form of a page for this browser has to carry."""
    return seal_of(request).sign("csrf", visit_of(request))


async def form_of(request: Request) -> FormData:
    """Return a posted form; Problem 403 where it does not come from one of our pages."""
    form = await request.form()
    request.state.form = form
    shown = str(form.get(FIELD) or "")
    if not request.cookies.get(VISIT) or not hmac.compare_digest(shown.encode(), csrf_of(request).encode()):
        raise Problem(403, "the form is too old or not ours; open the page again")
    return form


def keep(request: Request, response: Response, name: str, value: str, lasts_s: int = LASTS_S) -> None:
    """Set a cookie that no script reads and no other site sends."""
    given: dict[str, Any] = {"httponly": True, "samesite": "strict", "path": "/ui"}
    response.set_cookie(name, value, max_age=lasts_s, secure=request.url.scheme == "https", **given)
