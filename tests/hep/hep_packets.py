"""HEP packets as probes write them, versions 1, 2 and 3."""

from __future__ import annotations

import socket
import struct
from datetime import datetime

from collectors.signalling.sighting import Endpoint


def chunk(kind: int, data: bytes, vendor: int = 0) -> bytes:
    """One chunk of version 3."""
    return struct.pack(">HHH", vendor, kind, 6 + len(data)) + data


def version_3(
    payload: bytes,
    at: datetime,
    source: Endpoint,
    destination: Endpoint,
    capture_id: int = 2001,
    *,
    protocol: int = 1,
    more: bytes = b"",
    transport: int = 17,
) -> bytes:
    """A packet of version 3."""
    six = ":" in source.host
    family = socket.AF_INET6 if six else socket.AF_INET
    seconds = int(at.timestamp())
    body = b"".join(
        [
            chunk(1, bytes([10 if six else 2])),
            chunk(2, bytes([transport])),
            chunk(5 if six else 3, socket.inet_pton(family, source.host)),
            chunk(6 if six else 4, socket.inet_pton(family, destination.host)),
            chunk(7, struct.pack(">H", source.port)),
            chunk(8, struct.pack(">H", destination.port)),
            chunk(9, struct.pack(">I", seconds)),
            chunk(10, struct.pack(">I", at.microsecond)),
            chunk(11, bytes([protocol])),
            chunk(12, struct.pack(">I", capture_id)),
            more,
            chunk(15, payload),
        ]
    )
    return b"HEP3" + struct.pack(">H", 6 + len(body)) + body


def version_2(
    payload: bytes,
    at: datetime,
    source: Endpoint,
    destination: Endpoint,
    capture_id: int = 7,
    *,
    order: str = "<",
    version: int = 2,
) -> bytes:
    """A packet of version 2, or of version 1, which has no time."""
    family = socket.AF_INET6 if ":" in source.host else socket.AF_INET
    addresses = socket.inet_pton(family, source.host) + socket.inet_pton(family, destination.host)
    head = struct.pack(
        ">BBBBHH",
        version,
        8 + len(addresses),
        10 if ":" in source.host else 2,
        17,
        *(source.port, destination.port),
    )
    time = (
        struct.pack(order + "IIHxx", int(at.timestamp()), at.microsecond, capture_id) if version == 2 else b""
    )
    return head + addresses + time + payload
