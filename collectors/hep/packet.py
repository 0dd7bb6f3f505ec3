"""HEP packets: version 3 (chunks), 2 and 1 (fixed header), as bytes on the wire.

The format is that of the HEP3 network protocol specification (revision 36) of SIPCAPTURE and of the senders
of versions 1 and 2, who write the time in the byte order of their machine.
"""

from __future__ import annotations

import socket
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from collectors.signalling.errors import BadMessage
from collectors.signalling.sighting import Endpoint

SIP, RTCP_JSON, VQ_REPORT = 1, 5, 35
MAX_PACKET = 65_535
MAX_PAYLOAD = 1 << 20
_HEADER = struct.Struct(">HHH")
_PORT = struct.Struct(">H")
_NUMBER = struct.Struct(">I")
_INET6_FAMILIES = frozenset({10, 23, 28, 30})  # AF_INET6 of Linux, Windows, FreeBSD, macOS
_TRANSPORTS = {6: "tcp", 17: "udp", 132: "sctp"}
_PLAUSIBLE_S = range(946_684_800, 4_102_444_800)  # the years 2000 to 2099
_GENERIC = 0


@dataclass(frozen=True, slots=True)
class HepPacket:
    """One report of a probe. `at` is None in version 1, which has no time; `capture_id` 0 = not told."""

    version: int
    at: datetime | None
    source: Endpoint
    destination: Endpoint
    transport: str
    protocol: int
    capture_id: int
    payload: bytes
    correlation: str = ""
    auth_key: bytes = b""


def read_hep(data: bytes) -> HepPacket:
    """Read one packet.

    BadMessage has the code `empty`, `not_hep`, `truncated`, `bad_chunk`, `chunk_missing` or `too_large`.
    """
    if not data:
        raise BadMessage("empty", "an empty packet")
    if data[:4] == b"HEP3":
        return _version_3(data)
    if data[0] in (1, 2):
        return _version_1_2(data)
    raise BadMessage("not_hep", "neither HEP3 nor version 1 or 2")


def packet_length(head: bytes) -> int:
    """Return the length of the version 3 packet that begins with these 6 bytes; BadMessage if none does."""
    length: int = _PORT.unpack_from(head, 4)[0]
    if head[:4] != b"HEP3" or length < 6:
        raise BadMessage("not_hep", "no HEP3 packet begins here")
    return length


def _version_3(data: bytes) -> HepPacket:
    if len(data) < 6 or packet_length(data) > len(data):
        raise BadMessage("truncated", "shorter than its header says")
    chunks = _chunks(data, packet_length(data))
    try:
        seconds, micros = _NUMBER.unpack(chunks[9])[0], _NUMBER.unpack(chunks[10])[0]
        return HepPacket(
            version=3,
            at=_time(seconds, micros),
            source=_endpoint(chunks.get(3) or chunks[5], chunks.get(7, b"\0\0")),
            destination=_endpoint(chunks.get(4) or chunks[6], chunks.get(8, b"\0\0")),
            transport=_TRANSPORTS.get(chunks.get(2, b"\0")[0], ""),
            protocol=chunks[11][0],
            capture_id=_NUMBER.unpack(chunks[12])[0] if 12 in chunks else 0,
            payload=chunks[15] if 15 in chunks else _inflated(chunks[16]),
            correlation=chunks.get(17, b"").decode("utf-8", "replace"),
            auth_key=chunks.get(14, b""),
        )
    except KeyError as missing:
        raise BadMessage("chunk_missing", f"no chunk of type {missing}") from missing
    except (struct.error, IndexError, OSError, ValueError) as error:
        raise BadMessage("bad_chunk", f"a chunk has the wrong size ({type(error).__name__})") from error


def _chunks(data: bytes, end: int) -> dict[int, bytes]:
    """Return the generic chunks by type; those of vendors are passed over."""
    chunks: dict[int, bytes] = {}
    at, unpack = 6, _HEADER.unpack_from
    while at + 6 <= end:
        vendor, kind, size = unpack(data, at)
        if size < 6 or at + size > end:
            raise BadMessage("bad_chunk", "a chunk is longer than the packet or shorter than its header")
        if vendor == _GENERIC:
            chunks[kind] = data[at + 6 : at + size]
        at += size
    return chunks


@lru_cache(maxsize=65_536)
def _endpoint(address: bytes, port: bytes) -> Endpoint:
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    return Endpoint(socket.inet_ntop(family, address), _PORT.unpack(port)[0])


def _time(seconds: int, micros: int) -> datetime:
    if micros >= 1_000_000:
        raise ValueError("microseconds above a second")
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        payload = unpacker.decompress(data, MAX_PAYLOAD)
    except zlib.error as error:
        raise BadMessage("bad_chunk", "the compressed payload cannot be read") from error
    if unpacker.unconsumed_tail:
        raise BadMessage("too_large", f"the payload is longer than {MAX_PAYLOAD} bytes")
    return payload


def _version_1_2(data: bytes) -> HepPacket:
    version, family = data[0], data[2] if len(data) > 2 else 0
    size = 16 if family in _INET6_FAMILIES else 4
    start = 8 + 2 * size
    # sizeof(struct hep_timehdr): two numbers of 4 bytes, one of 2, and 2 bytes of padding.
    body = start + 12 if version == 2 else start
    if len(data) <= body:
        raise BadMessage("truncated", "no payload behind the header")
    addresses = data[8:start]
    at, capture_id = _host_order(data[start:body]) if version == 2 else (None, 0)
    return HepPacket(
        version=version,
        at=at,
        source=_endpoint(addresses[:size], data[4:6]),
        destination=_endpoint(addresses[size:], data[6:8]),
        transport=_TRANSPORTS.get(data[3], ""),
        protocol=SIP,
        capture_id=capture_id,
        payload=data[body:],
    )


def _host_order(header: bytes) -> tuple[datetime, int]:
    for order in "<>":
        seconds, micros, capture_id = struct.unpack(order + "IIHxx", header)
        if seconds in _PLAUSIBLE_S and micros < 1_000_000:
            return _time(seconds, micros), capture_id
    raise BadMessage("bad_chunk", "the time is none in either byte order")
