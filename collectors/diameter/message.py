"""A Diameter message (RFC 6733) read from its bytes, as far as the records need it."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Iterator
from typing import Any

from callcause_error import CallcauseError
from collectors.diameter.names import command_name, interface_name
from collectors.signalling.sighting import DiameterMessage

VENDOR_3GPP = 10415
HEADER_BYTES = 20
MAX_BYTES = 1 << 20
_MOST_DEPTH = 6
_REQUEST, _VENDOR_FLAG = 0x80, 0x80
# Grouped AVPs that hold what the records need: Experimental-Result, Subscription-Id, Charging-Rule-Install,
# Charging-Rule-Definition, QoS-Information, Charging-Rule-Report (RFC 6733, RFC 8506, TS 29.212).
_GROUPED = {(297, 0), (443, 0), (1001, VENDOR_3GPP), (1003, VENDOR_3GPP), (1016, VENDOR_3GPP)}
_GROUPED |= {(1018, VENDOR_3GPP)}
_TEXTS = {
    (263, 0): "session_id",
    (264, 0): "origin_host",
    (293, 0): "destination_host",
    (1, 0): "user_name",
    (30, 0): "apn",
    (601, VENDOR_3GPP): "impu",
    (602, VENDOR_3GPP): "server_name",
    (505, VENDOR_3GPP): "icid",
    (444, 0): "subscription",
}
_NUMBERS = {
    (268, 0): "result",
    (266, 0): "result_vendor",
    (298, 0): "experimental",
    (450, 0): "subscription_type",
    (500, VENDOR_3GPP): "abort_cause",
    (1031, VENDOR_3GPP): "rule_failure_code",
    (1028, VENDOR_3GPP): "qci",
}
_SPECIFIC_ACTION = (513, VENDOR_3GPP)
_FRAMED_ADDRESS, _FRAMED_PREFIX = (8, 0), (97, 0)
# TS 23.003 13.3: an IMPI derived from the IMSI has the IMSI as its user part.
_DERIVED_IMPI = re.compile(r"(\d{15})@ims\.mnc\d{2,3}\.mcc\d{3}\.3gppnetwork\.org", re.IGNORECASE)

Avp = tuple[tuple[int, int], bytes]


class BadDiameter(CallcauseError):  # noqa: N818 - a message to count, named like BadFile
    """A message that cannot be read; `code` is the state it is counted under.

    `truncated`, `bad_header`, `bad_avp`, `too_large`, `not_a_transaction`.
    """

    def __init__(self, code: str, message: str, *, line: int | None = None, key: str | None = None) -> None:
        self.code = code
        super().__init__(message, line=line, key=key)


def read_diameter(data: bytes) -> DiameterMessage:
    """Read one message; BadDiameter where it is cut or its lengths do not fit. Other AVPs are passed over."""
    if len(data) < HEADER_BYTES:
        raise BadDiameter("truncated", "shorter than a Diameter header")
    if data[0] != 1:
        raise BadDiameter("bad_header", "not Diameter of version 1")
    length = int.from_bytes(data[1:4], "big")
    if length > MAX_BYTES:
        raise BadDiameter("too_large", f"a message of {length} bytes; {MAX_BYTES} are taken")
    if not HEADER_BYTES <= length <= len(data):
        raise BadDiameter("truncated", "the message is shorter than its header says")
    application, hop, end = struct.unpack(">III", data[8:20])
    is_request = bool(data[4] & _REQUEST)
    interface = interface_name(application)
    found = _Found(interface)
    found.read(data[HEADER_BYTES:length], 0)
    vendor, code = found.result()
    return DiameterMessage(
        interface=interface,
        command=command_name(int.from_bytes(data[5:8], "big")),
        is_request=is_request,
        hop_by_hop=hop,
        end_to_end=end,
        vendor=None if is_request else vendor,
        code=None if is_request else code,
        specific_actions=tuple(found.actions),
        **found.fields(),
    )


def _avps(data: bytes) -> Iterator[Avp]:
    """Yield (code, vendor) and value of each AVP (RFC 6733 clause 4)."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise BadDiameter("bad_avp", "the message ends inside the header of an AVP")
        code, flags = int.from_bytes(data[at : at + 4], "big"), data[at + 4]
        length = int.from_bytes(data[at + 5 : at + 8], "big")
        head = 12 if flags & _VENDOR_FLAG else 8
        if length < head or at + length > len(data):
            raise BadDiameter("bad_avp", "the length of an AVP does not fit", key=str(code))
        vendor = int.from_bytes(data[at + 8 : at + 12], "big") if head == 12 else 0
        yield (code, vendor), data[at + head : at + length]
        at += length + -length % 4


