"""How long tickets wait for their first verdict, and counters that stand at 0 before their first event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from callcause.service.delay_metrics import delay_readings
from callcause.service.health import Health, TargetHealth
from callcause.service.known_counters import known_counters
from callcause.state import Database
from callcause.state.ticket import Result, Ticket
from dashboards.exposition import FAMILIES
from runbooks.loader import load_runbooks

TAKEN = datetime(2026, 3, 11, 10, tzinfo=UTC)


def diagnosed(database: Database, name: str, *delays_s: float) -> None:
    def write(session: object) -> None:
        times = {"received_at": TAKEN, "taken_in_at": TAKEN}
        session.add(Ticket(id=name, record={}, source="t", state="entered", **times))
        session.flush()
        for delay_s in delays_s:
            at = TAKEN + timedelta(seconds=delay_s)
            made = Result(ticket_id=name, at=at, verdict="cause", runbook_version="1", contract={})
            session.add(made)
            session.flush()

    database.write(write)


def shown(database: Database) -> dict[str, float]:
    return {r.labels[0]: r.value for r in database.read(delay_readings)}


def test_the_delay_is_that_of_the_first_verdict_and_not_of_a_later_look(state: Database) -> None:
    diagnosed(state, "A", 2.0, 600.0)
    diagnosed(state, "B", 4.0)
    found = shown(state)
    assert found["max"] == 4.0
    assert found["p50"] == 3.0


def test_without_a_verdict_there_is_no_delay(state: Database) -> None:
    diagnosed(state, "A")
    assert shown(state) == {}


def test_counters_with_known_labels_stand_at_zero_from_the_start() -> None:
    health = Health()
    health.targets["s", "t"] = TargetHealth("snmp", "s", "t")
    known = list(known_counters(health, load_runbooks(), ["night shift"]))
    assert all(set(labels) == set(FAMILIES[name].labels) for name, labels in known)
    assert all(FAMILIES[name].type == "counter" for name, _ in known)
    assert ("callcause_collector_overruns_total", {"kind": "snmp", "source": "s", "target": "t"}) in known
    causes = {labels["cause"] for name, labels in known if name == "callcause_verdicts_total"}
    assert causes == set(load_runbooks().causes)


def test_while_runbooks_are_loaded_the_counters_of_sources_are_there_already() -> None:
    health = Health()
    health.targets["s", "t"] = TargetHealth("snmp", "s", "t")
    names = {name for name, _ in known_counters(health, None, [])}
    assert "callcause_collector_runs_total" in names
    assert "callcause_verdicts_total" not in names
