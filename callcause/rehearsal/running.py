"""The service under rehearsal: a process of its own, real HTTP, a principal for each role."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from callcause.rehearsal.moment import SharedMoment
from callcause_error import CallcauseError

EFFECTS = timedelta(hours=6)
"""How often the service looks at the effect of remedies here: each look diagnoses again."""
ROLES = ("viewer", "engineer", "approver", "admin")
PATIENCE_S = 600.0
LISTENING = re.compile(r'"message": "listening".*"port": "(\d+)"')
CONFIG = """# Written by `callcause rehearse`.
[service]
port = 0
requests_per_minute = 1000000
{tokens}
[store]
path = "{folder}/store"

[state]
database = "{database}"

[watch]
again_for_s = 0
settle_s = 0

[loop.effect]
every_s = {effects_s:g}

[warnings]
every_s = 3600
"""
PRINCIPAL = '[[service.tokens]]\nname = "{role}"\nrole = "{role}"\nsecret = {{env = "REHEARSAL_{upper}"}}\n'


class RunningService:
    """Starts and stops the service, and asks it as a principal of each role."""

    def __init__(self, folder: Path, moment: SharedMoment, database: str) -> None:
        self.folder, self.moment = folder, moment
        self._database = database or f"sqlite:///{folder}/state.sqlite"
        self.config = folder / "callcause.toml"
        self._log = folder / "service.log"
        self._tokens = {role: secrets.token_hex(16) for role in ROLES}
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    def configure(self, weights: Path | None = None) -> None:
        """Write the configuration; `weights`: those that were approved."""
        tokens = "".join(PRINCIPAL.format(role=role, upper=role.upper()) for role in ROLES)
        text = CONFIG.format(
            tokens=tokens, database=self._database, folder=self.folder, effects_s=EFFECTS.total_seconds()
        )
        if weights is not None:
            text += f'\n[knowledge]\nweights = "{weights}"\n'
        self.config.write_text(text)

    def start(self) -> None:
        """Start the service and wait until it is ready."""
        env = {f"REHEARSAL_{role.upper()}": token for role, token in self._tokens.items()}
        command = [
            sys.executable,
            "-m",
            "callcause.rehearsal.process",
            str(self.config),
            str(self.folder / "moment"),
        ]
        with self._log.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command, cwd=self.folder, env={**os.environ, **env}, stdout=log, stderr=log
            )
        found = self.until(lambda: LISTENING.search(self._log.read_text()[begin:]), "the service listens")
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=PATIENCE_S)
        self.until(lambda: self.answer("GET", "/readyz", "viewer").status_code == 200, "the service is ready")

    def stop(self) -> None:
        """Stop it as an operator does; CallcauseError where it does not end cleanly."""
        if self._client is not None:
            self._client.close()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
        if status:
            raise CallcauseError(f"the service ended with {status}", file=str(self._log))

    def until(self, holds: Callable[[], Any], what: str, pause_s: float = 0.02) -> Any:
        """Return what `holds` gives once it is true; CallcauseError where that never comes."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                if found := holds():
                    return found
            except httpx.TransportError:
                pass
            time.sleep(pause_s)
        raise CallcauseError(f"it never came that {what}", file=str(self._log))

    def answer(self, method: str, path: str, role: str, body: Any = None, **query: Any) -> httpx.Response:
        """Ask, and return whatever comes."""
        if self._client is None:
            raise CallcauseError("the service was not started")
        headers = {"Authorization": f"Bearer {self._tokens[role]}"}
        return self._client.request(method, path, json=body, params=query or None, headers=headers)

    def get(self, path: str, role: str = "viewer", **query: Any) -> Any:
        """Return the JSON of a GET; CallcauseError where it is refused."""
        return _good(self.answer("GET", path, role, None, **query))

    def post(self, path: str, body: Any, role: str = "engineer") -> Any:
        """Return the JSON of a POST; CallcauseError where it is refused."""
        return _good(self.answer("POST", path, role, body))


def _good(answer: httpx.Response) -> Any:
    if answer.status_code >= 300:
        raise CallcauseError(f"{answer.request.url.path} answered {answer.status_code}: {answer.text[:300]}")
    return answer.json()
