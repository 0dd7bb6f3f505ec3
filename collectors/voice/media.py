"""Media addresses: which terminal or relay of which call one is, learnt from session descriptions."""

from __future__ import annotations

import ipaddress
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from collectors.signalling.header_value import host_of, parameter
from collectors.signalling.hop import sent_by
from collectors.signalling.message import SipMessage
from collectors.signalling.sdp import codecs_of
from collectors.signalling.sighting import Endpoint
from collectors.voice.codecs import codec_name
from collectors.voice.slices import MediaParty

MOST_CALLS = 20_000
_CONNECTION = re.compile(rb"^c=IN IP[46] ([0-9A-Fa-f.:]{2,45})", re.MULTILINE)
_AUDIO = re.compile(rb"^m=audio (\d{1,5})[ /]", re.MULTILINE)
_NOWHERE = frozenset({"0.0.0.0", "::"})  # RFC 3264 8.4: on hold  # noqa: S104 - compared, not bound
_ANSWERS = range(180, 300)

Leg = Literal["mo", "mt"]
Side = Literal["user", "network"]


@dataclass(frozen=True, slots=True)
class Description:
    """The audio line of a session description: where it wants to receive, and its first speech codec."""

    endpoint: Endpoint
    codec: str


def description_of(message: SipMessage) -> Description | None:
    """Read where a message wants audio sent; None where it has none, or holds the call."""
    body = message.body
    audio = _AUDIO.search(body)
    if audio is None:
        return None
    own = _CONNECTION.search(body, audio.start(), _section_end(body, audio.end()))
    connection = own or _CONNECTION.search(body, 0, audio.start())
    host, port = connection[1].decode() if connection else "", int(audio[1])
    if not host or host in _NOWHERE or not 0 < port < 65_536:
        return None
    codecs = codecs_of(message) or ()
    return Description(Endpoint(host, port), codec_name(codecs[0]) if codecs else "")


def _section_end(body: bytes, start: int) -> int:
    end = body.find(b"\nm=", start)
    return end if end >= 0 else len(body)


@dataclass(slots=True)
class _Call:
    """Offers and answers by how many hops they had made: the fewest is nearest to the caller.

    The addresses that each place has had stay: a re-INVITE or an UPDATE moves the media.
    """

    caller_hosts: tuple[str, ...] = ()
    called_host: str = ""
    last_hop_seen: bool = False
    fewest: dict[str, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    near: dict[str, dict[Endpoint, str]] = field(default_factory=dict)
    far: dict[str, dict[Endpoint, str]] = field(default_factory=dict)

    def add(self, kind: str, vias: int, found: Description) -> None:
        if vias <= self.fewest.get(kind, vias):
            if vias < self.fewest.get(kind, vias):
                self.near[kind] = {}
            self.fewest[kind] = vias
            self.near.setdefault(kind, {})[found.endpoint] = found.codec
        if vias >= self.most.get(kind, vias):
            if vias > self.most.get(kind, vias):
                self.far[kind] = {}
            self.most[kind] = vias
            self.far.setdefault(kind, {})[found.endpoint] = found.codec


class MediaBook:
    """Learns media addresses from the offers and answers of calls (RFC 3264)."""

    def __init__(self, most_calls: int = MOST_CALLS) -> None:
        self._calls: OrderedDict[str, _Call] = OrderedDict()
        self.version = 0
        """Grows with what is learnt."""
        self._most = most_calls

    def take(self, message: SipMessage, source: Endpoint) -> None:
        """Learn from one message that `source` sent: an INVITE that begins a call, or an answer to it."""
        if message.method != "INVITE" or (message.status is None and message.to_tag):
            return  # a later offer may come from either side
        if message.status is not None and message.status not in _ANSWERS:
            return
        call = self._calls.setdefault(message.call_id, _Call())
        self._calls.move_to_end(message.call_id)
        if len(self._calls) > self._most:
            self._calls.popitem(last=False)
        self.version += 1
        vias = message.values("via")
        if message.status is None:
            call.caller_hosts = _via_hosts(vias[-1])
            if len(vias) >= call.most.get("hops", 0):
                call.most["hops"], call.called_host = len(vias), _address_of(message.uri)
        elif call.called_host in ("", source.host):
            call.last_hop_seen = True
        found = description_of(message)
        if found is not None:
            call.add("offer" if message.status is None else "answer", len(vias), found)

    def parties(self, legs: dict[tuple[str, str], str]) -> dict[Endpoint, MediaParty]:
        """Return who stands behind each address; `legs` maps (SIP Call-ID, leg) to the id of the call record.

        A terminal stands above a relay where an address is both: then there is no relay between them.
        """
        found: dict[Endpoint, MediaParty] = {}
        for side in ("network", "user"):
            for (sip_call_id, leg), call_id in legs.items():
                call = self._calls.get(sip_call_id)
                if call is not None:
                    for endpoint in _ends(call, leg, side):
                        found[endpoint] = MediaParty(call_id, _leg(leg), _side(side), _agreed(call))
        return found

    def user_hosts(self, sip_call_id: str, leg: str) -> set[str]:
        """Return the addresses of the terminal of a leg."""
        call = self._calls.get(sip_call_id)
        return {endpoint.host for endpoint in _ends(call, leg, "user")} if call else set()


def _via_hosts(via: str) -> tuple[str, ...]:
    """Return the addresses of who wrote a Via: as it says, and as its next hop saw it (RFC 3261 18.2.1)."""
    return tuple(dict.fromkeys(host for host in (sent_by(via), parameter(via, "received")) if host))


def _address_of(uri: str) -> str:
    """Return the address in a contact URI; "" where it names a domain."""
    host = host_of(uri).strip("[]")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""


def _ends(call: _Call, leg: str, side: str) -> dict[Endpoint, str]:
    """Return the ends of a leg: the caller's is in its offer, the network's in the answer; mt mirrored.

    Only what was seen between a terminal and its first node counts: further on a relay may stand in the
    description. The address of the terminal itself is known from its Via, or from the contact it registered.
    """
    places, kinds = (call.near, ("offer", "answer")) if leg == "mo" else (call.far, ("answer", "offer"))
    own_hop = call.fewest.get("offer") == 1 if leg == "mo" else call.last_hop_seen
    found = dict(places.get(kinds[0] if side == "user" else kinds[1], {})) if own_hop else {}
    if side == "user" and not own_hop:
        hosts = call.caller_hosts if leg == "mo" else (call.called_host,)
        found |= {Endpoint(host, 0): "" for host in hosts if host}
    return found


def _agreed(call: _Call) -> str:
    """Return the codec of the answer: it says what is spoken; without one it is not known."""
    answered = [*call.near.get("answer", {}).values(), *call.far.get("answer", {}).values()]
    return answered[-1] if answered else ""


def _leg(leg: str) -> Leg:
    return "mo" if leg == "mo" else "mt"


def _side(side: str) -> Side:
    return "user" if side == "user" else "network"
