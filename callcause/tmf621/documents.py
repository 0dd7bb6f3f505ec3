"""What our OpenAPI document says about the bodies of TMF621."""

from __future__ import annotations

from typing import Any

from callcause.tmf621.status import STATUSES

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_SHORT: Schema = {"type": "string", "minLength": 1, "maxLength": 64}
_TIME: Schema = {"type": "string", "format": "date-time"}


def _objects(properties: Schema, required: list[str]) -> Schema:
    item = {"type": "object", "properties": properties, "required": required}
    return {"type": "array", "maxItems": 100, "items": item}


_REFERENCE: Schema = {"type": "object", "properties": {"id": _TEXT, "@type": _TEXT}, "required": ["id"]}
_COMMON: Schema = {
    "@type": {"type": "string"},
    "name": {"type": "string", "minLength": 1, "maxLength": 200},
    "severity": _SHORT,
    "ticketType": _SHORT,
    "priority": _SHORT,
    "requestedResolutionDate": _TIME,
    "statusChangeReason": {"type": "string", "minLength": 1, "maxLength": 2000},
    "channel": {**_REFERENCE, "properties": {"id": _TEXT, "name": _SHORT}},
    "note": _objects({"text": _TEXT, "author": {"type": "string"}, "date": _TIME}, ["text"]),
    "troubleTicketRelationship": _objects({"id": _TEXT, "relationshipType": _TEXT}, ["id"]),
}
_V5: Schema = {
    "externalIdentifier": _objects({"id": _TEXT, "owner": {"type": "string"}}, ["id"]),
    "relatedParty": _objects({"role": _SHORT, "partyOrPartyRole": _REFERENCE}, ["partyOrPartyRole"]),
    "relatedEntity": _objects({"role": _TEXT, "entity": _REFERENCE}, ["role", "entity"]),
    "troubleTicketCharacteristic": _objects({"name": _TEXT, "value": {}}, ["name"]),
}
_V4: Schema = {
    "externalId": _TEXT,
    "relatedParty": _objects({"id": _TEXT, "role": _SHORT, "@referredType": _TEXT}, ["id"]),
    "relatedEntity": _objects({"id": _TEXT, "role": _TEXT, "@referredType": _TEXT}, ["id", "role"]),
}


def _body(schema: Schema, *kinds: str) -> Schema:
    return {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}


def _create(own: Schema) -> Schema:
    properties = {**_COMMON, **own, "id": {"type": "string", "minLength": 1, "maxLength": 200}}
    properties["description"] = {"type": "string", "minLength": 1, "maxLength": 20000}
    properties["status"] = {"enum": ["acknowledged"]}
    required = ["description", "severity", "ticketType"]
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return _body(schema, "application/json")


def _patch(own: Schema) -> Schema:
    properties = {**_COMMON, **own, "status": {"enum": list(STATUSES)}}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return _body(schema, "application/merge-patch+json", "application/json")


CREATE = {"v5": _create(_V5), "v4": _create(_V4)}
PATCH = {"v5": _patch(_V5), "v4": _patch(_V4)}
HUB = _body(
    {
        "type": "object",
        "properties": {"callback": {"type": "string", "format": "uri"}, "query": {"type": "string"}},
        "required": ["callback"],
    },
    "application/json",
)
