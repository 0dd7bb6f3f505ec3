"""Codecs as reports name them: clock rate, band, and the impairments that the E-model needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml

from collectors.voice.e_model import mos, mos_wide, rating, rating_wide

_FILE = Path(__file__).with_name("codecs.yaml")


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec: `modes` maps kbit/s to (Ie, Bpl)."""

    name: str
    band: Literal["narrow", "wide"]
    clock_hz: int
    modes: dict[float, tuple[float, float]]


@lru_cache(maxsize=1)
def _shelf() -> tuple[dict[str, Codec], dict[str, str], dict[int, str]]:
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    codecs = {
        name: Codec(
            name,
            entry["band"],
            entry["clock_hz"],
            {float(rate): (float(m["ie"]), float(m["bpl"])) for rate, m in entry["modes"].items()},
        )
        for name, entry in content["codecs"].items()
    }
    return codecs, content["aliases"], content["static_payload_types"]


def codec_name(written: str) -> str:
    """Bring a codec name of SDP or of a report to the one that records use; an unknown one stays."""
    name = written.split("/")[0].strip().upper()
    codecs, aliases, _ = _shelf()
    return name if name in codecs else aliases.get(name, name)


def find_codec(written: str) -> Codec | None:
    """Return the codec of that name in any spelling, or None."""
    return _shelf()[0].get(codec_name(written))


def static_codec(payload_type: int) -> str:
    """Return the codec of a static RTP payload type (RFC 3551), or ""."""
    return _shelf()[2].get(payload_type, "")


# Speech bits of a 20 ms frame by mode in kbit/s (TS 26.101 table 1, TS 26.201 table 2).
_FRAME_BITS = {
    "AMR": {4.75: 95, 5.15: 103, 5.9: 118, 6.7: 134, 7.4: 148, 7.95: 159, 10.2: 204, 12.2: 244},
    "AMR-WB": {
        6.6: 132,
        8.85: 177,
        12.65: 253,
        14.25: 285,
        15.85: 317,
        18.25: 365,
        19.85: 397,
        23.05: 461,
        23.85: 477,
    },
}


def rate_of(codec: str, payload_bytes: int) -> float | None:
    """Tell the mode in kbit/s from the payload of one frame, in either form of RFC 4867.

    Bandwidth-efficient: 10 bits of header; octet-aligned: two octets. No mode gives None (silence, other
    packing).
    """
    for rate, bits in _FRAME_BITS.get(codec_name(codec), {}).items():
        if payload_bytes in ((10 + bits + 7) // 8, 2 + (bits + 7) // 8):
            return rate
    return None


@dataclass(frozen=True, slots=True)
class Score:
    """Rating R (to 100 narrow band, to 129 wide band) and MOS of the E-model."""

    r: float
    mos: float


def score(
    codec: str, rate: float | None, loss_pct: float, delay_ms: float = 0.0, burst_ratio: float = 1.0
) -> Score | None:
    """Score a stream by codec, mode in kbit/s and packet loss; with delay 0 as a listener hears it.

    None where codec or mode have no known impairment: a score would be invented. A codec of one mode needs
    no rate.
    """
    known = find_codec(codec)
    if known is None or not known.modes:
        return None
    rate = next(iter(known.modes)) if rate is None and len(known.modes) == 1 else rate
    if rate not in known.modes:
        return None
    ie, bpl = known.modes[rate]
    rate_line, to_mos = (rating_wide, mos_wide) if known.band == "wide" else (rating, mos)
    r = float(rate_line(loss_pct, ie, bpl, delay_ms, burst_ratio))
    return Score(r, float(to_mos(r)))
