"""RFC 6035 reports: the body of a PUBLISH with `Event: vq-rtcpxr`.

Terminals differ in the spelling: `Timestamps` and `TimeStamps`, blanks after `=`, SSRC in hex or decimal,
codec names with blanks, lines that are indented, extension lines `x-...`. 127 and a delay of 0 mean that the
value is not known (RFC 3611 clause 4.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from collectors.signalling.sighting import Endpoint
from collectors.voice.codecs import codec_name
from collectors.voice.quality import BadReport, StreamQuality

MAX_BYTES = 65_536
UNAVAILABLE = 127.0
_VALUE = re.compile(r"([A-Za-z][\w-]*)=\s*(.*?)(?=\s+[A-Za-z][\w-]*=|\s*$)")
_REPORTS = ("vqsessionreport", "vqintervalreport", "vqalertreport")
_METRICS = ("localmetrics", "remotemetrics")


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One report: its kind, its call, and up to two streams: what the reporter and the far end heard."""

    kind: Literal["session", "interval", "alert"]
    sip_call_id: str
    local_id: str
    remote_id: str
    streams: tuple[StreamQuality, ...]


Section = dict[str, dict[str, str]]


def read_vq_report(payload: bytes) -> SessionReport:
    """Read a report; BadReport (`not_a_report`, `bad_value`, `too_large`) where it cannot be read."""
    if len(payload) > MAX_BYTES:
        raise BadReport("too_large", f"a report of {len(payload)} bytes; {MAX_BYTES} are taken")
    head, texts, sections = _parse(payload.decode("utf-8", "replace"))
    both = Endpoint(*_address(head.get("localaddr"))), Endpoint(*_address(head.get("remoteaddr")))
    streams = []
    for name, (receiver, sender) in (("localmetrics", both), ("remotemetrics", both[::-1])):
        if sections.get(name):
            # The far end's metrics share times and codec with the reporter's where it has none of its own.
            whole = {**sections.get("localmetrics", {}), **sections[name]}
            own = {key: whole[key] for key in whole if key in sections[name] or key in _SHARED}
            streams.append(_stream(own, texts.get("callid", ""), sender, receiver))
    if not streams:
        raise BadReport("not_a_report", "neither LocalMetrics nor RemoteMetrics", key="LocalMetrics")
    kind: Literal["session", "interval", "alert"] = (
        "alert" if "vqalertreport" in texts else "interval" if "vqintervalreport" in texts else "session"
    )
    return SessionReport(
        kind, texts.get("callid", ""), texts.get("localid", ""), texts.get("remoteid", ""), tuple(streams)
    )


_SHARED = ("timestamps", "sessiondesc")


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, colon, rest = line.strip().partition(":")
        if colon or name.lower() in _REPORTS:  # RFC 6035 4.6.1: the event after the name may be left out
            yield name.strip().lower(), rest.strip()


def _parse(text: str) -> tuple[Section, dict[str, str], dict[str, Section]]:
    head: Section = {}
    texts: dict[str, str] = {}
    sections: dict[str, Section] = {}
    where = head
    for name, rest in _lines(text):
        if not texts and name not in _REPORTS:
            raise BadReport("not_a_report", "does not begin with VQSessionReport", line=1)
        texts.setdefault(name, rest)
        if name in _METRICS:
            where = sections.setdefault(name, {})
        elif name not in _REPORTS:
            where.setdefault(name, {key.upper(): value for key, value in _VALUE.findall(rest)})
    if not texts:
        raise BadReport("not_a_report", "the body is empty")
    return head, texts, sections


def _address(values: dict[str, str] | None) -> tuple[str, int]:
    values = values or {}
    port = values.get("PORT", "0")
    return values.get("IP", "").strip("[]"), int(port) if port.isascii() and port.isdigit() and len(
        port
    ) < 6 else 0


def _stream(section: Section, call_id: str, sender: Endpoint, receiver: Endpoint) -> StreamQuality:
    times = section.get("timestamps", {})
    described = section.get("sessiondesc", {})
    start, end = _time(times.get("START"), "START"), _time(times.get("STOP"), "STOP")
    if start is None and end is None:
        raise BadReport("bad_value", "no time of the call", key="Timestamps")
    loss = _number(section, "packetloss", "NLR", most=100)
    mos = _number(section, "qualityest", "MOSLQ", least=1, most=5)
    algorithm = section.get("qualityest", {}).get("QOEESTALG", "")
    rate = _number(section, "sessiondesc", "FR")
    return StreamQuality(
        start=start or end,  # type: ignore[arg-type]  # one of them is there
        end=end if start is not None else None,
        sender=sender if sender.host else None,
        receiver=receiver if receiver.host else None,
        sip_call_id=call_id,
        loss=loss,
        jitter=_number(section, "delay", "IAJ"),
        delay=_one_way(section),
        mos=mos,
        mos_method="" if mos is None else "E_MODEL" if "G.107" in algorithm.upper() else "OTHER",
        codec=codec_name(described.get("PD", "")),
        codec_rate=rate / 1000 if rate and rate > 300 else rate,
    )


def _one_way(section: Section) -> float | None:
    """One-way delay: measured, else the symmetric one, else half the round trip with the end systems."""
    for name in ("OWD", "SOWD"):
        if told := _number(section, "delay", name, most=65_535):
            return told
    trip = _number(section, "delay", "RTD", most=65_535)
    if not trip:
        return None
    return trip / 2 + (_number(section, "delay", "ESD", most=65_535) or 0.0)


def _number(
    section: Section, line: str, name: str, *, least: float = 0.0, most: float = float("inf")
) -> float | None:
    """Read a number of a metrics line; None where it is absent, not known (127) or out of its range."""
    text = section.get(line, {}).get(name)
    if text is None:
        return None
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        raise BadReport("bad_value", "must be a number", key=f"{line}.{name}") from None
    if value == UNAVAILABLE and line == "qualityest":
        return None
    return value if least <= value <= most else None


def _time(text: str | None, name: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadReport("bad_value", "must be a time of RFC 3339", key=name) from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
