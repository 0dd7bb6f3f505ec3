"""TMF621 events: a listener of a CRM hears what it asked for, in order, even where it failed first."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from service_process import verdict_of
from trouble_tickets import CLEAR, V4, V5, Document, Documents, patch, posted
from waiting import wait_until


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
