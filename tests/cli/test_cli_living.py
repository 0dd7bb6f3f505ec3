"""The living demo: a network that stands in its day now, worked on by people, and goes on."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.commands import living
from callcause.commands.unfolding import Unfolding
from callcause.configuration import load_configuration
from callcause.rehearsal.actor import Deed
from callcause.rehearsal.moment import SharedMoment
from callcause.rehearsal.month import read_month
from callcause.rehearsal.shift import Attached, Shift
from callcause_error import CallcauseError, UsageError

NOW = datetime(2024, 3, 11, 9, 30, tzinfo=UTC)
PATIENCE_S = 60.0


@settings(max_examples=50, deadline=None)
@given(now=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_it_is_afternoon_in_the_demo_whenever_it_is_begun(now: datetime) -> None:
    midnight = living.midnight_before(now)
    assert (midnight.hour, midnight.minute) == (0, 0)
    assert timedelta(0) <= now - midnight - timedelta(hours=living.HOUR_OF_DAY) < timedelta(hours=1)
    offset = midnight.utcoffset()
    assert offset is not None
    assert timedelta(hours=-12) <= offset < timedelta(hours=12)


def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(UsageError, match="no earlier demo"):
        living.prepare(tmp_path, 0, NOW)
    assert (tmp_path / "mine").read_text() == "precious"


def test_the_configuration_of_the_demo_is_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "vault.key").write_text("ab" * 32)
    path = tmp_path / "callcause.toml"
    path.write_text(living._configuration(tmp_path, 8571))
    found = load_configuration(path)
    assert (found.service.port, found.service.loopback, found.vault.enabled) == (8571, True, True)
    assert [kind for kind, _ in found.collect.sources()] == ["folder"]


def _stopping() -> Any:
    return SimpleNamespace(stopping=asyncio.Event())


def test_a_round_that_fails_is_told_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[int] = []

    async def do() -> bool:
        rounds.append(1)
        if len(rounds) == 1:
            raise CallcauseError("the disk is full")
        return len(rounds) == 3

    asyncio.run(asyncio.wait_for(living._every(_stopping(), 0.0, do), PATIENCE_S))
    assert len(rounds) == 3
    assert "the disk is full" in caplog.text


def test_it_ends_with_the_service(tmp_path: Path) -> None:
    async def run() -> None:
        service = _stopping()

        async def do() -> bool:
            service.stopping.set()
            return False

        await asyncio.wait_for(living._every(service, 3600.0, do), PATIENCE_S)

    asyncio.run(run())


def test_writing_is_over_when_nothing_is_left(tmp_path: Path) -> None:
    later = tmp_path / "later/VendorA/A20240311.0000+0000-0015+0000_X.xml"
    later.parent.mkdir(parents=True)
    later.write_text("<x/>")
    (tmp_path / "in").mkdir()
    to_come = Unfolding([(datetime.now(UTC) - timedelta(minutes=1), later)])
    demo = living.Demo(tmp_path, tmp_path / "c.toml", tmp_path / "in", to_come, SimpleNamespace())
    assert asyncio.run(living._write(demo))
    assert [path.name for path in (tmp_path / "in").iterdir()] == [
        "VendorA-A20240311.0000+0000-0015+0000_X.xml"
    ]


def test_what_somebody_else_did_with_a_ticket_is_left_to_them(tmp_path: Path) -> None:
    month = _month(tmp_path)
    shift = Shift(_Refusing(), month, {}, timedelta(hours=1), 1, NOW)
    one = SimpleNamespace(ticket="T-1", deed=lambda life, now: Deed("steps", {"to": "accepted"}))
    shift._act(one, NOW)
    assert not shift._due, "nobody comes back to it"


def test_engineers_have_not_seen_what_just_came(tmp_path: Path) -> None:
    looked: list[str] = []

    class Service(_Refusing):
        def get(self, path: str, role: str = "viewer", **query: Any) -> Any:
            looked.append(path)
            return {"clusters": [], "warnings": []}

    shift = Shift(Service(), _month(tmp_path), {}, timedelta(hours=1), 1, NOW)
    shift._engineers(NOW)
    assert looked == []
    shift._engineers(NOW - timedelta(minutes=1))
    assert looked == ["/clusters", "/warnings"]


def test_an_attached_service_is_asked_without_a_token(tmp_path: Path) -> None:
    attached = Attached(tmp_path, SharedMoment(tmp_path / "moment"), "http://127.0.0.1:9")
    assert attached._client is not None
    assert "authorization" not in attached._client.headers
    attached.close()


class _Refusing:
    """A service that has the ticket in another state than its people think."""

    def get(self, path: str, role: str = "viewer", **query: Any) -> Any:
        return {"state": "closed", "version": 7}

    def answer(self, method: str, path: str, role: str, body: Any = None, **query: Any) -> Any:
        return SimpleNamespace(status_code=409, text="closed may not become accepted")


def _month(folder: Path) -> Any:
    (folder / "network").mkdir()
    tables = {
        "tickets.csv": "id,received_at,entered_at\n",
        "truth.csv": "ticket_id,cause_id,mass_id,remedied_at,effect,satisfaction,escalates_to,repeat_of\n",
        "history.csv": "type,region,day,n,alarmed\n", "surges.csv": "type,region,day,surge\n",
        "mass_incidents.csv": "mass_id,kind\n", "customers.csv": "month,region,customers\n",
    }  # fmt: skip
    for name, text in tables.items():
        (folder / name).write_text(text)
    about = {"begin": NOW.isoformat(), "end": NOW.isoformat(), "zone": "Asia/Shanghai"}
    (folder / "month.json").write_text(json.dumps(about))
    return read_month(folder)
