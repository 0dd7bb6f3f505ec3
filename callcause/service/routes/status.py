"""`/healthz`, `/readyz`, `/sources`: whether the service lives, whether it can work, how its sources are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.service.authentication import Principal, requires
from callcause.service.service import Service
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.state.ticket import PENDING, Ticket

router = APIRouter(tags=["status"])
FREE = frozenset({"/healthz", "/readyz"})
"""Paths that probes ask often and without a token."""


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Tell that the process lives and its event loop turns."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """Tell whether tickets can be taken in and diagnosed, and what is in the way."""
    service: Service = request.app.state.service
    problems = await service.problems()
    body: dict[str, Any] = {"status": "ready" if not problems else "not ready", "problems": problems}
    return JSONResponse(body, 200 if not problems else 503)


@router.get("/work")
async def work(request: Request, who: Annotated[Principal, Depends(requires(Role.viewer))]) -> dict[str, Any]:
    """Tell what waits for the service itself: tickets to diagnose and to cluster; when it looked last."""
    service: Service = request.app.state.service

    def count(session: Session) -> tuple[int, int]:
        pending = select(func.count()).where(Ticket.diagnosis == PENDING, Ticket.state != "received")
        alone = select(func.count()).where(Ticket.clustered.is_(False), Ticket.diagnosis != PENDING)
        return session.scalar(pending) or 0, session.scalar(alone) or 0

    undiagnosed, unclustered = await service.database.reading(count)
    judged, looked = service.warnings.judged_at, service.effects.looked_at
    return {
        "now": utc_now().isoformat(),
        "undiagnosed": undiagnosed,
        "unclustered": unclustered,
        "warnings_judged_at": judged.isoformat() if judged else None,
        "effects_looked_at": looked.isoformat() if looked else None,
    }


@router.get("/sources")
async def sources(
    request: Request, who: Annotated[Principal, Depends(requires(Role.viewer))]
) -> dict[str, Any]:
    """Tell how every target and every listener is."""
    service: Service = request.app.state.service
    targets = [asdict(target) for target in service.health.targets.values()]
    for target in targets:
        target["last_success"] = target["last_success"].isoformat() if target["last_success"] else None
    return {
        "targets": targets,
        "listeners": [asdict(listener) for listener in service.health.listeners.values()],
    }
