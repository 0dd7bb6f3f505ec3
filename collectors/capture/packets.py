"""Packets as tshark tells them in JSON, one at a time: the bytes of every layer, and the trees asked for."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.signalling.sighting import Endpoint

MAX_PACKET_BYTES = 8 << 20
_OPENS, _CLOSES = b"  {", b"  }"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRANSPORTS = {"udp": "udp", "tcp": "tcp", "sctp": "sctp", "websocket": "ws", "tls": "tls", "dtls": "tls"}


class Tree(list[tuple[str, Any]]):
    """A JSON object as its pairs in order: tshark repeats names."""

    def find(self, name: str) -> str | None:
        """Return the first text of that name, at any depth."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[str]:
        """Yield all texts of that name, at any depth, in order."""
        for key, value in self:
            if isinstance(value, Tree):
                yield from value.all(name)
            elif key == name and isinstance(value, str):
                yield value

    def trees(self, *names: str) -> Iterator[tuple[str, Tree]]:
        """Yield the subtrees of those names, at any depth, in order; not what lies within them."""
        for key, value in self:
            if isinstance(value, Tree):
                if key in names:
                    yield key, value
                else:
                    yield from value.trees(*names)


@dataclass(frozen=True, slots=True)
class Layer:
    """One protocol of a packet: its bytes, and its tree where that was asked for.

    The ends are those of the innermost addresses and ports before it; `tunnelled` = inside GTP-U.
    """

    name: str
    data: bytes
    tree: Tree
    source: Endpoint
    destination: Endpoint
    transport: str
    tunnelled: bool


@dataclass(slots=True)
class Packet:
    """A packet: when, on which interface, and its application layers."""

    number: int
    at: datetime
    interface: str
    layers: list[Layer] = field(default_factory=list)


def read_packets(lines: Iterable[bytes], wanted: frozenset[str], undecoded: list[int]) -> Iterator[Packet]:
    """Yield packets with the layers of `wanted`; the numbers of those that cannot be read go to `undecoded`.

    Memory holds one packet. tshark indents by two: a packet begins with `  {` and ends with `  }`.
    """
    part: list[bytes] = []
    size = 0
    for line in lines:
        stripped = line.rstrip(b"\r\n")
        if stripped == _OPENS:
            part, size = [b"{"], 0
        elif stripped.rstrip(b",") == _CLOSES:
            packet = _packet(b"".join([*part, b"}"]), wanted) if part and size <= MAX_PACKET_BYTES else None
            if packet is None:
                undecoded.append(len(undecoded))
            else:
                yield packet
            part = []
        elif part:
            size += len(line)
            if size <= MAX_PACKET_BYTES:
                part.append(line)


def _packet(text: bytes, wanted: frozenset[str]) -> Packet | None:
    try:
        content = json.loads(text.decode("utf-8", "replace"), object_pairs_hook=Tree, strict=False)
    except (ValueError, RecursionError):
        return None
    layers = next((tree for _, tree in content.trees("layers")), Tree())
    seconds = layers.find("frame.time_epoch")
    number = layers.find("frame.number")
    if seconds is None or number is None:
        return None
    interface = layers.find("frame.interface_name") or layers.find("frame.interface_id") or ""
    try:
        packet = Packet(int(number), _time(seconds), interface)
    except (ValueError, OverflowError):
        return None
    _walk(packet, layers, wanted)
    return packet


def _time(text: str) -> datetime:
    whole, _, fraction = text.partition(".")
    return _EPOCH + timedelta(seconds=int(whole), microseconds=int(fraction[:6].ljust(6, "0") or 0))


def _walk(packet: Packet, layers: Tree, wanted: frozenset[str]) -> None:
    """Go through the layers from the outside in, keeping the addresses and ports that were last."""
    hosts, ports, transport, tunnelled = ("", ""), (0, 0), "", False
    raw: dict[str, bytes] = {}
    for key, value in layers:
        if key.endswith("_raw"):
            raw[key[:-4]] = _bytes(value)
            continue
        data = raw.pop(key, b"")
        if key == "ip" and len(data) >= 20:
            hosts, ports = (_ipv4(data[12:16]), _ipv4(data[16:20])), (0, 0)
        elif key == "ipv6" and len(data) >= 40:
            hosts, ports = (_ipv6(data[8:24]), _ipv6(data[24:40])), (0, 0)
        elif key == "gtp":
            tunnelled = True
        elif key in TRANSPORTS:
            transport = TRANSPORTS[key]
            # tshark writes a further `sctp` layer, without a header, for each further chunk of a packet.
            first_of_its_kind = key != "sctp" or ports == (0, 0)
            if key in ("udp", "tcp", "sctp") and len(data) >= 4 and first_of_its_kind:
                ports = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big")
        elif key in wanted:
            tree = value if isinstance(value, Tree) else Tree()
            ends = Endpoint(hosts[0], ports[0]), Endpoint(hosts[1], ports[1])
            packet.layers.append(Layer(key, data, tree, *ends, transport, tunnelled))


def _bytes(value: Any) -> bytes:
    text = value[0] if isinstance(value, list) and value and isinstance(value[0], str) else ""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _ipv4(data: bytes) -> str:
    return str(ipaddress.IPv4Address(data))


def _ipv6(data: bytes) -> str:
    return str(ipaddress.IPv6Address(data))
