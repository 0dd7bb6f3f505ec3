"""`/tickets`: take complaint tickets in, give their diagnoses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from callcause.loop.feedback import told
from callcause.service.authentication import Principal, requires
from callcause.service.intake import state_of
from callcause.service.problem import Problem
from callcause.service.routes.paging import page, place
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.feedback import Feedback
from callcause.state.ticket import DONE, Result, Ticket, TicketEvent
from collectors.records import load_schemas

router = APIRouter(tags=["tickets"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
_TYPES = {"integer": "integer", "float": "number", "boolean": "boolean"}


def _ticket_schema() -> dict[str, Any]:
    """Return the fields of the record `ticket` as JSON Schema, for the OpenAPI document."""
    fields: dict[str, Any] = {}
    for field in load_schemas()["ticket"].fields:
        fields[field.name] = {"type": _TYPES.get(field.type, "string"), "description": field.description}
        if field.allowed:
            fields[field.name]["enum"] = list(field.allowed)
        if field.type == "datetime":
            fields[field.name]["format"] = "date-time"
    return {"type": "object", "properties": fields, "additionalProperties": False}


_ONE = _ticket_schema()
_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"oneOf": [_ONE, {"type": "array", "items": _ONE}]}}},
}


@router.post("/tickets", status_code=202, openapi_extra={"requestBody": _BODY})
async def post_tickets(
    request: Request,
    who: Engineer,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    """Take in one ticket or several; answered with their ids once they are durable."""
    service: Service = request.app.state.service
    answer = await service.intake.post(await request.body(), idempotency_key, who)
    service.tickets.wake()
    return JSONResponse(answer, 202)


@router.get("/tickets")
async def list_tickets(
    request: Request,
    who: Viewer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: str | None = None,
    state: str | None = None,
    verdict: str | None = None,
) -> dict[str, Any]:
    """List tickets, the last taken in first; `next` is what `after` is for the page that follows."""
    service: Service = request.app.state.service
    query = select(Ticket).order_by(Ticket.taken_in_at.desc(), Ticket.id.desc()).limit(limit + 1)
    if state:
        query = query.where(Ticket.state == state)
    if verdict:
        query = query.where(Ticket.verdict == verdict)
    if after:
        at, name = place(after)
        query = query.where(
            tuple_(Ticket.taken_in_at, Ticket.id)
            < tuple_(literal(at, Ticket.taken_in_at.type), literal(name))
        )
    found = await service.database.reading(lambda s: list(s.scalars(query)))
    rows, following = page(found, limit, "taken_in_at")
    return {"tickets": [_listed(row) for row in rows], "next": following}


@router.get("/tickets/{ticket_id:path}/events")
async def ticket_events(request: Request, ticket_id: str, who: Viewer) -> dict[str, Any]:
    """Tell what happened to a ticket, the first thing first."""
    service: Service = request.app.state.service

    def find(session: Session) -> list[TicketEvent] | None:
        if session.get(Ticket, ticket_id) is None:
            return None
        query = select(TicketEvent).where(TicketEvent.ticket_id == ticket_id).order_by(TicketEvent.id)
        return list(session.scalars(query))

    found = await service.database.reading(find)
    if found is None:
        raise Problem(404, "no such ticket")
    return {"events": [_event(row) for row in found]}


@router.get("/tickets/{ticket_id:path}")
async def get_ticket(request: Request, ticket_id: str, who: Viewer) -> JSONResponse:
    """Give the diagnosis of a ticket (200), or say that it is still to come (202).

    Once a cause was confirmed, `feedback` tells it beside the diagnosis, with the effect of the remedy.
    """
    service: Service = request.app.state.service

    def find(session: Session) -> tuple[Ticket | None, Result | None, Feedback | None]:
        row = session.get(Ticket, ticket_id)
        result = session.get(Result, row.result_id) if row is not None and row.result_id else None
        return row, result, session.get(Feedback, ticket_id)

    row, result, feedback = await service.database.reading(find)
    if row is None:
        raise Problem(404, "no such ticket")
    if result is not None and feedback is not None:
        known = told(feedback)
        seen = (known["effect"] or {}).get("at", "")
        tag = f'"{result.id}.{feedback.at.timestamp():.0f}.{seen}"'
        return JSONResponse({**result.contract, "feedback": known}, headers={"ETag": tag})
    if result is not None:
        return JSONResponse(result.contract, headers={"ETag": f'"{result.id}"'})
    if row.diagnosis == DONE:
        raise Problem(404, "the diagnosis is not kept any more")
    return JSONResponse(state_of(row), 202 if row.diagnosis_error is None else 200)


def _listed(row: Ticket) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "diagnosis": row.diagnosis,
        "verdict": row.verdict,
        "category": row.category,
        "top_cause": row.top_cause,
        "department": row.department,
        "region": row.record.get("region"),
        "received_at": row.received_at.isoformat(),
        "diagnosed_at": row.diagnosed_at.isoformat() if row.diagnosed_at else None,
        "version": row.version,
    }


def _event(row: TicketEvent) -> dict[str, Any]:
    return {
        "at": row.at.isoformat(),
        "who": row.who,
        "from": row.from_state,
        "to": row.to_state,
        "department": row.department,
        "why": row.why,
    }
