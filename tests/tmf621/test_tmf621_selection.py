"""What a client asks of a list of trouble tickets, against the tickets of a real database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcause.service.problem import Problem
from callcause.state import Database, StateSettings
from callcause.state.ticket import Ticket
from callcause.state.trouble_ticket import TroubleTicket
from callcause.tmf621.selection import MOST, Selection, fields, only, selection

LATER = "2026-11-22T13:00:00Z"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
STATES = ("entered", "dispatched", "in_progress", "resolved", "closed", "escalated")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Six tickets, one an hour, one a state; the second waits for its customer, the last is deleted here."""
    path: Path = tmp_path_factory.mktemp("selection")
    made = Database.open(StateSettings(database=f"sqlite:///{path}/state.sqlite"))

    def fill(session: object) -> None:
        for number, state in enumerate(STATES):
            at = START + timedelta(hours=number)
            ticket = Ticket(id=f"T-{number}", record={}, source="t", state=state, received_at=at)
            ticket.taken_in_at = at
            ticket.verdict = "cause" if number % 2 else None
            ticket.waiting_since = at if number == 1 else None
            session.add(ticket)
            session.flush()
            if number in (2, 5):
                deleted = at if number == 5 else None
                row = TroubleTicket(
                    ticket_id=ticket.id, severity="Major", ticket_type="complaint", document={}
                )
                row.updated_at, row.deleted_at = at, deleted
                session.add(row)

    made.write(fill)
    return made


def found(database: Database, *parameters: tuple[str, str]) -> list[str]:
    chosen = selection(parameters)
    names = database.read(lambda s: list(s.scalars(chosen.page())))
    if not chosen.offset and len(names) < chosen.limit:
        assert database.read(lambda s: s.scalar(chosen.total())) == len(names)
    return names


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ([], ["T-4", "T-3", "T-2", "T-1", "T-0"]),
        ([("sort", "creationDate")], ["T-0", "T-1", "T-2", "T-3", "T-4"]),
        ([("sort", "-id")], ["T-4", "T-3", "T-2", "T-1", "T-0"]),
        ([("sort", "+id"), ("offset", "1"), ("limit", "2")], ["T-1", "T-2"]),
        ([("id", "T-3,T-0")], ["T-3", "T-0"]),
        ([("severity", "Major")], ["T-2"]),
        ([("severity", "normal"), ("verdict", "cause")], ["T-3", "T-1"]),
        ([("creationDate.gt", "2026-11-22T11:00:00+00:00")], ["T-4", "T-3"]),
        ([("creationDate.gte", "2026-11-22T11:00:00Z"), ("creationDate.lt", LATER)], ["T-3", "T-2"]),
        ([("creationDate", "2026-11-22T17:00:00 08:00,2026-11-22T10:00:00Z")], ["T-1", "T-0"]),
        ([("status", "pending")], ["T-1"]),
        ([("status", "closed,pending")], ["T-4", "T-1"]),
        ([("verdict", "cause'; drop table ticket; --")], []),
    ],
)  # fmt: skip
def test_a_list_holds_what_was_asked_for_in_the_order_asked_for(
    database: Database, parameters: list[tuple[str, str]], names: list[str]
) -> None:
    assert found(database, *parameters) == names


def test_each_ticket_has_exactly_one_status(database: Database) -> None:
    statuses = (
        "acknowledged",
        "inProgress",
        "pending",
        "held",
        "resolved",
        "closed",
        "rejected",
        "cancelled",
    )
    named = [name for status in statuses for name in found(database, ("status", status))]
    assert sorted(named) == found(database, ("sort", "id"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("colour", "red", "filtered"),
        ("status", "gone", "status:"),
        ("sort", "mood", "sort:"),
        ("limit", "-1", "limit:"),
        ("limit", "٣", "limit:"),
        ("offset", "9999999999", "offset:"),
        ("creationDate", "now", "offset"),
        ("creationDate.gt", "2026-11-22", "offset"),
        ("severity.gt", "3", "filtered"),
        ("id", "a\x00b", "no text"),
    ],
)
def test_a_request_that_means_nothing_is_refused_and_says_why(name: str, value: str, told: str) -> None:
    with pytest.raises(Problem, match=told) as caught:
        selection([(name, value)])
    assert caught.value.status == 400


def test_a_misspelt_filter_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(Problem) as caught:
        selection([("severty", "x")])
    assert "severity" in str(caught.value.hint)


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_parameter_is_a_selection_or_a_refusal(name: str, value: str) -> None:
    try:
        chosen = selection([(name, value)])
    except Problem:
        return
    assert isinstance(chosen, Selection)
    assert 0 <= chosen.limit <= MOST


@given(st.integers(0, 999_999_999))
def test_a_page_is_never_longer_than_the_most(number: int) -> None:
    assert selection([("limit", str(number))]).limit == min(number, MOST)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, None),
        ("", {"id", "href", "@type"}),
        ("none", {"id", "href", "@type"}),
        ("status, note.text", {"id", "href", "@type", "status", "note"}),
    ],
)
def test_wanted_fields_are_of_the_first_level_and_the_names_always_stand_there(
    text: str | None, wanted: set[str] | None
) -> None:
    assert fields(text) == wanted


def test_only_the_wanted_attributes_are_shown() -> None:
    document = {"id": "1", "status": "closed", "note": []}
    assert only(document, None) == document
    assert only(document, fields("status")) == {"id": "1", "status": "closed"}
