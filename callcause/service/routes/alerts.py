"""`/alertmanager` and `/alerts`: take alerts in, give the diagnosis of their groups."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from callcause.service.alert_message import Delivery, read_delivery
from callcause.service.alert_rows import alerts_of
from callcause.service.authentication import Principal, requires
from callcause.service.problem import Problem
from callcause.service.routes.paging import page, place
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.alert import Alert, AlertGroup
from callcause.state.notice import Notice

router = APIRouter(tags=["alerts"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
Engineer = Annotated[Principal, Depends(requires(Role.engineer))]
_BODY = {"required": True, "content": {"application/json": {"schema": Delivery.model_json_schema()}}}


@router.post("/alertmanager", openapi_extra={"requestBody": _BODY})
async def alertmanager(request: Request, who: Engineer) -> dict[str, Any]:
    """Take a webhook of Alertmanager (version 4); answered once its alerts are durable."""
    service: Service = request.app.state.service
    delivery = read_delivery(await request.body())
    taken = await service.alerts.take(delivery)
    return {"id": taken.group, "href": f"/alerts/{taken.group}", "new": taken.new, "resolved": taken.resolved}


@router.get("/alerts")
async def list_alerts(
    request: Request,
    who: Viewer,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: str | None = None,
    status: str | None = None,
) -> dict[str, Any]:
    """List groups of alerts, the last opened first."""
    service: Service = request.app.state.service
    query = select(AlertGroup).order_by(AlertGroup.opened_at.desc(), AlertGroup.id.desc()).limit(limit + 1)
    if status:
        query = query.where(AlertGroup.status == status)
    if after:
        at, name = place(after)
        mark = tuple_(literal(at, AlertGroup.opened_at.type), literal(name))
        query = query.where(tuple_(AlertGroup.opened_at, AlertGroup.id) < mark)
    found = await service.database.reading(lambda s: list(s.scalars(query)))
    rows, following = page(found, limit, "opened_at")
    return {"alerts": [_listed(row) for row in rows], "next": following}


@router.get("/alerts/{group_id}")
async def get_alert(request: Request, group_id: str, who: Viewer) -> dict[str, Any]:
    """Give one group: its alerts, the diagnosis of what they are about, the notices that were sent."""
    service: Service = request.app.state.service

    def find(session: Session) -> dict[str, Any] | None:
        group = session.get(AlertGroup, group_id)
        if group is None:
            return None
        query = select(Notice).where(Notice.subject == group_id).order_by(Notice.id)
        return {
            **_listed(group),
            "error": group.diagnosis_error,
            "answer": group.answer,
            "alerts": [_alert(row) for row in alerts_of(session, group_id)],
            "notices": [_notice(row) for row in session.scalars(query)],
        }

    found = await service.database.reading(find)
    if found is None:
        raise Problem(404, "no such group of alerts")
    return found


def _listed(row: AlertGroup) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "group_labels": row.group_labels,
        "opened_at": row.opened_at.isoformat(),
        "resolved_at": row.resolved_at.isoformat() if row.resolved_at else None,
        "diagnosis": row.diagnosis,
        "diagnosed_at": row.diagnosed_at.isoformat() if row.diagnosed_at else None,
        "verdict": row.verdict,
        "top_cause": row.top_cause,
        "department": row.department,
    }


def _alert(row: Alert) -> dict[str, Any]:
    return {
        "fingerprint": row.fingerprint,
        "status": row.status,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat() if row.ends_at else None,
        "labels": row.labels,
        "annotations": row.annotations,
        "deliveries": row.deliveries,
    }


def _notice(row: Notice) -> dict[str, Any]:
    return {
        "target": row.target,
        "title": row.title,
        "state": row.state,
        "attempts": row.attempts,
        "sent_at": row.sent_at.isoformat() if row.sent_at else None,
        "error": row.error,
    }
