"""Errors as TMF621 words them: code and reason, under the paths of the interface only."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from callcause.loop.life import LoopError
from callcause.service.problem import Problem
from callcause.state.errors import DatabaseGone, StaleVersion

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class TmfRoute(APIRoute):
    """A route whose errors are TMF621 Error documents; they repeat nothing that the client sent."""

    def get_route_handler(self) -> Handler:
        """Wrap the handler, with its dependencies: a missing token is answered alike."""
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await inner(request)
            except Problem as problem:
                return answer(problem)
            except LoopError as error:
                return answer(Problem(409, error.message, hint=error.hint), code=error.code)
            except RequestValidationError as error:
                return answer(Problem(400, _located(error)))
            except StaleVersion as error:
                return answer(Problem(409, error.message))
            except DatabaseGone as error:
                return answer(Problem(503, error.message, headers={"Retry-After": "5"}))

        return handler


def answer(problem: Problem, code: str | None = None) -> JSONResponse:
    """Return the Error document of a problem."""
    found = [_line(error) for error in problem.errors]
    message = "; ".join([*found, *([problem.hint] if problem.hint else [])])
    body = {
        "@type": "Error",
        "code": code or str(problem.status),
        "reason": problem.detail,
        "message": message or HTTPStatus(problem.status).phrase,
        "status": str(problem.status),
    }
    return JSONResponse(body, problem.status, problem.headers)


def _line(error: Any) -> str:
    hint = f" ({error['hint']})" if error.get("hint") else ""
    return f"{error.get('field', '')}: {error.get('reason', '')}{hint}"


def _located(error: RequestValidationError) -> str:
    places = [".".join(str(part) for part in one["loc"]) + ": " + str(one["msg"]) for one in error.errors()]
    return "; ".join(places)
