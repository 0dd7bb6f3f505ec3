"""A real service process, shared by the tests that only talk to it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

KEY = "tests-only-key-0123456789abcdef"
PATIENCE_S = 120.0


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
        return httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=60)

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


def network(folder: Path) -> None:
    """Put a small faulty network into a store."""
    env = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY}
    command = [sys.executable, "-m", "callcause.cli"]
    subprocess.run(
        [*command, "simulate", "net", "--cells", "9", "--days", "2", "--tickets", "8", "--seed", "3"],
        cwd=folder, env=env, check=True, capture_output=True,
    )  # fmt: skip
    done = subprocess.run(
        [*command, "ingest", "--store", "data/store", "net/network"],
        cwd=folder, env=env, check=False, capture_output=True,
    )  # fmt: skip
    assert done.returncode in (0, 3), done.stderr


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A ready service with a simulated network in its store; a token may but need not be shown."""
    folder = tmp_path_factory.mktemp("served")
    network(folder)
    config = folder / "callcause.toml"
    config.write_text("[service]\nport = 0\nmax_body_kib = 256\n[watch]\nagain_every_s = 0.2\n")
    process = ServiceProcess(folder, config)
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
