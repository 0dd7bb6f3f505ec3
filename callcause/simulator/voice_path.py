"""The voice path by segment: phone - air - S1-U - SBC and relay - far end; slices as the probes see them.

Uplink runs ue -> s1u -> sbc -> far_end and loses on air first; downlink runs the other way. The s1u probe is
at the eNB end of the link: uplink transport loss shows behind it, downlink transport loss before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator import radio
from callcause.simulator.events import VoiceTrouble
from callcause.simulator.legs import Columns, Mask, draw, put

V = VoiceTrouble
LOW: tuple[str, ...] = ("downlink",)
UP: tuple[str, ...] = ("uplink",)
VOICE: dict[str, VoiceTrouble] = {
    "voice_narrow": V("codec", own={"codec": "AMR"}),
    "voice_pcm": V("codec", own={"codec": "PCMA"}),
    "voice_on_2g": V(
        "codec", own={"esrvcc_flag": True, "srvcc_type": "eSRVCC"}, slices={"srvcc_in_slice": True}
    ),
    "voice_air": V("air"),  # the radio of the cell does it, nothing is added
    "voice_handover": V(
        "air",
        loss=(3.0, 9.0),
        own={"handover_failures": 1.0, "handover_count": 7.0, "shortest_return": (0.8, 3.8)},
        slices={"handover_in_slice": True},
    ),
    "voice_ta": V("air", UP, loss=(35.0, 65.0), slices={"similar_ta_commands": 9.0}),
    "voice_gap": V(
        "air",
        loss=(7.0, 16.0),
        own={"reestablishment_count": 2.0, "max_rtp_gap": (1.2, 3.5)},
        slices={"reestablishment_in_slice": True, "max_gap": (1.0, 3.0)},
    ),
    "voice_transport": V("transport", loss=(4.0, 15.0), jitter_ms=(30.0, 130.0), delay_ms=(20.0, 90.0)),
    "voice_transcoding": V(
        "core",
        silent=True,
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "max_rtp_gap": (6.0, 14.0)},
        slices={"srvcc_in_slice": True},
    ),
    "voice_media_full": V("core", loss=(5.0, 14.0), jitter_ms=(40.0, 120.0)),
    "voice_nat": V(
        "relay", LOW, silent=True, own={"max_rtp_gap": (7.0, 19.0)}, slices={"rtp_address_reachable": False}
    ),
    "voice_relay": V("relay", LOW, silent=True, own={"max_rtp_gap": (7.0, 19.0)}),
    "voice_relay_bypassed": V("relay", loss=(1.0, 4.0), delay_ms=(60.0, 120.0)),
    "voice_phone": V("terminal", UP, mos_penalty=(1.3, 2.2)),
    "voice_far": V("far", UP, loss=(6.0, 18.0), jitter_ms=(40.0, 110.0)),
}
ORDER = ("ue", "s1u", "sbc", "far_end")
# segment -> index of the first point behind it in uplink and in downlink order
BEHIND = {"air": (1, 3), "transport": (2, 2), "core": (3, 1), "relay": (3, 2), "far": (3, 0)}
NUMBERS = (
    "start",
    "length",
    "packets_expected",
    "packets_lost",
    "loss",
    "jitter",
    "delay",
    "mos",
    "codec_rate",
    "silence",
    "max_gap",
    "similar_ta_commands",
)
FLAGS = ("srvcc_in_slice", "handover_in_slice", "reestablishment_in_slice", "rtp_address_reachable")
TEXTS = ("call_id", "leg", "direction", "point", "mos_method", "codec", "ecgi")


def apply_to_calls(own: Columns, name: NDArray[Any], rng: np.random.Generator) -> None:
    """Leave the marks of a voice trouble in the call record itself."""
    for event in sorted({str(v) for v in name if v in VOICE}):
        put(own, np.flatnonzero(name == event), VOICE[event].own, rng)


class Paths:
    """Loss, jitter and delay of every slice and segment, shape (slices, 2 directions)."""

    def __init__(
        self,
        air: NDArray[np.float64],
        transport: NDArray[np.float64],
        jitter: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        n = len(air)
        small = rng.gamma(1.0, 0.01, (n, 2))
        pair = transport[:, None] * rng.gamma(8.0, 1 / 8.0, (n, 2))
        self.loss = {
            "air": air * rng.gamma(6.0, 1 / 6.0, (n, 2)),
            "transport": pair,
            "core": small.copy(),
            "relay": small.copy() * 0,
            "far": rng.gamma(1.0, 0.05, (n, 2)),
        }
        self.jitter = {k: rng.gamma(4.0, 0.6, (n, 2)) for k in self.loss}
        self.jitter["transport"] = jitter[:, None] * rng.gamma(8.0, 1 / 8.0, (n, 2))
        self.delay = {
            "air": rng.gamma(20, 1.6, (n, 2)),
            "transport": rng.gamma(9, 0.5, (n, 2)),
            "core": rng.gamma(9, 1.4, (n, 2)),
            "relay": np.zeros((n, 2)),
            "far": rng.gamma(12, 3.4, (n, 2)),
        }
        self.penalty = np.zeros((n, 2))
        self.silent = np.zeros((n, 2), dtype=bool)

    def hit(
        self,
        rows: NDArray[np.int64],
        event: VoiceTrouble,
        strength: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        """Add the trouble of `event` to slices; `strength` per slice keeps one call's slices alike."""
        for direction in event.directions:
            d = 0 if direction == "uplink" else 1
            if event.segment in self.loss:
                for grid, span in (
                    (self.loss, event.loss),
                    (self.jitter, event.jitter_ms),
                    (self.delay, event.delay_ms),
                ):
                    level = span[0] + strength * (span[1] - span[0])
                    grid[event.segment][rows, d] += level * rng.gamma(20, 1 / 20, len(rows))
            self.silent[rows, d] |= event.silent
            self.penalty[rows, d] += draw(event.mos_penalty, len(rows), rng)


