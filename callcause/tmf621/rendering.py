"""A ticket as TMF621 shows it: its status, its history, the diagnosis as notes and characteristics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from callcause.loop.life import State
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.state.trouble_ticket import TroubleTicket
from callcause.tmf621.attributes import characteristic
from callcause.tmf621.status import RESOLVED, status_of

BASE = "/tmf-api/troubleTicket"
SHOWN_CAUSES = 3
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that one trouble ticket is made of; `added` is None for a ticket of another source."""

    ticket: Ticket
    added: TroubleTicket | None
    result: Result | None
    events: Sequence[TicketEvent]


def version_5(shown: Shown, base: str = "") -> Document:
    """Return the TroubleTicket of version 5."""
    ticket, added = shown.ticket, shown.added
    kept = added.document if added else {}
    history = _history(shown.events)
    found: Document = {
        "@type": "TroubleTicket",
        "id": ticket.id,
        "href": f"{base}{BASE}/v5/troubleTicket/{quote(ticket.id)}",
        "creationDate": ticket.taken_in_at.isoformat(),
        "lastUpdate": _last(shown).isoformat(),
        "name": added.name if added else None,
        "description": ticket.record.get("description"),
        "severity": added.severity if added else "normal",
        "ticketType": added.ticket_type if added else "complaint",
        "priority": (added.priority if added else None) or getattr(ticket, "priority", None),
        "status": status_of(ticket.state, waiting=waiting(ticket)),
        "statusChangeHistory": history,
        "channel": kept.get("channel") or _channel(ticket),
        "troubleTicketCharacteristic": [
            *kept.get("troubleTicketCharacteristic", []),
            *_characteristics(shown),
        ],
        "note": [*kept.get("note", []), *_notes(shown.result)],
    }
    if history:
        found["statusChangeDate"] = history[-1]["statusChangeDate"]
        found["statusChangeReason"] = history[-1]["statusChangeReason"]
    for name in ("externalIdentifier", "relatedParty", "relatedEntity", "troubleTicketRelationship"):
        found[name] = kept.get(name)
    found["requestedResolutionDate"] = kept.get("requestedResolutionDate")
    found["resolutionDate"] = _moment(getattr(ticket, "resolved_at", None)) or _resolved(history)
    found["expectedResolutionDate"] = _moment(getattr(ticket, "reply_due_at", None))
    return {name: value for name, value in found.items() if value not in (None, [])}


def version_4(document: Document) -> Document:
    """Return the same ticket in the attributes of version 4; the diagnosis stands in its notes."""
    made = {name: value for name, value in document.items() if name not in _ONLY_5}
    made["href"] = made["href"].replace("/v5/", "/v4/")
    if document.get("externalIdentifier"):
        made["externalId"] = document["externalIdentifier"][0]["id"]
    made["statusChange"] = [
        {"status": s["status"], "changeDate": s["statusChangeDate"], "changeReason": s["statusChangeReason"]}
        for s in document.get("statusChangeHistory", [])
    ]
    for name, inner, kind in (
        ("relatedParty", "partyOrPartyRole", "RelatedParty"),
        ("relatedEntity", "entity", "RelatedEntity"),
    ):
        if document.get(name):
            made[name] = [_flat(item, inner, kind) for item in document[name]]
    return made


def waiting(ticket: Ticket) -> bool:
    """Whether the ticket waits for the customer, which is a flag of the loop."""
    return getattr(ticket, "waiting_since", None) is not None


_ONLY_5 = frozenset({"troubleTicketCharacteristic", "statusChangeHistory", "externalIdentifier"})


def _flat(item: Document, inner: str, kind: str) -> Document:
    entity = item.get(inner, item)
    return {
        "@type": kind,
        "@referredType": entity.get("@referredType", entity.get("@type", "Entity")),
        "id": entity["id"],
        "role": item.get("role", "related"),
    }


def _history(events: Sequence[TicketEvent]) -> list[Document]:
    """Return the changes of status; steps of the loop within one status are no change of it."""
    found: list[Document] = []
    for event in events:
        status = status_of(event.to_state) if event.to_state in set(State) else None
        if status is None or (found and found[-1]["status"] == status):
            continue
        found.append(
            {
                "@type": "StatusChange",
                "status": status,
                "statusChangeDate": event.at.isoformat(),
                "statusChangeReason": event.why,
            }
        )
    return found


def _resolved(history: Sequence[Document]) -> str | None:
    return next((s["statusChangeDate"] for s in reversed(history) if s["status"] == RESOLVED), None)


def _last(shown: Shown) -> datetime:
    moments = [shown.ticket.taken_in_at, *(event.at for event in shown.events)]
    moments += [shown.added.updated_at] if shown.added else []
    moments += [shown.result.at] if shown.result else []
    return max(moments)


def _channel(ticket: Ticket) -> Document | None:
    name = ticket.record.get("channel")
    return {"@type": "ChannelRef", "id": name, "name": name} if name else None


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _characteristics(shown: Shown) -> list[Document]:
    values: Document = {"loopState": shown.ticket.state, "diagnosis": shown.ticket.diagnosis}
    contract = shown.result.contract if shown.result else None
    if contract is not None:
        values["verdict"] = contract["verdict"]
        values["category"] = contract["category"]["id"]
        values["categoryProbability"] = float(contract["category"]["probability"])
        for number, cause in enumerate(contract["causes"][:SHOWN_CAUSES], 1):
            values[f"cause{number}"] = cause["id"]
            values[f"cause{number}Probability"] = float(cause["probability"])
            values[f"cause{number}Department"] = cause["department"]
        if contract["guilty_node"]:
            values["guiltyNode"] = contract["guilty_node"]["id"]
        values["runbookVersion"] = contract["runbook_version"]
    return [
        characteristic(name, value, f"callcause-{name}")
        for name, value in values.items()
        if value is not None and value != ""
    ]


def _notes(result: Result | None) -> list[Document]:
    if result is None:
        return []
    contract = result.contract
    texts = [_verdict_text(contract)]
    for cause in (
        contract["causes"][:SHOWN_CAUSES] if contract["verdict"] == "cause" else contract["causes"][:1]
    ):
        texts.append(_cause_text(cause))
    texts += [_missing_text(one) for one in contract["missing"][:SHOWN_CAUSES]]
    return [
        {
            "@type": "Note",
            "id": f"callcause-{result.id}-{number}",
            "author": "callcause",
            "date": result.at.isoformat(),
            "text": text,
        }
        for number, text in enumerate(texts, 1)
    ]


def _verdict_text(contract: Document) -> str:
    category = contract["category"]
    return f"verdict {contract['verdict']}; category {category['id']} ({category['probability']:.0%})"


def _cause_text(cause: Document) -> str:
    proof = ", ".join(cause["supported_by"]) or "-"
    return (
        f"{cause['id']} ({cause['probability']:.0%}), {cause['department']}; supported by {proof}; "
        f"{cause['remedy']['en']} / {cause['remedy']['zh']}"
    )


def _missing_text(missing: Document) -> str:
    return f"missing: {missing['need']}; would decide {', '.join(missing['would_decide'])}; {missing['how']}"
