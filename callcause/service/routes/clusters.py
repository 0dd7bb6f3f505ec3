"""`/clusters` and `/planned-work`: incidents with their tickets, complaints per five minutes, notices."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.cluster import five_minute_counts, outage_bins
from callcause.loop.incident_desk import refresh
from callcause.loop.life import LoopError
from callcause.loop.life import State as TicketState
from callcause.loop.reply import notice_text
from callcause.loop.shown import iso
from callcause.loop.step import Step, take, ticket_of
from callcause.loop.work_notice import CANCELLED, calendar, change_of, told_of
from callcause.service.authentication import Principal, requires
from callcause.service.problem import Problem
from callcause.service.routes.life import Cause, Moment, Text
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.state.errors import StaleVersion
from callcause.state.incident import CLOSED, OPEN, Incident
from callcause.state.ticket import Ticket

router = APIRouter(tags=["clusters"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
HISTORY_D = 7
"""Days that tell how many complaints five minutes usually have."""


class ManualBody(BaseModel):
    """An incident opened by hand."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=32)
    entity: str = Field(min_length=1, max_length=200)
    why: Text


class CloseBody(BaseModel):
    """The end of an incident; its merged tickets are closed with it, with the cause that was found."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1)
    why: Text
    confirmed_cause: Cause = None
    remedied_at: Moment = None


class MergeBody(BaseModel):
    """Tickets to merge into the incident; without any all of its open tickets."""

    model_config = ConfigDict(extra="forbid")

    tickets: list[str] | None = Field(default=None, max_length=1000)
    why: Text = ""


@router.get("/clusters")
async def list_clusters(
    request: Request,
    who: Viewer,
    state: Annotated[str | None, Query(pattern="^(open|closed)$")] = None,
    region: str | None = None,
    key: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List incidents, the last opened first."""
    query = select(Incident).order_by(Incident.opened_at.desc(), Incident.id).limit(limit)
    for column, value in ((Incident.state, state), (Incident.region, region), (Incident.key, key)):
        if value:
            query = query.where(column == value)
    service: Service = request.app.state.service
    found = await service.database.reading(lambda s: [_listed(row) for row in s.scalars(query)])
    return {"clusters": found}


@router.post("/clusters", status_code=201)
async def open_cluster(request: Request, body: ManualBody, who: Engineer) -> dict[str, Any]:
    """Open an incident by hand, such as for an outage that is known."""
    service: Service = request.app.state.service

    def work(session: Session) -> dict[str, Any]:
        now = utc_now()
        text = f"{body.key} {body.entity} {now.isoformat()} {who.name}"
        row = Incident(
            id=f"INC-{hashlib.sha256(text.encode()).hexdigest()[:16]}",
            key=body.key,
            entity=body.entity,
            source="person",
            state=OPEN,
            opened_at=now,
            last_at=now,
            why=body.why,
            tickets=0,
        )
        session.add(row)
        append(session, now, who.name, "incident.open", row.id, {"key": body.key, "entity": body.entity})
        return _listed(row)

    return await service.database.writing(work)


@router.get("/clusters/signal")
async def get_signal(
    request: Request, who: Viewer, hours: Annotated[float, Query(gt=0, le=168)] = 24
) -> dict[str, Any]:
    """Give complaints per five minutes, and the five minutes with more than chance allows."""
    service: Service = request.app.state.service
    now = utc_now()
    begin = now - timedelta(hours=hours)

    def read(session: Session) -> tuple[list[datetime], int]:
        recent = session.scalars(select(Ticket.received_at).where(Ticket.received_at >= begin))
        week = (
            select(func.count())
            .select_from(Ticket)
            .where(Ticket.received_at >= begin - timedelta(days=HISTORY_D), Ticket.received_at < begin)
        )
        return list(recent), session.scalar(week) or 0

    moments, earlier = await service.database.reading(read)
    counts = five_minute_counts(pl.Series("at", moments, dtype=pl.Datetime("us", "UTC")))
    usual = earlier / (HISTORY_D * 288)
    outages = outage_bins(counts, usual) if earlier else counts.clear()
    return {
        "usual_per_five_minutes": usual if earlier else None,
        "reason": "" if earlier else "NO_DATA: no complaints in the week before",
        "counts": [{"start": iso(start), "n": n} for start, n in counts.iter_rows()],
        "outages": [{"start": iso(r["start"]), "n": r["n"]} for r in outages.iter_rows(named=True)],
    }


@router.get("/clusters/{incident_id}")
async def get_cluster(request: Request, incident_id: str, who: Viewer) -> dict[str, Any]:
    """Give one incident: the shared evidence, the one diagnosis, its tickets."""
    service: Service = request.app.state.service

    def find(session: Session) -> dict[str, Any]:
        row = _incident(session, incident_id)
        query = select(Ticket.id, Ticket.state, Ticket.parent_id).where(Ticket.incident_id == incident_id)
        children = [
            {"id": name, "state": state, "merged": parent == incident_id}
            for name, state, parent in session.execute(query.order_by(Ticket.received_at, Ticket.id))
        ]
        return {**_listed(row), "diagnosis": row.diagnosis, "children": children}

    return await service.database.reading(find)