def _kept(loss: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 - np.clip(loss, 0.0, 100.0) / 100.0


def _columns_at(
    paths: Paths, point: int, d: int, segment_of_silence: NDArray[Any], narrow: Mask, rng: np.random.Generator
) -> Columns:
    """Measure one direction at one point: everything that happened before it on the way."""
    n = len(narrow)
    place = point if d == 0 else 3 - point
    passed = [s for s, behind in BEHIND.items() if behind[d] <= place]
    kept, jitter, delay = np.ones(n), np.full(n, 2.0), np.full(n, 30.0)
    for segment in passed:
        kept *= _kept(paths.loss[segment][:, d])
        jitter = np.hypot(jitter, paths.jitter[segment][:, d])
        delay += paths.delay[segment][:, d]
    dumb = paths.silent[:, d] & np.isin(segment_of_silence, passed)
    expected = np.full(n, 250)
    lost = np.where(dumb, 250, rng.binomial(expected, 1.0 - kept))
    loss = 100.0 * lost / 250.0
    mos = radio.mean_opinion_score(loss, delay, narrow) - paths.penalty[:, d] + rng.normal(0, 0.05, n)
    c = blank_slices(n)
    c["packets_expected"], c["packets_lost"], c["loss"] = expected * 1.0, lost * 1.0, np.round(loss, 2)
    c["jitter"], c["delay"] = np.round(jitter, 1), np.round(delay + 2.0 * jitter * 0.5, 1)
    c["mos"] = np.round(np.clip(np.where(dumb, 1.0, mos), 1.0, 5.0), 2)
    c["silence"] = np.where(dumb, 5.0, 0.0)
    c["max_gap"] = np.where(dumb, 5.0, np.round(0.04 + loss / 60.0 * rng.gamma(4, 0.25, n), 2))
    return c


def blank_slices(n: int) -> Columns:
    """Slices of 5 s with nothing known."""
    c: Columns = {name: np.full(n, np.nan) for name in NUMBERS}
    c |= {name: np.zeros(n, dtype=np.int8) for name in FLAGS}
    c |= {name: np.full(n, None, dtype=object) for name in TEXTS}
    c["length"][:] = 5.0
    c["similar_ta_commands"][:] = 0.0
    c["rtp_address_reachable"][:] = 1
    return c


def run_voice(
    call: Columns,
    start: NDArray[np.float64],
    name: NDArray[Any],
    strength: NDArray[np.float64],
    air: NDArray[np.float64],
    transport: tuple[NDArray[np.float64], NDArray[np.float64]],
    points: tuple[str, ...],
    rng: np.random.Generator,
) -> list[Columns]:
    """Slices of calls (one row per call and slice on input) at the given probe points, both directions.

    `air` has the loss of both directions in %, `transport` loss in % and jitter in ms of S1-U.
    """
    paths = Paths(air, transport[0], transport[1], rng)
    segment = np.full(len(start), "", dtype=object)
    for event in sorted({str(v) for v in name if v in VOICE}):
        rows = np.flatnonzero(name == event)
        segment[rows] = VOICE[event].segment
        paths.hit(rows, VOICE[event], strength[rows], rng)
    narrow = np.isin(call["codec"], ["AMR", "PCMA", "PCMU"]) | (name == "voice_on_2g")
    out = []
    for index, point in enumerate(ORDER):
        if point not in points:
            continue
        for d, direction in enumerate(("uplink", "downlink")):
            c = _columns_at(paths, index, d, segment, narrow, rng)
            for event in sorted({str(v) for v in name if v in VOICE}):
                rows = np.flatnonzero(name == event)
                if direction in VOICE[event].directions:
                    put(c, rows, VOICE[event].slices, rng)
            _describe(c, call, start, point, index, direction, narrow)
            keep = (name != "voice_relay_bypassed") | (point in ("ue", "s1u"))
            out.append({key: column[keep] for key, column in c.items()})
    return out


def _describe(
    c: Columns,
    call: Columns,
    start: NDArray[np.float64],
    point: str,
    index: int,
    direction: str,
    narrow: Mask,
) -> None:
    c["call_id"], c["leg"], c["ecgi"] = call["id"], call["leg"], call["last_ecgi"]
    c["start"] = start + 0.013 * index
    c["point"][:], c["direction"][:], c["mos_method"][:] = point, direction, "E_MODEL"
    codec = np.array(
        [v if v in ("AMR", "AMR-WB", "EVS", "PCMA") else None for v in call["codec"]], dtype=object
    )
    c["codec"] = codec
    c["codec_rate"] = np.where(narrow, 12.2, 23.85)
