"""`/ui/collectors` and `/ui/alerts`: how the sources are, and what Alertmanager told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

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
from callcause.web.page import PageRoute, language_of, render, see_other
from callcause.web.reader import ask, catalogue, runbooks_of, service_of
from callcause.web.session import form_of, sees
from collectors.store import Store
from dashboards.report.assembly import course_of, story_of
from dashboards.report.course import Course
from runbooks.model import Runbooks

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
Engineer = Annotated[Principal, Depends(sees(Role.engineer))]
ROWS = 50
DRAWN, CHARTS = 6, 4
"""Elements of an alert that have charts, and how many each."""
REPORTED = frozenset({"registration", "access", "drop", "mos", "csfb"})
"""Categories that a ticket may have."""


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
    return render(request, "alerts.html.j2", groups=rows, following=following, alert_name=_naming(request))


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
    runbooks = runbooks_of(request)
    elements = found["group"].answer["elements"] if found["group"].answer else []
    courses = await ask(request, lambda store: _courses(store, elements[:DRAWN], runbooks))
    read = {one["id"]: {check["id"]: check for check in one["result"]["checks"]} for one in elements}
    known = runbooks.checks
    targets = bool(service_of(request).configuration.notices)
    return render(
        request,
        "alert.html.j2",
        known_checks=known,
        courses=courses,
        read=read,
        targets=targets,
        alert_name=_naming(request),
        **found,
    )


def _naming(request: Request) -> Callable[[AlertGroup], str]:
    """Give the name of a group in words: that of the KPI it is about, else that of its rule."""
    known, chinese = catalogue(), language_of(request) == "zh"

    def name(group: AlertGroup) -> str:
        labels = {**group.common_labels, **group.group_labels}
        kpis = {str(one.get("kpi") or "") for one in group.answer["elements"]} if group.answer else set()
        kpis |= {labels["kpi"]} if "kpi" in labels else set()
        if len(kpis) == 1 and (kpi := kpis.pop()) in known:
            return str(known.kpi(kpi).name.zh if chinese else known.kpi(kpi).name.en)
        return str(labels.get("alertname", ""))

    return name


def _courses(
    store: Store, elements: Sequence[Mapping[str, Any]], runbooks: Runbooks
) -> dict[str, list[Course]]:
    """Return by element the course of the alerted KPI, then of those that prove the first cause."""
    known = catalogue()
    found: dict[str, list[Course]] = {}
    for one in elements:
        at, result = datetime.fromisoformat(one["at"]), one["result"]
        proof = set(result["causes"][0]["supported_by"]) if result["causes"] else set()
        shown = {**result, "checks": [check for check in result["checks"] if check["id"] in proof]}
        courses = list(story_of(store, shown, {"occurred_at": at}, runbooks, known).courses)
        kpi = str(one.get("kpi") or "")
        if kpi in known and all(course.kpi_id != kpi for course in courses):
            alerted = course_of(store, known, kpi, one["id"], at)
            courses = [alerted, *courses] if alerted else courses
        found[one["id"]] = courses[:CHARTS]
    return found


@router.post("/ui/alerts/{group_id}/ticket")
async def open_ticket(request: Request, group_id: str, who: Engineer) -> Response:
    """Open a ticket about one element of the alert; its page leads on to the dispatch."""
    form = await form_of(request)
    wanted = str(form.get("element") or "")

    def find(session: Session) -> AlertGroup | None:
        return session.get(AlertGroup, group_id)

    service = service_of(request)
    group = await service.database.reading(find)
    elements = group.answer["elements"] if group is not None and group.answer else []
    found = next((one for one in elements if one["id"] == wanted), None)
    if found is None:
        raise Problem(404, "the alert names no such element")
    said = " ".join(f"{name}={label}" for name, label in sorted(group.group_labels.items())) if group else ""
    told = {"description": f"{said} {found['id']}".strip(), "occurred_at": found["at"]}
    if found["kind"] == "cell":
        told["ecgi"] = found["id"]
    if found["category"] in REPORTED:
        told["category"] = found["category"]
    answer = await service.intake.post(json.dumps(told).encode(), None, who)
    service.tickets.wake()
    return see_other(f"/ui/tickets/{quote(answer['tickets'][0]['id'])}")
