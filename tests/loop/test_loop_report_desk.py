"""The report that is there before anybody asks for it: of when it is, when it is made anew, its content."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from callcause.loop.report_desk import USUAL_DAYS, ReportDesk, make, usual_period
from callcause.loop.service_report import html, lives
from callcause.state import Database
from callcause.state.settings import StateSettings
from callcause.state.ticket import Ticket, TicketEvent

NOW = datetime(2024, 5, 20, 8, 30, tzinfo=UTC)
ZONE = "Asia/Shanghai"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Database]:
    """A database with tickets over two months, some closed, some late, some of the same customer."""
    database = Database.open(StateSettings(database=f"sqlite:///{tmp_path / 'state.sqlite'}"))
    database.write(lambda session: [_add(session, number) for number in range(120)] and None)
    yield database
    database.close()


def _add(session: Any, number: int, at: datetime | None = None) -> None:
    received = at or NOW - timedelta(hours=13 * number)
    closed = received + timedelta(hours=5) if number % 3 else None
    session.add(
        Ticket(
            id=f"T-{number:04d}", record={}, source="t", state="closed" if closed else "entered",
            received_at=received, taken_in_at=received, closed_at=closed, entered_at=received,
            customer=f"C{number % 7}" if number % 5 else None, category=("drop", "mos")[number % 2],
            region=f"08{number % 4}", holder=("RAN", "Core")[number % 2],
            timely=bool(number % 4) if closed else None,
            satisfaction=number % 5 + 1 if closed else None,
            overdue_reason="backlog" if number % 4 == 0 else None,
        )
    )  # fmt: skip


def _period(state: Database) -> tuple[datetime, datetime]:
    return state.read(lambda session: usual_period(session, datetime.now(UTC)))


def test_the_usual_period_ends_with_the_day_of_the_newest_ticket(state: Database) -> None:
    assert _period(state) == (
        datetime(2024, 5, 21, tzinfo=UTC) - timedelta(days=USUAL_DAYS),
        datetime(2024, 5, 21, tzinfo=UTC),
    )


def test_a_ticket_of_tomorrow_does_not_move_the_period_beyond_today(state: Database) -> None:
    state.write(lambda session: _add(session, 900, datetime.now(UTC) + timedelta(days=40)))
    assert _period(state)[1] <= datetime.now(UTC) + timedelta(days=1)


@pytest.mark.parametrize("days", [(60, 30), (10, 2), (89, 0)])
def test_a_period_within_the_usual_one_gets_what_reading_it_gives(
    state: Database, days: tuple[int, int]
) -> None:
    desk, (_, end) = ReportDesk(state, ZONE), _period(state)
    first, last = (end - timedelta(days=number) for number in days)
    asyncio.run(desk.now())
    report, _ = asyncio.run(desk.of(first, last))
    read = state.read(lambda session: make(lives(session, first, last), first, last, ZONE))
    assert report.by["month"]["tickets"].sum() > 0
    for name, frame in read.by.items():
        assert frame.equals(report.by[name]), name
    assert html(report, "zh") == html(read, "zh")


def test_a_period_that_reaches_further_back_is_read(state: Database) -> None:
    state.write(lambda session: _add(session, 901, NOW - timedelta(days=200)))
    desk = ReportDesk(state, ZONE)
    asyncio.run(desk.now())
    report, _ = asyncio.run(desk.of(NOW - timedelta(days=300), NOW + timedelta(days=1)))
    assert report.by["month"]["tickets"].sum() == 121


def test_the_report_stays_while_no_ticket_changed_and_is_made_anew_after_a_step(state: Database) -> None:
    desk = ReportDesk(state, ZONE)

    async def rounds() -> None:
        await desk.work()
        first = desk.latest
        assert first is not None
        assert (await desk.of(*_period(state)))[0] is first.report, "what is made is not made again"
        desk._next = 0.0
        await desk.work()
        second = desk.latest
        assert second is not None
        assert second.report is first.report
        assert second.at > first.at, "it is as fresh as the look at it"
        state.write(_close)
        desk._next = 0.0
        await desk.work()
        third = desk.latest
        assert third is not None
        closed = [made.report.by["month"]["closed"].sum() for made in (first, third)]
        assert closed[1] == closed[0] + 1

    asyncio.run(rounds())


def _close(session: Any) -> None:
    row = session.get(Ticket, "T-0000")
    row.state, row.closed_at, row.timely = "closed", NOW + timedelta(hours=1), True
    session.add(
        TicketEvent(ticket_id=row.id, at=NOW, who="t", from_state="entered", to_state="closed", why="")
    )


def test_the_desk_makes_no_report_before_its_pause_is_over(state: Database) -> None:
    desk = ReportDesk(state, ZONE)
    asyncio.run(desk.work())
    first = desk.latest
    state.write(_close)
    asyncio.run(desk.work())
    assert desk.latest is first
    assert desk.rest_s() > 0


def test_who_opens_a_report_before_the_desk_had_time_gets_it_at_once(state: Database) -> None:
    desk = ReportDesk(state, ZONE)
    made = asyncio.run(desk.now())
    assert made is desk.latest
    assert made.tickets.height == made.report.by["month"]["tickets"].sum()


def test_the_first_report_is_made_once_for_all_who_wait_for_it(state: Database) -> None:
    desk = ReportDesk(state, ZONE)

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(desk.now() for _ in range(5)))

    assert len({id(made) for made in asyncio.run(all_at_once())}) == 1


def test_no_ticket_gives_an_empty_report(tmp_path: Path) -> None:
    database = Database.open(StateSettings(database=f"sqlite:///{tmp_path / 'empty.sqlite'}"))
    made = asyncio.run(ReportDesk(database, ZONE).now())
    database.close()
    assert all(frame.is_empty() for frame in made.report.by.values())
    assert made.tickets.schema["received_at"] == pl.Datetime("us", "UTC")
