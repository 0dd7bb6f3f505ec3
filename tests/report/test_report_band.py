"""The band behind a KPI: of weeks where they are known, else of days, else none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.report.assembly import LEAST_DAYS, MAD_WIDTH, WEEKS, _band

DAY, WEEK = 24, 24 * 7


def test_two_weeks_make_a_band_of_the_same_hour_of_week() -> None:
    values = np.full(2 * WEEK + 1, np.nan)
    values[[0, WEEK]] = 10.0, 20.0
    values[2 * WEEK - DAY] = 500.0
    low, high = _band(values)
    assert (low[-1], high[-1]) == (15.0 - MAD_WIDTH * 5.0, 15.0 + MAD_WIDTH * 5.0)


def test_while_one_week_alone_is_known_the_days_before_make_the_band() -> None:
    values = np.full(WEEK + 1, np.nan)
    values[[0, WEEK - 3 * DAY, WEEK - 2 * DAY, WEEK - DAY]] = 90.0, 1.0, 2.0, 3.0
    low, high = _band(values)
    middle, spread = 2.5, np.median(np.abs(np.array([90.0, 1.0, 2.0, 3.0]) - 2.5))
    assert (low[-1], high[-1]) == (middle - MAD_WIDTH * spread, middle + MAD_WIDTH * spread)


def test_too_few_days_make_no_band() -> None:
    values = np.arange(DAY * LEAST_DAYS, dtype=float)
    low, high = _band(values)
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    low, _ = _band(np.arange(DAY * LEAST_DAYS + 1, dtype=float))
    assert np.isfinite(low).tolist() == [False] * (DAY * LEAST_DAYS) + [True]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, (WEEKS + 1) * WEEK), st.integers(0, 2**32 - 1))
def test_a_band_never_knows_the_future(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.random(count + 1)
    changed = values.copy()
    changed[-1] = 1e9
    for before, after in zip(_band(values), _band(changed), strict=True):
        assert np.array_equal(before, after, equal_nan=True)
        known = np.isfinite(before)
        assert not known[: DAY * LEAST_DAYS].any()


@pytest.mark.parametrize("hours", [1, DAY, WEEK])
def test_a_short_history_is_read(hours: int) -> None:
    low, high = _band(np.ones(hours))
    assert low.shape == high.shape == (hours,)
