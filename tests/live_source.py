"""A clock that the test moves, and a store behind a sink: what every test of a polled source needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.records import Pseudonymiser, load_key
from collectors.sink import SinkSettings, StoreSink

Work = Callable[[StoreSink], Awaitable[None]]


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def into_store(tmp_path: Path) -> Callable[[Work], Path]:
    """Run a coroutine with a sink into a fresh store; returns the store's folder."""

    def run(work: Work) -> Path:
        async def whole() -> None:
            sink = StoreSink(tmp_path / "store", Pseudonymiser(load_key()), SinkSettings(flush_s=3600))
            await sink.open()
            try:
                await work(sink)
            finally:
                await sink.close()

        asyncio.run(whole())
        return tmp_path / "store"

    return run
