"""A trouble ticket as a CRM posts it, and TM Forum's own documents to hold answers against."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4
from service_process import verdict_of
from small_network import BEGAN, CELL

V5, V4 = "/tmf-api/troubleTicket/v5", "/tmf-api/troubleTicket/v4"
MERGE = {"Content-Type": "application/merge-patch+json"}
Document = dict[str, Any]
CLEAR = ("13800000001", "13987654321", "138 0000 0001", "Zhang", "Li Na", "C-4711")


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


def patch(client: httpx.Client, ident: str, body: Document, **headers: str) -> httpx.Response:
    return client.patch(f"{V5}/troubleTicket/{ident}", content=json.dumps(body), headers={**MERGE, **headers})
