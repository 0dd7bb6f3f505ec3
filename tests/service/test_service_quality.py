"""Precision and calibration come from confirmed causes, and only from those."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from callcause.service.quality_metrics import LEAST, quality_readings
from callcause.state import Database
from callcause.state.feedback import NOT_FOUND, Feedback
from callcause.state.ticket import Ticket

NOW = datetime.now(UTC)
DROP = "drop-missing-neighbour"


def confirm(database: Database, number: int, cause: str, chance: float = 0.8) -> None:
    def write(session: object) -> None:
        ticket = Ticket(
            id=f"T{number}", record={}, source="t", state="closed", received_at=NOW, taken_in_at=NOW
        )
        session.add(ticket)
        session.flush()
        told = Feedback(
            ticket_id=ticket.id, at=NOW, who="w", confirmed_cause=cause, category="drop", verdict="cause",
            first_cause=DROP, first_probability=chance,
        )  # fmt: skip
        session.add(told)

    database.write(write)


def shown(database: Database) -> dict[tuple[str, ...], float]:
    return {(r.family, *r.labels): r.value for r in database.read(quality_readings)}


def test_precision_and_calibration_error_follow_what_was_confirmed(state: Database) -> None:
    for number in range(10):
        confirm(state, number, DROP if number < 6 else "drop-weak-coverage")
    found = shown(state)
    assert found["callcause_runbook_precision_ratio", "drop"] == pytest.approx(0.6)
    assert found["callcause_cause_precision_ratio", DROP] == pytest.approx(0.6)
    assert found["callcause_calibration_error_ratio", "drop"] == pytest.approx(0.2)
    assert found["callcause_feedback_tickets", "drop"] == 10


def test_few_confirmed_tickets_are_counted_and_no_share_is_made_of_them(state: Database) -> None:
    for number in range(LEAST - 1):
        confirm(state, number, DROP)
    assert shown(state) == {("callcause_feedback_tickets", "drop"): LEAST - 1}


def test_a_cause_that_nobody_found_judges_nothing(state: Database) -> None:
    for number in range(LEAST + 1):
        confirm(state, number, NOT_FOUND)
    assert shown(state) == {}
