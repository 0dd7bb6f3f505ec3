"""The service as an operator starts it, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from waiting import PATIENCE_S, wait_until

KEY = "tests-only-key-0123456789abcdef"


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
