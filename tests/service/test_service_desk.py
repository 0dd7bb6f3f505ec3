"""The whole service in this process, over PostgreSQL: evidence that comes late, a database that goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import select
from state.postgres_server import PostgresServer, running_server

from callcause.configuration import Configuration
from callcause.service.authentication import Principal
from callcause.service.service import Service
from callcause.service.settings import Role, StorePlace, WatchSettings
from callcause.state import DatabaseGone, StateSettings
from callcause.state.ticket import Result, Ticket
from collectors.secret import Secret

WHO = Principal("crm", Role.engineer)
TICKET = {
    "id": "D-1",
    "received_at": "2026-11-22T09:42:00+08:00",
    "occurred_at": "2026-11-22T09:15:00+08:00",
    "msisdn": "8613812345678",
    "description": "the call dropped",
    "place_text": "North gate",
    "category": "drop",
}
CALL = pl.DataFrame(
    {
        "id": ["C-1"],
        "icid": ["icid-1"],
        "first_ecgi": ["460-00-1-1"],
        "final_status": [200],
        "leg": ["mo"],
        "started_at": ["2026-11-22T09:14:30+08:00"],
        "calling_number": ["8613812345678"],
        "called_number": ["8613987654321"],
        "t_200": ["2026-11-22T09:14:36+08:00"],
        "t_end": ["2026-11-22T09:15:02+08:00"],
    }
)


async def until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    async with asyncio.timeout(180):
        while not (found := await look()):
            await asyncio.sleep(0.05)
    return found


def test_late_evidence_and_a_database_that_goes_away(tmp_path: Path, postgres_url: str) -> None:
    with running_server() as server:
        settings = StateSettings(
            database=server.new_database(),
            password=Secret(env="CALLCAUSE_TEST_DATABASE_PASSWORD"),
            patience_s=0.5,
        )
        configuration = Configuration(
            state=settings,
            store=StorePlace(path=tmp_path / "store", flush_s=0.1),
            watch=WatchSettings(again_every_s=0.1),
        )
        asyncio.run(_play(configuration, server))


async def _play(configuration: Configuration, server: PostgresServer) -> None:
    async with Service(configuration) as service:
        await until(lambda: _is_ready(service), "ready")
        await _late_evidence(service)
        await asyncio.to_thread(server.stop)
        assert "database" in await service.problems()
        body = json.dumps({**TICKET, "id": "D-2"}).encode()
        with pytest.raises(DatabaseGone):
            await service.intake.post(body, "key", WHO)
        await asyncio.to_thread(server.start)
        await service.intake.post(body, "key", WHO)
        service.tickets.wake()
        await until(lambda: _results(service, "D-2"), "diagnosis after the database came back")
        assert await service.problems() == {}
    assert service.failure is None


async def _late_evidence(service: Service) -> None:
    await service.intake.post(json.dumps(TICKET).encode(), None, WHO)
    service.tickets.wake()
    first = await until(lambda: _results(service, "D-1"), "first diagnosis")
    assert first[0].verdict == "cannot_tell"
    await service.sink.rows("probe", "call", CALL)
    again = await until(lambda: _results(service, "D-1", 2), "second diagnosis")
    assert _outcomes(again[1]) != _outcomes(again[0])
    ticket = await service.database.reading(lambda s: s.get(Ticket, "D-1"))
    assert ticket is not None
    assert (ticket.result_id, ticket.in_store) == (again[1].id, True)


def _outcomes(result: Result) -> dict[str, str]:
    return {check["id"]: check["outcome"] for check in result.contract["checks"]}


async def _is_ready(service: Service) -> bool:
    return service.health.ready


async def _results(service: Service, ticket: str, least: int = 1) -> list[Result]:
    query = select(Result).where(Result.ticket_id == ticket).order_by(Result.id)
    found = await service.database.reading(lambda s: list(s.scalars(query)))
    return found if len(found) >= least else []
