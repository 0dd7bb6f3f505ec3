"""Bodies of version 4 in the attributes of version 5."""

from __future__ import annotations

from typing import Any

from callcause.service.problem import Problem

_RENAMED = {"externalId": "externalIdentifier", "statusChange": "statusChangeHistory"}


def as_version_5(body: object) -> object:
    """Return the body with `externalId`, `statusChange` and flat references as version 5 has them."""
    if not isinstance(body, dict):
        return body
    wrong = [name for name in ("externalIdentifier", "troubleTicketCharacteristic") if name in body]
    if wrong:
        raise Problem(400, f"{wrong[0]}: version 4 does not have it")
    made: dict[str, Any] = {}
    for name, value in body.items():
        made[_RENAMED.get(str(name), str(name))] = _external(value) if name == "externalId" else value
    return made


def _external(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise Problem(400, "externalId: expected a text")
    return [{"@type": "ExternalIdentifier", "id": value}]
