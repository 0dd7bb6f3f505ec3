"""Radio and traffic laws of the simulator."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.simulator import radio
from callcause.simulator.traffic import hourly_profile, random_times

FEW = settings(max_examples=40, deadline=None)
levels = st.floats(-130, -60)


def one(value: float) -> np.ndarray:
    return np.array([value])


@FEW
@given(st.floats(40, 5000), st.floats(1.01, 3))
def test_loss_grows_with_distance(distance: float, factor: float) -> None:
    assert radio.path_loss_db(one(distance * factor)) > radio.path_loss_db(one(distance))


@FEW
@given(st.floats(0, 360), st.floats(0, 360))
def test_an_antenna_is_strongest_ahead(bearing: float, azimuth: float) -> None:
    ahead = radio.antenna_gain_db(one(azimuth), one(azimuth))
    assert radio.antenna_gain_db(one(bearing), one(azimuth)) <= ahead + 1e-9


@FEW
@given(levels, levels, st.floats(0.05, 1), st.floats(0, 20))
def test_interference_never_helps(rsrp: float, other: float, load: float, rise: float) -> None:
    quiet = radio.sinr_db(one(rsrp), one(other), one(load), one(0.0))
    assert radio.sinr_db(one(rsrp), one(other), one(load), one(rise)) <= quiet
    assert radio.sinr_db(one(rsrp), one(other), one(1.0), one(0.0)) <= quiet + 1e-9


@FEW
@given(levels, st.floats(0, 40))
def test_uplink_level_never_exceeds_what_power_control_asks_for(rsrp: float, extra: float) -> None:
    assert radio.pusch_rsrp_dbm(one(rsrp), one(extra)) <= -104.0


@FEW
@given(st.floats(-20, 30), st.floats(0.1, 10))
def test_voice_loss_falls_with_sinr(sinr: float, gain: float) -> None:
    assert radio.voice_loss_percent(one(sinr + gain)) <= radio.voice_loss_percent(one(sinr))


@FEW
@given(st.floats(0, 60), st.floats(0, 800), st.booleans())
def test_mos_lies_on_its_scale_and_falls_with_loss(loss: float, delay: float, narrow: bool) -> None:
    flag = np.array([narrow])
    mos = radio.mean_opinion_score(one(loss), one(delay), flag)
    assert 1.0 <= mos <= 4.5
    assert radio.mean_opinion_score(one(loss + 5), one(delay), flag) <= mos + 1e-9


def test_a_clean_wide_band_call_is_good_and_a_narrow_band_one_is_not() -> None:
    wide = radio.mean_opinion_score(one(0.0), one(120.0), np.array([False]))
    narrow = radio.mean_opinion_score(one(0.0), one(120.0), np.array([True]))
    assert wide > 4.2
    assert 2.7 < narrow < 3.5


def test_the_night_is_quiet_and_every_hour_of_the_week_has_traffic() -> None:
    profile = hourly_profile(168)
    assert profile.min() > 0
    assert profile[3] < 0.1 < profile[10]
    assert (profile[24:48] == profile[:24]).all()
    assert profile[5 * 24 + 10] < profile[10]


def test_random_times_stay_inside_and_follow_the_profile() -> None:
    profile = hourly_profile(48)
    times = random_times(4000, 0, 48 * 3600, profile, np.random.default_rng(3))
    assert times.min() >= 0
    assert times.max() < 48 * 3600
    hours = (times % 86400) // 3600
    assert (hours == 10).sum() > 5 * (hours == 3).sum()
