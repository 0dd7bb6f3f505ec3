"""`/tickets/{id}/cases` and `/knowledge`: what was found before, and which knowledge is in effect."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from callcause.loop.case_library import earlier_cases, in_effect
from callcause.service.authentication import Principal, requires
from callcause.service.routes.life import diagnosed
from callcause.service.service import Service
from callcause.service.settings import Role

router = APIRouter(tags=["loop"])
Viewer = Annotated[Principal, Depends(requires(Role.viewer))]
LEADING = 3


@router.get("/tickets/{ticket_id:path}/cases")
async def get_cases(
    request: Request, ticket_id: str, who: Viewer, limit: Annotated[int, Query(ge=1, le=100)] = 5
) -> dict[str, Any]:
    """Give closed tickets whose confirmed cause is one of the leading causes of this one."""
    service: Service = request.app.state.service
    row, contract = await diagnosed(service, ticket_id)
    causes = [str(cause["id"]) for cause in contract["causes"][:LEADING]]
    found = await service.database.reading(lambda s: earlier_cases(s, ticket_id, causes, row.region, limit))
    return {"ticket_id": ticket_id, "causes": causes, "cases": found}


@router.get("/knowledge")
async def get_knowledge(request: Request, who: Viewer) -> dict[str, Any]:
    """Give the versions of runbooks and weights that diagnoses were made with, the newest first."""
    service: Service = request.app.state.service
    return {"versions": await service.database.reading(in_effect)}
