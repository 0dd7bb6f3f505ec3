"""Stories of tickets: results joined with the records and KPI courses that stand behind them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.kpi.catalogue import Catalogue
from collectors.store.store import Store
from dashboards.report.course import Course
from dashboards.report.story import Story
from diagnosis.evidence import Evidence
from diagnosis.places import OTHER_PARTY, told_place
from diagnosis.result import DiagnosisBatch
from runbooks.loader import Runbooks

DAYS_BEFORE, DAYS_AFTER, WEEKS = 7, 1, 4
COURSES = 4
TICKET_FIELDS = ("description", "occurred_at", "received_at")
HOUR = timedelta(hours=1)
MAD_WIDTH = 3.0
LEAST_WEEKS, LEAST_DAYS = 2, 3
"""Weeks, else days, that a band needs: one value alone has no spread."""


def assemble(store: Store, batch: DiagnosisBatch, runbooks: Runbooks, catalogue: Catalogue) -> list[Story]:
    """Return a story a ticket, in the order of the batch."""
    results = batch.results()
    tickets = _tickets(batch)
    related = _related(batch)
    calls = _rows(store, "call", {i for item in related.values() for i in item.get("call", ())})
    registrations = _rows(
        store, "registration", {i for item in related.values() for i in item.get("registration", ())}
    )
    hops = _hops(store, [*calls.values(), *registrations.values()])
    return [
        Story(
            result=result,
            ticket=tickets[result["ticket_id"]],
            calls=_pick(calls, related[result["ticket_id"]].get("call", ())),
            registrations=_pick(registrations, related[result["ticket_id"]].get("registration", ())),
            courses=_courses(store, result, tickets[result["ticket_id"]], runbooks, catalogue),
            hops=hops,
        )
        for result in results
    ]


def story_of(
    store: Store,
    result: Mapping[str, Any],
    ticket: Mapping[str, Any],
    runbooks: Runbooks,
    catalogue: Catalogue,
) -> Story:
    """Return the story of a kept result; its checks name the records that it was made from.

    `ticket`: `description`, and `occurred_at`, `received_at` as aware datetimes.
    """
    named = [told_place(str(check.get("at") or "")) for check in result["checks"]]
    calls, registrations = (
        _rows(store, kind, {name for what, name in named if what == kind})
        for kind in ("call", "registration")
    )
    return Story(
        result=result,
        ticket=ticket,
        calls=list(calls.values()),
        registrations=list(registrations.values()),
        courses=_courses(store, result, ticket, runbooks, catalogue),
        hops=_hops(store, [*calls.values(), *registrations.values()]),
    )


def _tickets(batch: DiagnosisBatch) -> dict[str, dict[str, Any]]:
    frame = batch.readings.frame.select(pl.col(f"ticket.{name}").alias(name) for name in TICKET_FIELDS)
    return dict(zip(batch.ticket_ids, frame.iter_rows(named=True), strict=True))


def _related(batch: DiagnosisBatch) -> dict[str, dict[str, list[str]]]:
    """Return the ids of the own records of each ticket, by kind."""
    found: dict[str, dict[str, list[str]]] = {ticket: {} for ticket in batch.ticket_ids}
    if not isinstance(batch.readings, Evidence):
        return found
    for kind in ("call", "registration"):
        for row, record in batch.readings.related[kind].select("row", "id").iter_rows():
            found[batch.ticket_ids[row]].setdefault(kind, []).append(record)
    return found


def _rows(store: Store, kind: str, ids: set[str]) -> dict[str, dict[str, Any]]:
    frame = store.records(kind).filter(pl.col("id").is_in(sorted(ids))).collect()
    return {row["id"]: row for row in frame.iter_rows(named=True)}


def _hops(store: Store, records: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the captured messages by the record that they belong to."""
    ids = {str(value) for record in records for value in (record["id"], record.get("other_leg_id")) if value}
    frame = store.records("hop").filter(pl.col("record_id").is_in(sorted(ids))).collect() if ids else None
    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame.iter_rows(named=True) if frame is not None else ():
        found.setdefault(row["record_id"], []).append(row)
    return found


def _pick(rows: Mapping[str, dict[str, Any]], ids: Iterable[str]) -> list[dict[str, Any]]:
    return [rows[i] for i in ids if i in rows]


