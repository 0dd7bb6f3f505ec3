"""`/ui/incidents`, `/ui/warnings`, `/ui/vault`: what is looked at together or needs a second person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

import polars as pl
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from callcause.loop.warning_desk import report
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.routes import clusters
from callcause.service.settings import Role
from callcause.state.incident import Incident
from callcause.state.ticket import Ticket
from callcause.web import closing
from callcause.web.page import PageRoute, render, see_other
from callcause.web.reader import ask, service_of
from callcause.web.refusal import FORM_ERRORS, again
from callcause.web.session import form_of, sees
from collectors.store import Store

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
Approver = Annotated[Principal, Depends(sees(Role.approver))]
ROWS = 100
ABOUT = {
    "alarm": ("specific_problem", "perceived_severity", "alarmed_object", "raised_at", "cleared_at"),
    "change": ("title", "change_type", "status", "planned_start", "planned_end"),
}
"""Keys of incidents that are records of their own, and what of them is shown."""


@router.get("/ui/incidents")
async def incidents(request: Request, who: Viewer) -> Response:
    """List incidents, the last opened first."""
    query = select(Incident).order_by(Incident.opened_at.desc(), Incident.id).limit(ROWS)
    found = await service_of(request).database.reading(lambda s: list(s.scalars(query)))
    return render(request, "incidents.html.j2", incidents=found)


@router.get("/ui/incidents/{incident_id}")
async def incident(request: Request, incident_id: str, who: Viewer) -> Response:
    """Show one incident with what its tickets share, and the tickets."""
    return await incident_page(request, incident_id)


async def incident_page(request: Request, incident_id: str) -> Response:
    """Make the page of an incident; a form that was refused stands filled in on it."""

    def find(session: Session) -> tuple[Incident | None, Sequence[Any]]:
        query = select(Ticket.id, Ticket.state, Ticket.top_cause, Ticket.parent_id).where(
            Ticket.incident_id == incident_id
        )
        children = session.execute(query.order_by(Ticket.received_at, Ticket.id).limit(ROWS)).all()
        return session.get(Incident, incident_id), children

    row, children = await service_of(request).database.reading(find)
    if row is None:
        raise Problem(404, "no such incident")
    told = {name: request.query_params.get(name) for name in ("merged", "refused", "closed")}
    choices = closing.choices_of(
        request, row.diagnosis if row.diagnosis and row.diagnosis["causes"] else None
    )
    about = await ask(request, lambda store: _about(store, row.key, row.entity))
    given: dict[str, Any] = {"children": children, "told": told, "choices": choices, "about": about}
    return render(request, "incident.html.j2", incident=row, **given)


def _about(store: Store, key: str, entity: str) -> dict[str, Any]:
    """Return what the network tells of the alarm or the work that tickets share; empty for anything else."""
    if key not in ABOUT:
        return {}
    found = store.rows(key).filter(pl.col("id") == entity).select(ABOUT[key]).head(1).collect().to_dicts()
    return {name: value for name, value in (found[0] if found else {}).items() if value is not None}


@router.post("/ui/incidents/{incident_id}/{step}")
async def move_incident(request: Request, incident_id: str, step: str, who: Engineer) -> Response:
    """Merge the open tickets into the incident, or close it with them."""
    form = await form_of(request)
    if step not in ("merge", "close"):
        raise Problem(404, "no such step of an incident")
    try:
        told = await (_merge if step == "merge" else _close)(request, incident_id, form, who)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: incident_page(request, incident_id))
    return see_other(f"/ui/incidents/{quote(incident_id)}", **told)


async def _merge(request: Request, incident_id: str, form: FormData, who: Principal) -> dict[str, str]:
    why = str(form.get("why") or "").strip()
    found = await clusters.merge(request, incident_id, clusters.MergeBody(why=why), who)
    return {"merged": str(len(found["merged"])), "refused": str(len(found["refused"]))}


async def _close(request: Request, incident_id: str, form: FormData, who: Principal) -> dict[str, str]:
    cause = {name: value for name, value in closing.found_of(form).items() if value is not None}
    why = str(form.get("why") or "").strip()
    body = clusters.CloseBody(version=_version(form), why=why, **cause)
    found = await clusters.close(request, incident_id, body, who)
    return {"closed": str(found["tickets_closed"])}


@router.get("/ui/warnings")
async def warnings(request: Request, who: Viewer) -> Response:
    """List early warnings, the last raised first."""
    found = await service_of(request).database.reading(lambda s: report(s, {}, ROWS))
    return render(request, "warnings.html.j2", warnings=found, reviews=who.role.covers(Role.approver))


@router.post("/ui/warnings/{warning_id}")
async def review_warning(request: Request, warning_id: str, who: Approver) -> Response:
    """Approve, reject, publish or recover a warning."""
    form = await form_of(request)
    step, why = str(form.get("to") or ""), str(form.get("why") or "")
    try:
        await service_of(request).warnings.step(warning_id, step, who.name, why, _version(form))
    except FORM_ERRORS as error:
        return await again(request, error, lambda: warnings(request, who))
    return see_other("/ui/warnings")


@router.get("/ui/vault")
async def vault(request: Request, who: Engineer) -> Response:
    """List requests to see a number, the last first."""
    return await vault_page(request, who)


async def vault_page(request: Request, who: Principal, shown: object = None) -> Response:
    """Make the page of the vault; `shown` is the ticket and number that is shown this once."""
    found = await service_of(request).vault.requests(None, ROWS)
    decides = who.role.covers(Role.approver)
    return render(request, "vault.html.j2", requests=found, decides=decides, shown=shown)


@router.post("/ui/vault")
async def ask_vault(request: Request, who: Engineer) -> Response:
    """Ask to see the number of a ticket."""
    form = await form_of(request)
    ticket, why = (str(form.get(name) or "").strip() for name in ("ticket", "why"))
    try:
        await service_of(request).vault.ask(ticket, who.name, why)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: vault_page(request, who))
    return see_other("/ui/vault")


@router.post("/ui/vault/{request_id}")
async def decide_vault(request: Request, request_id: str, who: Approver) -> Response:
    """Approve or refuse a request of somebody else."""
    form = await form_of(request)
    word, why = form.get("word"), str(form.get("why") or "")
    if word not in ("approve", "refuse"):
        raise Problem(422, "word: approve or refuse")
    try:
        await service_of(request).vault.decide(request_id, who.name, approve=word == "approve", why=why)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: vault_page(request, who))
    return see_other("/ui/vault")


@router.post("/ui/vault/{request_id}/show")
async def show_vault(request: Request, request_id: str, who: Engineer) -> Response:
    """Show the number once, to who asked for it."""
    await form_of(request)
    try:
        shown = await service_of(request).vault.show(request_id, who.name)
    except FORM_ERRORS as error:
        return await again(request, error, lambda: vault_page(request, who))
    return await vault_page(request, who, shown)


def _version(form: FormData) -> int:
    text = str(form.get("version") or "")
    if not text.isdecimal():
        raise Problem(422, "version: expected a whole number")
    return int(text)
