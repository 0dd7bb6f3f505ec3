"""The loop over HTTP against a real service: life, queue, clusters, warnings, vault, audit, roles."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families
from service.conftest import BEGAN, CELL, ServiceProcess, network, ready, wait_until

from collectors.ingest import ingest
from collectors.records import load_schemas
from collectors.store import Store

ROLES = ("viewer", "engineer", "approver", "admin")
CANARY = "13866660007"
CONFIG = """
[service]
port = 0
requests_per_minute = 100000
{tokens}
[vault]
enabled = true
keys = [{{number = 1, secret = {{env = "VAULT_KEY"}}}}]
[loop.effect]
patience_h = 1000000
every_s = 1
"""


def tokens() -> str:
    names = [(role, role) for role in ROLES] + [("second", "approver")]
    return "\n".join(
        f'[[service.tokens]]\nname = "{name}"\nrole = "{role}"\nsecret = {{env = "TOKEN_{name.upper()}"}}'
        for name, role in names
    )


class Loop:
    """The service with a client for each principal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        network(folder)
        config = folder / "callcause.toml"
        config.write_text(CONFIG.format(tokens=tokens()))
        env = {f"TOKEN_{name.upper()}": f"token-of-{name}" for name in (*ROLES, "second")}
        self.process = ServiceProcess(folder, config, VAULT_KEY="ab" * 32, **env)
        self.start()

    def start(self) -> None:
        self._anyone = self.process.start()
        wait_until(self._answers, "answers")
        ready(self._anyone)

    def _answers(self) -> bool:
        try:
            return self._anyone.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, who: str = "viewer", **more: Any) -> httpx.Response:
        return self._anyone.get(path, headers=_shows(who), **more)

    def post(self, path: str, body: Any, who: str = "engineer", **headers: str) -> httpx.Response:
        return self._anyone.post(path, json=body, headers={**_shows(who), **headers})

    def life(self, ticket: str) -> dict[str, Any]:
        answer = self.get(f"/tickets/{ticket}/life")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def step(self, ticket: str, to: str, **told: Any) -> httpx.Response:
        body = {"to": to, "version": self.life(ticket)["version"], **told}
        return self.post(f"/tickets/{ticket}/steps", body)

    def ticket(self, **fields: Any) -> str:
        return self.tickets(1, **fields)[0]

    def tickets(self, number: int, **fields: Any) -> list[str]:
        """Post tickets of as many customers together and wait until they are dispatched."""
        now = datetime.now(UTC)
        told = [
            {
                "id": f"L-{uuid4().hex[:12]}",
                "received_at": (now - timedelta(minutes=1)).isoformat(),
                "occurred_at": (now - timedelta(minutes=5)).isoformat(),
                "msisdn": f"86138{uuid4().int % 10**8:08d}",
                "description": "通话中突然断了",
                "category": "drop",
                "region": "0871",
                **fields,
            }
            for _ in range(number)
        ]
        answer = self.post("/tickets", told)
        assert answer.status_code == 202, answer.text
        names = [str(one["id"]) for one in told]
        wait_until(lambda: all(self.life(n)["state"] == "dispatched" for n in names), "dispatched")
        return names

    def end(self) -> None:
        self._anyone.close()
        self.process.stop()
        self.process.kill()