def _courses(
    store: Store,
    result: Mapping[str, Any],
    ticket: Mapping[str, Any],
    runbooks: Runbooks,
    catalogue: Catalogue,
) -> list[Course]:
    at = ticket.get("occurred_at") or ticket.get("received_at")
    if not isinstance(at, datetime):
        return []
    courses: list[Course] = []
    for check in sorted(result["checks"], key=lambda c: c["outcome"] != "HIT"):
        kpi_id = _kpi_of(check, runbooks, catalogue)
        entity = str(check.get("at") or "").removesuffix(OTHER_PARTY).rpartition(" ")[2]
        if kpi_id and entity and all(c.kpi_id != kpi_id for c in courses):
            course = _course(store, catalogue, kpi_id, entity, at)
            if course is not None:
                courses.append(course)
        if len(courses) == COURSES:
            break
    return courses


def _kpi_of(check: Mapping[str, Any], runbooks: Runbooks, catalogue: Catalogue) -> str | None:
    if check["outcome"] not in ("HIT", "MISS") or not isinstance(check["reading"], float):
        return None
    names = (
        check.get("name"),
        *(t.name for c in runbooks.checks[check["id"]].conditions for t in c.condition.terms),
    )
    return next((name for name in names if name in catalogue.ids()), None)


def course_of(store: Store, catalogue: Catalogue, kpi_id: str, entity: str, at: datetime) -> Course | None:
    """Return the hours of one KPI around a moment with their baseline band; None where there are none."""
    return _course(store, catalogue, kpi_id, entity, at)


def _course(store: Store, catalogue: Catalogue, kpi_id: str, entity: str, at: datetime) -> Course | None:
    hour = at.replace(minute=0, second=0, microsecond=0)
    start = hour - timedelta(days=DAYS_BEFORE, weeks=WEEKS)
    count = int((hour + timedelta(days=DAYS_AFTER) - start) / HOUR)
    values = _hourly(store, kpi_id, entity, start, count)
    if not np.isfinite(values).any():
        return None
    low, high = _band(values)
    kpi, shown = catalogue.kpi(kpi_id), slice(24 * 7 * WEEKS, count)
    return Course(
        kpi_id=kpi_id,
        title_en=kpi.name.en,
        title_zh=kpi.name.zh,
        entity=entity,
        unit=kpi.unit,
        times=[start + HOUR * i for i in range(count)][shown],
        values=values[shown].tolist(),
        low=low[shown].tolist(),
        high=high[shown].tolist(),
        limit=next((limit.limit for limit in kpi.limits), None),
        complaint_at=at,
    )


def _hourly(store: Store, kpi_id: str, entity: str, start: datetime, count: int) -> NDArray[np.float64]:
    frame = store.hourly([entity], [kpi_id], start, start + HOUR * count)
    index = (frame["period_start"].dt.epoch("s").to_numpy() - int(start.timestamp())) // 3600
    values = np.full(count, np.nan)
    inside = (index >= 0) & (index < count)
    values[index[inside]] = frame[kpi_id].cast(pl.Float64).fill_null(np.nan).to_numpy()[inside]
    return values


def _band(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return median -/+ 3 MAD of the same hour of week over the four weeks before each hour.

    Where one week alone is known nothing spreads: then of the same hour of the seven days before.
    """
    weekly, daily = _before(values, 24 * 7, WEEKS), _before(values, 24, 7)
    young = np.isfinite(weekly).sum(axis=0) < LEAST_WEEKS
    few_days = np.isfinite(daily).sum(axis=0) < LEAST_DAYS
    past = np.full((max(len(weekly), len(daily)), values.size), np.nan)
    past[: len(weekly)] = weekly
    past[:, young] = np.where(few_days[young], np.nan, daily[:, young])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an hour without any history stays NaN
        middle = np.nanmedian(past, axis=0)
        spread = np.nanmedian(np.abs(past - middle), axis=0)
    return middle - MAD_WIDTH * spread, middle + MAD_WIDTH * spread


def _before(values: NDArray[np.float64], step: int, count: int) -> NDArray[np.float64]:
    """Return the values of so many steps before each hour, one row a step; NaN where there are none."""
    past = np.full((count, values.size), np.nan)
    for number in range(1, count + 1):
        if step * number < values.size:
            past[number - 1, step * number :] = values[: values.size - step * number]
    return past
