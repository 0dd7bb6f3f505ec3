"""The diagnosis engine behind one thread with a store of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from callcause.configuration import Configuration
from callcause.loop.evidence import EvidenceKeeper
from callcause.loop.life import LoopError
from callcause.loop.precision import Standing
from callcause.service.ticket_record import frame_of
from collectors.errors import StoreError
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from diagnosis.engine import Engine
from diagnosis.recalibration import load_weights, with_weights
from diagnosis.settings import DiagnosisSettings
from runbooks.loader import load_runbooks
from runbooks.model import Runbooks

LOG = logging.getLogger(__name__)
WARMING = {
    "id": "warming",
    "received_at": "2024-01-01T00:00:00+00:00",
    "occurred_at": "2024-01-01T00:00:00+00:00",
    "description": "call dropped",
}


class Diagnostician:
    """Diagnoses tickets, many at a time, while the event loop goes on."""

    def __init__(self, configuration: Configuration) -> None:
        self._root: Path = configuration.store.path
        self._settings: DiagnosisSettings = configuration.diagnosis
        self._overlays = configuration.knowledge.runbooks
        self._weights = configuration.knowledge.weights
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diagnosis")
        self._store: Store | None = None
        self._runbooks: Runbooks | None = None
        self._engine: Engine | None = None
        self.evidence = EvidenceKeeper()
        self.standing: Standing | None = None
        """Marks the verdicts of runbooks and causes that only advise."""

    async def open(self) -> None:
        """Load runbooks and catalogue, open the store, diagnose once so that the first ticket is quick."""
        await self._run(self._open)

    async def diagnose(self, tickets: pl.DataFrame) -> list[dict[str, Any]]:
        """Return the contract objects of the tickets (rows of the record `ticket`)."""
        results: list[dict[str, Any]] = await self._run(self._diagnose, tickets)
        return results

    async def again(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the contract objects of ticket records, without keeping their evidence."""
        results: list[dict[str, Any]] = await self._run(self._again, frame_of(records))
        return results

    async def diagnose_each(self, tickets: pl.DataFrame) -> tuple[list[dict[str, Any]], dict[str, str]]:
        """Like `diagnose`; a ticket that the engine stumbles over is told apart with its error."""
        try:
            return await self.diagnose(tickets), {}
        except (StoreError, OSError, MemoryError):
            raise  # nothing that one of the tickets did
        except Exception as error:  # the boundary of the engine: one ticket must not hold up the others
            if tickets.height <= 1:
                LOG.exception("a ticket cannot be diagnosed")
                return [], {str(ticket): type(error).__name__ for ticket in tickets["id"]}
        half = tickets.height // 2
        first, wrong = await self.diagnose_each(tickets.head(half))
        second, more = await self.diagnose_each(tickets.slice(half))
        return first + second, wrong | more

    @property
    def runbooks(self) -> Runbooks:
        """The loaded runbooks; LoopError `not_ready` before `open`."""
        if self._runbooks is None:
            raise LoopError("not_ready", "the runbooks are being loaded")
        return self._runbooks

    @property
    def runbook_version(self) -> str:
        """Version of the loaded runbooks; empty before `open`."""
        return self._runbooks.version if self._runbooks else ""

    async def close(self) -> None:
        """Finish what runs and close the store."""
        await self._run(self._close)
        self._thread.shutdown(wait=True)

    async def _run(self, work: Any, *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    def _open(self) -> None:
        self._runbooks = load_runbooks(*self._overlays)
        if self._weights is not None:
            self._runbooks = with_weights(self._runbooks, load_weights(self._weights))
        self._settings.limits(self._runbooks)
        self._engine = Engine(self._runbooks, load_catalogue(), self._settings)
        self._store = Store.open(self._root)
        self._diagnose(frame_of([WARMING]))

    def _diagnose(self, tickets: pl.DataFrame) -> list[dict[str, Any]]:
        if self._store is None or self._engine is None:
            raise RuntimeError("the diagnostician is not open")
        batch = self._engine.diagnose(self._store, tickets)
        self.evidence.keep(batch)
        results = batch.results()
        if self.standing is not None:
            self.standing.mark(results)
        return results

    def _again(self, tickets: pl.DataFrame) -> list[dict[str, Any]]:
        if self._store is None or self._engine is None:
            raise RuntimeError("the diagnostician is not open")
        return self._engine.diagnose(self._store, tickets).results()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None
