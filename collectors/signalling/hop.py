"""One message between two nodes, however often it was seen: what is kept of it until its record is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from collectors.signalling.header_value import parameter
from collectors.signalling.message import SipMessage
from collectors.signalling.sdp import codecs_of
from collectors.signalling.sighting import Endpoint, Sighting

# sent-protocol LWS sent-by; blanks may stand around the slashes (RFC 3261 25.1).
_SENT_BY = re.compile(r"\s*[^\s/]+\s*/\s*[^\s/]+\s*/\s*[^\s/]+\s+(?:\[([^\]]*)\]|([^\s:;,]+))")
HopKey = tuple[str, str, str, int, int, str]
# Headers that records are made of; the others are dropped with the message.
_KEPT = (
    "authorization",
    "contact",
    "expires",
    "p-access-network-info",
    "p-asserted-identity",
    "p-associated-uri",
    "p-called-party-id",
    "p-preferred-identity",
    "path",
    "reason",
    "service-route",
    "warning",
    "www-authenticate",
)


@dataclass(slots=True)
class Hop:
    """A message on its way from one node to the next; `status` is None for a request.

    `branch` names the transaction, `parent` the transaction that the sender had forwarded it for; `vias`
    counts the hops it had made. `sequence` is its place in the ladder once it was told there.
    """

    at: datetime
    source: Endpoint
    destination: Endpoint
    tap: str
    method: str
    status: int | None
    text: str
    uri: str
    call_id: str
    branch: str
    parent: str
    vias: int
    cseq: int
    from_tag: str
    to_tag: str
    from_uri: str
    to_uri: str
    sent_by: str
    headers: dict[str, list[str]]
    codecs: tuple[str, ...] | None
    sightings: int = 1
    sequence: int | None = field(default=None)

    @property
    def is_request(self) -> bool:
        """Whether it is a request."""
        return self.status is None

    def get(self, name: str) -> str:
        """Return the first text of a kept header, "" where it is not there."""
        texts = self.headers.get(name)
        return texts[0] if texts else ""


def hop_key(message: SipMessage, branch: str) -> HopKey:
    """Name one message of one transaction (RFC 3261 17); provisional answers of several forks stay apart."""
    status = message.status or 0
    fork = message.to_tag if 100 < status < 200 else ""
    return message.call_id, branch, message.method, message.cseq, status, fork


def branch_of(via: str) -> str:
    """Name the transaction of a Via value: its branch, or all of it before RFC 3261."""
    branch = parameter(via, "branch")
    return branch if branch.startswith("z9hG4bK") else via.partition(";")[0] + branch


def sent_by(via: str) -> str:
    """Return the host of a Via value, lower case, without port."""
    found = _SENT_BY.match(via)
    return (found[1] or found[2]).lower() if found else ""


def make_hop(sighting: Sighting, message: SipMessage, vias: list[str], branch: str) -> Hop:
    """Keep what the records need of a message."""
    headers = message.headers
    return Hop(
        at=sighting.at,
        source=sighting.source,
        destination=sighting.destination,
        tap=sighting.tap,
        method=message.method,
        status=message.status,
        text=message.reason,
        uri=message.uri,
        call_id=message.call_id,
        branch=branch,
        parent=branch_of(vias[1]) if len(vias) > 1 else "",
        vias=len(vias),
        cseq=message.cseq,
        from_tag=message.from_tag,
        to_tag=message.to_tag,
        from_uri=message.from_uri,
        to_uri=message.to_uri,
        sent_by=sent_by(vias[0]),
        headers={name: headers[name] for name in _KEPT if name in headers},
        codecs=codecs_of(message) if message.body else None,
    )
