"""Rows of `voice_slice`: reports put to their leg and direction, scored where they have no MOS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from collectors.records.schema import load_schemas
from collectors.signalling.sighting import Endpoint
from collectors.voice.codecs import find_codec, rate_of, score
from collectors.voice.quality import StreamQuality

SHORTEST_S, LONGEST_S = 5.0, 8.0  # records.md: a slice is 5 to 8 s


@dataclass(frozen=True, slots=True)
class MediaParty:
    """Who stands behind a media address: the terminal of a leg, or the network's side of it (a relay)."""

    call_id: str
    leg: Literal["mo", "mt"]
    side: Literal["user", "network"]
    codec: str = ""


Parties = Mapping[Endpoint, MediaParty]


@dataclass(frozen=True, slots=True)
class Place:
    """Leg, direction and point of measurement of a stream."""

    party: MediaParty
    direction: Literal["uplink", "downlink"]
    point: str


def find_party(parties: Parties, end: Endpoint | None) -> MediaParty | None:
    """Return who has this media address; RTCP comes from the port above, or from any port of the address."""
    if end is None:
        return None
    for port in (end.port, end.port - 1, 0):
        if party := parties.get(Endpoint(end.host, port)):
            return party
    return None


def places(quality: StreamQuality, parties: Parties) -> list[Place]:
    """Tell whose voice it is and where it was measured; empty where no end of it is known.

    The end that receives counts: what a terminal receives is the downlink of its leg at `ue`, what the
    network's side receives is the uplink at `sbc`. Counted on the path between two terminals without a relay
    it is the uplink of the one and the downlink of the other.
    """
    receiver, sender = find_party(parties, quality.receiver), find_party(parties, quality.sender)
    here = quality.point
    found = []
    if receiver is not None and receiver.side == "user":
        found.append(Place(receiver, "downlink", here or "ue"))
    if sender is not None and sender.side == "user" and (here or not found):
        found.append(Place(sender, "uplink", here or "sbc"))
    if not found and receiver is not None:
        found.append(Place(receiver, "uplink", here or "sbc"))
    if not found and sender is not None:
        found.append(Place(sender, "downlink", here or "ue"))
    return found


def slice_rows(reports: Iterable[StreamQuality], parties: Parties, counts: Counter[str]) -> pl.DataFrame:
    """Make rows of `voice_slice`; every report is counted: `voice_slices` or `voice_unplaced`.

    `length` is filled where it is that of a slice (5 to 8 s); a report over a whole call has none.
    """
    rows = []
    for quality in reports:
        found = places(quality, parties)
        counts["voice_slices" if found else "voice_unplaced"] += 1
        rows += [_row(quality, where) for where in found]
    return pl.DataFrame(rows, schema=slice_columns())


_COLUMNS = (
    *("call_id", "leg", "direction", "point", "start", "length", "packets_expected", "packets_lost", "loss"),
    *("jitter", "delay", "mos", "mos_method", "codec", "codec_rate", "silence", "max_gap"),
)


def slice_columns() -> dict[str, pl.DataType]:
    """Columns of the rows that reports can fill."""
    schema = load_schemas()["voice_slice"]
    return {name: schema.field(name).dtype for name in _COLUMNS}


def _jitter_ms(quality: StreamQuality, codec: str) -> float | None:
    known = find_codec(codec)
    if quality.jitter is None and quality.jitter_units is not None and known is not None:
        return round(1000 * quality.jitter_units / known.clock_hz, 3)
    return None if quality.jitter is None else round(quality.jitter, 3)


def _row(quality: StreamQuality, where: Place) -> dict[str, Any]:
    codec = quality.codec or where.party.codec
    rate = quality.codec_rate or (rate_of(codec, quality.payload_bytes) if quality.payload_bytes else None)
    mos, method = quality.mos, quality.mos_method
    if mos is None and quality.loss is not None:
        scored = score(codec, rate, quality.loss, burst_ratio=quality.burst_ratio)
        mos, method = (scored.mos, "E_MODEL") if scored else (None, "")
    length = (quality.end - quality.start).total_seconds() if quality.end else None
    fits = length is not None and SHORTEST_S <= length <= LONGEST_S
    return {
        "call_id": where.party.call_id,
        "leg": where.party.leg,
        "direction": where.direction,
        "point": where.point,
        "start": quality.start,
        "length": length if fits else None,
        "packets_expected": quality.expected,
        "packets_lost": quality.lost,
        "loss": None if quality.loss is None else round(quality.loss, 3),
        "jitter": _jitter_ms(quality, codec),
        "delay": None if quality.delay is None else round(quality.delay, 3),
        "mos": None if mos is None else round(mos, 3),
        "mos_method": method or None,
        "codec": codec or None,
        "codec_rate": rate,
        "silence": quality.silence if fits else None,
        "max_gap": quality.max_gap,
    }
