"""`/warnings`: early warnings, reviewed and published; reports by their fields."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.kpi_warning import COMPLAINTS, measured, slips_of
from callcause.loop.warning_desk import report
from callcause.service.authentication import Principal, requires
from callcause.service.problem import Problem
from callcause.service.routes.life import Name, Text
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.state.incident import TicketKey

router = APIRouter(tags=["warnings"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
Approver = Annotated[Principal, Depends(requires(Role.approver))]
Admin = Annotated[Principal, Depends(requires(Role.admin))]
Short = Annotated[str, Field(max_length=64)]
Number = Annotated[str, Field(max_length=32, pattern=r"^\+?[0-9][0-9 ().-]{2,30}$")]


class WarningBody(BaseModel):
    """A warning raised by hand."""

    model_config = ConfigDict(extra="forbid")

    type: Short
    region: Short = ""
    level: Annotated[str, Field(pattern="^(warning|serious)$")] = "warning"
    text: Text
    ticket_type: Short | None = None
    order_number: Annotated[str | None, Field(max_length=200)] = None
    msisdn: Annotated[Number | None, Field(description="kept as a pseudonym only")] = None
    department: Name | None = None
    recipients: list[Short] | None = None


class SearchBody(BaseModel):
    """The phone number whose warnings are wanted: it stands in no address, where logs would keep it."""

    model_config = ConfigDict(extra="forbid")

    msisdn: Number
    limit: Annotated[int, Field(ge=1, le=5000)] = 100


class StepBody(BaseModel):
    """A step of a warning: approved, rejected, published or recovered."""

    model_config = ConfigDict(extra="forbid")

    to: str
    version: int = Field(ge=1)
    why: Text = ""


class DayBody(BaseModel):
    """Complaints of one type and region on one day."""

    model_config = ConfigDict(extra="forbid")

    type: Short
    region: Short = ""
    day: date
    n: int = Field(ge=0)
    alarmed: bool = False


@router.get("/warnings")
async def list_warnings(
    request: Request,
    who: Viewer,
    state: str | None = None,
    source: str | None = None,
    type: str | None = None,  # noqa: A002 - the field's name
    region: str | None = None,
    department: str | None = None,
    level: str | None = None,
    ticket_type: str | None = None,
    order_number: str | None = None,
    text: Annotated[str | None, Query(max_length=200, description="part of the text")] = None,
    recipient: str | None = None,
    recovered: bool | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 100,
) -> dict[str, Any]:
    """List warnings by any of their fields, the last raised first."""
    wanted: dict[str, str | bool | datetime | None] = {
        "state": state, "source": source, "type": type, "region": region, "department": department,
        "level": level, "ticket_type": ticket_type, "order_number": order_number, "recovered": recovered,
        "since": since, "until": until, "text": text, "recipient": recipient,
    }  # fmt: skip
    service: Service = request.app.state.service
    return {"warnings": await service.database.reading(lambda s: report(s, wanted, limit))}


@router.get("/warnings/kpi")
async def kpi_warnings(
    request: Request,
    who: Viewer,
    days: Annotated[int, Query(ge=1, le=400)] = 60,
    horizon_h: Annotated[float, Query(gt=0, le=168)] = 24,
) -> dict[str, Any]:
    """Tell which KPI slips came before complaints: lead time, false alarms, and whether it is chance."""
    service: Service = request.app.state.service
    now, span = utc_now(), timedelta(days=days)

    def complaints(session: Session) -> list[tuple[str, datetime]]:
        query = select(TicketKey.entity, TicketKey.at).where(
            TicketKey.key.in_(("cell", "node")), TicketKey.at >= now - span
        )
        return list(session.execute(query).tuples())

    rows = await service.database.reading(complaints)
    slips = await service.sink.read(lambda store: slips_of(store, now - span, now))
    told = pl.DataFrame(rows, schema=COMPLAINTS, orient="row")
    found = await asyncio.to_thread(measured, slips, told, timedelta(hours=horizon_h), span)
    return {"complaints": told.height, "slips": slips.height, "kpis": found.to_dicts()}


@router.post("/warnings", status_code=201)
async def raise_warning(request: Request, body: WarningBody, who: Engineer) -> dict[str, Any]:
    """Raise a warning by hand; it is reviewed by somebody else like every other."""
    service: Service = request.app.state.service
    told = body.model_dump()
    clear = told.pop("msisdn")
    told["subscriber"] = _pseudonyms(service, clear)[0] if clear else None
    return await service.warnings.raise_by_hand(who.name, told)


@router.post("/warnings/search")
async def search_warnings(request: Request, body: SearchBody, who: Engineer) -> dict[str, Any]:
    """List the warnings that name a phone number, the last raised first."""
    service: Service = request.app.state.service
    wanted = {"subscribers": _pseudonyms(service, body.msisdn)}
    return {"warnings": await service.database.reading(lambda s: report(s, wanted, body.limit))}


@router.post("/warnings/history")
async def import_history(request: Request, body: list[DayBody], who: Admin) -> dict[str, int]:
    """Take in daily counts from before the first ticket: what base values are made from."""
    if not body:
        raise Problem(422, "there are no days in the request")
    service: Service = request.app.state.service
    return {"days": await service.warnings.import_days([day.model_dump() for day in body], who.name)}


@router.post("/warnings/{warning_id}/steps")
async def step(request: Request, warning_id: str, body: StepBody, who: Approver) -> dict[str, Any]:
    """Review, publish or recover a warning."""
    service: Service = request.app.state.service
    return await service.warnings.step(warning_id, body.to, who.name, body.why, body.version)


def _pseudonyms(service: Service, clear: str) -> list[str]:
    """Return the names of a phone number, the one of today first."""
    found = service.pseudonymiser.names_of(clear, service.configuration.ingest.country_code)
    if not found:
        raise Problem(422, "msisdn: expected a phone number")
    return found
