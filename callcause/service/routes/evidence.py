"""`/tickets/{id}/evidence`: the KPIs around a ticket's moment with their baseline, and its messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from callcause.service.authentication import Principal, requires
from callcause.service.routes.life import diagnosed
from callcause.service.service import Service
from callcause.service.settings import Role
from collectors.kpi.catalogue import load_catalogue
from dashboards.report.evidence import as_json, evidence_of

router = APIRouter(tags=["tickets"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]


@router.get("/tickets/{ticket_id:path}/evidence")
async def get_evidence(request: Request, ticket_id: str, who: Viewer) -> dict[str, Any]:
    """Give what the page of a ticket draws: courses of KPIs hour by hour, and ladders message by message."""
    service: Service = request.app.state.service
    row, contract = await diagnosed(service, ticket_id)
    told = {name: _moment(row.told.get(name)) for name in ("occurred_at", "received_at")}
    told["received_at"] = told["received_at"] or row.received_at
    cell = row.told.get("ecgi") or row.cell
    runbooks = service.diagnostician.runbooks
    drawn = await service.sink.read(
        lambda store: evidence_of(store, contract, told, runbooks, load_catalogue(), cell)
    )
    return {"ticket_id": ticket_id, **as_json(drawn)}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
