"""The sink of live collectors."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from collectors.errors import BadFile, ConfigError
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.secret import Secret
from collectors.sink import SinkSettings, StoreSink
from collectors.store import Store

CLEAR = "460001234567890"
ROWS = pl.DataFrame(
    {
        "id": ["DA-1", "DA-2"],
        "at": ["2026-11-22T01:00:00Z", "2026-11-22T01:00:01Z"],
        "interface": ["Cx", "Cx"],
        "command": ["MAR", "UAR"],
        "imsi": [CLEAR, None],
        "code": [3004, None],
        "source": ["hss_log", "hss_log"],
    }
)


def with_sink(root: Path, work: object, **settings: float) -> StoreSink:
    async def run() -> StoreSink:
        sink = StoreSink(root, Pseudonymiser(load_key()), SinkSettings(**settings))
        await sink.open()
        try:
            await work(sink)
        finally:
            await sink.close()
        return sink

    return asyncio.run(run())


def test_rows_that_were_handed_over_are_stored_by_close_without_identities(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows("hss log", "diameter_answer", ROWS)

    sink = with_sink(tmp_path, work, flush_s=3600)
    with Store.open(tmp_path) as store:
        stored = store.records("diameter_answer").sort("id").collect()
    assert stored["code"].to_list() == [3004, None]
    assert stored["imsi"][0].startswith("imsi_")
    assert "server_node" in stored["absent"][0]
    assert sink.counts["diameter_answer", "stored"] == 2


def test_rows_that_come_twice_are_stored_once_and_counted_as_known(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows("hss log", "diameter_answer", ROWS)
        await sink.flush()
        await sink.rows("hss log", "diameter_answer", ROWS)

    sink = with_sink(tmp_path, work, flush_s=3600)
    assert sink.counts["diameter_answer", "known"] == 2
    with Store.open(tmp_path) as store:
        assert store.records("diameter_answer").collect().height == 2


def test_a_bad_row_is_quarantined_with_its_field_and_the_others_are_stored(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows(
            "hss log", "diameter_answer", ROWS.with_columns(at=pl.Series(["never", ROWS["at"][1]]))
        )

    sink = with_sink(tmp_path, work)
    assert sink.counts["diameter_answer", "bad"] == 1
    with Store.open(tmp_path) as store:
        assert store.records("diameter_answer").collect()["id"].to_list() == ["DA-2"]


def test_an_unknown_column_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        with pytest.raises(BadFile, match="did you mean 'command'"):
            await sink.rows("hss log", "diameter_answer", ROWS.with_columns(comand=pl.lit("x")))

    with_sink(tmp_path, work)


def test_rows_become_visible_while_the_sink_runs(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows("hss log", "diameter_answer", ROWS)
        await sink.flush()
        assert await sink.read(lambda store: store.records("diameter_answer").collect().height) == 2

    with_sink(tmp_path, work, flush_s=3600)


def test_many_rows_are_stored_without_waiting(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows("hss log", "diameter_answer", ROWS)
        with Store.open(tmp_path) as other:
            assert other.records("diameter_answer").collect().height == 2

    with_sink(tmp_path, work, flush_s=3600, flush_rows=2)


def test_a_collector_that_is_cancelled_leaves_its_rows_whole(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        task = asyncio.create_task(sink.rows("hss log", "diameter_answer", ROWS))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with_sink(tmp_path, work)
    with Store.open(tmp_path) as store:
        assert store.records("diameter_answer").collect().height in (0, 2)


def test_a_secret_in_clear_is_refused_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="does not stand in the configuration"):
        Secret.model_validate("hunter2")
    monkeypatch.setenv("A_SECRET", "hunter2")
    secret = Secret(env="A_SECRET")
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in repr(secret)
    with pytest.raises(ConfigError, match="not set"):
        Secret(env="NOT_THERE").reveal()
    (tmp_path / "key").write_text("abc\n")
    assert Secret(file=tmp_path / "key").reveal() == "abc"


def test_rows_checked_before_are_stored_as_they_are_and_told_once_visible(tmp_path: Path) -> None:
    made = load_rows("diameter_answer", ROWS, source="hss", pseudonymiser=Pseudonymiser(load_key())).good
    heard: list[frozenset[str]] = []

    async def work(sink: StoreSink) -> None:
        sink.on_stored(heard.append)
        await sink.checked("state database", "diameter_answer", made)
        await sink.flush()
        await asyncio.sleep(0)

    with_sink(tmp_path, work, flush_s=3600)
    with Store.open(tmp_path) as store:
        stored = store.records("diameter_answer").sort("id").collect()
    assert stored["imsi"].to_list() == made["imsi"].to_list()
    assert heard == [frozenset({"diameter_answer"})]


def test_rows_that_are_too_old_are_removed_and_counted_while_rows_come_in(tmp_path: Path) -> None:
    async def work(sink: StoreSink) -> None:
        await sink.rows("hss log", "diameter_answer", ROWS.head(1))
        await sink.flush()
        removed, _ = await asyncio.gather(
            sink.retain({"diameter_answer": datetime(2027, 1, 1, tzinfo=UTC)}),
            sink.rows("hss log", "diameter_answer", ROWS.tail(1)),
        )
        assert removed.removed == {"diameter_answer": 1}

    sink = with_sink(tmp_path, work, flush_s=3600)
    assert sink.counts["diameter_answer", "removed"] == 1
    with Store.open(tmp_path) as store:
        assert store.records("diameter_answer").collect()["id"].to_list() == ["DA-2"]
