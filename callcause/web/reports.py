"""`/ui/reports`: open work by department, and the indicators of complaint handling for a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop import queue as loop_queue
from callcause.loop.service_report import SHOWN, Report, html, lives, make_report
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.state.base import utc_now
from callcause.state.ticket import Ticket
from callcause.web.page import PageRoute, language_of, render
from callcause.web.reader import kept_of, service_of
from callcause.web.session import sees

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
USUAL_DAYS, MOST_DAYS = 90, 800
GOAL = 0.9
FRESH_S = 60
"""A report is made anew at most this often; the page says of when it is."""
SHARES = (
    "timely_rate",
    "repeat_rate",
    "solve_rate",
    "direct_completion_share",
    "satisfaction",
    "late_entry_share",
)
NO_CUSTOMERS = pl.DataFrame(schema={"month": pl.String(), "region": pl.String(), "customers": pl.Int64()})


@router.get("/ui/reports")
async def reports(request: Request, who: Viewer) -> Response:
    """Show open tickets by department and state, then the indicators of the period."""
    now = utc_now()
    first, last = await _period(request, now)
    found = await _made(request, first, last, now)
    rows = await service_of(request).database.reading(
        lambda s: loop_queue.counts(s, loop_queue.Filter(), now)
    )
    return render(
        request, "reports.html.j2", rows=rows, report=found["report"], made_at=found["at"], shown=SHOWN,
        shares=SHARES, first=first, last=last,
    )  # fmt: skip


@router.get("/ui/reports/file")
async def report_file(request: Request, who: Viewer) -> Response:
    """Give the report of the period as one HTML file to keep; its own styles need no page of ours."""
    now = utc_now()
    first, last = await _period(request, now)
    found = await _made(request, first, last, now)
    name = f"callcause-{first:%Y%m%d}-{last:%Y%m%d}.html"
    header = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(html(found["report"], language_of(request)), media_type="text/html", headers=header)


async def _made(request: Request, first: datetime, last: datetime, now: datetime) -> dict[str, Any]:
    zone = service_of(request).configuration.loop.calendar.zone

    def work(session: Session) -> dict[str, Any]:
        report: Report = make_report(
            lives(session, first, last), NO_CUSTOMERS, first, last, goal=GOAL, zone=zone
        )
        return {"report": report, "at": now}

    def read(session: Session) -> dict[str, Any]:
        fresh = int(now.timestamp()) // FRESH_S
        return kept_of(request).get(("report", first, last), fresh, lambda: work(session))

    return await service_of(request).database.reading(read)


async def _period(request: Request, now: datetime) -> tuple[datetime, datetime]:
    """Return the days asked for; else the last ones up to now, or up to the newest ticket before that."""
    given = [_day(request.query_params.get(name), name) for name in ("from", "to")]
    if given[0] and given[1]:
        if not timedelta(0) < given[1] - given[0] <= timedelta(days=MOST_DAYS):
            raise Problem(422, f"to: expected a day after `from`, at most {MOST_DAYS} days later")
        return given[0], given[1]
    newest = await service_of(request).database.reading(
        lambda s: s.scalar(select(func.max(Ticket.received_at)))
    )
    last = given[1] or _midnight(min(newest or now, now)) + timedelta(days=1)
    return given[0] or last - timedelta(days=USUAL_DAYS), last


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _day(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Problem(422, f"{name}: expected a day such as 2024-03-11") from None
