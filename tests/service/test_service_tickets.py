"""Tickets on their way: JSON to records, records to rows, rows to results; on both databases."""

from __future__ import annotations

import asyncio
import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from callcause.service import ticket_rows as rows
from callcause.service.diagnostician import Diagnostician
from callcause.service.ticket_record import check, frame_of, records_of
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import Result, Ticket, TicketEvent
from collectors.records import Pseudonymiser, load_key, load_records, load_schemas

FULL: dict[str, Any] = {
    "id": "T-1",
    "received_at": "2026-11-22T09:42:00+08:00",
    "occurred_at": "2026-11-22T09:15:00+08:00",
    "msisdn": "8613812345678",
    "other_party_number": "10086",
    "imei": "351234560000001",
    "description": "打给13987654321断了",
    "latitude": 25.04,
    "star_level": 3,
    "roaming": False,
    "category": "drop",
}


def checked(*tickets: object) -> Any:
    return check(tickets, Pseudonymiser(load_key()), "UTC", "86")


def test_a_ticket_over_http_is_the_same_as_in_a_file(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FULL)
        writer.writeheader()
        writer.writerow({**FULL, "roaming": "false"})
    loaded = load_records(tmp_path / "t.csv", pseudonymiser=Pseudonymiser(load_key())).good
    assert_frame_equal(frame_of(checked(FULL).records), loaded)


def test_a_record_outlives_json_and_the_way_through_the_store_unchanged() -> None:
    (record,) = checked(FULL).records
    assert json.loads(json.dumps(record)) == record
    assert "13812345678" not in str(record)
    assert "13987654321" not in str(record)
    assert record["imei_tac"] == "35123456"
    assert records_of(frame_of([record])) == [record]


def test_what_is_absent_is_told_for_each_ticket_apart() -> None:
    one, two = checked(FULL, {"id": "T-2", "tac": 7}).records
    assert "tac" in one["absent"]
    assert "tac" not in two["absent"]
    assert "description" in two["absent"]
    assert "imei_tac" not in one["absent"]  # told by the IMEI


def test_a_ticket_without_id_and_time_gets_both() -> None:
    (record,) = checked({"msisdn": "8613812345678"}).records
    assert record["id"].startswith("CC-")
    assert record["received_at"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"star_level": 9}, "star_level", "0"),
        ({"star_level": 1.5}, "star_level", "expected"),
        ({"roaming": "perhaps"}, "roaming", "true"),
        ({"category": "noise"}, "category", "drop"),
        ({"description": ["a"]}, "description", "a text"),
        ({"id": "x" * 201}, "id", "at most 200"),
        ({"entered_at": "2026-11-22T09:00:00+08:00"}, "entered_at", "before received_at"),
    ],
)
def test_a_wrong_field_is_told_with_what_was_expected(
    change: dict[str, Any], field: str, reason: str
) -> None:
    (error,) = checked({**FULL, **change}).errors
    assert (error["ticket"], error["field"]) == (0, field)
    assert reason in error["reason"]


def test_an_id_twice_in_a_request_is_an_error() -> None:
    assert checked(FULL, FULL).errors == [
        {"ticket": 1, "field": "id", "reason": "stands twice in the request"}
    ]


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)
NAME = st.sampled_from(load_schemas()["ticket"].field_names) | st.text(max_size=6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(NAME, VALUE, max_size=5) | VALUE, min_size=1, max_size=3))
def test_any_json_is_taken_in_or_told_field_by_field(tickets: list[Any]) -> None:
    found = checked(*tickets)
    if found.errors:
        assert not found.records
        assert all({"ticket", "field", "reason"} <= set(error) for error in found.errors)
    else:
        assert frame_of(found.records).height == len(tickets)


def contract(name: str, verdict: str = "cannot_tell", cause: str = "all-no-call-record") -> dict[str, Any]:
    return {
        "schema": "callcause.diagnosis/1",
        "ticket_id": name,
        "category": {"id": "drop"},
        "verdict": verdict,
        "causes": [{"id": cause, "department": "RAN optimisation"}],
        "runbook_version": "v",
    }


def record(name: str) -> dict[str, Any]:
    return {**checked(FULL).records[0], "id": name}


