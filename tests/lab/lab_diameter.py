"""A small Diameter codec (RFC 6733) with the AVPs of Cx (TS 29.229): enough for a lab HSS."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

CX = 16777216
TGPP = 10415
COMMANDS = {257: "CER", 280: "DWR", 282: "DPR", 300: "UAR", 301: "SAR", 302: "LIR", 303: "MAR", 304: "RTR"}

HEADER = struct.Struct("!B3sB3sIII")


@dataclass(frozen=True, slots=True)
class Avp:
    """One attribute: code, vendor (0 = none) and its bytes."""

    code: int
    data: bytes
    vendor: int = 0
    mandatory: bool = True

    def encoded(self) -> bytes:
        """Return the AVP on the wire, padded to four bytes."""
        flags = (0x80 if self.vendor else 0) | (0x40 if self.mandatory else 0)
        head = 12 if self.vendor else 8
        vendor = struct.pack("!I", self.vendor) if self.vendor else b""
        length = head + len(self.data)
        return struct.pack("!IB", self.code, flags) + length.to_bytes(3, "big") + vendor + _padded(self.data)

    @property
    def text(self) -> str:
        """The value as UTF-8 text."""
        return self.data.decode("utf-8", "replace")

    @property
    def number(self) -> int:
        """The value as an unsigned number."""
        return int.from_bytes(self.data, "big")

    @property
    def members(self) -> tuple[Avp, ...]:
        """The AVPs of a grouped value."""
        return tuple(read_avps(self.data))


class BadDiameterError(Exception):
    """Bytes that are no Diameter message."""


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def text(code: int, value: str, vendor: int = 0) -> Avp:
    """Make an AVP of text."""
    return Avp(code, value.encode(), vendor)


def number(code: int, value: int, vendor: int = 0) -> Avp:
    """Make an AVP of an unsigned or enumerated number of 32 bits."""
    return Avp(code, struct.pack("!I", value), vendor)


def group(code: int, members: Iterable[Avp], vendor: int = 0) -> Avp:
    """Make a grouped AVP."""
    return Avp(code, b"".join(member.encoded() for member in members), vendor)


def address(code: int, host: str) -> Avp:
    """Make an AVP of an IPv4 address (RFC 6733 clause 4.3.1)."""
    return Avp(code, b"\x00\x01" + bytes(int(part) for part in host.split(".")))


def read_avps(data: bytes) -> list[Avp]:
    """Read AVPs one after the other; BadDiameterError where a length is impossible."""
    found, at = [], 0
    while at < len(data):
        if at + 8 > len(data):
            raise BadDiameterError("an AVP is cut off")
        code, flags = struct.unpack_from("!IB", data, at)
        length = int.from_bytes(data[at + 5 : at + 8], "big")
        head = 12 if flags & 0x80 else 8
        if length < head or at + length > len(data):
            raise BadDiameterError("an AVP has an impossible length")
        vendor = int.from_bytes(data[at + 8 : at + 12], "big") if flags & 0x80 else 0
        found.append(Avp(code, data[at + head : at + length], vendor, bool(flags & 0x40)))
        at += length + (-length % 4)
    return found


@dataclass(frozen=True, slots=True)
class Message:
    """One Diameter message."""

    code: int
    request: bool
    application: int
    hop_by_hop: int
    end_to_end: int
    avps: tuple[Avp, ...]

    @property
    def command(self) -> str:
        """The request's short name: `UAR` also for its answer."""
        return COMMANDS.get(self.code, str(self.code))

    def first(self, code: int, vendor: int = 0) -> Avp | None:
        """Return the first AVP of a code."""
        return next((avp for avp in self.avps if (avp.code, avp.vendor) == (code, vendor)), None)

    def text_of(self, code: int, vendor: int = 0) -> str:
        """Return the text of the first AVP of a code, "" where there is none."""
        avp = self.first(code, vendor)
        return avp.text if avp else ""

    def encoded(self) -> bytes:
        """Return the message on the wire."""
        body = b"".join(avp.encoded() for avp in self.avps)
        flags = (0x80 if self.request else 0) | 0x40
        length, code = (20 + len(body)).to_bytes(3, "big"), self.code.to_bytes(3, "big")
        return HEADER.pack(1, length, flags, code, self.application, self.hop_by_hop, self.end_to_end) + body

    def answer(self, avps: Iterable[Avp]) -> Message:
        """Make the answer to this request."""
        return Message(self.code, False, self.application, self.hop_by_hop, self.end_to_end, tuple(avps))


def read_message(data: bytes) -> Message:
    """Read one whole message; BadDiameterError where it is none."""
    if len(data) < HEADER.size or data[0] != 1:
        raise BadDiameterError("no Diameter header")
    _, length, flags, code, application, hop, end = HEADER.unpack_from(data)
    if int.from_bytes(length, "big") != len(data):
        raise BadDiameterError("the length does not fit")
    avps = tuple(read_avps(data[20:]))
    return Message(int.from_bytes(code, "big"), bool(flags & 0x80), application, hop, end, avps)
