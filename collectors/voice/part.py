"""Voice beside the SIP of its calls: reports find their call, leg and direction by the media addresses."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from datetime import datetime, timedelta

import polars as pl

from collectors.signalling.assembly import Frames, Part
from collectors.signalling.message import SipMessage
from collectors.signalling.sighting import Endpoint, RtcpReport, Sighting, VoiceReport
from collectors.voice.media import MediaBook
from collectors.voice.quality import BadReport, StreamQuality
from collectors.voice.rtcp import read_rtcp
from collectors.voice.rtcp_json import read_rtcp_json
from collectors.voice.rtp_stat import read_rtp_stat
from collectors.voice.slices import MediaParty, places, slice_rows
from collectors.voice.streams import RtcpStreams
from collectors.voice.vq_report import read_vq_report

MOST_WAITING = 50_000
MOST_CALLS = 20_000
_MOST_SEEN = 20_000
_COPY_WITHIN_S = 0.25
WAIT_S = 60.0  # a report waits so long for the record of its call
_VQ_TYPES = ("application/vq-rtcpxr", "vq-rtcpxr")


class WithVoice:
    """A part of the assembly: the SIP part that it wraps, and `voice_slice` rows for the calls that it tells.

    `counts` is that of the SIP part and holds also `voice_report`, `voice_bad_<code>`, `voice_slices`,
    `voice_unplaced` (no known call uses these addresses), `voice_duplicate`, `voice_overflow`.
    """

    def __init__(self, sip: Part, wait_s: float = WAIT_S) -> None:
        self.sip, self.book = sip, MediaBook()
        self.counts: Counter[str] = sip.counts  # one counter for both, so that it stays one truth
        self._parties: dict[Endpoint, MediaParty] = {}
        self._parties_of = (-1, -1)
        self._learnt = 0
        self._seen: OrderedDict[int, datetime] = OrderedDict()
        self._streams = RtcpStreams()
        self._wait = timedelta(seconds=wait_s)
        self._waiting: deque[tuple[datetime, StreamQuality]] = deque()
        self._legs: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._latest: datetime | None = None

    def take(self, sighting: Sighting) -> None:
        """Take one sighting of SIP, RTCP or a report."""
        self.sip.take(sighting)
        message = sighting.message
        try:
            if isinstance(message, SipMessage):
                self.book.take(message, sighting.source)
                self._take_sip(message, sighting.at)
            elif isinstance(message, RtcpReport):
                self._take_rtcp(message, sighting)
            elif isinstance(message, VoiceReport):
                self._take_report(message.payload, sighting.at)
        except BadReport as error:
            self.counts[f"voice_bad_{error.code}"] += 1

    def _take_sip(self, message: SipMessage, at: datetime) -> None:
        if message.method == "PUBLISH" and message.is_request:
            if message.get("content-type").partition(";")[0].strip().lower() in _VQ_TYPES:
                self._take_report(message.body, at)
        elif message.method == "BYE" and (text := message.get("x-rtp-stat")):
            self._hold(at, read_rtp_stat(text, at, message.call_id))

    def _take_report(self, payload: bytes, at: datetime) -> None:
        for stream in read_vq_report(payload).streams:
            self._hold(at, stream)

    def _take_rtcp(self, message: RtcpReport, sighting: Sighting) -> None:
        if self._is_copy(message.payload, sighting):
            self.counts["voice_duplicate"] += 1
            return
        read = read_rtcp_json if message.form == "json" else read_rtcp
        packet = read(message.payload)
        for stream in self._streams.take(packet, sighting.at, sighting.source, sighting.destination):
            self._hold(sighting.at, stream)

    def _is_copy(self, payload: bytes, sighting: Sighting) -> bool:
        key = hash((payload, sighting.source.host, sighting.destination.host))
        before = self._seen.get(key)
        self._seen[key] = sighting.at
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        return before is not None and abs((sighting.at - before).total_seconds()) < _COPY_WITHIN_S

    def hold(self, at: datetime, quality: StreamQuality) -> None:
        """Take what another reader (RTP of a capture) has measured."""
        self._hold(at, quality)

    def _hold(self, at: datetime, quality: StreamQuality) -> None:
        self.counts["voice_report"] += 1
        self._latest = at if self._latest is None else max(at, self._latest)
        self._waiting.append((at, quality))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.counts["voice_overflow"] += 1

    def ripe(self, now: datetime) -> Frames:
        """Return what the SIP part has ready, and the voice of calls that are known."""
        return self._with_voice(self.sip.ripe(now), now)

    def rest(self) -> Frames:
        """Return everything; reports that no call explains are counted."""
        return self._with_voice(self.sip.rest(), None)

    def _with_voice(self, frames: Frames, now: datetime | None) -> Frames:
        if "call" in frames:
            self._learn(frames["call"])
        rows = self._placed(now)
        return {**frames, "voice_slice": rows} if rows.height else frames

    def _learn(self, calls: pl.DataFrame) -> None:
        for call_id, sip_call_id, leg in calls.select("id", "sip_call_id", "leg").iter_rows():
            self._learnt += (sip_call_id, leg) not in self._legs
            self._legs[sip_call_id, leg] = call_id
            self._legs.move_to_end((sip_call_id, leg))
        while len(self._legs) > MOST_CALLS:
            self._legs.popitem(last=False)

    def _all_parties(self) -> dict[Endpoint, MediaParty]:
        version = (self.book.version, self._learnt)
        if version != self._parties_of:
            self._parties, self._parties_of = self.book.parties(dict(self._legs)), version
        return self._parties

    def _placed(self, now: datetime | None) -> pl.DataFrame:
        """Turn what can be placed, or has waited long enough, into rows; the rest waits on."""
        parties = self._all_parties() if self._waiting else {}
        ready, waiting = [], deque[tuple[datetime, StreamQuality]]()
        for at, quality in self._waiting:
            over = now is None or now - at >= self._wait
            if over or places(quality, parties):
                ready.append(quality)
            else:
                waiting.append((at, quality))
        self._waiting = waiting
        return slice_rows(ready, parties, self.counts)
