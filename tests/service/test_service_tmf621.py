"""TMF621 over the real service: it fits the documents of TM Forum and holds no identity."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from conftest import BEGAN, CELL, verdict_of, wait_until
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

V5, V4 = "/tmf-api/troubleTicket/v5", "/tmf-api/troubleTicket/v4"
MERGE = {"Content-Type": "application/merge-patch+json"}
Document = dict[str, Any]


def posted(**more: Any) -> Document:
    """A trouble ticket as a CRM posts it, with a clear number in every place that can hold one."""
    return {
        "@type": "TroubleTicket",
        "name": "Call cut, 13800000001",
        "description": "打给13987654321断了",
        "severity": "Major",
        "ticketType": "complaint",
        "priority": "High",
        "channel": {"@type": "ChannelRef", "id": "hotline_10086"},
        "externalIdentifier": [{"@type": "ExternalIdentifier", "id": "CRM-77", "owner": "CRM"}],
        "relatedParty": [
            {
                "@type": "RelatedPartyRefOrPartyRoleRef",
                "role": "customer",
                "partyOrPartyRole": {
                    "@type": "PartyRef", "id": "C-4711", "name": "Zhang Wei", "@referredType": "Individual",
                },
            }
        ],
        "relatedEntity": [
            {
                "@type": "RelatedEntity",
                "role": "msisdn",
                "entity": {"@type": "EntityRef", "id": "8613800000001"},
            }
        ],
        "note": [{"@type": "Note", "author": "Li Na", "text": "call her on +86 138 0000 0001"}],
        "troubleTicketCharacteristic": [
            {"@type": "StringCharacteristic", "name": "occurredAt", "value": BEGAN.isoformat()},
            {"@type": "StringCharacteristic", "name": "ecgi", "value": CELL},
            {"@type": "StringCharacteristic", "name": "category", "value": "drop"},
            {"@type": "IntegerCharacteristic", "name": "contact", "value": 8613800000001},
        ],
        **more,
    }  # fmt: skip


CLEAR = ("13800000001", "13987654321", "138 0000 0001", "Zhang", "Li Na", "C-4711")


class Documents:
    """TM Forum's own documents as validators, by the name of a schema."""

    def __init__(self, folder: Path) -> None:
        with (folder / "tmf621/TMF621-Trouble_Ticket-v5.0.1.oas.yaml").open() as file:
            five = yaml.load(file, yaml.CSafeLoader)
        four = json.loads(
            (folder / "tmf621/TMF621_Trouble_Ticket_Management_API_v4.0.0_swagger.json").read_text()
        )
        _read_discriminators(five)
        resources = [(f"urn:{n}", Resource(d, DRAFT4)) for n, d in (("v5", five), ("v4", four))]
        self._registry: Any = Registry().with_resources(resources)
        self._place = {"v5": "/components/schemas/", "v4": "/definitions/"}

    def check(self, api: str, name: str, document: object) -> None:
        """Fail where the document does not fit."""
        schema = {"$ref": f"urn:{api}#{self._place[api]}{name}"}
        validator = Draft4Validator(schema, registry=self._registry, format_checker=FormatChecker())
        found = [f"{list(e.absolute_path)}: {e.message[:200]}" for e in validator.iter_errors(document)]
        assert found == []


def _read_discriminators(schema: Any) -> None:
    """With a discriminator `@type` chooses among `oneOf`; to JSON Schema alone all of them fit."""
    if isinstance(schema, dict):
        if "discriminator" in schema and "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
        for value in schema.values():
            _read_discriminators(value)
    elif isinstance(schema, list):
        for value in schema:
            _read_discriminators(value)


_read_once = lru_cache(maxsize=1)(Documents)


@pytest.fixture
def documents(third_party_data: Path) -> Documents:
    """The published documents, read once."""
    return _read_once(third_party_data)


@pytest.fixture(scope="module")
def created(served: httpx.Client) -> Document:
    """One ticket of a CRM, diagnosed."""
    answer = served.post(f"{V5}/troubleTicket", json=posted())
    assert answer.status_code == 201, answer.text
    made: Document = answer.json()
    assert answer.headers["location"] == made["href"]
    verdict_of(served, made["id"])
    return made


def read(client: httpx.Client, ident: str, api: str = V5) -> Document:
    answer = client.get(f"{api}/troubleTicket/{ident}")
    assert answer.status_code == 200, answer.text
    found: Document = answer.json()
    return found


