"""Errors of the HTTP interface: problem documents (RFC 9457) that say where the fault lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from callcause.loop.life import LoopError
from callcause.state.errors import DatabaseGone, StaleVersion

LOOP_STATUS = {
    "illegal_transition": 409,
    "already_waiting": 409,
    "not_waiting": 409,
    "not_open": 409,
    "parent_open": 409,
    "parent_closed": 409,
    "not_ready": 503,
    "too_early": 409,
    "nothing_to_compare": 409,
    "no_remedy": 409,
    "no_feedback": 404,
    "unknown_ticket": 404,
    "unknown": 404,
    "forbidden": 403,
    "gone": 410,
    "off": 404,
    "bad_place": 400,
    "bad_key": 400,
}
"""Status of a step that a rule forbids, by its code; 422 for the others."""


class Problem(Exception):  # noqa: N818 - the name of RFC 9457
    """An answer other than success. `errors` locates each fault: ticket, field, reason."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, list(errors)
        self.hint, self.headers = hint, dict(headers or {})

    def response(self) -> JSONResponse:
        """Return the problem document."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        if self.errors:
            body["errors"] = self.errors
        return JSONResponse(body, self.status, self.headers, media_type="application/problem+json")


def add_handlers(application: FastAPI) -> None:
    """Answer every error as a problem document, and never with what the client sent."""

    @application.exception_handler(Problem)
    async def _problem(_: Request, error: Problem) -> JSONResponse:
        return error.response()

    @application.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return Problem(error.status_code, str(error.detail), headers=error.headers).response()

    @application.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = [
            {"field": ".".join(str(part) for part in one["loc"]), "reason": one["msg"]}
            for one in error.errors()
        ]
        return Problem(422, "the request does not fit the interface", errors=found).response()

    @application.exception_handler(LoopError)
    async def _refused(_: Request, error: LoopError) -> JSONResponse:
        fault = {"field": error.key or "", "reason": error.message, "code": error.code}
        status = LOOP_STATUS.get(error.code, 422)
        return Problem(status, error.message, errors=[fault], hint=error.hint).response()

    @application.exception_handler(DatabaseGone)
    async def _gone(_: Request, error: DatabaseGone) -> JSONResponse:
        return Problem(503, error.message, headers={"Retry-After": "5"}).response()

    @application.exception_handler(StaleVersion)
    async def _stale(_: Request, error: StaleVersion) -> JSONResponse:
        return Problem(409, error.message).response()
