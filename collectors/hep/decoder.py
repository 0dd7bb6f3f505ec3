"""From HEP packets to the assembly: every packet ends in one counted state."""

from __future__ import annotations

import hmac
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from threading import Lock

from collectors.hep.packet import RTCP_JSON, SIP, VQ_REPORT, HepPacket, read_hep
from collectors.signalling.assembly import Assembly, Frames
from collectors.signalling.errors import BadMessage
from collectors.signalling.message import SipMessage, parse_sip
from collectors.signalling.sighting import RtcpReport, Sighting, VoiceReport

_MAX_SOURCES = 1_000
_REST = "other"
_AHEAD = timedelta(minutes=5)
_REMEMBERED = 2_000  # messages, some 0.4 s of a busy probe; twice as many at most


class Decoder:
    """Reads packets and hands sightings to an assembly; one thread at a time.

    `counts`: packets by state: `sip`, `rtcp`, `voice_report`, `keep_alive`, `malformed`, `bad_payload`,
    `wrong_key`, `unwanted` (a payload type that is not read). `sources`: the same by capture id, and
    how often a probe was more than five minutes ahead (`clock_ahead`).
    """

    def __init__(self, assembly: Assembly, auth_key: bytes = b"") -> None:
        self.assembly, self._auth_key = assembly, auth_key
        self.counts: Counter[str] = Counter()
        self.sources: dict[str, Counter[str]] = {}
        self._lock = Lock()
        self._read: dict[bytes, SipMessage] = {}
        self._read_before: dict[bytes, SipMessage] = {}
        self._latest: datetime | None = None
        self._latest_at = 0.0

    def take(self, packets: list[bytes]) -> None:
        """Take packets as they came from a socket."""
        with self._lock:
            for data in packets:
                self._one(data)

    def ripe(self) -> Frames:
        """Return what is complete. The clock is that of the probes, going on while they are silent."""
        with self._lock:
            if self._latest is None:
                return {}
            silent = timedelta(seconds=time.monotonic() - self._latest_at)
            return self.assembly.ripe(self._latest + silent)

    def rest(self) -> Frames:
        """Return everything that is still open."""
        with self._lock:
            return self.assembly.rest()

    def message_counts(self) -> Counter[str]:
        """Return the counts of the assembly: what became of the messages."""
        with self._lock:
            return Counter(self.assembly.counts)

    def _one(self, data: bytes) -> None:
        try:
            packet = read_hep(data)
        except BadMessage as error:
            state = "keep_alive" if error.code == "empty" else "malformed"
            self._count("", state)
            return
        tap = str(packet.capture_id) if packet.capture_id else ""
        if self._auth_key and not hmac.compare_digest(packet.auth_key, self._auth_key):
            self._count(tap, "wrong_key")
            return
        self._count(tap, self._hand_on(packet, tap))

    def _hand_on(self, packet: HepPacket, tap: str) -> str:
        message: SipMessage | RtcpReport | VoiceReport
        if packet.protocol == SIP:
            try:
                message = self._sip(packet.payload)
            except BadMessage as error:
                return "keep_alive" if error.code == "empty" else "bad_payload"
            state = "sip"
        elif packet.protocol == RTCP_JSON:
            message, state = RtcpReport(packet.payload, "json"), "rtcp"
        elif packet.protocol == VQ_REPORT:
            message, state = VoiceReport(packet.payload), "voice_report"
        else:
            return "unwanted"
        at = self._time(packet, tap)
        ends = packet.source, packet.destination
        self.assembly.take(Sighting(at, *ends, packet.transport, tap, message, packet.correlation))
        if self._latest is None or at > self._latest:
            self._latest, self._latest_at = at, time.monotonic()
        return state

    def _time(self, packet: HepPacket, tap: str) -> datetime:
        """Return the time of the probe, or of now where it has none or one that would end every wait."""
        now = datetime.now(UTC)
        if packet.at is None or packet.at <= now + _AHEAD:
            return packet.at or now
        self._source(tap)["clock_ahead"] += 1
        return now

    def _sip(self, payload: bytes) -> SipMessage:
        """Read a message; the copy that the other end of the hop reports is not read again."""
        message = self._read.get(payload) or self._read_before.get(payload)
        if message is None:
            message = parse_sip(payload)
            if len(self._read) >= _REMEMBERED:
                self._read_before, self._read = self._read, {}
            self._read[payload] = message
        return message

    def _count(self, tap: str, state: str) -> None:
        self.counts[state] += 1
        self._source(tap)[state] += 1

    def _source(self, tap: str) -> Counter[str]:
        source = self.sources.get(tap)
        if source is None:
            # The ids come from the network: their number is bounded.
            name = tap if len(self.sources) < _MAX_SOURCES else _REST
            source = self.sources.setdefault(name, Counter())
        return source
