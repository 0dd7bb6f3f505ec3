"""`/ui/incidents`, `/ui/warnings`, `/ui/vault`: what is looked at together or needs a second person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.warning_desk import report
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.state.incident import Incident
from callcause.state.ticket import Ticket
from callcause.web.page import PageRoute, render, see_other
from callcause.web.reader import service_of
from callcause.web.session import form_of, sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
Approver = Annotated[Principal, Depends(sees(Role.approver))]
ROWS = 100


@router.get("/ui/incidents")
async def incidents(request: Request, who: Viewer) -> Response:
    """List incidents, the last opened first."""
    query = select(Incident).order_by(Incident.opened_at.desc(), Incident.id).limit(ROWS)
    found = await service_of(request).database.reading(lambda s: list(s.scalars(query)))
    return render(request, "incidents.html.j2", incidents=found)


@router.get("/ui/incidents/{incident_id}")
async def incident(request: Request, incident_id: str, who: Viewer) -> Response:
    """Show one incident with what its tickets share, and the tickets."""

    def find(session: Session) -> tuple[Incident | None, Sequence[Any]]:
        query = select(Ticket.id, Ticket.state, Ticket.top_cause).where(Ticket.incident_id == incident_id)
        children = session.execute(query.order_by(Ticket.received_at, Ticket.id).limit(ROWS)).all()
        return session.get(Incident, incident_id), children

    row, children = await service_of(request).database.reading(find)
    if row is None:
        raise Problem(404, "no such incident")
    return render(request, "incident.html.j2", incident=row, children=children)


@router.get("/ui/warnings")
async def warnings(request: Request, who: Viewer) -> Response:
    """List early warnings, the last raised first."""
    found = await service_of(request).database.reading(lambda s: report(s, {}, ROWS))
    return render(request, "warnings.html.j2", warnings=found, reviews=who.role.covers(Role.approver))


@router.post("/ui/warnings/{warning_id}")
async def review_warning(request: Request, warning_id: str, who: Approver) -> Response:
    """Approve, reject, publish or recover a warning."""
    form = await form_of(request)
    version, why = str(form.get("version") or ""), str(form.get("why") or "")
    if not version.isdecimal():
        raise Problem(422, "version: expected a whole number")
    step = str(form.get("to") or "")
    await service_of(request).warnings.step(warning_id, step, who.name, why, int(version))
    return see_other("/ui/warnings")


@router.get("/ui/vault")
async def vault(request: Request, who: Engineer) -> Response:
    """List requests to see a number, the last first."""
    found = await service_of(request).vault.requests(None, ROWS)
    return render(
        request, "vault.html.j2", requests=found, decides=who.role.covers(Role.approver), shown=None
    )


@router.post("/ui/vault")
async def ask_vault(request: Request, who: Engineer) -> Response:
    """Ask to see the number of a ticket."""
    form = await form_of(request)
    ticket = str(form.get("ticket") or "").strip()
    await service_of(request).vault.ask(ticket, who.name, str(form.get("why") or "").strip())
    return see_other("/ui/vault")


@router.post("/ui/vault/{request_id}")
async def decide_vault(request: Request, request_id: str, who: Approver) -> Response:
    """Approve or refuse a request of somebody else."""
    form = await form_of(request)
    word, why = form.get("word"), str(form.get("why") or "")
    if word not in ("approve", "refuse"):
        raise Problem(422, "word: approve or refuse")
    await service_of(request).vault.decide(request_id, who.name, approve=word == "approve", why=why)
    return see_other("/ui/vault")


@router.post("/ui/vault/{request_id}/show")
async def show_vault(request: Request, request_id: str, who: Engineer) -> Response:
    """Show the number once, to who asked for it."""
    await form_of(request)
    service = service_of(request)
    shown = await service.vault.show(request_id, who.name)
    found = await service.vault.requests(None, ROWS)
    return render(
        request, "vault.html.j2", requests=found, decides=who.role.covers(Role.approver), shown=shown
    )
