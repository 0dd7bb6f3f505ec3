"""`/ui/collectors` and `/ui/alerts`: how the sources are, and what Alertmanager told."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from callcause.service.alert_rows import alerts_of
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.routes.paging import page, place
from callcause.service.settings import Role
from callcause.state.alert import AlertGroup
from callcause.state.notice import Notice
from callcause.web.page import PageRoute, render
from callcause.web.reader import runbooks_of, service_of
from callcause.web.session import sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
ROWS = 50


@router.get("/ui/collectors")
async def collectors(request: Request, who: Viewer) -> Response:
    """Show every target and listener, those in trouble first."""
    health = service_of(request).health
    targets = sorted(health.targets.values(), key=lambda t: (t.up is not False, t.kind, t.source, t.target))
    listeners = sorted(health.listeners.values(), key=lambda one: (one.up, one.kind, one.source))
    return render(request, "collectors.html.j2", targets=targets, listeners=listeners)


@router.get("/ui/alerts")
async def alerts(request: Request, who: Viewer, after: str | None = None) -> Response:
    """List groups of alerts, the last opened first."""
    query = select(AlertGroup).order_by(AlertGroup.opened_at.desc(), AlertGroup.id.desc()).limit(ROWS + 1)
    if after:
        at, name = place(after)
        mark = tuple_(literal(at, AlertGroup.opened_at.type), literal(name))
        query = query.where(tuple_(AlertGroup.opened_at, AlertGroup.id) < mark)
    found = await service_of(request).database.reading(lambda s: list(s.scalars(query)))
    rows, following = page(found, ROWS, "opened_at")
    return render(request, "alerts.html.j2", groups=rows, following=following)


@router.get("/ui/alerts/{group_id}")
async def alert(request: Request, group_id: str, who: Viewer) -> Response:
    """Show one group: its alerts, the diagnosis of each element, the notices that were sent."""

    def find(session: Session) -> dict[str, Any] | None:
        group = session.get(AlertGroup, group_id)
        if group is None:
            return None
        notices = select(Notice).where(Notice.subject == group_id).order_by(Notice.id)
        return {
            "group": group,
            "alerts": list(alerts_of(session, group_id)),
            "notices": list(session.scalars(notices)),
        }

    found = await service_of(request).database.reading(find)
    if found is None:
        raise Problem(404, "no such group of alerts")
    return render(request, "alert.html.j2", known_causes=runbooks_of(request).causes, **found)
