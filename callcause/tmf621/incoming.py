"""Bodies of TMF621: what of them becomes the record of a ticket, and what is kept beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from callcause.service.problem import Problem
from callcause.tmf621 import attributes as of
from callcause.tmf621.cleaning import clean, looks_like_identity, reference
from collectors.records import Pseudonymiser, load_schemas

Document = dict[str, Any]
ATTRIBUTES = frozenset(
    {"id", "name", "description", "severity", "ticketType", "priority", "status", "statusChangeReason"}
    | {"requestedResolutionDate", "channel", "externalIdentifier", "relatedParty", "relatedEntity", "note"}
    | {"troubleTicketCharacteristic", "troubleTicketRelationship", "attachment", "troubleTicketSpecification"}
)
STEPS = frozenset({"satisfaction", "noContact", "department", "confirmedCause", "remediedAt", "solved"})
"""Characteristics that a step of the loop asks for."""
CUSTOMER_ROLES = frozenset({"customer", "initiator", "originator", "user", "subscriber"})
COLUMNS = {"severity": "severity", "ticketType": "ticket_type", "priority": "priority", "name": "name"}
_NO_INTAKE = frozenset({"id", "status", "description", "customer_id"})


@dataclass(frozen=True, slots=True)
class Offered:
    """A new ticket: fields of the record `ticket` in clear (to be checked at once), columns, document."""

    record: Document
    columns: dict[str, Any]
    document: Document


@dataclass(frozen=True, slots=True)
class Change:
    """A patch: columns and document entries (None = remove), the wanted status, what steps ask for."""

    columns: dict[str, Any]
    document: Document
    status: str | None
    reason: str
    steps: dict[str, Any] = field(default_factory=dict)


def offered(body: object, pseudonymiser: Pseudonymiser, who: str, now: str) -> Offered:
    """Read the body of a create; Problem 400 where an attribute is wrong."""
    given = of.check_names(body, ATTRIBUTES)
    for name, longest in (("description", 20_000), ("severity", of.SHORT), ("ticketType", of.SHORT)):
        of.text(given, name, longest, required=True)
    wanted = of.status(given)
    if wanted not in (None, "acknowledged"):
        raise Problem(400, "status: a new ticket is acknowledged")
    document = _document(given, pseudonymiser, who, now)
    record = {**_fields(given), "description": given["description"]}
    if given.get("id") is not None:
        record["id"] = of.text(given, "id", 200)
    external = document.get("externalIdentifier") or []
    if external and "external_id" not in record:
        record["external_id"] = external[0]["id"]
    return Offered(record, _columns(given, external), document)


def changed(body: object, pseudonymiser: Pseudonymiser, who: str, now: str) -> Change:
    """Read the body of a merge-patch (RFC 7396): an array replaces the array, null removes."""
    given = of.check_names(body, ATTRIBUTES - {"id", "description"})
    removed = {name: None for name, value in given.items() if value is None}
    for name in ("severity", "ticketType", "status"):
        if name in removed:
            raise Problem(400, f"{name}: cannot be removed")
    document = {**removed, **_document(given, pseudonymiser, who, now)}
    columns = {COLUMNS[name]: None for name in removed if name in COLUMNS}
    columns |= _columns(given, document.get("externalIdentifier") or [])
    if "externalIdentifier" in removed:
        columns["external_id"] = None
    reason = of.text(given, "statusChangeReason", 2000)
    kept = {name: value for name, value in document.items() if name not in COLUMNS}
    return Change(columns, kept, of.status(given), clean(reason or ""), _steps(given))


def _document(given: Mapping[str, Any], pseudonymiser: Pseudonymiser, who: str, now: str) -> Document:
    """Return what is kept as it came, without identities; only attributes that the body has."""
    body = dict(given)
    readers: dict[str, Callable[[], Any]] = {
        "note": lambda: of.kept_notes(body, who, now),
        "relatedParty": lambda: of.kept_parties(body, pseudonymiser),
        "relatedEntity": lambda: of.kept_references(body, "relatedEntity", "RelatedEntity", pseudonymiser),
        "externalIdentifier": lambda: of.kept_references(
            body, "externalIdentifier", "ExternalIdentifier", pseudonymiser
        ),
        "troubleTicketRelationship": lambda: of.kept_references(
            body, "troubleTicketRelationship", "TroubleTicketRelationship", pseudonymiser
        ),
        "troubleTicketCharacteristic": lambda: of.kept_characteristics(body, STEPS | set(_names().values())),
        "requestedResolutionDate": lambda: of.moment(body, "requestedResolutionDate"),
        "channel": lambda: _channel(body, pseudonymiser),
    }
    document: Document = {name: read() for name, read in readers.items() if body.get(name) is not None}
    if body.get("attachment"):
        number = len(of.objects(body, "attachment"))
        told = {"@type": "Note", "id": f"note-a{number}", "author": "callcause", "date": now}
        told["text"] = f"{number} attachments came with the ticket and are not kept"
        document["note"] = [*document.get("note", []), told]
    if body.get("troubleTicketSpecification") is not None:
        raise Problem(400, "troubleTicketSpecification: there are no specifications here")
    return document


def _columns(given: Mapping[str, Any], external: list[Document]) -> dict[str, Any]:
    longest = {"name": 200}
    found = {
        column: clean(of.text(dict(given), name, longest.get(name, of.SHORT)))
        for name, column in COLUMNS.items()
        if given.get(name) is not None
    }
    if external:
        found["external_id"] = external[0]["id"][:200]
    return found


def _channel(body: Document, pseudonymiser: Pseudonymiser) -> Document:
    channel = body["channel"]
    given = channel.get("id") if isinstance(channel, dict) else None
    if not isinstance(given, str) or not given:
        raise Problem(400, "channel: has an id")
    kept = {"@type": "ChannelRef", "id": reference(given, pseudonymiser)}
    name = of.text(channel, "name", of.SHORT)
    return {**kept, "name": clean(name)} if name else kept


def _fields(given: Document) -> Document:
    """Return fields of the record: characteristics and entities named like them, channel, customer."""
    record = of.given_values(given, _names(), _snake)
    channel = given.get("channel")
    if isinstance(channel, dict) and "channel" not in record:
        known = load_schemas()["ticket"].field("channel").allowed or ()
        named = [value for value in (channel.get("id"), channel.get("name")) if isinstance(value, str)]
        record["channel"] = next((_snake(value) for value in named if _snake(value) in known), "other")
    for party in of.objects(given, "relatedParty"):
        known_party = party.get("partyOrPartyRole", party)
        ident = known_party.get("id") if isinstance(known_party, dict) else None
        if isinstance(ident, str) and str(party.get("role", "customer")).lower() in CUSTOMER_ROLES:
            record.setdefault("msisdn" if looks_like_identity(ident) else "customer_id", ident)
    return record


def _steps(given: Document) -> dict[str, Any]:
    """Return the characteristics that steps ask for."""
    found = {}
    for item in of.objects(given, "troubleTicketCharacteristic"):
        if item.get("name") in STEPS:
            found[str(item["name"])] = clean(item.get("value"))
    return found


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Field names of the record `ticket` that a client may fill; status and clocks are ours."""
    return {name: name for name in load_schemas()["ticket"].field_names if name not in _NO_INTAKE}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().replace(" ", "_").replace("-", "_")
