"""Alert groups that the engine stumbles over are tried again like tickets; one with an answer keeps it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import polars as pl

from callcause.configuration import Configuration
from callcause.service.alert_message import read_delivery
from callcause.service.service import Service
from callcause.service.settings import StorePlace, WatchSettings
from callcause.state import StateSettings
from callcause.state.alert import AlertGroup
from callcause.state.ticket import DONE, FAILED, PENDING

CELL = "460-00-345014-3"
BEGAN = "2026-11-22T01:20:00+00:00"
CALL = pl.DataFrame(
    {
        "id": ["C-1"],
        "icid": ["icid-1"],
        "first_ecgi": [CELL],
        "final_status": [503],
        "leg": ["mo"],
        "started_at": ["2026-11-22T01:14:30+00:00"],
        "calling_number": ["8613812345678"],
        "called_number": ["8613987654321"],
        "t_end": ["2026-11-22T01:15:02+00:00"],
    }
)
ALARM = pl.DataFrame(
    {
        "id": ["AL-1"],
        "alarm_type": ["equipmentAlarm"],
        "perceived_severity": ["critical"],
        "alarmed_object": ["345014"],
        "alarmed_object_type": ["enb"],
        "raised_at": ["2026-11-22T01:10:00+00:00"],
        "cleared_at": [None],
    },
    schema_overrides={"cleared_at": pl.String},
)


def _delivery(name: str) -> Any:
    labels = {"alertname": "VoiceDrops", "ecgi": CELL, "category": "access"}
    alert = {
        "status": "firing", "labels": labels, "annotations": {}, "startsAt": BEGAN,
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": f"f00d{name}",
    }  # fmt: skip
    body = {
        "version": "4", "groupKey": name, "status": "firing", "receiver": "callcause", "groupLabels": {},
        "commonLabels": labels, "commonAnnotations": {}, "externalURL": "", "alerts": [alert],
    }  # fmt: skip
    return read_delivery(json.dumps(body).encode())


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


async def _group(service: Service, name: str) -> AlertGroup:
    found = await service.database.reading(lambda session: session.get(AlertGroup, name))
    assert found is not None
    return found


async def _is(service: Service, name: str, state: str) -> bool:
    return (await _group(service, name)).diagnosis == state


async def _ready(service: Service, root: Path) -> tuple[Path, list[BaseException]]:
    """Store a failed call and an alarm; returns the file of the alarm, and where failures are noted."""

    async def ready() -> bool:
        return service.health.ready

    await _until(ready, "ready")
    await service.sink.rows("probe", "call", CALL)
    await service.sink.rows("probe", "alarm", ALARM)
    await service.sink.flush()
    (alarms,) = (root / "store" / "segments" / "alarm").glob("*.parquet")
    failures: list[BaseException] = []
    diagnose = service.diagnostician.diagnose

    async def heard(tickets: pl.DataFrame) -> list[dict[str, Any]]:
        try:
            return await diagnose(tickets)
        except Exception as error:
            failures.append(error)
            raise

    service.diagnostician.diagnose = heard
    return alarms, failures


def test_a_group_is_answered_when_the_records_are_readable_again(tmp_path: Path) -> None:
    asyncio.run(_while_the_records_are_damaged(tmp_path))


async def _while_the_records_are_damaged(root: Path) -> None:
    async with Service(_configuration(root, attempts=1000)) as service:
        alarms, failures = await _ready(service, root)
        whole = alarms.read_bytes()
        alarms.write_bytes(whole[: len(whole) // 2])
        taken = await service.alerts.take(_delivery("{}:a"))

        async def tried_again() -> bool:
            return len(failures) >= 3

        await _until(tried_again, "tried again")
        waiting = await _group(service, taken.group)
        assert (waiting.diagnosis, waiting.diagnosis_error) == (PENDING, None)
        alarms.write_bytes(whole)
        await _until(lambda: _is(service, taken.group, DONE), "answered")
        answered = await _group(service, taken.group)
        assert answered.answer is not None
        assert answered.diagnosis_error is None
    assert service.failure is None


def test_a_group_that_never_can_be_answered_fails_in_the_end_with_its_reason(tmp_path: Path) -> None:
    asyncio.run(_while_the_records_stay_damaged(tmp_path))


async def _while_the_records_stay_damaged(root: Path) -> None:
    async with Service(_configuration(root, attempts=3)) as service:
        alarms, failures = await _ready(service, root)
        whole = alarms.read_bytes()
        alarms.write_bytes(whole[:100])
        taken = await service.alerts.take(_delivery("{}:a"))
        await _until(lambda: _is(service, taken.group, FAILED), "given up")
        assert (await _group(service, taken.group)).diagnosis_error
        assert len(failures) >= 3
        # The next group of the same cell is a group of its own.
        alarms.write_bytes(whole)
        other = await service.alerts.take(_delivery("{}:b"))
        await _until(lambda: _is(service, other.group, DONE), "answered")
        await _keeps_its_answer(service, other.group)
    assert service.failure is None


async def _keeps_its_answer(service: Service, name: str) -> None:
    """A later look that stumbles, however often, takes nothing from a group that has an answer."""
    before = await _group(service, name)
    for _ in range(5):
        await service.alerts._stumbled(before, "the records are damaged")
    after = await _group(service, name)
    assert (after.diagnosis, after.diagnosis_error, after.answer) == (DONE, None, before.answer)
