"""What period a file holds, told without reading it whole."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collectors.files.memory import FileMemory
from collectors.files.periods import Delivered, ExpectedPeriods, PeriodWatch, delivered

BEGIN = datetime(2026, 11, 22, 8, 45, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGIN + timedelta(minutes=minutes)


def file_of(element: str, minutes: int) -> Delivered:
    start = int(at(minutes).timestamp())
    return Delivered(element, start, start + 900)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("A20261122.0845+0000-0900+0000_ENB1.xml", "ENB1"),
        ("A20261122.0845+0800-20261122.0900+0800_-job7_ENB2.xml", "ENB2"),
        ("whatever.xml", "ENB7"),
    ],
)
def test_the_element_stands_in_a_standard_name_or_in_the_file(
    tmp_path: Path, pm: Callable[..., str], name: str, element: str
) -> None:
    path = tmp_path / name
    path.write_text(pm("ENB7", BEGIN))
    start = int(BEGIN.timestamp())
    assert delivered(path) == Delivered(element, start, start + 900)


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_octets_are_a_period_or_none(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "any.xml"
    path.write_bytes(octets)
    assert delivered(path) is None


def test_an_element_that_is_not_expected_is_not_missed() -> None:
    watch = PeriodWatch(ExpectedPeriods(learn=False), FileMemory(None, "pm"))
    watch.came([file_of("ENB1", 0)], at(20))
    assert watch.overdue(at(600)) == {}


def test_a_gap_behind_a_younger_period_is_noticed_at_once() -> None:
    watch = PeriodWatch(ExpectedPeriods(), FileMemory(None, "pm"))
    watch.came([file_of("ENB1", 0)], at(16))
    assert watch.came([file_of("ENB1", 45)], at(61)) == {"periods_missing": 2}
    assert [m.start for m in watch.missing()] == [at(15), at(30)]


def test_after_a_long_silence_only_so_many_periods_are_noticed() -> None:
    watch = PeriodWatch(ExpectedPeriods(), FileMemory(None, "pm"))
    watch.came([file_of("ENB1", 0)], at(16))
    assert 0 < watch.overdue(at(60 * 24 * 90))["periods_missing"] <= 1000


def test_what_was_missed_is_remembered_over_a_restart(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "state.sqlite", "pm")
    watch = PeriodWatch(ExpectedPeriods(), memory)
    watch.came([file_of("ENB1", 0)], at(16))
    assert watch.overdue(at(50)) == {"periods_missing": 1}
    memory.close()
    again = PeriodWatch(ExpectedPeriods(), FileMemory(tmp_path / "state.sqlite", "pm"))
    assert again.overdue(at(50)) == {}
    assert [m.element for m in again.missing()] == ["ENB1"]


def test_a_lateness_that_would_be_noticed_too_late_is_refused() -> None:
    with pytest.raises(ValueError, match="too late to be noticed"):
        ExpectedPeriods(elements={"A": 900}, lateness_s=1201)
