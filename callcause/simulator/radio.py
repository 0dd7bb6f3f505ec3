"""Radio physics: propagation, antenna, SINR, CQI, block loss. All functions work on whole arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
RS_POWER_DBM = 15.0
UE_POWER_DBM = 23.0
THERMAL_RE_DBM = -125.0
SHADOWING_DB = 7.0


def path_loss_db(distance_m: Array) -> Array:
    """Urban macro loss at about 1.9 GHz (Hata-like slope of 3.5)."""
    return np.asarray(128.1 + 35.0 * np.log10(np.maximum(distance_m, 30.0) / 1000.0), dtype=np.float64)


def antenna_gain_db(bearing_deg: Array, azimuth_deg: Array) -> Array:
    """Horizontal pattern of a 65 degree sector antenna, 17 dBi, front-to-back 25 dB."""
    off = np.abs((bearing_deg - azimuth_deg + 180.0) % 360.0 - 180.0)
    return np.asarray(17.0 - np.minimum(12.0 * (off / 65.0) ** 2, 25.0), dtype=np.float64)


def noise_sum_dbm(*levels_dbm: Array) -> Array:
    """Power sum of levels in dBm."""
    return np.asarray(10.0 * np.log10(sum(10.0 ** (np.asarray(x) / 10.0) for x in levels_dbm)), np.float64)


def sinr_db(rsrp_dbm: Array, strongest_other_dbm: Array, load: Array, noise_rise_db: Array) -> Array:
    """Downlink SINR: the other cell interferes in the share `load` of the time; added interference on top."""
    other = strongest_other_dbm + 10.0 * np.log10(np.clip(load, 0.05, 1.0))
    floor = noise_sum_dbm(other, np.full_like(rsrp_dbm, THERMAL_RE_DBM))
    return np.asarray(np.clip(rsrp_dbm - floor - noise_rise_db, -20.0, 35.0), dtype=np.float64)


def pusch_rsrp_dbm(rsrp_dbm: Array, extra_uplink_loss_db: Array) -> Array:
    """Uplink level at the eNB: open-loop power control keeps -104 dBm until the phone is at its limit."""
    loss = RS_POWER_DBM + 17.0 - rsrp_dbm + extra_uplink_loss_db
    return np.asarray(np.minimum(UE_POWER_DBM - 10.8 - loss + 12.0, -104.0), dtype=np.float64)


def power_headroom_db(rsrp_dbm: Array, extra_uplink_loss_db: Array) -> Array:
    """Distance of the phone from its maximum power."""
    loss = RS_POWER_DBM + 17.0 - rsrp_dbm + extra_uplink_loss_db
    return np.asarray(np.clip(UE_POWER_DBM - 10.8 - loss + 12.0 + 104.0, -23.0, 40.0), dtype=np.float64)


def uplink_sinr_db(pusch_dbm: Array, noise_dbm: Array) -> Array:
    """Uplink SINR from the received level and the noise and interference per PRB."""
    return np.asarray(np.clip(pusch_dbm - noise_dbm, -20.0, 30.0), dtype=np.float64)


def voice_loss_percent(sinr: Array) -> Array:
    """Residual packet loss of a QCI1 bearer after HARQ, a logistic of the SINR (about 1 % at -4 dB)."""
    return np.asarray(60.0 / (1.0 + np.exp((sinr + 9.5) / 1.35)), dtype=np.float64)


def normal_tail(limit: float, mean: Array, deviation: float) -> Array:
    """Share of a normal population below `limit`."""
    z = (limit - mean) / deviation
    return np.asarray(1.0 / (1.0 + np.exp(-1.702 * z)), dtype=np.float64)


def mean_opinion_score(loss: Array, delay_ms: Array, narrow_band: NDArray[np.bool_]) -> Array:
    """E-model: R from loss (Ie_eff with Bpl 10) and delay, then MOS of ITU-T G.107."""
    impairment = np.where(narrow_band, 34.0, 0.0)
    impairment = impairment + (95.0 - impairment) * loss / (loss / 1.3 + 10.0)
    delay = 0.024 * delay_ms + 0.11 * np.maximum(delay_ms - 177.3, 0.0)
    rating = np.clip(97.0 - impairment - delay, 0.0, 100.0)
    mos = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6
    return np.asarray(np.clip(mos, 1.0, 4.5), dtype=np.float64)
