"""RTP and RTCP (RFC 3550) of a phone: a packet each 20 ms, counted at the other end, reported each second."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from dataclasses import dataclass
from functools import partial
from typing import cast

PAYLOAD_TYPE = 97
CLOCK = 16_000
PERIOD_S = 0.02


def _ntp_middle(now: float) -> int:
    """Return the middle 32 bits of the NTP time (RFC 3550 clause 4)."""
    return int((now + 2_208_988_800) * 65_536) & 0xFFFFFFFF


@dataclass(slots=True)
class Received:
    """What a phone heard: counts and interarrival jitter of RFC 3550 appendix A."""

    packets: int = 0
    first: int = -1
    highest: int = -1
    source: int = 0
    jitter: float = 0.0
    transit: float | None = None
    reported_expected: int = 0
    reported_packets: int = 0
    last_report: int = 0
    """Middle of the NTP time of the last sender report (RFC 3550 clause 6.4.1), and when it came."""
    last_report_at: float = 0.0
    round_trip_s: float = 0.0

    def take(self, data: bytes, now: float) -> None:
        """Count one RTP packet."""
        _, _, sequence, stamp, source = struct.unpack_from("!BBHII", data)
        self.packets += 1
        self.source = source
        self.first = sequence if self.first < 0 else self.first
        self.highest = max(self.highest, sequence)
        transit = now * CLOCK - stamp
        if self.transit is not None:
            self.jitter += (abs(transit - self.transit) - self.jitter) / 16
        self.transit = transit

    @property
    def expected(self) -> int:
        return self.highest - self.first + 1 if self.packets else 0

    def block(self) -> bytes:
        """Return the report block since the last report."""
        expected, packets = self.expected - self.reported_expected, self.packets - self.reported_packets
        self.reported_expected, self.reported_packets = self.expected, self.packets
        lost = max(0, expected - packets)
        fraction = min(255, lost * 256 // expected) if expected > 0 else 0
        total = max(0, self.expected - self.packets)
        since = int((time.time() - self.last_report_at) * 65_536) if self.last_report else 0
        loss, highest = fraction << 24 | total, max(self.highest, 0)
        return struct.pack("!IIIIII", self.source, loss, highest, int(self.jitter), self.last_report, since)

    def take_report(self, data: bytes, now: float) -> None:
        """Remember a sender report."""
        if len(data) >= 28 and data[1] == 200:
            self.last_report = int.from_bytes(data[10:14], "big")
            self.last_report_at = now
            if data[0] & 0x1F and len(data) >= 52 and any(data[44:48]):
                # RFC 3550 clause 6.4.1: arrival, less our own report, less the wait at the other end.
                mine, waited = struct.unpack_from("!II", data, 44)
                self.round_trip_s = ((_ntp_middle(now) - mine - waited) & 0xFFFFFFFF) / 65_536

    def extended(self, own: int) -> bytes:
        """Return the VoIP metrics block of RFC 3611 clause 4.7, as far as a phone of the lab knows them."""
        lost = min(255, (self.expected - self.packets) * 256 // self.expected) if self.expected > 0 else 0
        trip = min(65_535, int(self.round_trip_s * 1000))
        body = struct.pack(
            "!IBBBBHHHHBBBB", self.source, max(0, lost), 0, 0, 0, 0, 0, trip, 20, 127, 127, 127, 16
        )
        body += struct.pack("!BBBBBBHHH", 127, 127, 127, 127, 0, 0, 40, 80, 200)
        block = struct.pack("!BBH", 7, 0, len(body) // 4) + body
        return struct.pack("!BBHI", 0x80, 207, (4 + len(block)) // 4, own) + block


class _Port(asyncio.DatagramProtocol):
    def __init__(self, stream: MediaStream, rtcp: bool) -> None:
        self._stream, self._rtcp = stream, rtcp

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._rtcp:
            self._stream.received.take_report(data, time.time())
        elif len(data) >= 12:
            self._stream.received.take(data, time.time())


class MediaStream:
    """One phone's media of one call."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.told = port
        self.received = Received()
        self.sent = 0
        self._source = int.from_bytes(os.urandom(4), "big")
        self._ports: list[asyncio.DatagramTransport] = []
        self._doors: list[asyncio.DatagramTransport] = []
        self._sending: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the RTP port and the RTCP port above it."""
        loop = asyncio.get_running_loop()
        for offset in (0, 1):
            address = (self.host, self.port + offset)
            made = partial(_Port, self, bool(offset))
            transport, _ = await loop.create_datagram_endpoint(made, local_addr=address)
            self._ports.append(transport)

    async def open_doors(self, delay_s: float, jitter_s: float) -> None:
        """Put a relay that spoils what comes in before the ports; `told` becomes its port.

        What the phone sends leaves through it too: a media relay that latches on to where speech comes from
        would else send past it.
        """
        loop = asyncio.get_running_loop()
        for port in (self.port, self.port + 1):
            relay = Impairment((self.host, port), delay_s, jitter_s)
            address = (self.host, port + 4)
            door, _ = await loop.create_datagram_endpoint(lambda relay=relay: relay, local_addr=address)
            self._doors.append(door)
        self.told = self.port + 4

    def send_to(self, host: str, port: int) -> None:
        """Begin to send to the other side."""
        if self._sending is None:
            self._sending = asyncio.create_task(self._send(host, port))

    async def _send(self, host: str, port: int) -> None:
        rtp, rtcp = self._doors or self._ports
        began = time.monotonic()
        while True:
            head = struct.pack(
                "!BBHII", 0x80, PAYLOAD_TYPE, self.sent & 0xFFFF, self.sent * 320, self._source
            )
            rtp.sendto(head + bytes(61), (host, port))
            self.sent += 1
            if self.sent % 50 == 0:
                rtcp.sendto(self._report(), (host, port + 1))
            await asyncio.sleep(max(0.0, began + self.sent * PERIOD_S - time.monotonic()))

    def _report(self) -> bytes:
        now = time.time() + 2_208_988_800
        blocks = [self.received.block()] if self.received.packets else []
        body = struct.pack(
            "!IIIII", int(now), int(now % 1 * 2**32), self.sent * 320, self.sent, self.sent * 61
        )
        words = (28 + 24 * len(blocks)) // 4 - 1
        sender = struct.pack("!BBHI", 0x80 | len(blocks), 200, words, self._source) + body + b"".join(blocks)
        name = b"lab@phone\x00"
        chunk = struct.pack("!I", self._source) + b"\x01\x09" + name[:9] + b"\x00"
        chunk += bytes(-len(chunk) % 4)
        described = struct.pack("!BBH", 0x81, 202, len(chunk) // 4) + chunk
        more = self.received.extended(self._source) if self.received.round_trip_s else b""
        return sender + described + more

    async def close(self) -> None:
        """Stop sending and close the ports."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        for port in (*self._doors, *self._ports):
            port.close()


class Impairment(asyncio.DatagramProtocol):
    """A relay in user space that delays packets, evenly or with jitter; for kernels without netem."""

    def __init__(self, target: tuple[str, int], delay_s: float, jitter_s: float) -> None:
        self._target, self._delay_s, self._jitter_s = target, delay_s, jitter_s
        self._transport: asyncio.DatagramTransport | None = None
        self._taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._taken += 1
        # A sawtooth rather than chance: the same run gives the same jitter.
        extra = self._jitter_s * ((self._taken * 7) % 10) / 10
        asyncio.get_running_loop().call_later(self._delay_s + extra, self._pass_on, data)

    def _pass_on(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(data, self._target)