WATCH = rows.Watch(open_s=60, decided_s=30)


def take(database: Database, *records: dict[str, Any], **options: Any) -> rows.TakenIn:
    return database.write(lambda s: rows.take_in(s, list(records), "http", "crm", **options))


def test_tickets_are_taken_in_once(state: Database) -> None:
    assert take(state, record("a"), record("b")).new == ["a", "b"]
    again = take(state, record("b"), record("c"))
    assert (again.new, again.known, again.other) == (["c"], ["b"], [])
    other = take(state, {**record("a"), "region": "x"}, record("d"))
    assert (other.new, other.known, other.other) == ([], [], ["a"])
    by_file = take(state, {**record("a"), "region": "x"}, record("e"), in_store=True)
    assert by_file.new == ["e"]
    assert [t.id for t in state.read(lambda s: rows.waiting(s, 9))] == ["a", "b", "c", "e"]
    assert [t.id for t in state.read(lambda s: rows.not_in_store(s, 9))] == ["a", "b", "c"]


def test_a_result_moves_the_ticket_once_and_is_kept_beside_later_ones(state: Database) -> None:
    take(state, record("a"))
    assert state.write(lambda s: rows.write_results(s, [contract("a")], WATCH)) == ["a"]
    assert state.write(lambda s: rows.write_results(s, [contract("a")], WATCH)) == []
    assert [t.id for t in state.read(lambda s: rows.watched(s, 9, utc_now()))] == ["a"]
    assert not state.read(lambda s: rows.watched(s, 9, utc_now() + timedelta(seconds=61)))
    told = contract("a", "cause", "drop-weak-coverage")
    assert state.write(lambda s: rows.write_results(s, [told], WATCH)) == ["a"]
    ticket, results, events = state.read(
        lambda s: (s.get(Ticket, "a"), s.query(Result).all(), s.query(TicketEvent).all())
    )
    assert ticket is not None
    assert (ticket.state, ticket.verdict, ticket.top_cause) == ("diagnosed", "cause", "drop-weak-coverage")
    assert ticket.watch_until is not None
    assert not state.read(lambda s: rows.watched(s, 9, utc_now() + timedelta(seconds=31)))
    assert [r.verdict for r in results] == ["cannot_tell", "cause"]
    assert [(e.from_state, e.to_state) for e in events] == [(None, "entered"), ("entered", "diagnosed")]


def test_a_verdict_that_decided_early_is_looked_at_again_for_a_while_and_no_longer(state: Database) -> None:
    take(state, record("a"))
    state.write(lambda s: rows.write_results(s, [contract("a", "cause", "reg-scscf-unavailable")], WATCH))
    assert [t.id for t in state.read(lambda s: rows.watched(s, 9, utc_now()))] == ["a"]
    later = contract("a", "cause", "reg-hss-unavailable-or-overloaded")
    state.write(lambda s: rows.write_results(s, [later], rows.Watch(open_s=60, decided_s=9999)))
    assert not state.read(lambda s: rows.watched(s, 9, utc_now() + timedelta(seconds=31)))


def test_who_listens_hears_a_diagnosis_in_its_transaction(state: Database) -> None:
    take(state, record("a"))

    def refuse(*_: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        state.write(lambda s: rows.write_results(s, [contract("a")], WATCH, [refuse]))
    assert [t.id for t in state.read(lambda s: rows.waiting(s, 9))] == ["a"]


class Stumbling(Diagnostician):
    """An engine that stumbles over one ticket."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def diagnose(self, tickets: pl.DataFrame) -> list[dict[str, Any]]:
        self.asked.append(tickets.height)
        if "t3" in tickets["id"].to_list():
            raise ZeroDivisionError
        return [contract(name) for name in tickets["id"]]


def test_one_ticket_that_cannot_be_diagnosed_does_not_hold_up_the_others() -> None:
    tickets = frame_of([record(f"t{n}") for n in range(6)])
    engine = Stumbling()
    results, wrong = asyncio.run(engine.diagnose_each(tickets))
    assert sorted(r["ticket_id"] for r in results) == ["t0", "t1", "t2", "t4", "t5"]
    assert wrong == {"t3": "ZeroDivisionError"}
    assert len(engine.asked) <= 7
