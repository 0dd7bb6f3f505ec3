"""What was asked and not done: why, in the reader's language, with what stood in the form.

A form that is refused comes back on its own page, filled in: nobody types a reason twice because somebody
else was quicker. Identities are never sent back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from callcause.loop.life import LoopError
from callcause.service.problem import Problem
from callcause.state.errors import DatabaseGone, StaleVersion

STALE = "stale"
NOT_SENT_BACK = frozenset({"csrf", "version", "token", "msisdn", "back", "next"})
"""Fields that the page fills in itself, and those that hold a secret or an identity."""
FORM_ERRORS = (Problem, LoopError, StaleVersion)
"""What a form may be refused for while its page can still be shown."""
PAGE_ERRORS = (*FORM_ERRORS, HTTPException, RequestValidationError, DatabaseGone)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done. `code` is the key of its words, `form` the path that it was sent to."""

    status: int
    code: str
    detail: str
    hint: str | None = None
    form: str = ""
    typed: Mapping[str, str] = field(default_factory=dict)

    def value(self, form: str, name: str) -> str:
        """Return what stood in a field of a form; empty where another form was refused."""
        return self.typed.get(name, "") if form == self.form else ""


def refusal_of(request: Request, error: Exception) -> Refusal:
    """Say what an error means to who sits at the page."""
    status, code, detail, hint = _meaning(error)
    sent = getattr(request.state, "form", None) or {}
    typed = {
        str(name): str(value)
        for name, value in sent.items()
        if name not in NOT_SENT_BACK and isinstance(value, str) and value.strip()
    }
    form = str(request.scope["path"]) if request.method == "POST" else ""
    return Refusal(status, code, detail, hint, form, typed)


async def again(request: Request, error: Exception, page: Callable[[], Awaitable[Response]]) -> Response:
    """Show a page anew with the refused form filled in, and why it was refused above it."""
    request.state.refusal = refusal_of(request, error)
    return await page()


def _meaning(error: Exception) -> tuple[int, str, str, str | None]:
    match error:
        case Problem():
            return error.status, str(error.status), error.detail, error.hint
        case HTTPException():
            return error.status_code, str(error.status_code), str(error.detail), None
        case RequestValidationError():
            told = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
            return 422, "422", told, None
        case DatabaseGone():
            return 503, "503", error.message, None
        case StaleVersion():
            return 409, STALE, error.message, None
        case LoopError():
            return 409, error.code, error.message, error.hint
    return 500, "500", type(error).__name__, None
