"""Incidents and early warnings over HTTP."""

from __future__ import annotations

from loop_service import CANARY, Loop
from small_network import CELL
from waiting import wait_until


def test_tickets_on_one_cell_become_an_incident_and_close_with_it(loop: Loop) -> None:
    names = loop.tickets(4, ecgi=CELL)
    wait_until(lambda: all(loop.life(name)["incident_id"] for name in names), "clustered")
    (parent,) = {loop.life(name)["incident_id"] for name in names}
    found = loop.get(f"/clusters/{parent}").json()
    assert found["tickets"] >= 4
    assert found["chance"] < 0.01
    assert found["diagnosis"]["causes"]
    assert loop.life(names[0])["priority"] in ("P1", "P2")
    merged = loop.post(f"/clusters/{parent}/merge", {"tickets": names, "why": "one fault"}).json()
    assert (sorted(merged["merged"]), merged["refused"]) == (sorted(names), [])
    assert loop.step(names[0], "closed").json()["errors"][0]["code"] == "parent_open"
    own = {"confirmed_cause": "not_found", "remedied_at": "2026-11-22T10:00:00+00:00"}
    assert loop.post(f"/tickets/{names[0]}/feedback", own).status_code == 200
    body = {"version": loop.get(f"/clusters/{parent}").json()["version"], "why": "repaired"}
    wrong = loop.post(f"/clusters/{parent}/close", {**body, "confirmed_cause": "all-mass-faul"})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (422, "unknown_cause")
    assert loop.get(f"/clusters/{parent}").json()["state"] == "open"  # neither it nor a ticket is closed
    told = {"confirmed_cause": "all-mass-fault", "remedied_at": "2026-11-22T10:00:00+00:00"}
    closed = loop.post(f"/clusters/{parent}/close", {**body, **told}).json()
    assert (closed["state"], closed["tickets_closed"]) == ("closed", 4)
    lives = [loop.life(name) for name in names]
    assert {life["state"] for life in lives} == {"closed"}
    # The cause and the remedy of the incident are those of its tickets, but for one that has its own.
    found_of = [life["feedback"]["confirmed_cause"] for life in lives]
    assert found_of == ["not_found", *["all-mass-fault"] * 3]
    assert {life["feedback"]["remedied_at"] for life in lives[1:]} == {told["remedied_at"]}
    assert {life["solved"] for life in lives} == {True}
    last = loop.get(f"/tickets/{names[1]}/events").json()["events"][-1]
    assert (last["to"], last["why"]) == ("closed", "repaired; cause of the incident: all-mass-fault")
    assert "counts" in loop.get("/clusters/signal").json()


def test_a_warning_is_reviewed_by_another_person_then_published(loop: Loop) -> None:
    body = {"type": "drop", "region": "0872", "text": f"many drops, call {CANARY}"}
    raised = loop.post("/warnings", body, who="approver").json()
    assert CANARY not in raised["text"]
    path = f"/warnings/{raised['id']}/steps"
    own = loop.post(path, {"to": "approved", "version": raised["version"]}, who="approver")
    assert own.status_code == 403
    for to in ("approved", "published", "recovered"):
        (now,) = loop.get("/warnings", params={"region": "0872"}).json()["warnings"]
        moved = loop.post(path, {"to": to, "version": now["version"], "why": "seen"}, who="second")
        assert moved.status_code == 200, moved.text
    assert loop.post(path, {"to": "raised", "version": 1}, who="second").status_code == 409
    (last,) = loop.get("/warnings", params={"recovered": True, "region": "0872"}).json()["warnings"]
    assert (last["state_zh"], last["reviewed_by"]) == ("预警恢复", "second")
