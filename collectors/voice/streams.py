"""From RTCP packets that follow each other to the quality of the streams between them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from collectors.signalling.sighting import Endpoint
from collectors.voice.quality import StreamQuality
from collectors.voice.rtcp import ReceptionReport, RtcpPacket, VoipMetrics

K = TypeVar("K")
V = TypeVar("V")

_Keys = tuple[tuple[Endpoint, Endpoint], tuple[int, int]]

MOST_STREAMS = 20_000
_SEQUENCE_LEAP = 100_000  # packets between two reports: more is a restarted stream, not loss
_MOST_TRIP_MS = 10_000.0


@dataclass(slots=True)
class _Before:
    at: datetime
    lost: int
    highest: int


@dataclass(slots=True)
class RtcpStreams:
    """Remembers the last report of every stream; what lies between two reports becomes a StreamQuality.

    Round-trip times are taken with the clock of the tap alone: from when it saw a sender report to when it
    saw the report that echoes it, less the time that the far end kept it. Both halves together span the line.
    The other half is found by the addresses or, with a relay between them, by the two sources of sound:
    a relay that passes the reports on keeps those.
    """

    _before: OrderedDict[tuple[Endpoint, Endpoint, int], _Before] = field(default_factory=OrderedDict)
    _sent: OrderedDict[tuple[int, int], datetime] = field(default_factory=OrderedDict)
    _halves: OrderedDict[tuple[Endpoint, Endpoint] | tuple[int, int], float] = field(
        default_factory=OrderedDict
    )

    def take(
        self, packet: RtcpPacket, at: datetime, source: Endpoint, destination: Endpoint
    ) -> Iterator[StreamQuality]:
        """Take a packet that `source` sent; yields the streams that it tells about."""
        if packet.ntp_middle is not None:
            _keep(self._sent, (packet.ssrc, packet.ntp_middle), at)
        metrics = {block.ssrc: block for block in packet.metrics}
        for report in packet.reports:
            keys = (source, destination), (packet.ssrc, report.ssrc)
            self._measure_trip(report, at, keys)
            delay = self._delay(keys)
            yield self._stream(report, metrics.pop(report.ssrc, None), at, (source, destination), delay)
        for block in metrics.values():
            yield _of_metrics(block, at, source, destination)

    def _measure_trip(self, report: ReceptionReport, at: datetime, keys: _Keys) -> None:
        sent = self._sent.get((report.ssrc, report.last_sr)) if report.last_sr else None
        if sent is None:
            return
        trip = (at - sent).total_seconds() * 1000 - report.delay_since_sr * 1000 / 65_536
        if 0 <= trip <= _MOST_TRIP_MS:
            for key in keys:
                _keep(self._halves, key, trip)

    def _delay(self, keys: _Keys) -> float | None:
        """One way over both halves; the tap alone knows only its own."""
        for key in keys:
            # Both ends of a key are of one kind, which a union of tuples does not say.
            near, far = self._halves.get(key), self._halves.get((key[1], key[0]))  # type: ignore[arg-type]
            if near is not None and far is not None:
                return (near + far) / 2
        return None

    def _stream(
        self,
        report: ReceptionReport,
        block: VoipMetrics | None,
        at: datetime,
        ends: tuple[Endpoint, Endpoint],
        delay: float | None,
    ) -> StreamQuality:
        receiver, sender = ends
        key = (receiver, sender, report.ssrc)
        before = self._before.get(key)
        _keep(self._before, key, _Before(at, report.lost, report.highest_sequence))
        start, expected, lost = at, None, None
        if before is not None and at > before.at:
            start = before.at
            expected = (report.highest_sequence - before.highest) & 0xFFFFFFFF
            lost = report.lost - before.lost
            if expected > _SEQUENCE_LEAP or not 0 <= lost <= expected:
                expected = lost = None
        loss = 100 * lost / expected if expected and lost is not None else 100 * report.fraction_lost
        return StreamQuality(
            start=start,
            end=at if start < at else None,
            sender=sender,
            receiver=receiver,
            ssrc=report.ssrc,
            expected=expected,
            lost=lost,
            # A stream in which nothing was due has no loss ratio; 0 would be praise.
            loss=None if expected == 0 else loss,
            jitter_units=report.jitter,
            delay=_xr_delay(block) or delay,
            mos=block.mos_lq if block else None,
            mos_method="OTHER" if block and block.mos_lq else "",
        )


def _of_metrics(block: VoipMetrics, at: datetime, source: Endpoint, destination: Endpoint) -> StreamQuality:
    return StreamQuality(
        start=at,
        sender=destination,
        receiver=source,
        ssrc=block.ssrc,
        loss=block.loss,
        delay=_xr_delay(block),
        mos=block.mos_lq,
        mos_method="OTHER" if block.mos_lq else "",
    )


def _xr_delay(block: VoipMetrics | None) -> float | None:
    """Half the round trip and the end system (RFC 3611 4.7.3, both ends taken to be alike)."""
    if block is None or block.round_trip_ms is None:
        return None
    return block.round_trip_ms / 2 + (block.end_system_ms or 0)


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MOST_STREAMS:
        kept.popitem(last=False)
