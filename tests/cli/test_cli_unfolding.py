"""What a simulated network tells by now, and the rest as its time comes: not early, not lost, not doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.commands.unfolding import Unfolding, period_end, unfold
from callcause.simulator.month import simulate_month

MIDNIGHT = datetime(2024, 3, 6, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=15, minutes=20)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network whose last day is on at NOW."""
    folder = tmp_path_factory.mktemp("unfolding")
    first = MIDNIGHT - timedelta(days=1)
    return simulate_month(folder, 12, 2, 20, 3, calm_days=1, first=first, recent=NOW)


@pytest.fixture
def network(made: Path, tmp_path: Path) -> Path:
    """A copy of its files."""
    place = tmp_path / "network"
    for path in (made / "network").rglob("*"):
        if path.is_file():
            goal = place / path.relative_to(made / "network")
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.write_bytes(path.read_bytes())
    return place


def _ids(folder: Path, stem: str) -> list[str]:
    tables = [pl.read_csv(path, infer_schema=False) for path in sorted(folder.rglob(f"{stem}*.csv"))]
    return [name for table in tables for name in table["id"].to_list()]


def _starts(folder: Path) -> pl.Series:
    calls = pl.concat(
        [pl.read_csv(path, infer_schema=False) for path in folder.rglob("call*.csv")], how="diagonal"
    )
    return calls["started_at"].str.to_datetime(time_zone="UTC")


def test_nothing_of_the_future_is_told(network: Path, tmp_path: Path) -> None:
    unfold(network, tmp_path / "later", NOW)
    assert all(ends <= NOW for p in network.rglob("A*") if (ends := period_end(p.name)) is not None)
    assert _starts(network).max() <= NOW
    samples = pl.concat([pl.read_parquet(p) for p in network.rglob("cell_kpi_[0-9]*.parquet")])
    known = samples["period_start"].dt.offset_by("1h").max()
    assert isinstance(known, datetime)
    assert known <= NOW
    alarms = pl.read_csv(network / "events/alarm.csv", infer_schema=False)
    for name in ("raised_at", "cleared_at"):
        told = alarms[name].str.to_datetime(time_zone="UTC").drop_nulls()
        assert told.is_empty() or told.max() <= NOW, name


def test_in_the_end_everything_was_told_once(made: Path, network: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    found = unfold(network, tmp_path / "later", NOW)
    assert found.left > 0
    for hours in range(1, 40):
        found.due(NOW + timedelta(hours=hours), inbox)
    assert found.left == 0
    assert not list((tmp_path / "later").rglob("A*"))
    files = [p.name for p in (made / "network").rglob("A*")]
    told = [p.name for p in network.rglob("A*")]
    told += [p.name.partition("-")[2] for p in inbox.iterdir() if period_end(p.name.partition("-")[2])]
    assert sorted(told) == sorted(files)
    for kind in ("call", "registration"):
        assert sorted(_ids(network, kind) + _ids(inbox, kind)) == sorted(_ids(made / "network", kind))
    assert set(_ids(network, "alarm") + _ids(inbox, "alarm")) == set(_ids(made / "network", "alarm"))


def test_an_alarm_is_told_when_it_is_raised_and_again_when_it_is_cleared(tmp_path: Path) -> None:
    network, inbox = tmp_path / "network", tmp_path / "in"
    network.mkdir()
    inbox.mkdir()
    rows = {
        "id": ["AL-1", "AL-2"],
        "raised_at": [(NOW + timedelta(hours=h)).isoformat() for h in (-1, 1)],
        "cleared_at": [(NOW + timedelta(hours=h)).isoformat() for h in (1, 3)],
    }
    pl.DataFrame(rows).write_csv(network / "alarm.csv")
    found = unfold(network, tmp_path / "later", NOW)
    assert pl.read_csv(network / "alarm.csv", infer_schema=False).rows() == [
        ("AL-1", rows["raised_at"][0], None)
    ]
    told = []
    for hours in (0, 2, 4):
        for path in found.due(NOW + timedelta(hours=hours), inbox):
            told += [(row[0], row[2] is not None) for row in pl.read_csv(path, infer_schema=False).rows()]
    assert sorted(told) == [("AL-1", True), ("AL-2", False), ("AL-2", True)]


def test_a_file_comes_whole_and_with_its_periods(network: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    inbox.mkdir()
    found = unfold(network, tmp_path / "later", NOW)
    sizes = {path.name: path.stat().st_size for _, path in found.files}
    come = [p for p in found.due(NOW + timedelta(minutes=30), inbox) if p.name.partition("-")[2] in sizes]
    assert come, "a quarter of an hour has passed twice"
    for path in come:
        assert path.stat().st_size == sizes[path.name.partition("-")[2]]
    assert not list(inbox.parent.glob("part*")), "nothing half-written is left"
    assert found.due(NOW + timedelta(minutes=30), inbox) == []


def test_nothing_is_due_of_nothing(tmp_path: Path) -> None:
    assert Unfolding().due(NOW, tmp_path) == []
    assert Unfolding().left == 0


@settings(max_examples=60, deadline=None)
@given(
    begin=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    minutes=st.sampled_from([15, 60, 360]),
    hours=st.integers(-11, 12),
)
def test_the_name_of_a_pm_file_tells_when_its_periods_end(begin: datetime, minutes: int, hours: int) -> None:
    zone = f"{'-' if hours < 0 else '+'}{abs(hours):02d}00"
    end = begin + timedelta(minutes=minutes)
    found = period_end(f"A{begin:%Y%m%d.%H%M}{zone}-{end:%H%M}{zone}_OMC-VendorA.xml.gz")
    assert found == (end - timedelta(hours=hours)).replace(second=0, microsecond=0, tzinfo=UTC)


@pytest.mark.parametrize("name", ["call.csv", "alarm.csv", "A20240306.xml", "cell_kpi_01.parquet"])
def test_other_files_have_no_period(name: str) -> None:
    assert period_end(name) is None
