"""Keeps the service-quality report of the last days made, so that who opens it never waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import polars as pl
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop.service_report import Report, lives, make_report
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import Ticket, TicketEvent

USUAL_DAYS, GOAL = 90, 0.9
REST_S, REST_TIMES = 60.0, 30
"""A report is made at most once a minute, and the desk rests this many times as long as it took."""
NO_CUSTOMERS = pl.DataFrame(schema={"month": pl.String(), "region": pl.String(), "customers": pl.Int64()})


@dataclass(frozen=True, slots=True)
class Made:
    """A report, of when it is, the tickets it counts, and what they were at when it was made."""

    report: Report
    at: datetime
    tickets: pl.DataFrame
    mark: Hashable


def usual_period(session: Session, now: datetime) -> tuple[datetime, datetime]:
    """Return the last days up to now, or up to the newest ticket before that."""
    newest = session.scalar(select(func.max(Ticket.received_at)))
    day = min(newest or now, now).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    last = day + timedelta(days=1)
    return last - timedelta(days=USUAL_DAYS), last


def make(tickets: pl.DataFrame, first: datetime, last: datetime, zone: str) -> Report:
    """Make the report of tickets (LIFE) received in a period."""
    return make_report(tickets, NO_CUSTOMERS, first, last, goal=GOAL, zone=zone)


class ReportDesk(Desk):
    """One task: makes the report of the usual period anew where tickets changed. `latest`: the last one."""

    def __init__(self, database: Database, zone: str) -> None:
        super().__init__()
        self._database, self._zone, self._next = database, zone, 0.0
        self._making = asyncio.Lock()
        self.latest: Made | None = None

    async def work(self) -> bool:
        """Make the report where it is out of date and its time has come."""
        if time.monotonic() < self._next:
            return False
        began = time.monotonic()
        async with self._making:
            self.latest = await self._database.reading(self._remade)
        self._next = time.monotonic() + max(REST_S, REST_TIMES * (time.monotonic() - began))
        return False

    def rest_s(self) -> float:
        """Rest until the next look."""
        return max(self._next - time.monotonic(), 0.0)

    async def now(self) -> Made:
        """Return the last report; the first one is waited for, and made once for all who wait."""
        if self.latest is not None:
            return self.latest
        async with self._making:
            if self.latest is None:
                self.latest = await self._database.reading(self._remade)
            return self.latest

    async def of(self, first: datetime, last: datetime) -> tuple[Report, datetime]:
        """Return the report of a period, and of when it is; what lies in the usual one is not read again."""
        known = self.latest
        if known is not None and (known.report.start, known.report.end) == (first, last):
            return known.report, known.at
        if known is not None and known.report.start <= first and last <= known.report.end:
            when = pl.col("received_at")
            within = known.tickets.filter(when >= first, when < last)
            return await asyncio.to_thread(make, within, first, last, self._zone), known.at
        return await self._database.reading(
            lambda s: make(lives(s, first, last), first, last, self._zone)
        ), utc_now()

    def _remade(self, session: Session) -> Made:
        first, last = usual_period(session, utc_now())
        mark, known = (*_mark(session), first), self.latest
        if known is not None and known.mark == mark:
            return replace(known, at=utc_now())
        tickets = lives(session, first, last)
        return Made(make(tickets, first, last, self._zone), utc_now(), tickets, mark)


def _mark(session: Session) -> tuple[object, ...]:
    """Return what changes with every ticket that comes and every step that one takes."""
    event = session.scalar(select(func.max(TicketEvent.id)))
    return event, session.scalar(select(func.max(Ticket.taken_in_at)))
