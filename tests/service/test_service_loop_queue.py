"""The queue over HTTP, and the questions to the customer."""

from __future__ import annotations

from uuid import uuid4

from loop_service import Loop
from waiting import wait_until


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