@router.post("/clusters/{incident_id}/merge")
async def merge(request: Request, incident_id: str, body: MergeBody, who: Engineer) -> dict[str, Any]:
    """Merge tickets into the incident; a ticket that cannot be merged is told with the reason."""
    service: Service = request.app.state.service

    def work(session: Session) -> dict[str, Any]:
        row, now = _incident(session, incident_id), utc_now()
        names = body.tickets
        if names is None:
            query = select(Ticket.id).where(Ticket.incident_id == incident_id, Ticket.parent_id.is_(None))
            names = list(session.scalars(query.order_by(Ticket.id)))
        merged, refused = [], []
        for name in names:
            try:
                with session.begin_nested():
                    step = Step(TicketState.MERGED, who.name, body.why, parent=incident_id)
                    take(session, ticket_of(session, name, None), step, now, service.loop.settings)
                merged.append(name)
            except LoopError as error:
                refused.append({"id": name, "code": error.code, "detail": error.message})
        refresh(session, row)
        append(session, now, who.name, "incident.merge", incident_id, {"tickets": merged, "why": body.why})
        return {"merged": merged, "refused": refused}

    return await service.database.writing(work)


@router.post("/clusters/{incident_id}/close")
async def close(request: Request, incident_id: str, body: CloseBody, who: Engineer) -> dict[str, Any]:
    """Close an incident; the tickets that were merged into it close with it and take over its cause."""
    service: Service = request.app.state.service

    def end(session: Session) -> dict[str, Any]:
        row, now = _incident(session, incident_id), utc_now()
        if row.version != body.version:
            raise StaleVersion(f"the incident is at version {row.version}, not {body.version}: read it again")
        if row.state == CLOSED:
            raise LoopError("parent_closed", "the incident is closed already", key="state")
        row.state, row.closed_at = CLOSED, now
        detail = {"why": body.why, "cause": body.confirmed_cause}
        append(session, now, who.name, "incident.close", incident_id, detail)
        session.flush()
        return _listed(row)

    step = Step(
        TicketState.CLOSED, who.name, body.why, confirmed_cause=body.confirmed_cause,
        remedied_at=body.remedied_at,
    )  # fmt: skip
    return await service.loop.close_children(incident_id, step, end)


@router.get("/planned-work")
async def planned_work(request: Request, who: Viewer) -> dict[str, Any]:
    """List planned work that is near or goes on, with the notice for customers and its complaints."""
    service: Service = request.app.state.service
    settings = service.loop.settings
    now = utc_now()
    until = now + timedelta(hours=settings.notice_before_h)
    near = await service.sink.read(lambda store: calendar(store, now - timedelta(days=1), until))
    changes = [row for row in near if row["status"] != CANCELLED]

    def linked(session: Session) -> tuple[dict[str, int], dict[str, list[dict[str, Any]]]]:
        query = select(Ticket.change_ref, func.count()).where(Ticket.change_ref.is_not(None))
        counted = {str(name): n for name, n in session.execute(query.group_by(Ticket.change_ref))}
        return counted, told_of(session, [str(row["id"]) for row in changes])

    (tickets, told), zone = await service.database.reading(linked), settings.calendar.zone
    return {
        "planned_work": [
            {
                "id": row["id"],
                "title": row["title"],
                "type": row["change_type"],
                "planned_start": iso(row["planned_start"]),
                "planned_end": iso(row["planned_end"]),
                "impacted_objects": row["impacted_objects"],
                "service_affecting": row["service_affecting"],
                "notice_sent": row["notice_sent"],
                "notice": {"en": notice_text(row, "en", zone), "zh": notice_text(row, "zh", zone)},
                "told": told[str(row["id"])],
                "tickets": tickets.get(row["id"], 0),
            }
            for row in changes
        ]
    }


@router.post("/planned-work/{change_id:path}/notice")
async def send_notice(request: Request, change_id: str, who: Engineer) -> dict[str, Any]:
    """Send the notice of planned work now, whatever the calendar says of earlier notices."""
    service: Service = request.app.state.service
    desk, now = service.work_notices, utc_now()
    change = await service.sink.read(lambda store: change_of(store, change_id))
    if change is None:
        raise Problem(404, "no such planned work")
    if not desk.recipients:
        raise Problem(409, "no target of notices is configured: [[notices]], [loop] notice_recipients")
    made = await desk.tell([change], now)

    def note(session: Session) -> list[dict[str, Any]]:
        append(session, now, who.name, "planned_work.notice", change_id, {"notices": made})
        return told_of(session, [change_id])[change_id]

    return {"id": change_id, "made": made, "told": await service.database.writing(note)}


def _incident(session: Session, incident_id: str) -> Incident:
    row = session.get(Incident, incident_id)
    if row is None:
        raise LoopError("unknown", "no such incident", key="cluster")
    return row


def _listed(row: Incident) -> dict[str, Any]:
    names = (
        "id", "version", "key", "entity", "region", "source", "state", "why", "tickets", "expected", "chance",
        "top_cause", "department",
    )  # fmt: skip
    times = {name: iso(getattr(row, name)) for name in ("opened_at", "last_at", "closed_at")}
    return {**{name: getattr(row, name) for name in names}, **times}
