"""A ticket that the engine stumbles over is tried again, with growing pauses, before it counts as failed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from callcause.configuration import Configuration
from callcause.service.authentication import Principal
from callcause.service.service import Service
from callcause.service.settings import Role, StorePlace, WatchSettings
from callcause.service.stumbles import LONGEST_PAUSE_S, Stumbles
from callcause.state import StateSettings
from callcause.state.ticket import DONE, FAILED, PENDING, Ticket

WHO = Principal("crm", Role.engineer)
TICKET = {
    "received_at": "2026-11-22T09:42:00+08:00",
    "occurred_at": "2026-11-22T09:15:00+08:00",
    "msisdn": "8613812345678",
    "description": "the call dropped",
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


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_doubles_and_the_last_attempt_gives_up() -> None:
    clock = Clock()
    stumbles = Stumbles(4, 2.0, clock)
    pauses = []
    while stumbles.again("a"):
        pause_s = stumbles.due_s()
        assert pause_s is not None
        assert stumbles.resting() == {"a"}
        pauses.append(pause_s)
        clock.now += pause_s
        assert stumbles.resting() == frozenset()
    assert pauses == [2.0, 4.0, 8.0]
    assert stumbles.due_s() is None


def test_no_pause_is_longer_than_the_longest() -> None:
    clock = Clock()
    stumbles = Stumbles(99, 1.0, clock)
    for _ in range(60):
        assert stumbles.again("a")
    assert stumbles.due_s() == LONGEST_PAUSE_S


def test_one_ticket_neither_holds_up_nor_forgives_another() -> None:
    clock = Clock()
    stumbles = Stumbles(3, 1.0, clock)
    stumbles.again("a")
    clock.now += 0.5
    stumbles.again("b")
    assert stumbles.due_s() == 0.5
    clock.now += 0.7
    assert stumbles.resting() == {"b"}
    stumbles.forget(["a", "c"])
    assert stumbles.again("a")  # counted anew
    assert stumbles.again("b")
    assert not stumbles.again("b")


def _configuration(root: Path, attempts: int) -> Configuration:
    return Configuration(
        state=StateSettings(database=f"sqlite:///{root / 'state.sqlite'}"),
        store=StorePlace(path=root / "store", flush_s=0.1),
        watch=WatchSettings(again_every_s=0.1, attempts=attempts, first_pause_s=0.05),
    )


async def _until(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    async with asyncio.timeout(180):
        while not (found := await look()):
            await asyncio.sleep(0.02)
    return found


async def _post(service: Service, name: str) -> None:
    await service.intake.post(json.dumps({**TICKET, "id": name}).encode(), None, WHO)
    service.tickets.wake()


async def _ticket(service: Service, name: str) -> Ticket:
    found = await service.database.reading(lambda s: s.get(Ticket, name))
    assert found is not None
    return found


def _retried(service: Service) -> float:
    return service.counters.values().get(("diagnoses", (("outcome", "retried"),)), 0.0)


async def _with_evidence(service: Service) -> None:
    async def ready() -> bool:
        return service.health.ready

    await _until(ready, "ready")
    await service.sink.rows("probe", "call", CALL)
    await service.sink.flush()


def test_a_ticket_waits_while_the_folder_of_the_records_is_gone(tmp_path: Path) -> None:
    """As when a disk is mounted anew: it is no ticket's fault, so none of them counts as failed."""
    asyncio.run(_while_the_folder_is_gone(tmp_path))


async def _while_the_folder_is_gone(root: Path) -> None:
    async with Service(_configuration(root, attempts=1)) as service:
        await _with_evidence(service)
        failures: list[BaseException] = []
        diagnose = service.diagnostician.diagnose

        async def heard(tickets: pl.DataFrame) -> list[dict[str, Any]]:
            try:
                return await diagnose(tickets)
            except OSError as error:
                failures.append(error)
                raise

        service.diagnostician.diagnose = heard
        records, away = root / "store" / "segments", root / "away"
        records.rename(away)
        await _post(service, "S-1")

        async def failed_twice() -> bool:
            return len(failures) >= 2

        await _until(failed_twice, "tried again")
        waiting = await _ticket(service, "S-1")
        assert (waiting.diagnosis, waiting.diagnosis_error) == (PENDING, None)
        _come_back(away, records)
        await _until(lambda: _is(service, DONE), "diagnosed")
    assert service.failure is None


def _come_back(away: Path, records: Path) -> None:
    """Put back what was away, beside what was written meanwhile."""
    for path in sorted(away.rglob("*")):
        if path.is_file():
            target = records / path.relative_to(away)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)


def test_a_ticket_is_diagnosed_when_its_records_are_readable_again(tmp_path: Path) -> None:
    asyncio.run(_while_the_records_are_damaged(tmp_path))


async def _while_the_records_are_damaged(root: Path) -> None:
    async with Service(_configuration(root, attempts=1000)) as service:
        await _with_evidence(service)
        (calls,) = (root / "store" / "segments" / "call").glob("*.parquet")
        whole = calls.read_bytes()
        calls.write_bytes(whole[: len(whole) // 2])
        await _post(service, "S-1")

        async def retried() -> bool:
            return _retried(service) >= 3

        await _until(retried, "tried again")
        assert (await _ticket(service, "S-1")).diagnosis == PENDING
        calls.write_bytes(whole)
        await _until(lambda: _is(service, DONE), "diagnosed")
        assert (await _ticket(service, "S-1")).diagnosis_error is None
    assert service.failure is None


def test_a_ticket_that_never_can_be_diagnosed_fails_in_the_end_with_its_reason(tmp_path: Path) -> None:
    asyncio.run(_while_the_records_stay_damaged(tmp_path))


async def _while_the_records_stay_damaged(root: Path) -> None:
    async with Service(_configuration(root, attempts=3)) as service:
        await _with_evidence(service)
        (calls,) = (root / "store" / "segments" / "call").glob("*.parquet")
        calls.write_bytes(calls.read_bytes()[:100])
        await _post(service, "S-1")
        await _until(lambda: _is(service, FAILED), "given up")
        assert (await _ticket(service, "S-1")).diagnosis_error
        assert _retried(service) == pytest.approx(2)


async def _is(service: Service, state: str) -> bool:
    return (await _ticket(service, "S-1")).diagnosis == state
