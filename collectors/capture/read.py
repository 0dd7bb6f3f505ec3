"""A capture file read: two passes of tshark, the assembly of every tap, and the join over interfaces."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from collectors.capture.access import AccessPart
from collectors.capture.header import check_header
from collectors.capture.join import PolicyPart, joined
from collectors.capture.packets import read_packets
from collectors.capture.rtp import FIELDS, RtpReader
from collectors.capture.sightings import WANTED, sightings_of
from collectors.capture.tshark import Bounds, running
from collectors.diameter.transactions import DiameterTransactions
from collectors.errors import BadFile
from collectors.signalling.assembly import Assembly, Frames
from collectors.signalling.frames import joined as together
from collectors.signalling.settings import SignallingSettings
from collectors.signalling.sip import SipPart
from collectors.voice.part import WithVoice

# Quoted packets in ICMP are not packets of their own.
_FILTER = "(sip || diameter || s1ap || gtpv2 || rtcp) && !icmp && !icmpv6"
_TREES = "frame s1ap gtpv2"  # the other protocols are read from their bytes
_TABLE = ("-T", "fields", *(part for name in FIELDS for part in ("-e", name)))
_DECODED = ("-Y", _FILTER, "-T", "json", "-x", "-J", _TREES)
_STEP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Capture:
    """Rows by record kind, identities in clear, and the counts: every packet and every message in one state.

    `packets` is their number; `packets_<kind>` add up to it. `undecoded` messages tshark could not tell.
    """

    frames: Frames
    counts: Counter[str]
    packets: int


def read_capture(
    path: Path, *, settings: SignallingSettings | None = None, bounds: Bounds | None = None
) -> Capture:
    """Read a capture file, plain or gzip; BadFile where it cannot be taken in (see `tshark.running`)."""
    bounds = bounds or Bounds()
    check_header(path)
    counts: Counter[str] = Counter()
    rtp = RtpReader()
    with running(path, _TABLE, bounds) as run:
        rtp.take(run.lines)
    if not rtp.packets:
        raise BadFile("no_packets", "the capture holds no packet", file=str(path))
    frames: Frames = {}
    if _signalling_in(rtp):
        frames = _assembled(path, rtp, settings, bounds, counts)
    else:
        rtp.qualities()
    counts.update(rtp.counts)
    counts["cut_short"] = int(run.cut_short)
    return Capture(frames, +counts, rtp.packets)


def _signalling_in(rtp: RtpReader) -> bool:
    kinds = ("sip", "diameter", "s1ap", "gtpv2", "rtcp", "malformed")
    return any(rtp.counts[f"packets_{kind}"] for kind in kinds)


def _assembled(
    path: Path,
    rtp: RtpReader,
    settings: SignallingSettings | None,
    bounds: Bounds,
    counts: Counter[str],
) -> Frames:
    voice = WithVoice(SipPart(settings))
    access, policy = AccessPart(), PolicyPart()
    assembly = Assembly([voice, DiameterTransactions(), access, policy])
    frames: list[Frames] = []
    undecoded: list[int] = []
    with running(path, _DECODED, bounds) as run:
        ripe_at = None
        for packet in read_packets(run.lines, WANTED, undecoded):
            # Parts that wait for a time must hear of it; once a second of the capture is enough.
            if ripe_at is None or packet.at >= ripe_at:
                frames.append(assembly.ripe(packet.at))
                ripe_at = packet.at + _STEP
            for sighting in sightings_of(packet, path.name, counts):
                assembly.take(sighting)
    for quality in rtp.qualities():
        voice.hold(quality.end or quality.start, quality)
    frames.append(assembly.rest())
    counts["undecoded"] = len(undecoded)
    whole = joined(together(frames), access, policy, voice.book.user_hosts)
    whole = _silence_after_answer(whole, counts)
    counts.update(assembly.counts)
    return whole


def _silence_after_answer(frames: Frames, counts: Counter[str]) -> Frames:
    """Leave out silence before the answer: a ring-back tone has no other direction."""
    voice, calls = frames.get("voice_slice"), frames.get("call")
    if voice is None or calls is None or "t_200" not in calls.columns:
        return frames
    answered = calls.select(pl.col("id").alias("call_id"), "t_200").unique("call_id", keep="last")
    silent = pl.col("loss").is_null() & pl.col("max_gap").is_not_null()
    early = pl.col("t_200").is_null() | (pl.col("start") < pl.col("t_200"))
    kept = voice.join(answered, on="call_id", how="left", maintain_order="left").filter(~(silent & early))
    counts["silence_before_answer"] += voice.height - kept.height
    return {**frames, "voice_slice": kept.drop("t_200")}
