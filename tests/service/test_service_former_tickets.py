"""A ticket that was removed after its time does not come back out of the store, where its record stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session
from waiting import PATIENCE_S

from callcause.configuration import Configuration
from callcause.loop.housekeeping import retain
from callcause.loop.settings import RetentionSettings
from callcause.service.authentication import Principal
from callcause.service.service import Service
from callcause.service.settings import Role, StorePlace
from callcause.state import StateSettings
from callcause.state.ticket import DONE, Ticket

TICKET = {
    "received_at": "2026-11-22T09:42:00+08:00",
    "occurred_at": "2026-11-22T09:15:00+08:00",
    "msisdn": "8613812345678",
    "description": "the call dropped",
    "category": "drop",
}
WHO = Principal("crm", Role.engineer)
YEAR = timedelta(days=365)


def configuration(root: Path) -> Configuration:
    state = StateSettings(database=f"sqlite:///{root / 'state.sqlite'}")
    return Configuration(state=state, store=StorePlace(path=root / "store", flush_s=0.1))


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await look():
            await asyncio.sleep(0.02)


async def diagnosed(service: Service, name: str) -> None:
    """Post a ticket and wait for its diagnosis; before that the desk has looked into the store."""
    await service.intake.post(json.dumps({**TICKET, "id": name}).encode(), None, WHO)
    service.tickets.wake()

    async def done() -> bool:
        row = await service.database.reading(lambda s: s.get(Ticket, name))
        return row is not None and row.diagnosis == DONE and row.in_store

    await until(done)


async def month_after_month(root: Path) -> list[str]:
    async with Service(configuration(root)) as service:
        await diagnosed(service, "F-1")
        await service.sink.flush()
        later = datetime.now(UTC) + 2 * YEAR

        def close_and_retain(session: Session) -> dict[str, int]:
            row = session.get_one(Ticket, "F-1")
            row.state, row.closed_at = "closed", datetime.now(UTC)
            session.flush()
            return retain(session, RetentionSettings(closed_tickets_d=365), later)

        assert (await service.database.writing(close_and_retain))["closed_tickets"] == 1
    async with Service(configuration(root)) as service:
        await diagnosed(service, "F-2")
        stored = await service.sink.read(lambda store: store.records("ticket").collect()["id"].to_list())
        assert sorted(stored) == ["F-1", "F-2"], "its record stays in the store for as long as configured"
        return await service.database.reading(lambda s: list(s.scalars(select(Ticket.id))))


def test_a_removed_ticket_is_no_new_one_after_a_restart(tmp_path: Path) -> None:
    assert asyncio.run(month_after_month(tmp_path)) == ["F-2"]
