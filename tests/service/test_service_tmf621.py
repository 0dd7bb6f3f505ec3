"""TMF621 over the real service: it fits the documents of TM Forum and holds no identity."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from service_process import verdict_of
from small_network import CELL
from trouble_tickets import CLEAR, V4, V5, Document, Documents, posted, read
from waiting import wait_until


def test_no_identity_of_a_posted_ticket_comes_back_or_is_stored(
    served: httpx.Client, created: Document
) -> None:
    for text in (json.dumps(created), json.dumps(read(served, created["id"])), served.get("/tickets").text):
        for clear in CLEAR:
            assert clear not in json.dumps(json.loads(text), ensure_ascii=False)
    folder: Path = served.folder
    stored = b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file() and "state" in p.name)
    assert b"C-4711" not in stored
    assert b"8613800000001" not in stored


def test_the_diagnosis_is_shown_as_notes_and_characteristics(served: httpx.Client, created: Document) -> None:
    contract = verdict_of(served, created["id"])
    shown = read(served, created["id"])
    values = {c["name"]: c["value"] for c in shown["troubleTicketCharacteristic"]}
    assert values["verdict"] == contract["verdict"] == "cause"
    assert values["cause1"] == contract["causes"][0]["id"]
    assert values["cause1Probability"] == pytest.approx(contract["causes"][0]["probability"])
    assert values["contact"] == "[number]"
    texts = [note["text"] for note in shown["note"]]
    assert any(contract["causes"][0]["remedy"]["zh"] in text for text in texts)


def test_answers_fit_the_published_documents(
    served: httpx.Client, created: Document, documents: Documents
) -> None:
    documents.check("v5", "TroubleTicket_FVO", posted())
    documents.check("v5", "TroubleTicket_RES", created)
    documents.check("v5", "TroubleTicket", read(served, created["id"]))
    documents.check("v4", "TroubleTicket", read(served, created["id"], V4))
    error = served.post(f"{V5}/troubleTicket", json={"description": "x"})
    assert error.status_code == 400
    documents.check("v5", "Error", error.json())


def test_the_validator_finds_what_does_not_fit(documents: Documents) -> None:
    with pytest.raises(AssertionError):
        documents.check("v5", "TroubleTicket", {"@type": "TroubleTicket", "id": 7})
    with pytest.raises(AssertionError):
        documents.check("v5", "TroubleTicket_FVO", {"@type": "TroubleTicket", "severity": "x"})


def test_version_4_takes_and_gives_its_own_attributes(served: httpx.Client, documents: Documents) -> None:
    body = {
        "description": "voice is one way",
        "severity": "Minor",
        "ticketType": "complaint",
        "externalId": "OLD-1",
        "relatedParty": [{"id": "C-9", "role": "customer", "@referredType": "Individual", "name": "Wang"}],
        "relatedEntity": [{"id": CELL, "role": "ecgi", "@referredType": "Cell"}],
    }
    documents.check("v4", "TroubleTicket_Create", body)
    answer = served.post(f"{V4}/troubleTicket", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    documents.check("v4", "TroubleTicket", made)
    assert made["externalId"] == "OLD-1"
    assert made["relatedEntity"][0]["id"] == CELL
    assert "Wang" not in answer.text
    found = served.get(f"{V4}/troubleTicket", params={"externalId": "OLD-1"}).json()
    assert [one["id"] for one in found] == [made["id"]]


def test_the_same_key_creates_one_ticket_and_another_content_is_refused(served: httpx.Client) -> None:
    key = {"Idempotency-Key": "tmf-1"}
    first = served.post(f"{V5}/troubleTicket", json=posted(), headers=key)
    again = served.post(f"{V5}/troubleTicket", json=posted(), headers=key)
    assert first.json()["id"] == again.json()["id"]
    other = served.post(f"{V5}/troubleTicket", json=posted(severity="Minor"), headers=key)
    assert other.status_code == 409
    assert other.json()["@type"] == "Error"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"severity": ""}, "severity"),
        ({"severity": 3}, "severity"),
        ({"status": "closed"}, "acknowledged"),
        ({"descriptoin": "x"}, "not known"),
        ({"note": [{"text": 3}]}, "text"),
        ({"relatedParty": [{"role": "customer"}]}, "partyOrPartyRole"),
        ({"requestedResolutionDate": "tomorrow"}, "date-time"),
        ({"troubleTicketCharacteristic": [{"name": "starLevel", "value": 9}]}, "wrong"),
        ({"troubleTicketSpecification": {"id": "s"}}, "specification"),
    ],
)
def test_a_wrong_attribute_is_named_and_nothing_is_taken_in(
    served: httpx.Client, body: Document, reason: str
) -> None:
    before = served.get(f"{V5}/troubleTicket", params={"limit": 0}).headers["x-total-count"]
    answer = served.post(f"{V5}/troubleTicket", json=posted(**body))
    assert answer.status_code == 400
    assert reason in answer.json()["reason"]
    assert served.get(f"{V5}/troubleTicket", params={"limit": 0}).headers["x-total-count"] == before


def test_lists_are_filtered_paged_and_hold_the_wanted_fields(served: httpx.Client) -> None:
    made = [
        served.post(f"{V5}/troubleTicket", json=posted(severity="Paging", name=f"n{n}")).json()["id"]
        for n in range(3)
    ]
    wanted = {"severity": "Paging", "sort": "creationDate", "fields": "status,name", "limit": 2}
    first = served.get(f"{V5}/troubleTicket", params=wanted)
    assert first.status_code == 206
    assert (first.headers["x-total-count"], first.headers["x-result-count"]) == ("3", "2")
    second = served.get(f"{V5}/troubleTicket", params={**wanted, "offset": 2})
    assert second.status_code == 200
    rows = first.json() + second.json()
    assert [row["id"] for row in rows] == made
    assert all(set(row) == {"id", "href", "@type", "status", "name"} for row in rows)
    after = served.get(f"{V5}/troubleTicket", params={"creationDate.gt": "2999-01-01T00:00:00Z"})
    assert after.json() == []


def test_what_changed_since_a_moment_is_found_by_its_last_update(served: httpx.Client) -> None:
    made = [served.post(f"{V5}/troubleTicket", json=posted(name=f"u{n}")).json()["id"] for n in range(2)]
    for name in made:
        verdict_of(served, name)
    assert served.patch(f"{V5}/troubleTicket/{made[0]}", json={"name": "another"}).status_code == 200

    def found(**query: str) -> set[str]:
        answer = served.get(f"{V5}/troubleTicket", params={"limit": "1000", **query})
        assert answer.status_code in (200, 206)
        return {row["id"] for row in answer.json()} & set(made)

    def agrees() -> bool:
        """A ticket may be looked at again in between; then the lists are asked for once more."""
        first, last = (read(served, name)["lastUpdate"] for name in reversed(made))
        return [found(**{f"lastUpdate{how}": last}) for how in (".gt", ".gte", "", ".lt", ".lte")] == [
            set(), {made[0]}, {made[0]}, {made[1]}, set(made)
        ] and found(**{"lastUpdate.gt": first}) == {made[0]}  # fmt: skip

    wait_until(agrees, "lists that agree with what is shown")
    assert found(**{"resolutionDate.gt": "2000-01-01T00:00:00Z"}) == set(), "none of them is resolved"


@pytest.mark.parametrize(
    "query",
    [{"colour": "red"}, {"limit": "x"}, {"offset": "-1"}, {"status": "gone"}, {"sort": "mood"},
     {"creationDate.gt": "now"}, {"lastUpdate.gt": "now"}, {"lastUpdate": "2026-01-01"}],
)  # fmt: skip
def test_a_list_request_that_means_nothing_is_refused(served: httpx.Client, query: dict[str, str]) -> None:
    answer = served.get(f"{V5}/troubleTicket", params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "400"
