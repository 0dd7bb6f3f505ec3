"""The living demo: a network that ends now, whose last complaints come in one by one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.commands import living
from callcause.configuration import load_configuration
from callcause_error import UsageError
from collectors.records import Pseudonymiser
from collectors.records.pipeline import load_records

ROWS = [
    {
        "id": f"T-{n}",
        "received_at": f"2024-03-11T{hour:02d}:30:00+08:00",
        "entered_at": "",
        "msisdn": "8613800000001",
        "occurred_at": "2024-03-11T08:00:00+08:00",
        "description": "the call was cut",
    }
    for n, hour in enumerate((11, 9, 10))
]


@settings(max_examples=50, deadline=None)
@given(
    now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    days=st.integers(2, 9),
)
def test_the_days_of_a_demo_begin_at_a_midnight_and_end_with_the_present_hour(
    now: datetime, days: int
) -> None:
    period = living.period_until(now, days)
    assert (period.start.hour, period.start.minute) == (0, 0)
    end = period.instant(period.seconds)
    assert timedelta(0) <= now - end < timedelta(hours=1)
    offset = period.start.utcoffset()
    assert offset is not None
    assert timedelta(hours=-12) < offset <= timedelta(hours=12)


def test_the_earliest_complaints_are_there_and_the_later_are_still_to_come() -> None:
    first, to_come = living.parted(ROWS, 2)
    assert [row["id"] for row in first] == ["T-1", "T-2"]
    assert [row["id"] for row in to_come] == ["T-0"]


def test_complaints_come_in_one_by_one_received_in_that_moment(tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    began = datetime.now(UTC).replace(microsecond=0)
    asyncio.run(living.feed(living.Demo(tmp_path / "c.toml", inbox, ROWS), between_s=0.0))
    files = sorted(inbox.iterdir())
    assert [file.name for file in files] == ["tickets-T-0.csv", "tickets-T-1.csv", "tickets-T-2.csv"]
    for file in files:
        (row,) = living.read(file)
        assert began <= datetime.fromisoformat(row["received_at"]) <= datetime.now(UTC)
        loaded = load_records(file, zone="UTC", pseudonymiser=Pseudonymiser(b"k" * 32), country_code="86")
        assert (loaded.kind, loaded.good.height) == ("ticket", 1)


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UsageError, match="no earlier demo"):
        living.prepare(tmp_path, 0, datetime.now(UTC))
    assert (tmp_path / "mine").read_text() == "precious"


def test_the_configuration_of_the_demo_is_a_good_one(tmp_path: Path) -> None:
    path = tmp_path / "callcause.toml"
    path.write_text(living._configuration(tmp_path, 8571))
    found = load_configuration(path)
    assert (found.service.port, found.service.loopback) == (8571, True)
    assert [kind for kind, _ in found.collect.sources()] == ["folder"]
