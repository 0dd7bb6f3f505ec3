"""All routers of the web page."""

from __future__ import annotations

from fastapi import APIRouter, Request

from callcause.service.problem import Problem
from callcause.web import (
    cell,
    cell_map,
    complaint,
    entrance,
    queue,
    reports,
    review,
    shelf,
    ticket,
    watch,
    worst,
)
from callcause.web.page import PageRoute

rest = APIRouter(route_class=PageRoute, include_in_schema=False)


@rest.get("/ui/{path:path}")
async def nothing(request: Request, path: str) -> None:
    """Answer for a page that does not exist."""
    raise Problem(404, "no such page")


ROUTERS = (
    entrance.router,
    queue.router,
    ticket.router,
    complaint.router,
    shelf.router,
    cell.router,
    worst.router,
    watch.router,
    cell_map.router,
    review.router,
    reports.router,
    rest,
)
"""In the order in which paths are looked up; `rest` is last."""
