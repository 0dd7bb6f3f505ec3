"""A small living demo from its beginning: simulated, rehearsed, served; people, network and alerts go on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from callcause.commands import living, serving
from callcause.configuration import load_configuration
from callcause.service.service import Service

PATIENCE_S = 300.0


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> living.Demo:
    """Twelve cells whose day and a half were worked through, ready to be served."""
    monkeypatch.setenv("CALLCAUSE_PSEUDONYM_KEY", "tests-only-key-0123456789abcdef")
    for name, small in (("CELLS", 12), ("TICKETS", 24), ("CALM_DAYS", 1), ("SLOT", timedelta(hours=8))):
        monkeypatch.setattr(living, name, small)
    for name in ("WRITES_S", "WORKS_S", "JUDGES_S"):
        monkeypatch.setattr(living, name, 0.2)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return living.prepare(tmp_path / "demo", port, datetime.now(UTC))


def test_a_demo_stands_in_its_day_and_goes_on(demo: living.Demo) -> None:
    configuration = load_configuration(demo.configuration)
    assert serving.problems(demo.configuration, configuration) == []
    seen: dict[str, Any] = {}

    async def beside(service: Service) -> None:
        alive = asyncio.create_task(living.live(demo, service))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{configuration.service.port}") as client:
                seen.update(await _look(client, demo))
        finally:
            service.stopping.set()
            await alive

    asyncio.run(serving.serve(configuration, beside))
    states = {row["state"] for row in seen["counts"]}
    assert len(states) >= 2, f"people are at work: {states}"
    assert seen["closed"], "some tickets were closed"
    assert all(life["feedback"]["confirmed_cause"] for life in seen["closed"])
    assert {one["state"] for one in seen["requests"]} >= {"pending"}
    assert seen["stored"] > 0, "what the network tells is taken in by the collector"


async def _look(client: httpx.AsyncClient, demo: living.Demo) -> dict[str, Any]:
    """Wait until the demo lives, then read what it shows."""

    async def get(path: str) -> Any:
        return (await client.get(path, timeout=PATIENCE_S)).json()

    async def ready() -> bool:
        return (await client.get("/readyz")).status_code == httpx.codes.OK

    await _until(ready, "ready")
    # What is due in an hour comes now, so that nobody waits for the quarter of an hour.
    demo.to_come.due(datetime.now(UTC) + timedelta(hours=1), demo.inbox)

    async def stored() -> Any:
        text = (await client.get("/metrics", timeout=PATIENCE_S)).text
        return _sum(text, "callcause_files{")

    found = await _until(stored, "files are taken in")
    closed = (await get("/queue?state=closed&limit=3"))["tickets"]
    return {
        "counts": (await get("/queue/counts"))["counts"],
        "closed": [await get(f"/tickets/{one['id']}/life") for one in closed],
        "requests": (await get("/vault/requests"))["requests"],
        "stored": found,
    }


def _sum(text: str, family: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(family))


async def _until(look: Callable[[], Any], what: str) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if found := await look():
                    return found
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
    pytest.fail(f"it never came: {what}")
