"""A watched folder: whole files, nothing moved or deleted unless configured, periods that do not come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.errors import SourceError
from collectors.files.completeness import Completeness, FileRule
from collectors.files.folder import FolderCollector, FolderSettings
from collectors.sink import StoreSink
from collectors.store import Store

BEGIN = datetime(2026, 11, 22, 8, 45, tzinfo=UTC)
TICKETS = (
    "id,received_at,msisdn,occurred_at,description\n"
    "VT-1,2026-11-22T08:50:00Z,8613800000001,2026-11-22T08:40:00Z,call cut\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    return made


@pytest.fixture
def made(folder: Path, clock: Any) -> Callable[..., FolderCollector]:
    def make(**settings: Any) -> FolderCollector:
        watched = FolderCollector(FolderSettings(name="pm", folder=folder, **settings))
        watched.clock, watched.seconds = clock.wall, clock.seconds
        return watched

    return make


def test_a_file_is_taken_in_once_it_has_not_changed_for_a_while(
    made: Any, folder: Path, clock: Any, pm: Any, into_store: Callable[..., Path]
) -> None:
    path = folder / "A20261122.0845+0000-0900+0000_ENB1.xml"

    async def work(sink: StoreSink) -> None:
        watched = made()
        text = pm("ENB1", BEGIN)
        path.write_text(text[:300])
        assert await watched.collect(str(folder), sink) == {"waiting": 1}
        clock.pass_s(8)
        path.write_text(text)
        assert await watched.collect(str(folder), sink) == {"waiting": 1}
        clock.pass_s(8)
        assert await watched.collect(str(folder), sink) == {"waiting": 1}
        clock.pass_s(3)
        assert await watched.collect(str(folder), sink) == {"stored": 1}
        assert await watched.collect(str(folder), sink) == {"already": 1}
        await watched.close()

    with Store.open(into_store(work)) as store:
        assert store.counters().height == 1
    assert path.exists()


def test_tickets_in_the_folder_are_taken_in_too(
    made: Any, folder: Path, into_store: Callable[..., Path]
) -> None:
    (folder / "tickets.csv").write_text(TICKETS)

    async def work(sink: StoreSink) -> None:
        watched = made(files={"complete": "renamed"})
        assert await watched.collect(str(folder), sink) == {"stored": 1}
        await watched.close()

    with Store.open(into_store(work)) as store:
        assert store.records("ticket").collect()["id"].to_list() == ["VT-1"]


def test_with_a_marker_a_file_waits_for_it(
    made: Any, folder: Path, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        watched = made(files={"complete": "marker"})
        (folder / "tickets.csv").write_text(TICKETS)
        clock.pass_s(3600)
        assert await watched.collect(str(folder), sink) == {"waiting": 1}
        (folder / "tickets.csv.done").touch()
        assert await watched.collect(str(folder), sink) == {"stored": 1}
        await watched.close()

    into_store(work)


def test_files_on_their_way_are_no_files(made: Any, folder: Path, into_store: Callable[..., Path]) -> None:
    for name in (".hidden.xml", "a.xml.tmp", "a.xml.part"):
        (folder / name).write_text("x")

    async def work(sink: StoreSink) -> None:
        watched = made(files={"complete": "renamed"})
        assert await watched.collect(str(folder), sink) == {}
        await watched.close()

    into_store(work)


@pytest.mark.parametrize("do", ["keep", "delete", "move"])
def test_a_stored_file_is_left_deleted_or_moved_as_configured_and_a_bad_one_always_left(
    made: Any, folder: Path, tmp_path: Path, do: str, into_store: Callable[..., Path]
) -> None:
    (folder / "good.csv").write_text(TICKETS)
    (folder / "bad.bin").write_bytes(b"\0\1\2")
    moved = tmp_path / "moved"
    afterwards = {"do": do, **({"move_to": str(moved)} if do == "move" else {})}

    async def work(sink: StoreSink) -> None:
        watched = made(files={"complete": "renamed"}, afterwards=afterwards)
        counts = await watched.collect(str(folder), sink)
        assert counts == {"stored": 1, "quarantined": 1}
        await watched.close()

    into_store(work)
    assert (folder / "bad.bin").exists()
    assert (folder / "good.csv").exists() is (do == "keep")
    assert (moved / "good.csv").exists() is (do == "move")


def test_what_was_taken_in_is_remembered_over_a_restart(
    made: Any, folder: Path, tmp_path: Path, into_store: Callable[..., Path]
) -> None:
    (folder / "tickets.csv").write_text(TICKETS)

    async def work(sink: StoreSink) -> None:
        for expected in ({"stored": 1}, {"already": 1}):
            watched = made(files={"complete": "renamed"}, state=tmp_path / "state.sqlite")
            assert await watched.collect(str(folder), sink) == expected
            await watched.close()

    into_store(work)


def test_a_folder_that_is_not_there_is_named(
    made: Any, folder: Path, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        watched = made()
        folder.rmdir()
        with pytest.raises(SourceError, match="pm: the folder cannot be read"):
            await watched.collect(str(folder), sink)
        await watched.close()

    into_store(work)


def test_a_period_that_does_not_come_is_noticed_within_a_period_and_five_minutes(
    made: Any, folder: Path, clock: Any, pm: Any, into_store: Callable[..., Path]
) -> None:
    def deliver(element: str, begin: datetime) -> None:
        (folder / f"{element}_{begin:%H%M}.xml").write_text(pm(element, begin))

    noticed: list[tuple[datetime, int]] = []

    async def work(sink: StoreSink) -> None:
        watched = made(files={"complete": "renamed"})
        deliver("ENB1", BEGIN)
        deliver("ENB2", BEGIN)
        for minute in range(0, 75, 5):
            if minute == 20:
                deliver("ENB2", BEGIN + timedelta(minutes=15))
            if minute == 35:
                deliver("ENB2", BEGIN + timedelta(minutes=30))
            if minute == 50:
                deliver("ENB2", BEGIN + timedelta(minutes=45))
                deliver("ENB1", BEGIN + timedelta(minutes=45))
            counts = await watched.collect(str(folder), sink)
            if counts["periods_missing"]:
                noticed.append((clock.now, counts["periods_missing"]))
            clock.pass_s(300)
        deliver("ENB1", BEGIN + timedelta(minutes=15))
        assert (await watched.collect(str(folder), sink))["periods_late"] == 1
        found = {(m.element, m.start): m.arrived_at for m in watched.missing()}
        assert found[("ENB1", BEGIN + timedelta(minutes=15))] is not None
        assert found[("ENB1", BEGIN + timedelta(minutes=30))] is None
        early = {element for element, start in found if start < BEGIN + timedelta(minutes=45)}
        assert early == {"ENB1"}
        await watched.close()

    into_store(work)
    end_of_missing = BEGIN + timedelta(minutes=30)
    assert noticed[0][0] - end_of_missing <= timedelta(minutes=20)
    assert noticed[0][0] > end_of_missing


def test_an_element_that_never_delivered_is_missed_when_it_is_expected(
    made: Any, folder: Path, clock: Any, into_store: Callable[..., Path]
) -> None:
    async def work(sink: StoreSink) -> None:
        watched = made(expected={"elements": {"ENB9": 900}, "learn": False})
        assert (await watched.collect(str(folder), sink))["periods_missing"] == 0
        clock.pass_s(1800)
        assert (await watched.collect(str(folder), sink))["periods_missing"] == 1
        assert (await watched.collect(str(folder), sink))["periods_missing"] == 0
        await watched.close()

    into_store(work)


def test_a_period_that_does_not_divide_a_day_is_refused() -> None:
    with pytest.raises(ValueError, match="does not divide a day"):
        FolderSettings(name="pm", folder=Path(), expected={"elements": {"A": 700}})


def test_the_oldest_whole_files_come_first() -> None:
    stamps = {"b": (1, 5), "a": (1, 9), "c": (1, 5)}
    assert Completeness(FileRule(stable_s=0)).ready(stamps, stamps, 0) == ["b", "c", "a"]
