"""`/metrics`: everything that Prometheus may know, built at each scrape."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from callcause.service.authentication import Principal, requires
from callcause.service.metrics import Exposition
from callcause.service.service import Service
from callcause.service.settings import Role

router = APIRouter(tags=["status"])


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, who: Annotated[Principal, Depends(requires(Role.viewer))]) -> Response:
    """Give the exposition in the text format of Prometheus; scrapes wait for each other."""
    state = request.app.state
    if not hasattr(state, "exposition"):
        service: Service = state.service
        state.exposition = await asyncio.to_thread(Exposition, service)
        state.exposing = asyncio.Lock()
    async with state.exposing:
        text = await asyncio.to_thread(state.exposition.text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
