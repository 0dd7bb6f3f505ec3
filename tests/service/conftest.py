"""A real service process, shared by the tests that only talk to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from collectors.ingest import ingest
from collectors.records import load_schemas
from collectors.store import Store

KEY = "tests-only-key-0123456789abcdef"
PATIENCE_S = 240.0


def wait_until(holds: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Return what `holds` gives once it is true; fail after the patience."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"in {patience_s:.0f} s never: {what}")


class ServiceProcess:
    """`callcause serve` as an operator starts it."""

    def __init__(self, folder: Path, config: Path, **env: str) -> None:
        self.folder, self._config = folder, config
        self._env = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY, **env}
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> httpx.Client:
        """Start it and return a client as soon as it listens."""
        with self.log.open("ab") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "callcause.cli", "serve", "--config", str(self._config)],
                cwd=self.folder, env=self._env, stdout=log, stderr=log,
            )  # fmt: skip
        found = wait_until(lambda: self._listening(begin), f"listening: {self.log.read_text()}")
        return httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=PATIENCE_S)

    def _listening(self, begin: int) -> Any:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"the service ended: {self.log.read_text()}")
        return re.search(r'"message": "listening".*"port": "(\d+)"', self.log.read_text()[begin:])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def kill(self) -> None:
        """Make sure that it is gone."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def ready(client: httpx.Client) -> None:
    """Wait until the service is ready."""
    wait_until(lambda: client.get("/readyz").status_code == 200, "ready")


def verdict_of(client: httpx.Client, ticket: str) -> dict[str, Any]:
    """Wait for the diagnosis of a ticket."""
    wait_until(lambda: client.get(f"/tickets/{ticket}").status_code == 200, f"diagnosis of {ticket}")
    answer: dict[str, Any] = client.get(f"/tickets/{ticket}").json()
    return answer


CELL = "460-00-345014-3"
BEGAN = datetime(2024, 3, 6, 9, 0, tzinfo=UTC)


def network(folder: Path) -> None:
    """Put a cell, a node and three calls into a store, that the cell dropped for weak coverage."""
    calls = [
        {
            "id": f"C-{n}",
            "icid": f"icid-{n}",
            "leg": "mo",
            "started_at": (BEGAN + timedelta(minutes=n)).isoformat(),
            "calling_number": f"861380000000{n}",
            "called_number": "8613987654321",
            "imsi": f"46000123456789{n}",
            "first_ecgi": CELL,
            "last_ecgi": CELL,
            "t_200": (BEGAN + timedelta(minutes=n, seconds=6)).isoformat(),
            "t_end": (BEGAN + timedelta(minutes=n, seconds=40)).isoformat(),
            "final_status": 200,
            "s1ap_group": "RNL",
            "s1ap_cause": 21,
            "reasons": '[{"protocol":"SIP","cause":503,"text":"Bearer lost"}]',
            "rsrp_last": -126.0,
            "sinr_last": -6.0,
            "handover_count": 0,
            "handover_failures": 0,
            "scscf_name": "scscf-1.ims.example.net",
        }
        for n in (1, 2, 3)
    ]
    tables = {
        "call": calls,
        "cell": [{"ecgi": CELL, "cell_name": "KM-S0014-3", "enb_id": 345014, "tac": 9801}],
        "node": [{"node_id": "SCSCF-1", "node_type": "scscf", "names": "scscf-1.ims.example.net"}],
    }
    (folder / "net").mkdir()
    for kind, rows in tables.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        lacking = [name for name in load_schemas()[kind].required_columns if name not in frame.columns]
        frame.with_columns(pl.lit(None).alias(name) for name in lacking).write_csv(folder / f"net/{kind}.csv")
    with pytest.MonkeyPatch.context() as patch, Store.open(folder / "data" / "store") as store:
        patch.setenv("CALLCAUSE_PSEUDONYM_KEY", KEY)
        report = ingest(store, [folder / "net"])
    assert not report.quarantined, report.problems()


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
    client.folder = folder  # type: ignore[attr-defined]
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
