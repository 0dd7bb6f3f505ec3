"""`/ui/tickets`: the queue, filtered, a page at a time, with dispatch of many."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request, Response

from callcause.loop import queue as loop_queue
from callcause.loop.life import State
from callcause.loop.step import Step
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.web.page import PageRoute, local_path, render, see_other
from callcause.web.reader import service_of
from callcause.web.session import form_of, sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
ROWS = 50
TOLD = ("done", "refused", "detail", "nothing")
"""What the page was led back with; no filter."""
ASKED = ("state", "category", "priority", "holder", "region", "cause", "incident", "text")


@router.get("/ui")
async def home() -> Response:
    """Open at the queue."""
    return see_other("/ui/tickets")


@router.get("/ui/tickets")
async def tickets(request: Request, who: Viewer, after: str | None = None) -> Response:
    """Show open tickets, the most urgent first, or those of one state."""
    given: dict[str, Any] = {
        name: request.query_params[name] for name in ASKED if request.query_params.get(name)
    }
    wanted, now = loop_queue.Filter(overdue=_flag(request, "overdue"), **given), utc_now()
    database = service_of(request).database
    found = await database.reading(lambda s: loop_queue.page(s, wanted, ROWS, after, now))
    kept = {**given, **({"overdue": "1"} if wanted.overdue else {})}
    return render(
        request,
        "queue.html.j2",
        tickets=found["tickets"],
        given={**dict.fromkeys((*ASKED, "overdue"), ""), **kept},
        following=f"/ui/tickets?{urlencode({**kept, 'after': found['next']})}" if found["next"] else None,
        states=[str(state) for state in State],
        paged=bool(after),
        told={name: request.query_params.get(name) for name in TOLD},
    )


@router.post("/ui/tickets")
async def dispatch_selected(request: Request, who: Engineer) -> Response:
    """Dispatch the tickets that are ticked; each is done or refused for itself."""
    form = await form_of(request)
    chosen = [_versioned(str(one)) for one in form.getlist("ticket")]
    back = local_path(str(form.get("back") or "/ui/tickets"))
    if not chosen:
        return _back(back, nothing="1")
    department = str(form.get("department") or "").strip() or None
    step = Step(State.DISPATCHED, who.name, "dispatched together", department=department)
    answer = await service_of(request).loop.dispatch_many(chosen, step)
    details = sorted({one["detail"] for one in answer["tickets"] if not one["done"]})
    return _back(
        back, done=str(answer["done"]), refused=str(answer["refused"]), detail="; ".join(details[:3])
    )


def _back(path: str, **told: str) -> Response:
    """Lead back to the same filters and the same page of the list, with what was done."""
    where, _, query = path.partition("?")
    kept = {name: value for name, value in parse_qsl(query) if name not in TOLD}
    return see_other(where, **{**kept, **told})


def _versioned(text: str) -> tuple[str, int | None]:
    name, _, version = text.rpartition("@")
    if not name or not version.isdecimal():
        raise Problem(422, "a selected ticket is not named with its version")
    return name, int(version)


def _flag(request: Request, name: str) -> Any:
    return True if request.query_params.get(name) else None
