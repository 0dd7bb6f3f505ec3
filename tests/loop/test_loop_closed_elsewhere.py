"""Tickets of the past, closed where they came from: counted, never sent to anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from callcause.loop.desk import LoopDesk
from callcause.loop.indicator import indicators
from callcause.loop.service_report import lives
from callcause.loop.settings import LoopSettings
from callcause.service import ticket_rows as rows
from callcause.state import Database
from callcause.state.ticket import Ticket, TicketEvent
from runbooks.loader import load_runbooks

AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
PAST = {
    "id": "P-1",
    "received_at": AT.isoformat(),
    "entered_at": (AT + timedelta(minutes=5)).isoformat(),
    "status": "closed",
    "category": "drop",
    "region": "0871",
    "owner_department": "RAN optimisation",
    "replied_at": (AT + timedelta(hours=50)).isoformat(),
    "closed_at": (AT + timedelta(hours=51)).isoformat(),
    "satisfaction": "satisfied",
    "handoff_count": 1,
    "interaction_count": 2,
    "overdue_reason": "backlog",
}


class Silent:
    def add(self, name: str, labels: Any = None, by: float = 1) -> None:
        """Count nothing."""


def diagnosed(state: Database, record: dict[str, Any]) -> Ticket:
    """Take a ticket in, and give it a diagnosis that would send it somewhere."""
    desk = LoopDesk(state, LoopSettings(), Silent(), load_runbooks)
    contract = {
        "ticket_id": record["id"], "verdict": "cause", "category": {"id": "drop", "probability": 0.9},
        "causes": [{"id": "drop-weak-coverage", "probability": 0.8, "department": "RAN optimisation"}],
        "checks": [], "missing": [], "runbook_version": "x",
    }  # fmt: skip
    state.write(lambda s: rows.take_in(s, [record], "http", "crm", in_store=True, hear=[desk.on_taken]))
    state.write(lambda s: rows.write_results(s, [contract], rows.Watch(0, 0), [desk.on_diagnosis]))
    return state.read(lambda s: s.get_one(Ticket, record["id"]))


def test_a_ticket_that_was_closed_elsewhere_is_diagnosed_and_sent_to_nobody(state: Database) -> None:
    row = diagnosed(state, PAST)
    assert (row.state, row.diagnosis, row.verdict) == ("closed", "done", "cause")
    assert (row.holder, row.satisfaction, row.handoffs, row.exchanges) == ("RAN optimisation", 5, 1, 2)
    assert (row.reply_due_at, row.handling_due_at, row.hold_due_at) == (None, None, None)
    assert (row.entry_late, row.timely, row.overdue_reason) == (False, False, "backlog")
    states = state.read(lambda s: [one.to_state for one in s.scalars(select(TicketEvent))])
    assert states == ["closed"]


def test_its_figures_are_in_the_indicators(state: Database) -> None:
    diagnosed(state, PAST)
    tickets = state.read(lambda s: lives(s, AT, AT + timedelta(days=1)))
    nobody = tickets.select(month="region", region="region", customers="level").clear()
    (found,) = indicators(tickets, nobody).to_dicts()
    assert (found["closed"], found["timely_rate"], found["satisfaction"]) == (1, 0.0, 1.0)
    assert found["handling_h"] == pytest.approx(51 - 5 / 60)


def test_what_its_record_does_not_tell_is_not_known(state: Database) -> None:
    told = {name: PAST[name] for name in ("id", "received_at", "status", "category")}
    row = diagnosed(state, told)
    assert (row.state, row.timely, row.satisfaction, row.replied_at) == ("closed", None, None, None)
    assert row.closed_at == row.taken_in_at
    tickets = state.read(lambda s: lives(s, AT, AT + timedelta(days=1)))
    nobody = tickets.select(month="region", region="region", customers="level").clear()
    assert indicators(tickets, nobody)["handling_h"].to_list() == [None]
    assert row.holder == LoopSettings().front_office


def test_any_other_state_of_a_crm_begins_its_life_here(state: Database) -> None:
    row = diagnosed(state, {**PAST, "status": "in_progress"})
    assert (row.state, row.closed_at) == ("dispatched", None)