def test_no_identity_of_a_posted_ticket_comes_back_or_is_stored(
    served: httpx.Client, created: Document
) -> None:
    for text in (json.dumps(created), json.dumps(read(served, created["id"])), served.get("/tickets").text):
        for clear in CLEAR:
            assert clear not in json.dumps(json.loads(text), ensure_ascii=False)
    folder: Path = served.folder  # type: ignore[attr-defined]
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


@pytest.mark.parametrize(
    "query",
    [{"colour": "red"}, {"limit": "x"}, {"offset": "-1"}, {"status": "gone"}, {"sort": "mood"},
     {"creationDate.gt": "now"}],
)  # fmt: skip
def test_a_list_request_that_means_nothing_is_refused(served: httpx.Client, query: dict[str, str]) -> None:
    answer = served.get(f"{V5}/troubleTicket", params=query)
    assert answer.status_code == 400
    assert answer.json()["code"] == "400"


def patch(client: httpx.Client, ident: str, body: Document, **headers: str) -> httpx.Response:
    return client.patch(f"{V5}/troubleTicket/{ident}", content=json.dumps(body), headers={**MERGE, **headers})


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


class Listener(ThreadingHTTPServer):
    """A listener of a CRM: it fails the first time, then keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Heard)
        self.seen: list[Document] = []
        self.failures = 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/events?token=of-the-listener"


class _Heard(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.failures:
            self.server.failures -= 1
            self.send_response(503)
        else:
            self.server.seen.append(body)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_listener_hears_every_event_in_order_although_it_failed_first(
    served: httpx.Client, listener: Listener, documents: Documents
) -> None:
    hub = served.post(f"{V5}/hub", json={"@type": "Hub", "callback": listener.url})
    assert hub.status_code == 201, hub.text
    documents.check("v5", "Hub", hub.json())
    ident = served.post(f"{V5}/troubleTicket", json=posted()).json()["id"]
    verdict_of(served, ident)
    patch(served, ident, {"status": "resolved"})

    def mine() -> list[Document]:
        return [e for e in listener.seen if e["event"]["troubleTicket"]["id"] == ident]

    wait_until(lambda: any(e["eventType"] == "TroubleTicketResolvedEvent" for e in mine()), "resolved event")
    kinds = [e["eventType"].removeprefix("TroubleTicket") for e in mine()]
    assert kinds[0] == "CreateEvent"
    assert (
        kinds.index("CreateEvent") < kinds.index("AttributeValueChangeEvent") < kinds.index("ResolvedEvent")
    )
    assert kinds.count("StatusChangeEvent") == 2
    assert len({e["eventId"] for e in mine()}) == len(mine())
    for one in mine():
        documents.check("v5", one["eventType"], one)
        assert all(clear not in json.dumps(one, ensure_ascii=False) for clear in CLEAR)
    assert served.delete(f"{V5}/hub/{hub.json()['id']}").status_code == 204
    assert served.get(f"{V5}/hub/{hub.json()['id']}").status_code == 404


def test_a_listener_hears_only_what_it_asked_for_in_its_version(
    served: httpx.Client, listener: Listener, documents: Documents
) -> None:
    listener.failures = 0
    query = "eventType=TroubleTicketCreateEvent"
    hub = served.post(f"{V4}/hub", json={"callback": listener.url, "query": query})
    assert hub.status_code == 201, hub.text
    first = served.post(f"{V4}/troubleTicket", json={"description": "a", "severity": "b", "ticketType": "c"})
    verdict_of(served, first.json()["id"])
    second = served.post(f"{V4}/troubleTicket", json={"description": "a", "severity": "b", "ticketType": "c"})
    wanted = [first.json()["id"], second.json()["id"]]

    def heard() -> list[str]:
        return [e["event"]["troubleTicket"]["id"] for e in listener.seen]

    wait_until(lambda: set(wanted) <= set(heard()), "both tickets")
    assert {e["eventType"] for e in listener.seen} == {"TroubleTicketCreateEvent"}
    documents.check("v4", "TroubleTicketCreateEvent", listener.seen[0])
    served.delete(f"{V4}/hub/{hub.json()['id']}")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"callback": "ftp://x"}, {"callback": "http://"}, {"callback": "http://[x"}, {"callback": 7},
        {"callback": "http://127.0.0.1/", "query": "eventType=Weather"},
        {"callback": "http://127.0.0.1/", "query": "colour=red"}, [],
    ],
)  # fmt: skip
def test_a_listener_that_could_never_hear_is_refused(served: httpx.Client, body: Any) -> None:
    assert served.post(f"{V5}/hub", json=body).status_code == 400
