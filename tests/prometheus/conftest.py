"""An exporter that says what the test wants, a clock that the test moves, and a store behind a sink."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from collectors.records import Pseudonymiser, load_key
from collectors.sink import SinkSettings, StoreSink


class Exporter:
    """An HTTP server on a free loopback port that answers `text` with `status`."""

    def __init__(self) -> None:
        self.text, self.status, self.seen = "", 200, list[str]()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                exporter.seen.append(self.headers.get("Authorization", ""))
                body = exporter.text.encode()
                self.send_response(exporter.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/metrics"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    running = Exporter()
    yield running
    running.close()


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


Work = Callable[[StoreSink], Awaitable[None]]


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


@pytest.fixture
def needs() -> Callable[..., None]:
    """Skip where a program is not installed; fail where nothing may be skipped."""

    def check(*programs: str) -> None:
        for program in programs:
            if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin"):
                message = f"{program} is not installed"
                (pytest.fail if os.environ.get("CALLCAUSE_NO_SKIP") else pytest.skip)(message)

    return check
