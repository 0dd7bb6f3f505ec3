"""The attributes of a trouble ticket that a client may send: how each is checked, what is kept of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from callcause.service.problem import Problem
from callcause.tmf621.cleaning import clean, looks_like_identity, reference
from callcause.tmf621.status import STATUSES
from callcause_error import did_you_mean
from collectors.records import Pseudonymiser

MANY = 100
SHORT = 64
_OURS = re.compile(r"customer_[a-p]{32}")
Document = dict[str, Any]
MADE_HERE = frozenset(
    {"href", "creationDate", "lastUpdate", "statusChangeDate", "statusChangeHistory", "resolutionDate"}
    | {"expectedResolutionDate", "@type", "@baseType", "@schemaLocation"}
)
"""Attributes that the server fills in: what a client sends for them is not taken."""


def check_names(body: object, known: frozenset[str]) -> Document:
    """Return the body where it is an object of known attributes; Problem 400."""
    if not isinstance(body, dict):
        raise Problem(400, "the body is one JSON object")
    wrong = [name for name in body if name not in known | MADE_HERE]
    if wrong:
        hints = [did_you_mean(name, sorted(known)) for name in wrong]
        shown = next((hint for hint in hints if hint), None)
        raise Problem(400, f"{len(wrong)} attributes are not known", hint=shown)
    return {name: value for name, value in body.items() if name not in MADE_HERE}


def text(body: Document, name: str, longest: int, *, required: bool = False) -> str | None:
    """Return a text attribute, not yet scrubbed."""
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise Problem(400, f"{name}: expected a text of 1 to {longest} characters")
    return value


def moment(body: Document, name: str) -> str | None:
    """Return a date-time attribute (RFC 3339 with an offset) as text."""
    value = body.get(name)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(400, f"{name}: expected a date-time with an offset")
    return found.isoformat()


def status(body: Document) -> str | None:
    """Return the wanted status."""
    value = body.get("status")
    if value is None:
        return None
    if value not in STATUSES:
        raise Problem(400, f"status: expected one of {', '.join(STATUSES)}")
    return str(value)


def objects(body: Document, name: str) -> list[Document]:
    """Return the objects of an array attribute."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MANY or not all(isinstance(item, dict) for item in value):
        raise Problem(400, f"{name}: expected at most {MANY} objects")
    return value


def kept_notes(body: Document, who: str, now: str) -> list[Document]:
    """Return the notes of a client; a person's name as author is replaced by who posted it."""
    found = []
    for number, note in enumerate(objects(body, "note"), 1):
        if is_ours(note.get("id")):
            continue
        words = text(note, "text", 20_000, required=True)
        at = moment(note, "date") or now
        found.append(
            clean({"@type": "Note", "id": f"note-{number}", "author": who, "text": words}) | {"date": at}
        )
    return found


def kept_parties(body: Document, pseudonymiser: Pseudonymiser) -> list[Document]:
    """Return the parties: the id as a pseudonym, no name, the role."""
    found = []
    for party in objects(body, "relatedParty"):
        known = party.get("partyOrPartyRole", party)
        given = known.get("id") if isinstance(known, dict) else None
        if not isinstance(given, str) or not given:
            raise Problem(400, "relatedParty: each has partyOrPartyRole.id")
        kind = "PartyRoleRef" if known.get("@type") == "PartyRoleRef" else "PartyRef"
        ref = {"@type": kind, "id": party_pseudonym(given, pseudonymiser)}
        if isinstance(known.get("@referredType"), str):
            ref["@referredType"] = clean(known["@referredType"])
        role = clean(text(party, "role", SHORT) or "customer")
        found.append({"@type": "RelatedPartyRefOrPartyRoleRef", "role": role, "partyOrPartyRole": ref})
    return found


def party_pseudonym(given: str, pseudonymiser: Pseudonymiser) -> str:
    """Return the pseudonym of a party; one of ours stays, so that a client may send back what it read."""
    return given if _OURS.fullmatch(given) else pseudonymiser.pseudonym("customer", given)


def kept_references(body: Document, name: str, kind: str, pseudonymiser: Pseudonymiser) -> list[Document]:
    """Return references to entities of other systems; a subscriber's number among them is a pseudonym."""
    found = []
    for item in objects(body, name):
        entity = item.get("entity", item)
        given = entity.get("id") if isinstance(entity, dict) else None
        if not isinstance(given, str) or not given:
            raise Problem(400, f"{name}: each has an id")
        rest = {key: value for key, value in item.items() if key not in ("id", "entity", "href", "name")}
        made = clean(rest) | {"@type": kind}
        ref = reference(given, pseudonymiser)
        if "entity" in item:
            inner = {key: value for key, value in entity.items() if key not in ("id", "href", "name")}
            made["entity"] = {"@type": "EntityRef", **clean(inner), "id": ref}
        else:
            made["id"] = ref
        found.append(made)
    return found


def kept_characteristics(body: Document, taken: frozenset[str]) -> list[Document]:
    """Return the characteristics that are no field of ours and not made by us."""
    found = []
    for item in objects(body, "troubleTicketCharacteristic"):
        name = text(item, "name", 200, required=True) or ""
        if name in taken or is_ours(item.get("id")):
            continue
        value = clean(item.get("value"))
        found.append(characteristic(clean(name), value))
    return found


def characteristic(name: str, value: Any, ident: str | None = None) -> Document:
    """Return one characteristic in the type of its value."""
    kind = _kind(value)
    made: Document = {"@type": kind, "name": name, "value": value}
    if kind == "ObjectCharacteristic" and not isinstance(value, dict):
        made["value"] = {"value": value}
    return made if ident is None else {"@type": kind, "id": ident, **made}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BooleanCharacteristic"
    if isinstance(value, int):
        return "IntegerCharacteristic"
    if isinstance(value, float) and math.isfinite(value):
        return "NumberCharacteristic"
    return "StringCharacteristic" if isinstance(value, str) else "ObjectCharacteristic"


def given_values(body: Document, wanted: Mapping[str, str], convert: Callable[[str], str]) -> dict[str, Any]:
    """Return what characteristics and related entities say about our own fields, by field.

    A characteristic is named like the field, or in camel case; of a related entity the role is the name.
    """
    found: dict[str, Any] = {}
    for item in objects(body, "troubleTicketCharacteristic"):
        name = wanted.get(convert(str(item.get("name", ""))))
        if name is not None and item.get("value") is not None:
            found[name] = item["value"]
    for item in objects(body, "relatedEntity"):
        entity = item.get("entity", item)
        given = entity.get("id") if isinstance(entity, dict) else None
        name = wanted.get(convert(str(item.get("role", ""))))
        if isinstance(given, str):
            if name is None and looks_like_identity(given):
                name = "msisdn"
            if name is not None:
                found.setdefault(name, given)
    return found


def is_ours(ident: object) -> bool:
    """Whether a note or characteristic was made by callcause: a client that sends it back changes nothing."""
    return isinstance(ident, str) and ident.startswith("callcause-")
