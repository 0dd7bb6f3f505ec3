"""The life of a ticket over HTTP: steps, clocks, escalation, and a service that is killed."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
from loop_service import Loop, walk


def test_a_ticket_walks_its_whole_life_and_every_step_is_told(loop: Loop) -> None:
    ticket = loop.ticket()
    first = loop.life(ticket)
    assert first["owner"] == "Front office"
    assert first["holder"]
    assert loop.step(ticket, "accepted", department="RAN optimisation").status_code == 200
    assert loop.life(ticket)["owner"] == "RAN optimisation"
    walk(loop, ticket, "in_progress", "resolved", "replied")
    early = loop.step(ticket, "closed")
    assert (early.status_code, early.json()["errors"][0]["code"]) == (409, "illegal_transition")
    walk(loop, ticket, "called_back")
    refused = loop.post(f"/tickets/{ticket}/close", {"version": loop.life(ticket)["version"]})
    assert refused.json()["errors"][0]["code"] == "satisfaction_missing"
    done = loop.post(f"/tickets/{ticket}/close", {"version": loop.life(ticket)["version"], "satisfaction": 5})
    assert done.status_code == 200
    assert (done.json()["timely"], done.json()["solved"], done.json()["next"]) == (True, True, ["reopened"])
    events = loop.get(f"/tickets/{ticket}/events").json()["events"]
    assert [event["to"] for event in events] == [
        "entered", "diagnosed", "dispatched", "accepted", "in_progress", "resolved", "replied", "called_back",
        "closed",
    ]  # fmt: skip
    assert {event["who"] for event in events[:3]} == {"engineer", "callcause"}


def test_a_dissatisfied_customer_reopens_and_the_reply_is_asked_for_again(loop: Loop) -> None:
    ticket = loop.ticket()
    walk(loop, ticket, "accepted", "in_progress", "resolved", "replied")
    assert loop.step(ticket, "reopened").json()["errors"][0]["code"] == "reason_missing"
    assert loop.step(ticket, "reopened", why="still drops").status_code == 200
    again = loop.life(ticket)
    assert (again["replied_at"], again["satisfaction"]) == (None, None)
    assert loop.step(ticket, "dispatched", department="Planning and construction").status_code == 200
    assert loop.life(ticket)["handoffs"] == 1


def test_a_returned_ticket_is_a_wrong_dispatch_and_the_first_handler_stays_responsible(loop: Loop) -> None:
    ticket = loop.ticket()
    assert loop.step(ticket, "entered", why="not ours").status_code == 200
    back = loop.life(ticket)
    assert (back["state"], back["wrong_dispatches"], back["owner"]) == ("entered", 1, "Front office")
    body = {"version": back["version"], "department": "Transport"}
    assert loop.post(f"/tickets/{ticket}/dispatch", body).status_code == 200
    sent = loop.life(ticket)
    assert (sent["holder"], sent["owner"], sent["handoffs"]) == ("Transport", "Front office", 1)


def test_waiting_for_the_customer_stops_the_clocks_until_resumed(loop: Loop) -> None:
    ticket = loop.ticket()
    before = loop.life(ticket)
    body = {"version": before["version"], "why": "asked for the place"}
    assert loop.post(f"/tickets/{ticket}/wait", body).status_code == 200
    waiting = loop.life(ticket)
    assert waiting["state"] == before["state"]
    assert waiting["waiting_since"]
    assert waiting["reply_due_at"] is None
    assert loop.post(f"/tickets/{ticket}/wait", {**body, "version": waiting["version"]}).status_code == 409
    assert loop.post(f"/tickets/{ticket}/resume", {"version": waiting["version"]}).status_code == 200
    assert loop.life(ticket)["reply_due_at"] >= before["reply_due_at"]


def test_escalation_raises_level_and_priority(loop: Loop) -> None:
    ticket = loop.ticket()
    assert loop.step(ticket, "escalated", why="regulator asks", level=2).status_code == 200
    found = loop.life(ticket)
    assert (found["level"], found["priority"]) == (2, "P1")
    assert loop.step(ticket, "accepted").status_code == 200


def test_of_concurrent_steppers_one_wins_and_the_others_are_told(loop: Loop) -> None:
    ticket = loop.ticket()
    version = loop.life(ticket)["version"]
    body = {"to": "accepted", "version": version}
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: loop.post(f"/tickets/{ticket}/steps", body), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    events = loop.get(f"/tickets/{ticket}/events").json()["events"]
    assert [event["to"] for event in events].count("accepted") == 1


def test_the_same_step_twice_with_one_key_is_done_once(loop: Loop) -> None:
    ticket = loop.ticket()
    body = {"to": "accepted", "version": loop.life(ticket)["version"]}
    key = {"Idempotency-Key": uuid4().hex}
    first = loop.post(f"/tickets/{ticket}/steps", body, **key)
    second = loop.post(f"/tickets/{ticket}/steps", body, **key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    other = loop.post(f"/tickets/{ticket}/steps", {**body, "why": "x"}, **key)
    assert other.json()["errors"][0]["code"] == "key_reused"


def test_a_killed_service_loses_no_event_that_was_answered(tmp_path: Path) -> None:
    own = Loop(tmp_path)
    try:
        names = own.tickets(3)
        answered: list[str] = []
        stop = threading.Event()

        def steps() -> None:
            for to in ("accepted", "in_progress", "resolved", "replied", "called_back"):
                for name in names:
                    try:
                        if own.step(name, to).status_code == 200:
                            answered.append(f"{name} {to}")
                    except (httpx.HTTPError, AssertionError):
                        return
                    if len(answered) == 7:
                        stop.set()

        worker = threading.Thread(target=steps)
        worker.start()
        assert stop.wait(120)
        own.process.stop(signal.SIGKILL)
        worker.join(60)
        own.start()
        there = {
            f"{name} {event['to']}"
            for name in names
            for event in own.get(f"/tickets/{name}/events").json()["events"]
        }
        assert set(answered) <= there
        assert own.get("/audit/check", "approver").json()["holds"]
    finally:
        own.end()
