"""A real service process, shared by the tests that only talk to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from loop_service import loop
from service_process import ServiceProcess, ready
from small_network import network
from trouble_tickets import created, documents

__all__ = ["created", "documents", "log_lines", "loop", "receiver", "served"]


class Receiver(ThreadingHTTPServer):
    """A webhook of somebody else: the first request with a title fails, the others are kept."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Received)
        self.seen: list[dict[str, Any]] = []
        self.refused: set[str] = set()


class _Received(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fails = body["title"] not in self.server.refused
        self.server.refused.add(body["title"])
        if not fails:
            self.server.seen.append(body)
        self.send_response(500 if fails else 200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """A real HTTP server that notices are sent to."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


NOTICES = """
[tmf621]
callback_hosts = ["127.0.0.1"]

[[notices]]
name = "night shift"
url = {env = "NIGHT_SHIFT"}
first_pause_s = 0.1
"""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[httpx.Client]:
    """A ready service with a small network in its store and one target for notices."""
    folder = tmp_path_factory.mktemp("served")
    network(folder)
    config = folder / "callcause.toml"
    config.write_text("[service]\nport = 0\nmax_body_kib = 256\n[watch]\nagain_every_s = 0.2\n" + NOTICES)
    url = f"json://127.0.0.1:{receiver.server_port}/?token=a-secret-of-the-target"
    process = ServiceProcess(folder, config, NIGHT_SHIFT=url)
    client = process.start()
    client.folder = folder
    try:
        ready(client)
        yield client
    finally:
        client.close()
        process.stop()
        process.kill()


@pytest.fixture
def log_lines() -> Callable[[Path], list[dict[str, Any]]]:
    """Read a log of JSON lines; a line that is none fails."""
    return lambda path: [json.loads(line) for line in path.read_text().splitlines()]
