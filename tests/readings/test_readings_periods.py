"""Whole periods out of readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.readings.column import Column, Kind, Reading, SampleRule
from collectors.readings.memory import CounterMemory
from collectors.readings.periods import ClosedPeriod, PeriodSums

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
RULES = {"c": SampleRule(Kind.COUNTER), "g": SampleRule(Kind.GAUGE, "mean")}


def closed(looks: list[tuple[float, float, float]], gap_s: float = 120) -> list[ClosedPeriod]:
    """Periods that end over looks of (seconds after the start, counter, gauge)."""
    memory, sums, found = CounterMemory(RULES), PeriodSums(RULES, 300, gap_s), []
    for at_s, counter, gauge in looks:
        columns = {
            "c": Column.of(("",), [counter], Kind.COUNTER),
            "g": Column.of(("a", "b"), [gauge, gauge + 2], Kind.GAUGE),
        }
        advance = memory.advance(Reading(START + timedelta(seconds=at_s), columns))
        found += sums.add(advance) if advance else []
    return found


def test_a_period_sums_counters_and_means_gauges() -> None:
    periods = closed([(60 * i, 10 * i, i) for i in range(7)])
    assert [(p.start, p.whole) for p in periods] == [(START, True)]
    assert periods[0].totals == {"c": 50, "g": 4}


def test_readings_that_straddle_the_edge_lose_nothing() -> None:
    periods = closed([(45 * i + 20, i, 0) for i in range(30)])
    assert [p.whole for p in periods[1:]] == [True] * (len(periods) - 1)
    assert sum(p.totals["c"] for p in periods) <= 29


def test_a_long_gap_breaks_the_periods_that_it_touches() -> None:
    looks = [(60.0 * i, float(i), 0.0) for i in range(25) if not 3 < i < 7]
    assert [p.whole for p in closed(looks)] == [False, False, True, True]


def test_a_short_gap_is_bridged_by_the_counter() -> None:
    looks = [(60.0 * i, float(i), 0.0) for i in range(12) if i != 2]
    periods = closed(looks)
    assert periods[0].whole
    assert periods[0].totals["c"] == 5


def test_the_first_part_of_a_period_alone_is_not_whole() -> None:
    assert not closed([(200 + 60 * i, i, 0) for i in range(5)])[0].whole


def test_a_sample_that_was_missing_once_has_no_total() -> None:
    memory, sums, found = CounterMemory(RULES), PeriodSums(RULES, 300, 120), []
    for i in range(7):
        columns = {"g": Column.of(("",), [1], Kind.GAUGE)}
        if i != 3:
            columns["c"] = Column.of(("",), [i], Kind.COUNTER)
        advance = memory.advance(Reading(START + timedelta(seconds=60 * i), columns))
        found += sums.add(advance) if advance else []
    assert found[0].totals == {"g": 1}


@given(st.integers(5, 70), st.integers(0, 299))
@settings(deadline=None, max_examples=40)
def test_whatever_the_pace_whole_periods_hold_what_was_counted(pace: int, offset: int) -> None:
    count = 1500 // pace
    periods = closed([(offset + pace * i, float(pace * i), 0.0) for i in range(count)])
    for period in periods[1:]:
        assert period.whole
        assert period.totals["c"] == pytest.approx(300, abs=pace)
