"""RTCP as packets: sender and receiver reports (RFC 3550) and VoIP metrics (RFC 3611 clause 4.7)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.voice.quality import BadReport

SR, RR, BYE, XR = 200, 201, 203, 207
VOIP_METRICS = 7
UNAVAILABLE = 127


@dataclass(frozen=True, slots=True)
class VoipMetrics:
    """The VoIP metrics block; None = not available. Loss and discard in %, delays in ms."""

    ssrc: int
    loss: float
    discarded: float
    burst_density: float
    gap_density: float
    round_trip_ms: int | None
    end_system_ms: int | None
    r_factor: int | None
    mos_lq: float | None
    mos_cq: float | None


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What a receiver says about the stream of `ssrc`; `jitter` in units of its RTP clock.

    `last_sr` and `delay_since_sr` in 1/65536 s, 0 = no sender report was received.
    """

    ssrc: int
    fraction_lost: float
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_sr: int


@dataclass(frozen=True, slots=True)
class RtcpPacket:
    """One compound packet: who sent it, when by its own clock, what it received, its VoIP metrics."""

    ssrc: int
    ntp_middle: int | None
    reports: tuple[ReceptionReport, ...]
    metrics: tuple[VoipMetrics, ...]
    sent_packets: int | None = None


def read_rtcp(payload: bytes) -> RtcpPacket:
    """Read a compound RTCP packet; BadReport (`not_a_report`, `truncated`) where it is none."""
    ssrc: int | None = None
    middle: int | None = None
    sent: int | None = None
    reports: list[ReceptionReport] = []
    metrics: list[VoipMetrics] = []
    for kind, count, body in _packets(payload):
        if kind in (SR, RR, XR):
            ssrc = struct.unpack(">I", _exactly(body, 0, 4))[0] if ssrc is None else ssrc
        if kind == SR:
            high, low, _, sent, _ = struct.unpack(">IIIII", _exactly(body, 4, 20))
            middle = (high & 0xFFFF) << 16 | low >> 16
        if kind in (SR, RR):
            first = 24 if kind == SR else 4
            reports += [_reception(_exactly(body, first + 24 * i, 24)) for i in range(count)]
        if kind == XR:
            metrics += _voip_metrics(body)
    if ssrc is None:
        raise BadReport("not_a_report", "no sender, receiver or extended report in it")
    return RtcpPacket(ssrc, middle, tuple(reports), tuple(metrics), sent)


def _exactly(data: bytes, start: int, size: int) -> bytes:
    part = data[start : start + size]
    if len(part) < size:
        raise BadReport("truncated", "the packet ends inside a report")
    return part


def _packets(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(payload):
        head, kind, words = struct.unpack(">BBH", _exactly(payload, at, 4))
        if head >> 6 != 2 or not 192 <= kind <= 223:
            if at:
                return  # padding or an authentication tag (SRTCP) after the reports
            raise BadReport("not_a_report", "not RTCP of version 2")
        yield kind, head & 0x1F, _exactly(payload, at + 4, words * 4)
        at += 4 + words * 4


def _reception(block: bytes) -> ReceptionReport:
    ssrc, packed, highest, jitter, last, since = struct.unpack(">IIIIII", block)
    lost = packed & 0xFFFFFF
    lost -= 1 << 24 if lost & 0x800000 else 0  # signed: duplicates can make it negative
    return ReceptionReport(ssrc, (packed >> 24) / 256, lost, highest, jitter, last, since)


def _voip_metrics(body: bytes) -> Iterator[VoipMetrics]:
    at = 4
    while at + 4 <= len(body):
        kind, _, words = struct.unpack(">BBH", body[at : at + 4])
        block = _exactly(body, at + 4, words * 4)
        if kind == VOIP_METRICS:
            yield _metrics(_exactly(block, 0, 32))
        at += 4 + words * 4


def _metrics(block: bytes) -> VoipMetrics:
    ssrc, loss, discard, burst, gap = struct.unpack(">IBBBB", block[:8])
    trip, end_system = struct.unpack(">HH", block[12:16])
    r, _, lq, cq = struct.unpack(">BBBB", block[20:24])
    return VoipMetrics(
        ssrc,
        loss / 2.56,
        discard / 2.56,
        burst / 2.56,
        gap / 2.56,
        trip or None,
        end_system or None,
        r if r <= 100 else None,
        _mos(lq),
        _mos(cq),
    )


def _mos(value: int) -> float | None:
    """MOS times ten, 10 to 50; everything else (127) is not available."""
    return value / 10 if 10 <= value <= 50 else None
