"""Increases between readings: wraps, restarts, new instances."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.readings.column import Column, Kind, Reading, SampleRule
from collectors.readings.memory import Change, CounterMemory

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def change(
    kind: Kind,
    before: dict[str, float],
    now: dict[str, float],
    *,
    restarted: bool = False,
    from_zero: bool = False,
    new_is_zero: bool = False,
) -> Change:
    memory = CounterMemory({"c": SampleRule(kind, new_is_zero=new_is_zero)}, from_zero=from_zero)
    memory.advance(Reading(START, {"c": Column.of(tuple(before), list(before.values()), kind)}))
    column = Column.of(tuple(now), list(now.values()), kind)
    advance = memory.advance(Reading(START + timedelta(seconds=60), {"c": column}), restarted)
    assert advance is not None
    return advance.changes["c"]


@pytest.mark.parametrize(
    ("kind", "before", "now", "increase"),
    [
        (Kind.COUNTER32, 2**32 - 10, 5, 15),
        (Kind.COUNTER64, 2**64 - 10, 5, 15),
        (Kind.COUNTER64, 2**60 + 1, 2**60 + 4, 3),
        (Kind.COUNTER32, 100, 130, 30),
        (Kind.COUNTER, 1.5, 4.0, 2.5),
    ],
)
def test_a_counter_that_grew_or_wrapped_has_its_exact_increase(
    kind: Kind, before: float, now: float, increase: float
) -> None:
    found = change(kind, {"": before}, {"": now})
    assert found.increase.tolist() == [increase]
    assert not found.reset.any()


@pytest.mark.parametrize("kind", [Kind.COUNTER32, Kind.COUNTER64, Kind.COUNTER])
def test_a_fall_that_can_be_no_wrap_is_a_reset_and_no_huge_increase(kind: Kind) -> None:
    found = change(kind, {"": 500}, {"": 3})
    assert found.reset.all()
    assert math.isnan(found.increase[0])


def test_where_counters_begin_at_zero_the_new_value_was_counted_since_the_restart() -> None:
    assert change(Kind.COUNTER, {"": 500}, {"": 3}, from_zero=True).increase.tolist() == [3]


def test_after_a_restart_even_a_larger_value_is_no_difference() -> None:
    assert change(Kind.COUNTER, {"": 5}, {"": 9}, restarted=True, from_zero=True).increase.tolist() == [9]
    assert math.isnan(change(Kind.COUNTER32, {"": 5}, {"": 9}, restarted=True).increase[0])


def test_instances_are_compared_by_name_whatever_their_order() -> None:
    found = change(Kind.COUNTER32, {"a": 1, "b": 10}, {"b": 12, "a": 2})
    assert found.increase.tolist() == [2, 1]


def test_a_new_instance_has_no_increase_unless_the_source_starts_it_at_zero() -> None:
    assert math.isnan(change(Kind.COUNTER, {"a": 1}, {"a": 1, "b": 7}).increase[1])
    assert change(Kind.COUNTER, {"a": 1}, {"a": 1, "b": 7}, new_is_zero=True).increase[1] == 7


def test_a_gauge_has_a_value_and_no_increase() -> None:
    found = change(Kind.GAUGE, {"": 7}, {"": 3})
    assert math.isnan(found.increase[0])
    assert not found.reset.any()


def test_a_reading_that_is_not_later_is_left_out() -> None:
    memory = CounterMemory({"c": SampleRule(Kind.COUNTER)})
    reading = Reading(START, {"c": Column.of(("",), [1], Kind.COUNTER)})
    assert memory.advance(reading) is None
    assert memory.advance(reading) is None
    assert memory.last is reading


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_a_wrapping_counter_adds_up_to_what_was_counted(steps: list[int], start: int) -> None:
    memory = CounterMemory({"c": SampleRule(Kind.COUNTER32)}, from_zero=False)
    total, value, at = 0.0, start, START
    memory.advance(Reading(at, {"c": Column.of(("",), [value], Kind.COUNTER32)}))
    for step in steps:
        value, at = (value + step) % 2**32, at + timedelta(seconds=10)
        advance = memory.advance(Reading(at, {"c": Column.of(("",), [value], Kind.COUNTER32)}))
        assert advance is not None
        total += float(advance.changes["c"].increase[0])
    assert total == sum(steps)
