"""Closing a ticket over HTTP: the confirmed cause, and what the remedy did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from loop_service import Loop, walk
from small_network import BEGAN, CELL
from waiting import wait_until

from collectors.ingest import ingest
from collectors.records import load_schemas
from collectors.store import Store


def closed_with(loop: Loop, ticket: str, **told: Any) -> dict[str, Any]:
    """Walk a ticket to its end and close it with what was found."""
    assert loop.step(ticket, "accepted", department="RAN optimisation").status_code == 200
    walk(loop, ticket, "in_progress", "resolved", "replied", "called_back")
    body = {"version": loop.life(ticket)["version"], "satisfaction": 5, **told}
    answer = loop.post(f"/tickets/{ticket}/close", body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = loop.get(f"/tickets/{ticket}").json()
    return found


def test_closing_takes_the_confirmed_cause_and_refuses_one_that_no_runbook_has(loop: Loop) -> None:
    ticket = loop.ticket()
    assert loop.life(ticket)["feedback"] is None
    found = closed_with(loop, ticket, confirmed_cause="not_found")
    assert found["feedback"]["confirmed_cause"] == "not_found"
    assert found["schema"] == "callcause.diagnosis/1"
    wrong = loop.post(f"/tickets/{ticket}/feedback", {"confirmed_cause": "drop-weak-coverag"})
    assert (wrong.status_code, "drop-weak-coverage" in wrong.json()["hint"]) == (422, True)
    told = loop.post(f"/tickets/{ticket}/feedback", {"confirmed_cause": "drop-weak-coverage"})
    assert told.json()["confirmed_cause"] == "drop-weak-coverage"
    assert loop.life(ticket)["feedback"] == told.json()


def test_earlier_cases_of_the_leading_causes_are_shown_at_dispatch(loop: Loop) -> None:
    first, later, elsewhere = loop.ticket(), loop.ticket(), loop.ticket(region="0999")
    cause = loop.get(f"/tickets/{first}").json()["causes"][0]["id"]
    closed_with(loop, first, confirmed_cause=cause)
    closed_with(loop, elsewhere, confirmed_cause=cause)
    found = loop.get(f"/tickets/{later}/cases", params={"limit": 100}).json()
    assert cause in found["causes"]
    names = [case["ticket_id"] for case in found["cases"]]
    assert later not in names
    assert names.index(first) < names.index(elsewhere), "those of the region come first"
    case = found["cases"][names.index(first)]
    assert (case["confirmed_cause"], case["satisfaction"], case["region"]) == (cause, 5, "0871")
    assert len(loop.get(f"/tickets/{later}/cases", params={"limit": 1}).json()["cases"]) == 1
    assert loop.get("/tickets/nobody/cases").status_code == 404


def test_the_knowledge_of_a_diagnosis_is_named_with_the_moment_since_when_it_holds(loop: Loop) -> None:
    version = loop.get(f"/tickets/{loop.ticket()}").json()["runbook_version"]
    versions = {v["runbook_version"]: v["since"] for v in loop.get("/knowledge").json()["versions"]}
    assert datetime.fromisoformat(versions[version]) < datetime.now(UTC)


def test_a_wrong_cause_leaves_the_ticket_open(loop: Loop) -> None:
    ticket = loop.ticket()
    assert loop.step(ticket, "accepted", department="RAN optimisation").status_code == 200
    walk(loop, ticket, "in_progress", "resolved", "replied", "called_back")
    body = {"version": loop.life(ticket)["version"], "satisfaction": 5, "confirmed_cause": "nonsense"}
    assert loop.post(f"/tickets/{ticket}/close", body).status_code == 422
    assert loop.life(ticket)["state"] == "called_back"


def test_the_effect_of_a_remedy_is_found_by_itself_and_on_demand(loop: Loop) -> None:
    failed = BEGAN + timedelta(minutes=1)
    ticket = loop.ticket(
        msisdn="8613800000001", received_at=failed.isoformat(), occurred_at=failed.isoformat()
    )
    remedied_at = BEGAN + timedelta(hours=1)
    closed_with(loop, ticket, confirmed_cause="drop-weak-coverage", remedied_at=remedied_at.isoformat())

    def outcome() -> Any:
        effect = loop.get(f"/tickets/{ticket}").json()["feedback"]["effect"]
        return effect and effect["outcome"]

    wait_until(lambda: outcome() == "no_data", "a first look, without data")
    good_call(loop, remedied_at + timedelta(hours=2, minutes=29))
    again = loop.post(f"/tickets/{ticket}/effect", None)
    assert again.status_code == 200, again.text
    found = again.json()
    assert (found["outcome"], found["who"]) == ("improved", "engineer"), found
    assert {one["before"]["outcome"] for one in found["checks"]} == {"HIT"}
    assert outcome() == "improved"


def good_call(loop: Loop, at: datetime) -> None:
    """Put a good call of the same customer on the same cell into the store of the running service."""
    call = {
        "id": "C-good", "icid": "icid-good", "leg": "mo", "started_at": at.isoformat(),
        "calling_number": "8613800000001", "called_number": "8613987654321", "imsi": "460001234567891",
        "first_ecgi": CELL, "last_ecgi": CELL, "t_200": (at + timedelta(seconds=6)).isoformat(),
        "t_end": (at + timedelta(seconds=60)).isoformat(), "final_status": 200, "s1ap_group": "NAS",
        "s1ap_cause": 0, "rsrp_last": -85.0, "sinr_last": 18.0, "handover_count": 0, "handover_failures": 0,
        "scscf_name": "scscf-1.ims.example.net",
    }  # fmt: skip
    names = [f.name for f in load_schemas()["call"].fields if f.required != "no" and f.name not in call]
    pl.DataFrame([call | dict.fromkeys(names, "")]).write_csv(loop.folder / "good.csv")
    with Store.open(loop.folder / "data" / "store") as store:
        assert not ingest(store, [loop.folder / "good.csv"]).quarantined
