"""Changes of a trouble ticket by TMF621: merge patches, and a status that goes through the loop's steps."""

from __future__ import annotations

from typing import Any

import httpx
from service_process import verdict_of
from trouble_tickets import V5, Document, patch, posted, read
from waiting import wait_until


def of(name: str, value: Any) -> Document:
    return {"@type": "StringCharacteristic", "name": name, "value": value}


def test_a_ticket_goes_through_its_life_by_status_alone(served: httpx.Client) -> None:
    ident = served.post(f"{V5}/troubleTicket", json=posted()).json()["id"]
    verdict_of(served, ident)
    assert patch(served, ident, {"status": "inProgress"}).json()["status"] == "inProgress"
    assert (
        patch(served, ident, {"status": "pending", "statusChangeReason": "asked"}).json()["status"]
        == "pending"
    )
    assert patch(served, ident, {"status": "resolved"}).json()["status"] == "resolved"
    early = patch(served, ident, {"status": "closed"})
    assert (early.status_code, early.json()["code"]) == (409, "satisfaction_missing")
    assert read(served, ident)["status"] == "resolved"
    closing = {
        "status": "closed",
        "troubleTicketCharacteristic": [of("satisfaction", 5), of("confirmedCause", "drop-weak-coverage")],
    }
    closed = patch(served, ident, closing)
    assert closed.status_code == 200, closed.text
    assert closed.json()["status"] == "closed"
    steps = [e["to"] for e in served.get(f"/tickets/{ident}/events").json()["events"]]
    assert steps[-4:] == ["resolved", "replied", "called_back", "closed"]
    assert patch(served, ident, {"status": "inProgress"}).json()["code"] == "reason_missing"
    reopened = patch(served, ident, {"status": "inProgress", "statusChangeReason": "it drops again"})
    assert reopened.json()["status"] == "inProgress"


def test_a_status_that_no_step_leads_to_and_an_unknown_cause_are_refused(
    served: httpx.Client, created: Document
) -> None:
    for status in ("cancelled", "rejected", "held"):
        assert patch(served, created["id"], {"status": status}).status_code == 409
    wrong = {"troubleTicketCharacteristic": [of("confirmedCause", "drop-weak-cover")]}
    answer = patch(served, created["id"], wrong)
    assert answer.json()["code"] == "unknown_cause"
    assert "drop-weak-coverage" in answer.json()["message"]


def test_a_merge_patch_replaces_and_removes_and_sending_back_what_was_read_changes_nothing(
    served: httpx.Client, created: Document
) -> None:
    ident = created["id"]
    shown = read(served, ident)
    keep = ("note", "relatedParty", "relatedEntity", "troubleTicketCharacteristic", "externalIdentifier")
    back = patch(served, ident, {name: shown[name] for name in keep}).json()
    for name in ("relatedParty", "relatedEntity", "troubleTicketCharacteristic", "externalIdentifier"):
        assert back[name] == shown[name]
    assert [n["text"] for n in back["note"]] == [n["text"] for n in shown["note"]]
    changed = patch(
        served, ident, {"name": None, "priority": "Low", "note": [{"text": "tel 13800000001"}]}
    ).json()
    assert "name" not in changed
    assert changed["priority"] == "Low"
    assert changed["note"][0]["text"] == "tel [number]"


def test_of_two_who_read_the_same_version_the_second_is_refused(served: httpx.Client) -> None:
    answer = served.post(f"{V5}/troubleTicket", json=posted())
    ident = answer.json()["id"]
    verdict_of(served, ident)
    tags: list[str] = []

    def first_is_taken() -> bool:
        """The service itself may still link the ticket to others; who is told of that reads it again."""
        tags.append(served.get(f"{V5}/troubleTicket/{ident}").headers["etag"])
        return patch(served, ident, {"name": "one"}, **{"If-Match": tags[-1]}).status_code == 200

    wait_until(first_is_taken, "nobody else changes the ticket")
    tag = tags[-1]
    assert patch(served, ident, {"name": "two"}, **{"If-Match": tag}).status_code == 412
    assert read(served, ident)["name"] == "one"


def test_nothing_is_deleted_where_the_policy_does_not_allow_it(
    served: httpx.Client, created: Document
) -> None:
    assert served.delete(f"{V5}/troubleTicket/{created['id']}").status_code == 403
    assert served.delete(f"{V5}/troubleTicket/nobody").status_code == 404
    assert read(served, created["id"])
