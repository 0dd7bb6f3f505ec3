"""The database gone, a disk that takes no more: a clear answer, nothing lost, nothing doubled, no restart."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from service_process import ServiceProcess, ready, verdict_of
from state.postgres_server import running_server
from waiting import wait_until

CONFIG = """
[service]
port = 0
[state]
patience_s = 0.5
"""
NOW = datetime.now(UTC)
TMF = "/tmf-api/troubleTicket/v5/troubleTicket"


def ticket(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "received_at": NOW.isoformat(),
        "occurred_at": (NOW - timedelta(minutes=5)).isoformat(),
        "msisdn": "8613866660007",
        "description": "通话中突然断了",
        "category": "drop",
        "place_text": "North gate",
    }


def post(client: httpx.Client, name: str) -> httpx.Response:
    return client.post("/tickets", json=ticket(name), headers={"Idempotency-Key": f"key of {name}"})


@contextmanager
def served(folder: Path, more: str = "", **env: str) -> Iterator[tuple[ServiceProcess, httpx.Client]]:
    config = folder / "callcause.toml"
    config.write_text(CONFIG + more)
    process = ServiceProcess(folder, config, **env)
    try:
        client = process.start()
        ready(client)
        yield process, client
        assert process.stop() == 0
    finally:
        process.kill()


def refused_clearly(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert "state database" in answer.text
    assert "8613866660007" not in answer.text
    assert "Traceback" not in answer.text


def test_a_ticket_from_a_clock_that_is_ahead_is_diagnosed_and_nothing_of_it_is_late(tmp_path: Path) -> None:
    with served(tmp_path) as (_, client):
        ahead = {**ticket("T-1"), "received_at": (NOW + timedelta(hours=2)).isoformat()}
        assert client.post("/tickets", json=ahead).status_code == 202
        assert verdict_of(client, "T-1")
        life = client.get("/tickets/T-1/life").json()
        assert life["entry_late"] is False
        assert {clock["clock"]: clock["late"] for clock in life["clocks"] if clock["late"]} == {}
        assert all(clock["elapsed_s"] >= 0 for clock in life["clocks"])
        (shown,) = client.get(TMF).json()
        assert shown["id"] == "T-1"


def each_once(client: httpx.Client, *names: str) -> None:
    """Every ticket is there, diagnosed, and has begun once."""
    for name in names:
        assert verdict_of(client, name)["ticket_id"] == name
        events = client.get(f"/tickets/{name}/events").json()["events"]
        assert [event["to"] for event in events].count("entered") <= 1
    found = client.get("/tickets").json()["tickets"]
    assert sorted(one["id"] for one in found) == sorted(names)


@pytest.mark.usefixtures("postgres_url")
def test_a_database_that_is_gone_for_a_while_loses_no_ticket_and_doubles_none(tmp_path: Path) -> None:
    with running_server() as server:
        database = f'database = "{server.new_database()}"\n'
        password = 'password = {env = "STATE_PASSWORD"}\n'
        with served(tmp_path, database + password, STATE_PASSWORD="tests-only") as (_, client):
            assert post(client, "T-1").status_code == 202
            server.stop()
            refused_clearly(post(client, "T-2"))
            assert client.get(TMF).status_code == 503
            assert client.get("/healthz").status_code == 200, "the process is well"
            server.start()
            wait_until(lambda: post(client, "T-2").status_code == 202, "taken in again")
            assert post(client, "T-2").status_code == 202, "the same request again"
            each_once(client, "T-1", "T-2")


def test_a_disk_that_takes_no_more_is_told_and_works_again_once_there_is_room(tmp_path: Path) -> None:
    """The process may write no file beyond its first bytes, as on a full disk; then it may again."""
    with served(tmp_path, 'database = "sqlite:///state/state.sqlite"\n') as (process, client):
        assert post(client, "T-1").status_code == 202
        assert verdict_of(client, "T-1")
        assert process.process is not None
        usual = resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, (1024, usual[1]))
        refused_clearly(post(client, "T-2"))
        assert client.get("/tickets/T-1").status_code == 200, "what is there is read"
        resource.prlimit(process.process.pid, resource.RLIMIT_FSIZE, usual)
        wait_until(lambda: post(client, "T-2").status_code == 202, "taken in again")
        each_once(client, "T-1", "T-2")
