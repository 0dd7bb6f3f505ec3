"""`/ui/cells/{ecgi}`: one cell at a moment, with all that may explain complaints about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Request, Response

from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.settings import Role
from callcause.web.page import PageRoute, render
from callcause.web.reader import ask, catalogue
from callcause.web.session import sees
from collectors.store import Store
from dashboards.report.assembly import course_of
from dashboards.report.course import Course

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
DAYS = 7
ROWS = 50
COURSES = (
    "erab_drop_ratio_qci1_cell",
    "erab_setup_success_ratio_qci1",
    "rrc_connection_setup_success_ratio",
    "esrvcc_handover_success_ratio",
    "pdcp_loss_ratio_ul_qci1",
    "ul_interference_per_prb",
    "prb_utilisation.dl",
    "mr_coverage_ratio",
)
"""What tells most about a cell whose voice users complain."""
NEIGHBOUR = (
    "target_rat",
    "target_id",
    "is_first_ring",
    "is_defined",
    "handover_attempts",
    "handover_successes",
)
ALARM = ("raised_at", "cleared_at", "perceived_severity", "specific_problem", "alarmed_object")
CHANGE = ("planned_start", "planned_end", "title", "change_type", "status")


@router.get("/ui/cells/{ecgi}")
async def cell(request: Request, ecgi: str, who: Viewer, at: str | None = None) -> Response:
    """Show a cell; `at` is a moment (RFC 3339, or milliseconds as dashboards write), else the newest."""
    moment = read_moment(at)
    found = await ask(request, lambda store: _read(store, ecgi, moment))
    if found is None:
        raise Problem(404, "neither the inventory nor any record has this cell")
    return render(request, "cell.html.j2", ecgi=ecgi, **found)


def read_moment(text: str | None) -> datetime | None:
    """Return a moment; Problem 422 where the text is none."""
    if not text:
        return None
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text.replace(" ", "+"))
    except (ValueError, OverflowError, OSError):
        raise Problem(422, "at: expected a time such as 2024-03-11T09:15:00Z") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _read(store: Store, ecgi: str, at: datetime | None) -> dict[str, Any] | None:
    facts = store.rows("cell").filter(pl.col("ecgi") == ecgi).head(1).collect().to_dicts()
    tickets = _tickets(store, ecgi)
    newest = store.hourly([ecgi], ["rrc_connection_setup_success_ratio"])["period_start"].max()
    if not facts and not tickets and newest is None:
        return None
    shown = at or (newest if isinstance(newest, datetime) else datetime.now(UTC))
    inventory = facts[0] if facts else {}
    objects = [
        name for name in (ecgi, f"ENB-{inventory['enb_id']}" if inventory.get("enb_id") else None) if name
    ]
    return {
        "at": shown,
        "facts": {name: value for name, value in inventory.items() if value is not None and name != "absent"},
        "courses": _courses(store, ecgi, shown),
        "neighbours": _rows(store, "neighbour", pl.col("source_ecgi") == ecgi, NEIGHBOUR, "target_id"),
        "alarms": _rows(
            store, "alarm", _near("raised_at", shown) & pl.col("alarmed_object").is_in(objects), ALARM
        ),
        "changes": _rows(
            store,
            "change",
            _near("planned_start", shown)
            & pl.any_horizontal(pl.col("impacted_objects").list.contains(name) for name in objects),
            CHANGE,
        ),
        "tickets": tickets,
    }


def _near(column: str, at: datetime) -> pl.Expr:
    return pl.col(column).is_between(at - timedelta(days=DAYS), at + timedelta(days=1))


def _rows(
    store: Store, kind: str, wanted: pl.Expr, columns: Sequence[str], order: str | None = None
) -> list[dict[str, Any]]:
    found = store.rows(kind).filter(wanted).select(columns)
    return found.sort(order or columns[0], descending=order is None).head(ROWS).collect().to_dicts()


def _tickets(store: Store, ecgi: str) -> list[dict[str, Any]]:
    return _rows(store, "ticket", pl.col("ecgi") == ecgi, ("received_at", "id", "category", "description"))


def _courses(store: Store, ecgi: str, at: datetime) -> list[Course]:
    known = catalogue()
    found = [course_of(store, known, kpi, ecgi, at) for kpi in COURSES if kpi in known]
    return [course for course in found if course is not None]
