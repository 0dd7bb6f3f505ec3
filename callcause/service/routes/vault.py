"""`/vault` and `/audit`: requests to see a number, erasure of a subscriber, the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from callcause.loop.audit_log import check
from callcause.loop.erasure import erase_everywhere
from callcause.service.authentication import Principal, requires
from callcause.service.problem import Problem
from callcause.service.routes.life import Text
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.ticket import Ticket
from callcause.state.vault import AuditRow

router = APIRouter(tags=["vault"])
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
Approver = Annotated[Principal, Depends(requires(Role.approver))]
Admin = Annotated[Principal, Depends(requires(Role.admin))]


class AskBody(BaseModel):
    """A request to see the number of a ticket."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: str = Field(max_length=200)
    reason: Text


class DecisionBody(BaseModel):
    """The word of the second person."""

    model_config = ConfigDict(extra="forbid")

    approve: bool
    why: Text = ""


class EraseBody(BaseModel):
    """A subscriber to erase, by number or by one of the tickets."""

    model_config = ConfigDict(extra="forbid")

    msisdn: Annotated[str | None, Field(min_length=3, max_length=32)] = None
    ticket_id: Annotated[str | None, Field(max_length=200)] = None
    why: Text


@router.post("/vault/requests", status_code=201)
async def ask(request: Request, body: AskBody, who: Engineer) -> dict[str, Any]:
    """Ask to see the clear number of a ticket; the answer shows it masked."""
    service: Service = request.app.state.service
    return await service.vault.ask(body.ticket_id, who.name, body.reason)


@router.get("/vault/requests")
async def list_requests(
    request: Request,
    who: Engineer,
    state: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """List requests, the last first."""
    service: Service = request.app.state.service
    return {"requests": await service.vault.requests(state, limit)}


@router.post("/vault/requests/{request_id}/decision")
async def decide(request: Request, request_id: str, body: DecisionBody, who: Approver) -> dict[str, Any]:
    """Approve or refuse a request of somebody else."""
    service: Service = request.app.state.service
    return await service.vault.decide(request_id, who.name, approve=body.approve, why=body.why)


@router.post("/vault/requests/{request_id}/show")
async def show(request: Request, request_id: str, who: Engineer) -> JSONResponse:
    """Show the number once, to who asked for it."""
    service: Service = request.app.state.service
    return JSONResponse(await service.vault.show(request_id, who.name), headers={"Cache-Control": "no-store"})


@router.post("/vault/erasures")
async def erase_subscriber(request: Request, body: EraseBody, who: Admin) -> dict[str, Any]:
    """Erase one subscriber: rows of the store, sealed number, pseudonyms of tickets, stored evidence."""
    service: Service = request.app.state.service
    if (body.msisdn is None) == (body.ticket_id is None) or len(body.why.strip()) < 5:
        raise Problem(422, "name exactly one of msisdn and ticket_id, and a reason")
    names = _pseudonyms(service, body.msisdn) if body.msisdn else await _customer(service, body.ticket_id)
    if not names:
        raise Problem(404, "no such subscriber")
    return await erase_everywhere(service.database, service.sink.erase, names, who.name, body.why)


@router.get("/audit")
async def list_audit(
    request: Request,
    who: Approver,
    after: Annotated[int, Query(ge=0)] = 0,
    actor: str | None = None,
    action: str | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> dict[str, Any]:
    """Give entries of the audit log in their order, from the one after `after`."""
    query = select(AuditRow).where(AuditRow.number > after).order_by(AuditRow.number).limit(limit)
    for column, value in ((AuditRow.actor, actor), (AuditRow.action, action)):
        if value:
            query = query.where(column == value)
    service: Service = request.app.state.service
    return {"entries": await service.database.reading(lambda s: [_entry(row) for row in s.scalars(query)])}


@router.get("/audit/check")
async def check_audit(request: Request, who: Approver, head: str | None = None) -> dict[str, Any]:
    """Check the chain of the audit log; `head`: the hash of its last entry as somebody kept it."""
    service: Service = request.app.state.service
    file = service.database.audit_head
    kept = file.read() if file else None  # before the log is read: it may only grow meanwhile
    number, last, fault = await service.database.reading(lambda s: check(s, head, kept))
    told = {"number": fault.number, "reason": fault.reason} if fault else None
    return {"entries": number, "head": last, "holds": fault is None, "fault": told}


def _pseudonyms(service: Service, clear: str) -> list[str]:
    return service.pseudonymiser.names_of(clear, service.configuration.ingest.country_code)


async def _customer(service: Service, ticket_id: str | None) -> list[str]:
    row = await service.database.reading(lambda session: session.get(Ticket, ticket_id))
    return [row.customer] if row is not None and row.customer else []


def _entry(row: AuditRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": row.at_text,
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "previous": row.previous,
        "hash": row.hash,
    }
