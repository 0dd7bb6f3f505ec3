"""What the first reader would wait for is made before, once there are hours; it keeps nobody from ending."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from callcause.web.kept import Kept
from callcause.web.warm import warm
from callcause.web.worst import HOURLY, USUAL
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from collectors.store.ledger import SourceFile

PATIENCE_S = 120.0
HOUR = datetime(2024, 3, 6, 9, tzinfo=UTC)


def _service(path: Path) -> Any:
    async def now() -> None:
        """Make a report."""

    configuration = SimpleNamespace(store=SimpleNamespace(path=path))
    return SimpleNamespace(
        configuration=configuration, stopping=asyncio.Event(), reports=SimpleNamespace(now=now)
    )


def _one_hour() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "entity": ["460-00-000001-1"],
            "entity_kind": ["cell"],
            "period_start": [HOUR],
            "period_s": pl.Series([3600], dtype=pl.Int32),
        }
    ).with_columns(pl.lit(300.0).alias(name) for name in load_catalogue().counters)


def test_it_waits_for_the_first_hour_and_ends_once_it_was_ranked(tmp_path: Path) -> None:
    Store.open(tmp_path / "store").close()
    kept = Kept()

    async def run() -> None:
        task = asyncio.create_task(warm(_service(tmp_path / "store"), kept, look_s=0.01))
        await asyncio.sleep(0)
        with Store.open(tmp_path / "store") as store:
            store.add(SourceFile("pm", "b" * 64, 0), {"counters": _one_hour()})
            store.refresh()
        await asyncio.wait_for(task, PATIENCE_S)

    asyncio.run(run())
    with Store.open(tmp_path / "store") as store:
        version = store.version(HOURLY)
    found = kept.get(("worst", USUAL, HOUR), version, lambda: pytest.fail("the first reader would wait"))
    assert found["at"] == HOUR


def test_it_ends_with_the_service_where_no_hour_ever_comes(tmp_path: Path) -> None:
    Store.open(tmp_path / "store").close()

    async def run() -> None:
        service = _service(tmp_path / "store")
        task = asyncio.create_task(warm(service, Kept(), look_s=3600.0))
        service.stopping.set()
        await asyncio.wait_for(task, PATIENCE_S)

    asyncio.run(run())


def test_a_store_that_cannot_be_read_is_told_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store").write_text("no folder")
    kept = Kept()

    async def run() -> None:
        await asyncio.wait_for(warm(_service(tmp_path / "store"), kept, look_s=0.01), PATIENCE_S)

    asyncio.run(run())
    assert "the pages are not warmed" in caplog.text