class _Found:
    """What the AVPs of one message say."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, int] = {}
        self._subscriptions: dict[int, str] = {}
        self.actions: list[int] = []
        self._address = ""

    def read(self, data: bytes, depth: int) -> None:
        for key, value in _avps(data):
            if key in _GROUPED and depth < _MOST_DEPTH:
                self.read(value, depth + 1)
                self._close_group(key)
            elif key in _TEXTS:
                self._texts.setdefault(_TEXTS[key], value.decode("utf-8", "replace"))
            elif key in _NUMBERS or key == _SPECIFIC_ACTION:
                self._number(key, value)
            elif key in (_FRAMED_ADDRESS, _FRAMED_PREFIX):
                self._address = self._address or _address(key, value)

    def _number(self, key: tuple[int, int], value: bytes) -> None:
        if len(value) != 4:
            raise BadDiameter("bad_avp", "must have four bytes", key=str(key[0]))
        number = int.from_bytes(value, "big")
        if key == _SPECIFIC_ACTION:
            self.actions.append(number)
        else:
            self._numbers.setdefault(_NUMBERS[key], number)

    def _close_group(self, key: tuple[int, int]) -> None:
        """Take a Subscription-Id as a pair, so that the next one does not mix with it."""
        if key == (443, 0):
            kind, text = self._numbers.pop("subscription_type", None), self._texts.pop("subscription", "")
            if kind is not None:
                self._subscriptions.setdefault(kind, text)

    def result(self) -> tuple[int | None, int | None]:
        """Return vendor and code: the experimental result stands above the base one (RFC 6733 7.6)."""
        if "experimental" in self._numbers:
            return self._numbers.get("result_vendor", VENDOR_3GPP), self._numbers["experimental"]
        return (0, self._numbers["result"]) if "result" in self._numbers else (None, None)

    def fields(self) -> dict[str, Any]:
        texts, numbers = self._texts, self._numbers
        user = texts.get("user_name", "")
        names = ("session_id", "origin_host", "destination_host", "impu", "icid", "server_name", "apn")
        derived = _DERIVED_IMPI.fullmatch(user)
        imsi = self._subscriptions.get(1, "") or (derived[1] if derived else "")
        if self._interface == "S6a":
            imsi, user = user if re.fullmatch(r"\d{15}", user) else imsi, ""
        return {
            **{name: texts.get(name, "") for name in names},
            "impi": user,
            "imsi": imsi if re.fullmatch(r"\d{15}", imsi) else "",
            "msisdn": self._subscriptions.get(0, ""),
            "framed_address": self._address,
            **{name: numbers.get(name) for name in ("abort_cause", "rule_failure_code", "qci")},
        }


def _address(key: tuple[int, int], value: bytes) -> str:
    """Read Framed-IP-Address (four bytes) or Framed-IPv6-Prefix (RFC 3162: reserved, length, prefix)."""
    if key == _FRAMED_ADDRESS:
        return str(ipaddress.IPv4Address(value)) if len(value) == 4 else ""
    if not 2 <= len(value) <= 18:
        return ""
    return str(ipaddress.IPv6Address(value[2:].ljust(16, b"\0")))
