"""The vault, erasure and the audit chain over HTTP: no clear number anywhere."""

from __future__ import annotations

from loop_service import CANARY, Loop


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
