"""Clocks and working calendars: pauses, midnight, holidays, daylight saving, rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcause.loop.clock import ClockLimits, ClockRule, Pause, limits_for, read_clock
from callcause.loop.severity import Standing, level_of_channel, major_rules, priority, severity
from callcause.loop.worktime import Shift, WorkCalendar

ALWAYS = WorkCalendar()
OFFICE = WorkCalendar(shifts=(Shift(days=("mon", "tue", "wed", "thu", "fri"), start=time(9), end=time(18)),))
NIGHT = WorkCalendar(shifts=(Shift(start=time(22), end=time(6)),))
BERLIN = WorkCalendar(zone="Europe/Berlin", shifts=(Shift(start=time(0), end=time(6)),))
START = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)  # a Wednesday, 09:00 in Shanghai


def hours(value: float) -> timedelta:
    return timedelta(hours=value)


def test_without_shifts_every_second_counts() -> None:
    assert ALWAYS.working_s(START, START + hours(30)) == 30 * 3600
    assert ALWAYS.after(START, 3600) == START + hours(1)


def test_working_hours_end_in_the_evening_and_go_on_next_morning() -> None:
    assert OFFICE.working_s(START, START + hours(24)) == 9 * 3600
    assert OFFICE.after(START, 10 * 3600) == START + hours(25)


def test_a_weekend_and_a_holiday_do_not_count() -> None:
    friday = datetime(2026, 3, 13, 9, 0, tzinfo=UTC)  # 17:00 in Shanghai
    assert OFFICE.after(friday, 2 * 3600) == datetime(2026, 3, 16, 2, 0, tzinfo=UTC)
    closed = OFFICE.model_copy(update={"holidays": (date(2026, 3, 16),)})
    assert closed.after(friday, 2 * 3600) == datetime(2026, 3, 17, 2, 0, tzinfo=UTC)


def test_a_shift_over_midnight_is_one_shift() -> None:
    ten = datetime(2026, 3, 11, 22, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert NIGHT.working_s(ten, ten + hours(12)) == 8 * 3600
    assert NIGHT.working_s(ten + hours(3), ten + hours(4)) == 3600


@pytest.mark.parametrize(
    ("day", "length_h"), [(date(2026, 3, 29), 5), (date(2026, 10, 25), 7), (date(2026, 3, 28), 6)]
)
def test_a_night_of_daylight_saving_has_its_true_length(day: date, length_h: int) -> None:
    begin = datetime.combine(day, time(0), ZoneInfo("Europe/Berlin")).astimezone(UTC)
    assert BERLIN.working_s(begin, begin + hours(12)) == length_h * 3600


MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(
    lambda t: t.replace(tzinfo=UTC, microsecond=0)
)
CALENDARS = st.sampled_from([ALWAYS, OFFICE, NIGHT, BERLIN])


@given(CALENDARS, MOMENTS, st.integers(0, 200_000))
def test_the_due_time_is_where_exactly_that_much_work_has_passed(
    calendar: WorkCalendar, start: datetime, wanted_s: int
) -> None:
    assert calendar.working_s(start, calendar.after(start, wanted_s)) == pytest.approx(wanted_s)


@given(CALENDARS, MOMENTS, st.integers(0, 500_000), st.integers(0, 500_000))
def test_working_time_adds_up_over_any_cut(
    calendar: WorkCalendar, start: datetime, first: int, second: int
) -> None:
    cut, end = start + timedelta(seconds=first), start + timedelta(seconds=first + second)
    whole = calendar.working_s(start, end)
    assert calendar.working_s(start, cut) + calendar.working_s(cut, end) == pytest.approx(whole)


def test_a_pause_is_taken_off_and_moves_the_due_time() -> None:
    clock = read_clock(
        "reply", START, None, START + hours(5), 4 * 3600, [Pause(START + hours(1), START + hours(3))], ALWAYS
    )
    assert clock.elapsed_s == 3 * 3600
    assert clock.due_at == START + hours(6)
    assert not clock.late


def test_overlapping_pauses_are_taken_off_once() -> None:
    pauses = [Pause(START + hours(1), START + hours(3)), Pause(START + hours(2), START + hours(4))]
    assert read_clock("reply", START, None, START + hours(5), 1, pauses, ALWAYS).elapsed_s == 2 * 3600


def test_a_paused_clock_has_no_due_time_and_stands_still() -> None:
    pauses = [Pause(START + hours(1))]
    first = read_clock("reply", START, None, START + hours(2), 3600, pauses, ALWAYS)
    later = read_clock("reply", START, None, START + hours(9), 3600, pauses, ALWAYS)
    assert first.due_at is None
    assert first.elapsed_s == later.elapsed_s == 3600


def test_a_stopped_clock_stays_where_it_was() -> None:
    clock = read_clock("entry", START, START + hours(1), START + hours(99), 900, [], ALWAYS)
    assert clock.elapsed_s == 3600
    assert clock.late


def test_a_start_in_the_future_of_a_skewed_clock_counts_as_nothing() -> None:
    clock = read_clock("entry", START + hours(1), None, START, 900, [], ALWAYS)
    assert clock.elapsed_s == 0
    assert not clock.late


def test_the_defaults_are_those_of_the_documents() -> None:
    found = limits_for([], "drop", "normal", "0871")
    assert (found["entry"], found["entry_hard"]) == (900, 43_200)
    assert (found["reply"], found["handling"]) == (48 * 3600, 3 * 3600)


def test_the_most_specific_rule_wins_clock_by_clock() -> None:
    rules = [
        ClockRule(region="0871", severity="major", limits=ClockLimits(reply_s=10)),
        ClockRule(region="0871", limits=ClockLimits(reply_s=20, entry_s=30)),
        ClockRule(category="mos", limits=ClockLimits(reply_s=40)),
    ]
    found = limits_for(rules, "mos", "major", "0871")
    assert (found["reply"], found["entry"]) == (10, 30)
    assert limits_for(rules, "mos", "normal", "0872")["reply"] == 40
    assert limits_for(rules, "drop", "normal", "0872")["reply"] == 48 * 3600


@pytest.mark.parametrize(
    ("given_", "rules", "wanted"),
    [
        (Standing(), (), "P3"),
        (Standing(serious=True), (1,), "P1"),
        (Standing(times_handled=3), (2,), "P1"),
        (Standing(disturbs=True), (2,), "P1"),
        (Standing(joint_count=3), (3,), "P1"),
        (Standing(joint_count=2), (), "P3"),
        (Standing(level=2), (), "P1"),
        (Standing(level=1), (), "P2"),
        (Standing(repeat=True), (), "P2"),
        (Standing(in_cluster=True), (), "P2"),
    ],
)
def test_severity_follows_the_three_rules_and_priority_the_levels(
    given_: Standing, rules: tuple[int, ...], wanted: str
) -> None:
    assert major_rules(given_) == rules
    assert severity(given_) == ("major" if rules else "normal")
    assert priority(given_) == wanted


def test_the_channel_tells_the_escalation_level() -> None:
    channels = ("hotline_10086", "supervision_10080", "group_supervision_4001110086", "regulator_12300", None)
    assert [level_of_channel(channel) for channel in channels] == [0, 1, 1, 2, 0]


def test_an_unknown_zone_or_day_is_refused() -> None:
    with pytest.raises(ValueError, match="no such time zone"):
        WorkCalendar(zone="Mars/Olympus")
    with pytest.raises(ValueError, match="no such day"):
        Shift(days=("monday",))
