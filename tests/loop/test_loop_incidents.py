"""Incidents that grow large, and tickets of one batch, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from sqlalchemy import func, select

from callcause.loop import incident_desk
from callcause.loop.cluster import Cluster
from callcause.loop.course import begin
from callcause.loop.desk import LoopDesk
from callcause.loop.evidence import EvidenceKeeper
from callcause.loop.incident_desk import IncidentDesk, link
from callcause.loop.settings import LoopSettings
from callcause.service.ticket_rows import Watch, write_results
from callcause.state import Database
from callcause.state.feedback import StoredEvidence
from callcause.state.incident import Incident, TicketKey
from callcause.state.ticket import Result, Ticket, TicketEvent
from runbooks.model import Runbooks

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
SETTINGS = LoopSettings()
WATCH = Watch(0.0, 0.0)
NOTHING_USUAL = pl.DataFrame(schema={"key": pl.String, "entity": pl.String, "per_day": pl.Float64})


class Silent:
    """A sink that tells nothing, and counters that nobody reads."""

    def on_stored(self, hear: Any) -> None:
        """Nobody stores anything here."""

    def add(self, name: str, labels: Any, by: float = 1) -> None:
        """Count nothing."""


def ticket(name: str, minutes: float = 0.0, **more: Any) -> Ticket:
    at = NOW + timedelta(minutes=minutes)
    record = {"id": name, "received_at": at.isoformat(), "msisdn": more.pop("msisdn", f"num_{name}")}
    row = Ticket(
        id=name, record=record, source="http", state="entered", received_at=at, taken_in_at=at,
        diagnosis="pending",
    )  # fmt: skip
    begin(row, record, SETTINGS)
    for key, value in more.items():
        setattr(row, key, value)
    return row


def contract(name: str, cause: str = "drop-x", verdict: str = "cause") -> dict[str, Any]:
    first = {"id": cause, "probability": 0.9, "department": "IMS core", "remedy": {"en": "mend it"}}
    return {
        "ticket_id": name, "verdict": verdict, "runbook_version": "1", "causes": [first],
        "category": {"id": "drop"}, "checks": [{"id": "DRP-01", "outcome": "HIT", "at": "cell A"}],
    }  # fmt: skip


def loop_of(state: Database) -> LoopDesk:
    def none_needed() -> Runbooks:
        raise AssertionError("no runbooks are asked for here")

    return LoopDesk(state, SETTINGS, Silent(), none_needed)


def diagnose(state: Database, *contracts: dict[str, Any]) -> list[str]:
    hear = [loop_of(state).on_diagnosis]
    return state.write(lambda s: write_results(s, list(contracts), WATCH, hear))


def incidents(state: Database) -> list[Incident]:
    return state.read(lambda s: list(s.scalars(select(Incident).order_by(Incident.id))))


def test_of_tickets_of_one_customer_in_one_batch_the_later_repeats_the_earlier(state: Database) -> None:
    rows = [
        ticket("T-b", 5, msisdn="num_a"),
        ticket("T-a", 0, msisdn="num_a"),
        ticket("T-c", 5, msisdn="num_a"),
    ]
    state.write(lambda s: s.add_all(rows))
    assert diagnose(state, *(contract(name) for name in ("T-b", "T-c", "T-a"))) == ["T-b", "T-c", "T-a"]
    found = state.read(lambda s: dict(s.execute(select(Ticket.id, Ticket.repeat_of)).all()))
    # Of two of one moment only one is the repeat of the other.
    assert found == {"T-a": None, "T-b": "T-a", "T-c": "T-b"}


def test_a_batch_writes_for_each_ticket_what_it_would_write_alone(state: Database) -> None:
    names = [f"T-{n}" for n in range(5)]
    state.write(lambda s: s.add_all(ticket(name, n) for n, name in enumerate(names)))
    diagnose(state, *map(contract, names))
    assert diagnose(state, *map(contract, names)) == []  # the same again is not written again
    assert diagnose(state, contract("T-1", "drop-y"), contract("nobody")) == ["T-1"]

    def look(session: Any) -> dict[str, list[Any]]:
        query = select(TicketEvent.ticket_id, TicketEvent.from_state, TicketEvent.to_state)
        found: dict[str, list[Any]] = {}
        for name, *step in session.execute(query.order_by(TicketEvent.id)):
            found.setdefault(name, []).append(tuple(step))
        return found

    events = state.read(look)
    walked = [("entered", "diagnosed"), ("diagnosed", "dispatched")]
    assert events == dict.fromkeys(names, walked)
    rows = state.read(lambda s: {row.id: row for row in s.scalars(select(Ticket))})
    assert [rows[name].top_cause for name in names] == ["drop-x", "drop-y", *["drop-x"] * 3]
    newest = state.read(
        lambda s: {r.id: (r.ticket_id, r.contract["causes"][0]["id"]) for r in s.scalars(select(Result))}
    )
    assert [newest[rows[name].result_id] for name in names] == [
        (name, rows[name].top_cause) for name in names
    ]


def test_what_a_batch_was_made_with_is_looked_for_once(state: Database) -> None:
    """It is some megabytes: to read it for each ticket took more time than the diagnosis."""
    names = [f"T-{n}" for n in range(3)]
    state.write(lambda s: s.add_all(ticket(name) for name in names))
    keeper = EvidenceKeeper()
    keeper._knowledge["digest"] = {"large": "document"}
    for name in names:
        keeper._rows[name] = ("digest", b"row")
    asked: list[str] = []

    def work(session: Any) -> None:
        scalar = session.scalar
        session.scalar = lambda query, *more: (asked.append(str(query)), scalar(query, *more))[1]
        write_results(session, [contract(name) for name in names], WATCH, [keeper.on_diagnosis])

    state.write(work)
    assert len([query for query in asked if "knowledge" in query]) == 1
    kept = state.read(lambda s: s.execute(select(func.count(), func.min(StoredEvidence.knowledge))).one())
    assert tuple(kept) == (3, "digest")


def cluster(state: Database, desk: IncidentDesk, *names: str) -> None:
    """Cluster tickets that share a cell."""
    at = state.read(lambda s: dict(s.execute(select(Ticket.id, Ticket.received_at)).all()))
    made = pl.DataFrame(
        [{"ticket_id": n, "at": at[n], "key": "cell", "entity": "A"} for n in names],
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    state.write(lambda s: desk._write(s, list(names), made, NOTHING_USUAL))


def test_a_cluster_larger_than_what_is_read_of_it_takes_its_newest_tickets(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_desk, "MOST", 10)
    names = [f"T-{n:03d}" for n in range(40)]
    state.write(lambda s: s.add_all(ticket(name, n) for n, name in enumerate(names)))
    diagnose(state, *map(contract, names))
    desk = IncidentDesk(state, Silent(), SETTINGS)
    for start in range(0, 40, 5):  # as they come: each batch is found, however many were there before
        cluster(state, desk, *names[start : start + 5])
    (parent,) = incidents(state)
    assert (parent.entity, parent.tickets, parent.top_cause) == ("A", 40, "drop-x")
    marked = state.read(lambda s: set(s.scalars(select(Ticket.cell).where(Ticket.clustered))))
    assert marked == {"A"}
    assert state.read(lambda s: s.scalar(select(func.count()).select_from(TicketKey))) == 40


def test_a_large_incident_is_not_diagnosed_again_for_each_ticket(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    diagnosed = incident_desk.shared_diagnosis
    monkeypatch.setattr(
        incident_desk, "shared_diagnosis", lambda found: (made.append(len(found)), diagnosed(found))[1]
    )
    names = [f"T-{n:03d}" for n in range(120)]
    state.write(lambda s: s.add_all(ticket(name, n) for n, name in enumerate(names)))
    diagnose(state, *map(contract, names))
    for last in range(2, 120):
        state.write(
            lambda s, last=last: link(s, Cluster("cell", "A", tuple(names[: last + 1]), 0.2, 1e-3)) and None
        )
    (parent,) = incidents(state)
    assert parent.tickets == 120  # counted each time all the same
    assert made[:10] == list(range(3, 13))
    assert 20 < len(made) < 75


def test_a_ticket_that_is_clustered_twice_is_written_down_once(state: Database) -> None:
    names = ["T-0", "T-1", "T-2"]
    state.write(lambda s: s.add_all(ticket(name) for name in names))
    diagnose(state, *map(contract, names))
    desk = IncidentDesk(state, Silent(), SETTINGS)
    for _ in range(2):
        cluster(state, desk, *names)
    assert state.read(lambda s: s.scalar(select(func.count()).select_from(TicketKey))) == 3
    assert [one.tickets for one in incidents(state)] == [3]


def test_a_wide_cluster_does_not_give_its_tickets_to_an_incident_that_holds_a_few(state: Database) -> None:
    names = [f"T-{n}" for n in range(10)]
    state.write(lambda s: s.add_all(ticket(name) for name in names))
    diagnose(state, *map(contract, names))
    state.write(lambda s: link(s, Cluster("cell", "A", tuple(names[:3]), 0.2, 1e-3)) and None)
    wide = Cluster("software_version", "V1", tuple(names), 0.5, 1e-6)
    state.write(lambda s: link(s, wide) and None)
    assert sorted((one.key, one.tickets) for one in incidents(state)) == [
        ("cell", 3),
        ("software_version", 7),
    ]
    # What those two leave of a third one is no cluster.
    more = ["T-x", "T-y"]
    state.write(lambda s: s.add_all(ticket(name) for name in more))
    diagnose(state, *map(contract, more))
    state.write(lambda s: link(s, Cluster("node", "N", (*names[:5], *more), 0.5, 1e-6)) and None)
    assert {one.key for one in incidents(state)} == {"cell", "software_version"}


def test_where_everything_rises_no_wide_key_stands_out(state: Database) -> None:
    """On the first days of a month all complain more: each software version has its part of it."""
    cells = [(f"c{n}", 0.1) for n in range(20)]
    usual = pl.DataFrame(
        [{"key": "cell", "entity": name, "per_day": n} for name, n in cells]
        + [{"key": "software_version", "entity": v, "per_day": 1.0} for v in ("V1", "V2")]
    )
    names = [f"T-{n:02d}" for n in range(16)]
    state.write(lambda s: s.add_all(ticket(name, n) for n, name in enumerate(names)))
    diagnose(state, *map(contract, names))
    desk = IncidentDesk(state, Silent(), SETTINGS)
    made = pl.DataFrame(
        [
            {"ticket_id": name, "at": NOW + timedelta(minutes=n), "key": key, "entity": entity}
            for n, name in enumerate(names)
            for key, entity in (("cell", f"c{n}"), ("software_version", f"V{1 + n % 2}"))
        ],
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    state.write(lambda s: desk._write(s, names, made, usual))
    assert incidents(state) == []  # eight of a version where one is usual, but sixteen of all where two are
    mine = ["U-1", "U-2", "U-3", "U-4"]
    state.write(lambda s: s.add_all(ticket(name, 20) for name in mine))
    diagnose(state, *map(contract, mine))
    here = pl.DataFrame(
        [
            {"ticket_id": name, "at": NOW + timedelta(minutes=20), "key": "cell", "entity": "c3"}
            for name in mine
        ],
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )
    state.write(lambda s: desk._write(s, mine, here, usual))
    assert [(one.key, one.entity, one.tickets) for one in incidents(state)] == [("cell", "c3", 5)]