def _shows(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{who}"} if who else {}


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    found = Loop(tmp_path_factory.mktemp("loop"))
    yield found
    found.end()


def walk(loop: Loop, ticket: str, *states: str) -> None:
    for state in states:
        answer = loop.step(ticket, state)
        assert answer.status_code == 200, answer.text


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


def test_the_queue_is_filtered_and_paged_without_loss(loop: Loop) -> None:
    region = uuid4().hex[:8]
    names = set(loop.tickets(5, region=region))
    found, after = [], None
    while True:
        more = {"after": after} if after else {}
        answer = loop.get("/queue", params={"region": region, "limit": 2, **more}).json()
        found += [ticket["id"] for ticket in answer["tickets"]]
        after = answer["next"]
        if after is None:
            break
    assert (len(found), set(found)) == (5, names)
    some = loop.get("/queue", params={"region": region, "overdue": True}).json()["tickets"]
    assert some == []
    (one,) = loop.get("/queue", params={"text": sorted(names)[0][2:]}).json()["tickets"]
    assert one["id"] == sorted(names)[0]
    assert loop.get("/queue", params={"after": "x"}).status_code == 400
    assert loop.get("/queue", params={"state": "nowhere"}).status_code == 422


def test_a_bulk_dispatch_does_each_ticket_for_itself(loop: Loop) -> None:
    good, stale = loop.tickets(2)
    assert loop.step(good, "entered", why="not ours").status_code == 200
    version = loop.life(good)["version"]
    body = {
        "tickets": [
            {"id": good, "version": version},
            {"id": stale, "version": 1},
            {"id": "no", "version": 1},
        ],
        "department": "Transport",
    }
    answer = loop.post("/queue/dispatch", body).json()
    assert (answer["done"], answer["refused"]) == (1, 2)
    assert [one.get("code") for one in answer["tickets"]] == [None, "stale_version", "unknown_ticket"]
    assert loop.life(good)["holder"] == "Transport"


def test_questions_reply_text_and_answers_of_the_customer(loop: Loop) -> None:
    ticket = loop.ticket(category="registration", description="VoLTE用不了")
    questions = loop.get(f"/tickets/{ticket}/questions").json()
    assert questions["open"]["text"]["zh"]
    assert loop.get(f"/tickets/{ticket}/reply-text").json()["zh"].startswith("尊敬的客户")
    body = {"version": loop.life(ticket)["version"], "answers": {"answer_volte_switch": "off"}}
    assert loop.post(f"/tickets/{ticket}/answers", body).status_code == 200
    wait_until(lambda: loop.life(ticket)["diagnosis"] == "done", "diagnosed again")
    assert loop.life(ticket)["exchanges"] == 1
    wrong = {"version": loop.life(ticket)["version"], "answers": {"answer_volte_switch": "maybe"}}
    assert loop.post(f"/tickets/{ticket}/answers", wrong).status_code == 422


def test_answers_join_others_that_came_meanwhile_and_never_overwrite_one(loop: Loop) -> None:
    ticket = loop.ticket(category="registration", description="VoLTE用不了")
    version = loop.life(ticket)["version"]

    def answer(**answers: str) -> int:
        return loop.post(f"/tickets/{ticket}/answers", {"version": version, "answers": answers}).status_code

    assert answer(answer_volte_switch="on") == 200
    assert answer(answer_network_mode="4g_preferred") == 200, "another question, though the ticket moved on"
    assert answer(answer_volte_switch="off") == 409, "the question was answered meanwhile"
    wait_until(lambda: loop.life(ticket)["diagnosis"] == "done", "diagnosed again")
    assert loop.life(ticket)["exchanges"] == 2


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


def test_a_number_is_shown_once_after_a_second_person_approved(loop: Loop) -> None:
    ticket = loop.ticket(msisdn=f"86{CANARY}", description=f"打给{CANARY}断了")
    asked = loop.post(
        "/vault/requests", {"ticket_id": ticket, "reason": "call the customer back"}, "approver"
    )
    assert asked.status_code == 201, asked.text
    request = asked.json()
    assert CANARY not in asked.text
    assert request["masked"].count("*") >= 6
    show = f"/vault/requests/{request['id']}/show"
    assert loop.post(show, {}, "approver").status_code == 409  # not approved yet
    decision = f"/vault/requests/{request['id']}/decision"
    assert loop.post(decision, {"approve": True}, "approver").status_code == 403
    assert loop.post(decision, {"approve": True, "why": "ok"}, "second").status_code == 200
    assert loop.post(show, {}, "second").status_code == 403
    assert loop.post(show, {}, "approver").json()["number"] == f"86{CANARY}"
    assert loop.post(show, {}, "approver").status_code == 410
    entries = loop.get("/audit", "approver", params={"limit": 5000}).json()["entries"]
    asked_for = [e["action"] for e in entries if e["detail"].get("request") == request["id"]]
    assert asked_for == ["vault.ask", "vault.approve", "vault.show"]
    assert CANARY not in str(entries)


def test_an_erased_subscriber_has_no_number_and_no_pseudonym_left(loop: Loop) -> None:
    ticket = loop.ticket(msisdn="8613866669999")
    erased = loop.post("/vault/erasures", {"msisdn": "13866669999", "why": "asked for it"}, "admin")
    found = erased.json()
    assert (found["tickets"], found["numbers"], found["store"]["rows"]) == (1, 1, {"ticket": 1})
    assert loop.life(ticket)["erased_at"]
    asked = loop.post("/vault/requests", {"ticket_id": ticket, "reason": "call back"}, "engineer")
    assert asked.status_code == 404


def test_the_audit_chain_holds_and_a_cut_end_is_seen(loop: Loop) -> None:
    loop.post("/warnings", {"type": "mos", "region": "0873", "text": "x"})
    found = loop.get("/audit/check", "approver").json()
    assert found["holds"]
    assert not loop.get("/audit/check", "approver", params={"head": "0" * 64}).json()["holds"]


@pytest.mark.parametrize(
    ("path", "body", "least"),
    [
        ("/tickets/x/steps", {"to": "accepted", "version": 1}, "engineer"),
        ("/tickets/x/wait", {"version": 1, "why": "x"}, "engineer"),
        ("/queue/dispatch", {"tickets": [{"id": "x", "version": 1}]}, "engineer"),
        ("/clusters", {"key": "cell", "entity": "x", "why": "x"}, "engineer"),
        ("/warnings/x/steps", {"to": "approved", "version": 1}, "approver"),
        ("/warnings/history", [{"type": "x", "day": "2026-01-01", "n": 1}], "admin"),
        ("/vault/requests/x/decision", {"approve": True}, "approver"),
        ("/vault/erasures", {"msisdn": "123456", "why": "asked for it"}, "admin"),
    ],
)
def test_every_route_asks_for_its_role(loop: Loop, path: str, body: Any, least: str) -> None:
    assert loop.post(path, body, "").status_code == 401
    for role in ROLES:
        answer = loop.post(path, body, role)
        assert (answer.status_code == 403) == (ROLES.index(role) < ROLES.index(least)), (role, answer.text)


def test_the_metrics_of_the_loop_are_told(loop: Loop) -> None:
    loop.ticket()
    families = {f.name: f for f in text_string_to_metric_families(loop.get("/metrics").text)}
    assert any(s.labels["state"] == "dispatched" for s in families["callcause_tickets"].samples)
    assert families["callcause_ticket_oldest_age_seconds"].samples


def test_a_clear_number_stands_in_no_file_no_log_no_answer_and_no_metric(loop: Loop) -> None:
    ticket = loop.ticket(msisdn=f"86{CANARY}", description=f"请回电{CANARY}", place_text=CANARY)
    loop.step(ticket, "escalated", why=f"customer {CANARY} called again")
    body = {"version": loop.life(ticket)["version"], "why": f"wait for {CANARY}"}
    loop.post(f"/tickets/{ticket}/wait", body)
    texts = [loop.get(f"/tickets/{ticket}{part}").text for part in ("", "/life", "/events", "/questions")]
    texts += [
        loop.get(path, "admin").text for path in ("/queue", "/metrics", "/audit", "/clusters", "/warnings")
    ]
    assert not [text for text in texts if CANARY in text]
    files = [path for path in loop.folder.rglob("*") if path.is_file() and path.parent.name != "net"]
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


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
