"""Notices of planned work are written once, called off once; a ticket that was only received waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from callcause.loop.course import begin, clocks, set_dues
from callcause.loop.life import State
from callcause.loop.settings import LoopSettings
from callcause.loop.step import Step, take
from callcause.loop.work_notice import told_of, wants_notice, write_notices
from callcause.service.ticket_rows import first_state, take_in, waiting
from callcause.state import Database
from callcause.state.notice import Notice
from callcause.state.ticket import Ticket, TicketEvent

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
ZONE = "Asia/Shanghai"


def change(**more: Any) -> dict[str, Any]:
    start, end = NOW + timedelta(hours=9), NOW + timedelta(hours=11)
    usual = {
        "id": "CR-1", "title": "cut-over", "change_type": "cutover", "planned_start": start,
        "planned_end": end, "impacted_objects": ["460-00-1-1"], "service_affecting": True,
        "notice_sent": False, "status": "approved",
    }  # fmt: skip
    return {**usual, **more}


def written(state: Database, *changes: dict[str, Any]) -> int:
    return state.write(lambda s: write_notices(s, changes, ["desk", "sms"], ZONE, NOW))


def test_each_recipient_is_told_once_of_planned_work_in_both_languages(state: Database) -> None:
    assert written(state, change()) == 2
    assert written(state, change()) == 0
    notices = state.read(lambda s: list(s.scalars(select(Notice).order_by(Notice.id))))
    assert [n.target for n in notices] == ["desk", "sms"]
    assert "尊敬的客户" in notices[0].body
    assert "Dear customer" in notices[0].body
    assert "460-00-1-1" in notices[0].body
    told = state.read(lambda s: told_of(s, ["CR-1", "CR-2"]))
    assert [one["state"] for one in told["CR-1"]] == ["waiting", "waiting"]
    assert told["CR-2"] == []


def test_work_that_moves_is_told_again_and_work_that_is_cancelled_is_called_off(state: Database) -> None:
    written(state, change())
    assert written(state, change(planned_start=NOW + timedelta(hours=30))) == 2
    assert written(state, change(status="cancelled")) == 2
    assert written(state, change(status="cancelled")) == 0


def test_nobody_is_told_that_work_is_called_off_who_was_not_told_of_it(state: Database) -> None:
    assert written(state, change(status="cancelled")) == 0


def test_only_work_that_affects_service_and_was_not_told_wants_a_notice() -> None:
    assert wants_notice(change())
    assert not wants_notice(change(service_affecting=False))
    assert not wants_notice(change(notice_sent=True))
    assert not wants_notice(change(status="done"))


def record(**more: Any) -> dict[str, Any]:
    received = (NOW - timedelta(minutes=40)).isoformat()
    return {"id": "T-1", "received_at": received, "msisdn": "num_a", "absent": [], **more}


def test_a_ticket_begins_received_only_where_it_says_so_and_was_not_entered() -> None:
    assert first_state(record()) == "entered"
    assert first_state(record(status="received")) == "received"
    assert first_state(record(status="received", entered_at=NOW.isoformat())) == "entered"
    assert first_state(record(status="dispatched")) == "entered"


def test_a_received_ticket_is_not_diagnosed_before_it_is_entered(state: Database) -> None:
    settings = LoopSettings()

    def hear(session: Any, row: Ticket) -> None:
        begin(row, row.record, settings)

    state.write(lambda s: take_in(s, [record(status="received")], "http", "hall", hear=[hear]))
    assert state.read(lambda s: waiting(s, 10)) == []

    def enter(session: Any) -> None:
        row = session.get(Ticket, "T-1")
        assert row.entered_at is None
        assert clocks(row, (), NOW, settings)["entry"].late
        take(session, row, Step(State.ENTERED, "hall"), NOW, settings)

    state.write(enter)
    row = state.read(lambda s: s.get(Ticket, "T-1"))
    assert row is not None
    assert (row.state, row.entered_at, row.entry_late, row.wrong_dispatches) == ("entered", NOW, True, 0)
    assert [one.id for one in state.read(lambda s: waiting(s, 10))] == ["T-1"]
    events = state.read(lambda s: list(s.scalars(select(TicketEvent).order_by(TicketEvent.id))))
    assert [(e.from_state, e.to_state) for e in events] == [(None, "received"), ("received", "entered")]


def test_the_entry_clock_of_a_received_ticket_runs_on(state: Database) -> None:
    settings = LoopSettings()
    row = Ticket(
        id="T-2", record=record(id="T-2"), source="http", state="received",
        received_at=NOW - timedelta(minutes=10), taken_in_at=NOW, diagnosis="pending",
    )  # fmt: skip
    begin(row, row.record, settings)
    assert not row.entry_late
    set_dues(row, (), NOW + timedelta(minutes=30), settings)
    assert row.entry_late
