"""`/ui/reports`: open work by department, and the indicators of complaint handling for a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from callcause.loop import queue as loop_queue
from callcause.loop.report_desk import USUAL_DAYS
from callcause.loop.service_report import SHOWN, Report, html
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.web.page import PageRoute, language_of, render
from callcause.web.reader import kept_of, service_of
from callcause.web.session import sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
MOST_DAYS = 800
FRESH_S = 60
"""A report that was asked for is made anew at most this often; the page says of when it is."""
SHARES = (
    "timely_rate",
    "repeat_rate",
    "solve_rate",
    "direct_completion_share",
    "satisfaction",
    "late_entry_share",
)
Found = tuple[datetime, datetime, Report, datetime]
"""First day, day after the last, the report, and of when it is."""


@router.get("/ui/reports")
async def reports(request: Request, who: Viewer) -> Response:
    """Show open tickets by department and state, then the indicators of the period."""
    now = utc_now()
    first, last, report, made_at = await _made(request, now)
    rows = await service_of(request).database.reading(
        lambda s: loop_queue.counts(s, loop_queue.Filter(), now)
    )
    return render(
        request, "reports.html.j2", rows=rows, report=report, made_at=made_at, shown=SHOWN,
        shares=SHARES, first=first, last=last,
    )  # fmt: skip


@router.get("/ui/reports/file")
async def report_file(request: Request, who: Viewer) -> Response:
    """Give the report of the period as one HTML file to keep; its own styles need no page of ours."""
    first, last, report, _ = await _made(request, utc_now())
    name = f"callcause-{first:%Y%m%d}-{last:%Y%m%d}.html"
    header = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(html(report, language_of(request)), media_type="text/html", headers=header)


async def _made(request: Request, now: datetime) -> Found:
    """Return the report of the days asked for, else that of the last ones, which is made beforehand."""
    desk = service_of(request).reports
    period = _period(request)
    if period is None:
        made = await desk.now()
        return made.report.start, made.report.end, made.report, made.at
    question, fresh = ("report", *period), int(now.timestamp()) // FRESH_S
    report, made_at = await kept_of(request.app).awaited(question, fresh, lambda: desk.of(*period))
    return *period, report, made_at


def _period(request: Request) -> tuple[datetime, datetime] | None:
    """Return the days asked for; with one of the two, as many as are usual."""
    first, last = (_day(request.query_params.get(name), name) for name in ("from", "to"))
    if not first and not last:
        return None
    first = first or (last or utc_now()) - timedelta(days=USUAL_DAYS)
    last = last or first + timedelta(days=USUAL_DAYS)
    if not timedelta(0) < last - first <= timedelta(days=MOST_DAYS):
        raise Problem(422, f"to: expected a day after `from`, at most {MOST_DAYS} days later")
    return first, last


def _day(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Problem(422, f"{name}: expected a day such as 2024-03-11") from None
