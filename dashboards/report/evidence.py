"""What is drawn beside the diagnosis of a ticket: KPIs around its moment, and its messages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collectors.kpi.catalogue import Catalogue
from collectors.store import Store
from dashboards.exposition.survey import alarm_limits
from dashboards.report.assembly import course_of, story_of
from dashboards.report.course import Course
from dashboards.report.ladder import Step
from dashboards.report.page import steps_of
from diagnosis.places import told_place
from runbooks.model import Runbooks

LEAST = 4
"""Courses that a ticket has, where its cell has that many KPIs of its category."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Courses of KPIs, and the messages of each record by its title."""

    courses: Sequence[Course]
    ladders: Sequence[tuple[str, Sequence[Step]]]


def evidence_of(
    store: Store,
    result: Mapping[str, Any],
    told: Mapping[str, Any],
    runbooks: Runbooks,
    catalogue: Catalogue,
    cell: str | None,
) -> Drawn:
    """Read what belongs to a ticket: first the KPIs that its checks read, then those of its cell.

    `told`: `occurred_at`, `received_at` as aware datetimes; `cell`: of the ticket, else one that checks read.
    """
    story = story_of(store, result, told, runbooks, catalogue)
    at = told.get("occurred_at") or told.get("received_at")
    where, category = cell or _served_by(result), str(result["category"]["id"])
    more = _of_cell(store, catalogue, story.courses, where, category, at) if where and at else ()
    return Drawn([*story.courses, *more], steps_of(story))


def _served_by(result: Mapping[str, Any]) -> str | None:
    """Return the cell that the checks read; None where they read none."""
    named = (told_place(str(check.get("at") or "")) for check in result["checks"])
    return next((name for kind, name in named if kind == "cell" and name), None)


def _of_cell(
    store: Store, catalogue: Catalogue, known: Sequence[Course], cell: str, category: str, at: datetime
) -> Iterator[Course]:
    """Add KPIs of the category at the cell where the checks read fewer than are worth a look."""
    drawn, wanted = {one.kpi_id for one in known}, LEAST - len(known)
    for kpi in map(catalogue.kpi, catalogue.cell_ids):
        if wanted <= 0:
            return
        if category in kpi.categories and alarm_limits(kpi) and kpi.id not in drawn and not kpi.of:
            course = course_of(store, catalogue, kpi.id, cell, at)
            if course is not None:
                wanted -= 1
                yield course


def as_json(drawn: Drawn) -> dict[str, Any]:
    """Return what is drawn as JSON: hours in RFC 3339, null where there is no value."""
    return {
        "courses": [_course(one) for one in drawn.courses],
        "ladders": [
            {"title": title, "steps": [_step(one) for one in steps]} for title, steps in drawn.ladders
        ],
    }


def _course(course: Course) -> dict[str, Any]:
    return {
        "kpi": course.kpi_id,
        "title": {"en": course.title_en, "zh": course.title_zh},
        "entity": course.entity,
        "unit": course.unit,
        "limit": course.limit,
        "at": course.complaint_at.isoformat(),
        "hours": [at.isoformat() for at in course.times],
        "values": _known(course.values),
        "low": _known(course.low),
        "high": _known(course.high),
    }


def _step(step: Step) -> dict[str, Any]:
    at = step.at.isoformat() if step.at else None
    return {"at": at, "from": step.source, "to": step.target, "text": step.text, "bad": step.bad}


def _known(values: Sequence[float | None]) -> list[float | None]:
    return [float(f"{value:.6g}") if value is not None and math.isfinite(value) else None for value in values]
