"""Many tickets dispatched at once: the same as one by one, or each for itself where one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from callcause.loop.course import begin
from callcause.loop.desk import LoopDesk
from callcause.loop.life import State
from callcause.loop.settings import LoopSettings
from callcause.loop.step import Step, begin_wait, ticket_of
from callcause.state import Database
from callcause.state.ticket import Ticket, TicketEvent, TicketPause
from callcause.state.vault import AuditRow
from runbooks.model import Runbooks

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SETTINGS = LoopSettings()


class Counted:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        self.names.append(name)


def ticket(name: str, state: str) -> Ticket:
    record = {"id": name, "received_at": NOW.isoformat()}
    row = Ticket(
        id=name, record=record, source="http", received_at=NOW, taken_in_at=NOW, diagnosis="done",
        state=state, verdict="cause", department="IMS core", holder="Front office",
    )  # fmt: skip
    begin(row, record, SETTINGS)
    row.state = state
    return row


def desk_of(state: Database, counted: Counted) -> LoopDesk:
    def none_needed() -> Runbooks:
        raise AssertionError("no runbooks are asked for here")

    return LoopDesk(state, SETTINGS, counted, none_needed)


def dispatch(desk: LoopDesk, *tickets: tuple[str, int | None]) -> dict[str, Any]:
    step = Step(State.DISPATCHED, "engineer", "to those who can", department="Transport")
    return asyncio.run(desk.dispatch_many(tickets, step))


def seen(state: Database, name: str) -> dict[str, Any]:
    """What a ticket and its events say, without the moments."""

    def look(session: Any) -> dict[str, Any]:
        row = session.get_one(Ticket, name)
        query = select(TicketEvent.from_state, TicketEvent.to_state, TicketEvent.why, TicketEvent.department)
        events = session.execute(query.where(TicketEvent.ticket_id == name).order_by(TicketEvent.id))
        fields = ("state", "holder", "version", "handoffs", "waiting_since", "priority")
        dues = (row.reply_due_at, row.handling_due_at, row.hold_due_at)
        return {**{f: getattr(row, f) for f in fields}, "events": [tuple(e) for e in events],
                "dues": [d is not None for d in dues]}  # fmt: skip

    return state.read(look)


@pytest.fixture
def filled(state: Database) -> Database:
    rows = [ticket("T-d", "diagnosed"), ticket("T-e", "entered"), ticket("T-w", "entered")]
    state.write(lambda session: session.add_all(rows))
    state.write(lambda s: begin_wait(s, ticket_of(s, "T-w", None), "x", "asked", NOW))
    return state


def test_all_at_once_says_what_one_after_the_other_says(filled: Database) -> None:
    twins = [ticket("S-d", "diagnosed"), ticket("S-e", "entered"), ticket("S-w", "entered")]
    filled.write(lambda session: session.add_all(twins))
    filled.write(lambda s: begin_wait(s, ticket_of(s, "S-w", None), "x", "asked", NOW))
    counted = Counted()
    desk = desk_of(filled, counted)
    together = dispatch(desk, ("T-d", None), ("T-e", None), ("T-w", None))
    alone = [dispatch(desk, (name, None))["tickets"][0] for name in ("S-d", "S-e", "S-w")]
    assert together["done"] == 3
    assert [one["version"] for one in together["tickets"]] == [one["version"] for one in alone]
    for name in "dew":
        assert seen(filled, f"T-{name}") == seen(filled, f"S-{name}")
    assert seen(filled, "T-w")["waiting_since"] is None
    open_ones = select(func.count()).select_from(TicketPause).where(TicketPause.end.is_(None))
    assert filled.read(lambda s: s.scalar(open_ones)) == 0


def test_one_that_is_refused_holds_up_no_other_and_nothing_is_done_twice(filled: Database) -> None:
    filled.write(lambda s: s.add(ticket("T-c", "closed")))
    counted = Counted()
    asked: list[tuple[str, int | None]] = [
        ("T-d", None),
        ("T-c", None),
        ("no", None),
        ("T-e", 99),
        ("T-w", None),
    ]
    answer = dispatch(desk_of(filled, counted), *asked)
    assert [one.get("code") for one in answer["tickets"]] == [
        None, "illegal_transition", "unknown_ticket", "stale_version", None,
    ]  # fmt: skip
    assert len(seen(filled, "T-d")["events"]) == 1
    assert [e[1] for e in seen(filled, "T-w")["events"]][-2:] == ["diagnosed", "dispatched"]
    assert (seen(filled, "T-e")["state"], seen(filled, "T-c")["state"]) == ("entered", "closed")
    audited = filled.read(lambda s: s.scalars(select(AuditRow.detail)).all())
    assert [row["tickets"] for row in audited] == [["T-d", "T-w"]]


def test_a_ticket_named_twice_is_dispatched_once(filled: Database) -> None:
    answer = dispatch(desk_of(filled, Counted()), ("T-d", None), ("T-d", None))
    assert (answer["done"], answer["refused"]) == (1, 1)
    assert len(seen(filled, "T-d")["events"]) == 1


def test_the_reply_clock_of_one_that_waited_is_later_by_its_wait(filled: Database) -> None:
    """The times of waiting are read for all at once, and count for the ticket that they belong to."""
    pause = TicketPause(ticket_id="T-e", start=NOW, end=NOW + timedelta(hours=1), why="asked")
    filled.write(lambda s: s.add(pause))
    dispatch(desk_of(filled, Counted()), ("T-d", None), ("T-e", None))
    dues = filled.read(lambda s: [s.get_one(Ticket, name).reply_due_at for name in ("T-d", "T-e")])
    assert dues[1] - dues[0] == timedelta(hours=1)
