"""`/ui/worst`: cells beyond limit or baseline in one hour, the worst first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.web.cell import read_moment
from callcause.web.page import PageRoute, render
from callcause.web.reader import ask, catalogue
from callcause.web.session import sees
from callcause_error import did_you_mean
from collectors.kpi.worst import columns_needed, judged_counts, worst_cells
from collectors.store import Store

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
USUAL = "erab_drop_ratio_qci1_cell"
TOP = 50
HISTORY = timedelta(weeks=4, hours=49)


@router.get("/ui/worst")
async def worst(request: Request, who: Viewer, kpi: str = USUAL, at: str | None = None) -> Response:
    """Show the worst cells of a KPI; `at` is the hour, else the newest that the store holds."""
    known, moment = catalogue(), read_moment(at)
    names = [one for one in known.cell_ids if "." not in one]
    if kpi not in names:
        raise Problem(404, "no KPI of cells has this name", hint=did_you_mean(kpi, names))
    found = await ask(request, lambda store: _read(store, kpi, moment))
    return render(request, "worst.html.j2", kpi=kpi, kpis=[known.kpi(name) for name in names], **found)


def _read(store: Store, kpi: str, at: datetime | None) -> dict[str, Any]:
    known = catalogue()
    newest = at or store.hourly(None, [kpi])["period_start"].max()
    if not isinstance(newest, datetime):
        return {"at": None, "rows": [], "counts": {}}
    hourly = store.hourly(None, columns_needed(known, kpi), newest - HISTORY, newest + timedelta(hours=1))
    rows = worst_cells(hourly, known, kpi, newest, TOP).to_dicts()
    return {"at": newest, "rows": rows, "counts": judged_counts(hourly, known, kpi, newest)}
