"""Rungs of the ladder: rows of `hop` from the messages of one record."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from collectors.signalling.hop import Hop
from collectors.signalling.nodes import NodeBook, interface
from collectors.signalling.sighting import Endpoint
from collectors.signalling.transaction import Transaction

Row = dict[str, Any]
_HOP_TYPES = frozenset(
    {"ue", "enb", "mme", "sgw", "pgw", "pcrf", "sbc", "pcscf", "icscf", "scscf", "as", "hss", "dns", "mgcf"}
    | {"msc", "mgw", "rtp_proxy", "other"}
)


def hop_rows(
    record_id: str,
    made: Iterable[Transaction],
    book: NodeBook,
    start: int,
    but: Collection[int] = (),
    phones: Mapping[Endpoint, str] | None = None,
) -> list[Row]:
    """Return the rows of the messages that were not told yet, in time order, numbered from `start`.

    Every message told gets its number, so that it is told once. `but`: ids of objects to leave for later.
    `phones`: which end of a call a phone is, `calling` or `called`; it stands in place of a node name.
    """
    fresh = [(hop, one) for one in made for hop in one.hops if hop.sequence is None and id(hop) not in but]
    fresh.sort(key=lambda pair: (pair[0].at, pair[0].status is not None, pair[0].vias, pair[0].branch))
    rows = []
    for number, (hop, one) in enumerate(fresh, start):
        hop.sequence = number
        row = _row(record_id, hop, one, book)
        for end, side in ((hop.source, "from"), (hop.destination, "to")):
            if phones and row[f"{side}_type"] in ("ue", "unknown"):
                row[f"{side}_node"] = phones.get(end)
        rows.append(row)
    return rows


def _row(record_id: str, hop: Hop, one: Transaction, book: NodeBook) -> Row:
    sender, receiver = book.ends(hop.source, hop.destination, hop.tap)
    final = one.final if hop.status is None and hop.method != "ACK" else None
    return {
        "record_id": record_id,
        "sequence": hop.sequence,
        "at": hop.at,
        "from_node": sender.name or None,
        "from_type": _type(sender.type),
        "to_node": receiver.name or None,
        "to_type": _type(receiver.type),
        "interface": interface(sender.type, receiver.type) or None,
        "protocol": "SIP",
        "message": hop.method,
        "is_request": hop.status is None,
        "status": hop.status,
        "text": _text(hop),
        "answered_after": max((final.at - hop.at).total_seconds(), 0.0) if final else None,
        "answered": None if hop.status is not None or hop.method == "ACK" else final is not None,
        "sightings": hop.sightings,
    }


def _type(node_type: str) -> str:
    return node_type if node_type in _HOP_TYPES else "unknown"


def _text(hop: Hop) -> str | None:
    parts = [hop.text, *hop.headers.get("warning", ()), *hop.headers.get("reason", ())]
    return "; ".join(part for part in parts if part) or None
