"""The E-model: transmission rating R and MOS of ITU-T G.107 (narrow band) and G.107.1 (wide band).

Narrow band is the whole algorithm of G.107 clause 7, with every parameter at its default unless given, so
that its default case (R = 93.2, MOS = 4.41) is computed and not written down. Wide band has the terms that
a network measurement moves: delay and loss. All functions take arrays; the scale of wide band ends at 129.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
WIDE_BAND_MAX = 129.0  # G.107.1 clause 7.7
LOSS_CEILING = 95.0  # G.107 (7-29): the impairment of a line that loses everything


@dataclass(frozen=True, slots=True)
class Line:
    """The parameters of G.107 Table 2 that do not come from packets, at their defaults (dB, dBm, ms)."""

    slr: float = 8.0
    rlr: float = 2.0
    stmr: float = 15.0
    d_send: float = 3.0
    d_receive: float = 3.0
    telr: float = 65.0
    wepl: float = 110.0
    qdu: float = 1.0
    circuit_noise: float = -70.0
    noise_floor: float = -64.0
    room_send: float = 35.0
    room_receive: float = 35.0
    advantage: float = 0.0


DEFAULT_LINE = Line()


def _power_sum(*levels: float) -> float:
    return float(10 * np.log10(sum(10 ** (level / 10) for level in levels)))


def total_noise(line: Line = DEFAULT_LINE) -> float:
    """No, the sum of all noise powers at the 0 dBr point in dBm0p (G.107 clause 7.2)."""
    olr = line.slr + line.rlr
    send = (
        line.room_send - line.slr - line.d_send - 100 + 0.004 * (line.room_send - olr - line.d_send - 14) ** 2
    )
    lstr = line.stmr + line.d_receive
    effective = line.room_receive + 10 * np.log10(1 + 10 ** ((10 - lstr) / 10))
    receive = line.rlr - 121 + effective + 0.008 * (effective - 35) ** 2
    return _power_sum(line.circuit_noise, send, receive, line.noise_floor + line.rlr)


def signal_to_noise(line: Line = DEFAULT_LINE) -> float:
    """Ro, the basic signal-to-noise ratio (G.107 clause 7.2)."""
    return 15 - 1.5 * (line.slr + total_noise(line))


def simultaneous(line: Line = DEFAULT_LINE, mean_delay_ms: ArrayLike = 0.0) -> Floats:
    """Is: too loud a line, sidetone, quantising (G.107 clause 7.3)."""
    delay = np.asarray(mean_delay_ms, dtype=float)
    x_olr = line.slr + line.rlr + 0.2 * (64 + total_noise(line) - line.rlr)
    loud = 20 * ((1 + (x_olr / 8) ** 8) ** (1 / 8) - x_olr / 8)
    stmro = -10 * np.log10(10 ** (-line.stmr / 10) + np.exp(-delay / 4) * 10 ** (-line.telr / 10))
    sidetone = (
        12 * (1 + ((stmro - 13) / 6) ** 8) ** (1 / 8)
        - 28 * (1 + ((stmro + 1) / 19.4) ** 35) ** (1 / 35)
        - 13 * (1 + ((stmro - 3) / 33) ** 13) ** (1 / 13)
        + 29
    )
    q = 37 - 15 * np.log10(line.qdu)
    g = 1.07 + 0.258 * q + 0.0602 * q**2
    y = (signal_to_noise(line) - 100) / 15 + 46 / 8.4 - g / 9
    quantising = 15 * np.log10(1 + 10**y + 10 ** (46 / 30 - g / 40))
    return np.asarray(loud + sidetone + quantising, dtype=float)


def absolute_delay(delay_ms: ArrayLike) -> Floats:
    """Idd: impairment by a long one-way delay even without echo (G.107 clause 7.4)."""
    delay = np.asarray(delay_ms, dtype=float)
    x = np.log2(np.maximum(delay, 100.0) / 100)
    return np.asarray(25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2), dtype=float)


def echo(delay_ms: ArrayLike, line: Line = DEFAULT_LINE) -> Floats:
    """Idte + Idle: talker echo and listener echo after the delay (G.107 clause 7.4)."""
    t = np.asarray(delay_ms, dtype=float)
    no_echo = -1.5 * (total_noise(line) - line.rlr)
    terv = line.telr - 40 * np.log10((1 + t / 10) / (1 + t / 150)) + 6 * np.exp(-0.3 * t**2)
    half = (no_echo - (80 + 2.5 * (terv - 14))) / 2
    talker = (half + np.sqrt(half**2 + 100) - 1) * (1 - np.exp(-t))
    listener_rating = 10.5 * (line.wepl + 7) * (2 * t + 1) ** -0.25
    gap = (signal_to_noise(line) - listener_rating) / 2
    return np.asarray(talker + gap + np.sqrt(gap**2 + 169), dtype=float)


def equipment(
    impairment: ArrayLike, robustness: ArrayLike, loss_pct: ArrayLike, burst_ratio: ArrayLike = 1.0
) -> Floats:
    """Ie-eff of a codec (Ie, Bpl) under packet loss in % (G.107 (7-29); G.107.1 alike)."""
    ie, loss = np.asarray(impairment, dtype=float), np.asarray(loss_pct, dtype=float)
    spread = loss / np.asarray(burst_ratio, dtype=float) + np.asarray(robustness, dtype=float)
    return np.asarray(ie + (LOSS_CEILING - ie) * loss / spread, dtype=float)


def rating(
    loss_pct: ArrayLike,
    impairment: ArrayLike = 0.0,
    robustness: ArrayLike = 4.3,
    delay_ms: ArrayLike = 0.0,
    burst_ratio: ArrayLike = 1.0,
    line: Line = DEFAULT_LINE,
) -> Floats:
    """R of a narrow-band line, 0 to 100; loss in %, mouth-to-ear delay in ms.

    With `delay_ms` 0 it is the rating of listening alone. `line.telr` = 65 dB is the echo loss of the default
    line; give 100 for perfect echo control.
    """
    base = signal_to_noise(line) - simultaneous(line, delay_ms)
    late = absolute_delay(delay_ms) + echo(delay_ms, line)
    return np.asarray(
        base - late - equipment(impairment, robustness, loss_pct, burst_ratio) + line.advantage, dtype=float
    )


def rating_wide(
    loss_pct: ArrayLike,
    impairment: ArrayLike = 0.0,
    robustness: ArrayLike = 4.3,
    delay_ms: ArrayLike = 0.0,
    burst_ratio: ArrayLike = 1.0,
) -> Floats:
    """R of a wide-band line, 0 to 129 (G.107.1 at its defaults): delay and equipment impairment."""
    lost = equipment(impairment, robustness, loss_pct, burst_ratio)
    return np.asarray(WIDE_BAND_MAX - absolute_delay(delay_ms) - lost, dtype=float)


def mos(rating_nb: ArrayLike) -> Floats:
    """MOS of a narrow-band R (G.107 Annex B): 1 at R <= 0, 4.5 at R >= 100."""
    r = np.clip(np.asarray(rating_nb, dtype=float), 0, 100)
    # The cubic dips below 1 for R between 0 and 6.5; a MOS cannot.
    return np.asarray(np.maximum(1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6, 1.0), dtype=float)


def mos_wide(rating_wb: ArrayLike) -> Floats:
    """MOS of a wide-band R: the scale of 129 is first brought to 100 (G.107.1 Annex A)."""
    return mos(np.asarray(rating_wb, dtype=float) / 1.29)
