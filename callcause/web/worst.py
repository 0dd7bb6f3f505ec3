"""`/ui/worst`: cells beyond limit or baseline in one hour, the worst first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.web.cell import read_moment
from callcause.web.kept import Kept
from callcause.web.page import PageRoute, render
from callcause.web.reader import ask, catalogue, kept_of
from callcause.web.session import sees
from callcause_error import did_you_mean
from collectors.kpi.baseline import WEEKS
from collectors.kpi.worst import columns_needed, judged_counts, worst_cells
from collectors.store import Store

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
USUAL = "erab_drop_ratio_qci1_cell"
TOP = 50
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
LOOK_BACK = timedelta(hours=49)
"""What the count of hours in a row looks back, and one hour more."""
HOURLY = "hourly"


@router.get("/ui/worst")
async def worst(request: Request, who: Viewer, kpi: str = USUAL, at: str | None = None) -> Response:
    """Show the worst cells of a KPI; `at` is the hour, else the newest that the store holds."""
    known, moment = catalogue(), read_moment(at)
    names = [one for one in known.cell_ids if "." not in one]
    if kpi not in names:
        of_others = kpi in known and known.kpi(kpi).scope in ("node", "network", "gsm_cell")
        detail = "this KPI is not read at LTE cells" if of_others else "no KPI of cells has this name"
        raise Problem(404, detail, hint=None if of_others else did_you_mean(kpi, names))
    kept = kept_of(request.app)
    found = await ask(request, lambda store: newest_list(store, kept, kpi, moment))
    return render(request, "worst.html.j2", kpi=kpi, kpis=[known.kpi(name) for name in names], **found)


def newest_list(store: Store, kept: Kept, kpi: str, moment: datetime | None = None) -> dict[str, Any]:
    """Give the list of the hour of a moment, else of the newest; made anew where hours came or changed."""
    hour = moment or store.newest_hour()
    if hour is None:
        return {"at": None, "rows": [], "counts": {}}
    hour = hour.replace(minute=0, second=0, microsecond=0)
    question = ("worst", kpi, hour)
    return kept.get(question, store.version(HOURLY), lambda: worst_list(store, kpi, hour))


def worst_list(store: Store, kpi: str, hour: datetime, top: int = TOP) -> dict[str, Any]:
    """Rank all cells of an hour by that hour and its history alone, then give the worst their evidence.

    Of ten thousand cells only the `top` need the hours before, so only theirs are read.
    """
    known = catalogue()
    columns = columns_needed(known, kpi)
    everyone = store.hours([hour - week * WEEK for week in range(WEEKS + 1)], columns)
    first = worst_cells(everyone, known, kpi, hour, top)
    names = first["entity"].to_list()
    theirs = store.hourly(names, columns, hour - WEEKS * WEEK - LOOK_BACK, hour + HOUR) if names else everyone
    rows = worst_cells(theirs, known, kpi, hour, top)
    return {"at": hour, "rows": rows.to_dicts(), "counts": judged_counts(everyone, known, kpi, hour)}
