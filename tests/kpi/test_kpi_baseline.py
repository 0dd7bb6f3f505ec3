"""Baselines against a plain Python implementation, and the z of readings."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi.baseline import (
    Floats,
    baseline,
    baseline_columns,
    history_positions,
    robust_z,
    z_floor,
)
from collectors.kpi.catalogue import load_catalogue

CATALOGUE = load_catalogue()
DROPS = CATALOGUE.kpi("erab_drop_ratio_qci1_cell")
START = datetime(2024, 2, 5, tzinfo=UTC)
KPI = "prb_utilisation"


def hourly(values: dict[tuple[str, int], float | None]) -> pl.DataFrame:
    """Rows of (entity, hours after the start) with one KPI."""
    return pl.DataFrame(
        {
            "entity": [entity for entity, _ in values],
            "period_start": [START + timedelta(hours=hour) for _, hour in values],
            KPI: pl.Series(list(values.values()), dtype=pl.Float64),
        }
    )


def naive(
    values: dict[tuple[str, int], float | None], entity: str, hour: int, weeks: int
) -> tuple[float, float, int]:
    """Median, MAD and number of values, one after the other as a textbook has it."""
    history = [values.get((entity, hour - 168 * week)) for week in range(1, weeks + 1)]
    known = [x for x in history if x is not None and math.isfinite(x)]
    if not known:
        return math.nan, math.nan, 0
    middle = statistics.median(known)
    return middle, statistics.median(abs(x - middle) for x in known), len(known)


def test_the_baseline_is_the_median_of_the_same_hour_of_the_last_four_weeks() -> None:
    values = {("c", 168 * week + 5): float(v) for week, v in enumerate((90, 10, 20, 30, 40, 77))}
    values |= {("c", 168 * week + 6): 1000.0 for week in range(6)}
    got = baseline_columns(hourly(values), [KPI]).filter(
        pl.col("period_start") == START + timedelta(hours=845)
    )
    row = got.row(0, named=True)
    assert (row[f"{KPI}__base"], row[f"{KPI}__mad"], row[f"{KPI}__base_n"]) == (25.0, 10.0, 4)


def test_a_short_history_says_how_short_it_is() -> None:
    values = {("c", 168 * week): float(10 + week) for week in range(3)}
    got = baseline_columns(hourly(values), [KPI]).sort("period_start")
    assert got[f"{KPI}__base_n"].to_list() == [0, 1, 2]
    assert got[f"{KPI}__base"].to_list() == [None, 10.0, 10.5]
    assert got[f"{KPI}__mad"].to_list() == [None, 0.0, 0.5]


def test_the_reading_itself_and_the_future_never_enter() -> None:
    values: dict[tuple[str, int], float | None] = {("c", 168 * week): 10.0 for week in range(5)}
    changed = {**values, ("c", 168 * 3): 1e6, ("c", 168 * 4): 1e6}
    both = [baseline_columns(hourly(v), [KPI]).filter(pl.col("period_start") == START + timedelta(hours=504))
            for v in (values, changed)]  # fmt: skip
    assert both[0][f"{KPI}__base"].item() == both[1][f"{KPI}__base"].item() == 10.0


def test_missing_and_suspect_values_stay_out() -> None:
    values: dict[tuple[str, int], float | None] = {
        ("c", 168 * w): v for w, v in enumerate((8.0, None, math.nan, 12.0))
    }
    values["c", 168 * 4] = 50.0
    got = baseline_columns(hourly(values), [KPI])
    assert got.row(-1, named=True)[f"{KPI}__base"] == 10.0
    assert got.row(-1, named=True)[f"{KPI}__base_n"] == 2


def test_another_cell_is_no_history() -> None:
    got = baseline_columns(hourly({("a", 0): 5.0, ("b", 168): 7.0}), [KPI])
    assert got[f"{KPI}__base_n"].to_list() == [0, 0]


def test_readings_may_stand_apart_from_the_history() -> None:
    history = hourly({("c", 168 * week): float(week) for week in range(4)})
    readings = hourly({("c", 168 * 4): None, ("x", 168 * 4): None, ("c", 10**6): None})
    got = baseline_columns(history, [KPI], readings=readings)
    assert got[f"{KPI}__base"].to_list() == [1.5, None, None]
    assert baseline_columns(history.clear(), [KPI], readings=readings)[f"{KPI}__base_n"].to_list() == [
        0,
        0,
        0,
    ]
    assert baseline_columns(history, [KPI], readings=readings.clear()).is_empty()


def test_rows_of_any_order_give_the_same_baseline() -> None:
    values: dict[tuple[str, int], float | None] = {
        (entity, 168 * week + hour): float(hash((week, hour)) % 97)
        for entity in "ab" for week in range(5) for hour in range(3)
    }  # fmt: skip
    frame = hourly(values)
    mixed = frame.sample(fraction=1.0, shuffle=True, seed=3)
    keys = ["entity", "period_start"]
    assert baseline_columns(mixed, [KPI]).sort(keys).equals(baseline_columns(frame, [KPI]).sort(keys))


value = st.one_of(st.none(), st.floats(-200, 200), st.sampled_from([0.0, 1.0, math.inf, math.nan]))


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.integers(0, 6).map(lambda week: 168 * week + 3)),
        value,
        min_size=1,
    ),
    st.integers(1, 6),
)
def test_the_kernel_agrees_with_plain_python(values: dict[tuple[str, int], float | None], weeks: int) -> None:
    got = baseline_columns(hourly(values), [KPI], weeks)
    for (entity, hour), row in zip(values, got.iter_rows(named=True), strict=True):
        median, mad, count = naive(values, entity, hour, weeks)
        assert row[f"{KPI}__base_n"] == count
        if count:
            assert row[f"{KPI}__base"] == pytest.approx(median)
            assert row[f"{KPI}__mad"] == pytest.approx(mad)
        else:
            assert row[f"{KPI}__base"] is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), min_size=1, max_size=8))
def test_median_and_mad_agree_with_numpy_for_any_number_of_values(groups: list[list[float]]) -> None:
    flat = np.array([x for group in groups for x in group])
    positions = np.full((len(groups), 9), -1, np.int64)
    start = 0
    for i, group in enumerate(groups):
        positions[i, : len(group)] = np.arange(start, start + len(group))
        start += len(group)
    got = baseline(flat, positions)
    for i, group in enumerate(groups):
        assert got.samples[i] == len(group)
        assert got.median[i] == pytest.approx(np.median(group))
        assert got.mad[i] == pytest.approx(np.median(np.abs(group - np.median(group))))


def test_history_positions_name_rows_by_week() -> None:
    entity, hour = np.array([7, 7, 8]), np.array([1000, 832, 832])
    got = history_positions(entity, hour, np.array([7, 8]), np.array([1168, 1000]), weeks=2)
    assert got.tolist() == [[0, 1], [2, -1]]


def floats(*values: float) -> Floats:
    return np.array(values, np.float64)


def test_z_is_the_distance_in_robust_standard_deviations() -> None:
    z = robust_z(
        floats(5.0, 5.0, math.nan), floats(1.0, 1.0, 1.0), floats(2.0, 0.0, 1.0), floats(0.5, 0.5, 0.5)
    )
    assert z[:2].tolist() == pytest.approx([4 / (1.4826 * 2), 8.0])
    assert math.isnan(z[2])


def test_the_floor_of_a_ratio_is_its_binomial_error() -> None:
    few, many = z_floor(DROPS, floats(1.0, 1.0), floats(100, 10000))
    assert few == pytest.approx(100 * math.sqrt((2 / 102) * (100 / 102) / 100))
    assert many == pytest.approx(0.1, abs=0.001)


def test_a_ratio_of_zero_or_hundred_has_an_error_too() -> None:
    floor = z_floor(DROPS, floats(0.0, 100.0), floats(100, 100))
    assert floor[0] == pytest.approx(floor[1])
    assert floor[0] > 0.5


def test_one_drop_of_a_hundred_calls_is_no_outlier_and_twenty_are() -> None:
    floor = z_floor(DROPS, floats(0.0, 0.0), floats(100, 100))
    one, twenty = robust_z(floats(1.0, 20.0), floats(0.0, 0.0), floats(0.0, 0.0), floor)
    assert one < 3 < twenty


def test_unknown_samples_leave_the_relative_floor() -> None:
    unknown = floats(math.nan, math.nan)
    assert z_floor(DROPS, floats(20.0, 96.0), unknown).tolist() == pytest.approx([1.0, 0.2])


@pytest.mark.parametrize(
    ("kpi_id", "median", "samples", "floor"),
    [
        ("rsrp_mean", -105.0, math.nan, 0.5),
        ("rrc_connected_max", 200.0, math.nan, 10.0),
        ("handover_failures_late_early_wrong_cell", 25.0, math.nan, 5.0),
        ("handover_failures_late_early_wrong_cell", 0.0, math.nan, 1.0),
        ("erab_retainability_qci1", 4.0, 3600.0, 2.0),
        ("pdcp_delay_dl_qci1", 80.0, 5000.0, 4.0),
    ],
)
def test_each_kind_of_kpi_has_its_own_floor(kpi_id: str, median: float, samples: float, floor: float) -> None:
    assert z_floor(CATALOGUE.kpi(kpi_id), floats(median), floats(samples))[0] == pytest.approx(floor)


def test_a_missing_history_has_no_z_whatever_the_kind() -> None:
    for kpi in CATALOGUE.kpis:
        floor = z_floor(kpi, floats(math.nan), floats(100))
        assert math.isnan(robust_z(floats(1.0), floats(math.nan), floats(math.nan), floor)[0]), kpi.id
