"""From packets to sightings: every message of a packet that the records are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.capture.gtp import read_gtp
from collectors.capture.packets import Layer, Packet
from collectors.capture.s1ap import read_s1ap
from collectors.diameter.message import BadDiameter, read_diameter
from collectors.signalling.errors import BadMessage
from collectors.signalling.message import parse_sip
from collectors.signalling.sighting import Message, RtcpReport, Sighting

WANTED = frozenset({"sip", "diameter", "s1ap", "gtpv2", "rtcp"})


def sightings_of(packet: Packet, file: str, counts: Counter[str]) -> Iterator[Sighting]:
    """Yield what a packet tells; a message that cannot be read is counted as `<protocol>_bad_<code>`."""
    tap = f"{file}/{packet.interface}"
    for layer in _joined(packet.layers):
        try:
            for message in _messages(layer):
                yield Sighting(packet.at, layer.source, layer.destination, layer.transport, tap, message)
        except (BadMessage, BadDiameter) as error:
            counts[f"{layer.name}_bad_{error.code}"] += 1


def _messages(layer: Layer) -> Iterator[Message]:
    match layer.name:
        case "sip":
            yield parse_sip(layer.data)
        case "diameter":
            yield read_diameter(layer.data)
        case "s1ap":
            yield from read_s1ap(layer)
        case "gtpv2":
            yield from read_gtp(layer)
        case "rtcp":
            yield RtcpReport(layer.data, "binary")


def _joined(layers: list[Layer]) -> Iterator[Layer]:
    """Put the parts of a compound RTCP packet, which tshark tells apart, together again (RFC 3550 6.1)."""
    part: Layer | None = None
    for layer in layers:
        if layer.name == "rtcp" and part is not None:
            part = _with_data(part, part.data + layer.data)
        elif layer.name == "rtcp":
            part = layer
        else:
            yield layer
    if part is not None:
        yield part


def _with_data(layer: Layer, data: bytes) -> Layer:
    return Layer(
        layer.name, data, layer.tree, layer.source, layer.destination, layer.transport, layer.tunnelled
    )
