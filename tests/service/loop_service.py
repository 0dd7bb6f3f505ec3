"""The service with its loop and its vault, and a client for each principal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from service_process import ServiceProcess, ready
from small_network import network
from waiting import wait_until

ROLES = ("viewer", "engineer", "approver", "admin")
CANARY = "13866660007"
CONFIG = """
[service]
port = 0
requests_per_minute = 100000
{tokens}
[vault]
enabled = true
keys = [{{number = 1, secret = {{env = "VAULT_KEY"}}}}]
[loop.effect]
patience_h = 1000000
every_s = 1
"""


def tokens() -> str:
    names = [(role, role) for role in ROLES] + [("second", "approver")]
    return "\n".join(
        f'[[service.tokens]]\nname = "{name}"\nrole = "{role}"\nsecret = {{env = "TOKEN_{name.upper()}"}}'
        for name, role in names
    )


class Loop:
    """The service with a client for each principal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        network(folder)
        config = folder / "callcause.toml"
        config.write_text(CONFIG.format(tokens=tokens()))
        env = {f"TOKEN_{name.upper()}": f"token-of-{name}" for name in (*ROLES, "second")}
        self.process = ServiceProcess(folder, config, VAULT_KEY="ab" * 32, **env)
        self.start()

    def start(self) -> None:
        self._anyone = self.process.start()
        wait_until(self._answers, "answers")
        ready(self._anyone)

    def _answers(self) -> bool:
        try:
            return self._anyone.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, who: str = "viewer", **more: Any) -> httpx.Response:
        return self._anyone.get(path, headers=_shows(who), **more)

    def post(self, path: str, body: Any, who: str = "engineer", **headers: str) -> httpx.Response:
        return self._anyone.post(path, json=body, headers={**_shows(who), **headers})

    def life(self, ticket: str) -> dict[str, Any]:
        answer = self.get(f"/tickets/{ticket}/life")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def step(self, ticket: str, to: str, **told: Any) -> httpx.Response:
        body = {"to": to, "version": self.life(ticket)["version"], **told}
        return self.post(f"/tickets/{ticket}/steps", body)

    def ticket(self, **fields: Any) -> str:
        return self.tickets(1, **fields)[0]

    def tickets(self, number: int, **fields: Any) -> list[str]:
        """Post tickets of as many customers together and wait until they are dispatched."""
        now = datetime.now(UTC)
        told = [
            {
                "id": f"L-{uuid4().hex[:12]}",
                "received_at": (now - timedelta(minutes=1)).isoformat(),
                "occurred_at": (now - timedelta(minutes=5)).isoformat(),
                "msisdn": f"86138{uuid4().int % 10**8:08d}",
                "description": "通话中突然断了",
                "category": "drop",
                "region": "0871",
                **fields,
            }
            for _ in range(number)
        ]
        answer = self.post("/tickets", told)
        assert answer.status_code == 202, answer.text
        names = [str(one["id"]) for one in told]
        wait_until(lambda: all(self.life(n)["state"] == "dispatched" for n in names), "dispatched")
        return names

    def end(self) -> None:
        self._anyone.close()
        self.process.stop()
        self.process.kill()


def _shows(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer token-of-{who}"} if who else {}


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """The service, shared by the tests that only talk to it."""
    found = Loop(tmp_path_factory.mktemp("loop"))
    yield found
    found.end()


def walk(loop: Loop, ticket: str, *states: str) -> None:
    """Take a ticket through states."""
    for state in states:
        answer = loop.step(ticket, state)
        assert answer.status_code == 200, answer.text
