"""The desk of tickets: what is taken in is put into the store, diagnosed, and looked at again for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import polars as pl
from sqlalchemy import select

from callcause.service import ticket_rows as rows
from callcause.service.diagnostician import Diagnostician
from callcause.service.schedule import Counting
from callcause.service.settings import WatchSettings
from callcause.service.ticket_record import frame_of, records_of
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import Ticket
from callcause_error import CallcauseError
from collectors.sink import StoreSink
from collectors.store import Store

LOG = logging.getLogger(__name__)
EVIDENCE = frozenset(
    {"call", "registration", "voice_slice", "hop", "diameter_answer", "node_sample", "alarm", "subscriber"}
)
"""Kinds of rows that may decide an open verdict."""
IDLE_S = 5.0
TAKEN_TOGETHER = 2000


class TicketDesk:
    """One task: new tickets first, then those whose evidence may have come."""

    def __init__(
        self,
        database: Database,
        sink: StoreSink,
        diagnostician: Diagnostician,
        settings: WatchSettings,
        counters: Counting,
    ) -> None:
        self._database, self._sink, self._diagnostician = database, sink, diagnostician
        self._settings, self._counters = settings, counters
        self._wake = asyncio.Event()
        self._look_into_store, self._look_when_idle, self._evidence_came = True, False, False
        self._storing, self._unstored = False, True
        self._looked_again = 0.0
        self._known: set[str] | None = None
        self.on_diagnosis: list[rows.Heard] = []
        """Called in the transaction that writes a diagnosis."""
        sink.on_stored(self._on_stored)

    def wake(self) -> None:
        """Say that there is a new ticket."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop; a failure is told and tried again."""
        while not stopping.is_set():
            try:
                busy = await self.work()
            except CallcauseError as error:
                LOG.error("tickets wait: %s", error)  # noqa: TRY400 - the message says it all
                busy = False
                await _sleep(1.0, stopping)
            except Exception:  # the boundary of the task: the next round tries again
                LOG.exception("tickets wait")
                busy = False
                await _sleep(1.0, stopping)
            if not busy:
                await self._rest(stopping)

    async def work(self) -> bool:
        """Do one round; tells whether there is more to do at once."""
        if self._look_into_store:
            self._look_into_store = False
            await self._take_from_store()
        new = await self._database.reading(lambda s: rows.waiting(s, self._settings.batch))
        if new:
            await self._diagnose(new)
            return True
        if self._unstored:
            await self._store_the_rest()
        await self._look_again()
        return False

    def _on_stored(self, kinds: frozenset[str]) -> None:
        if "ticket" in kinds and self._storing:  # most likely our own, so there is no hurry
            self._look_when_idle = True
        elif "ticket" in kinds:
            self._look_into_store = True
        self._evidence_came |= bool(kinds & EVIDENCE)
        if self._look_into_store or self._evidence_came:
            self._wake.set()

    async def _rest(self, stopping: asyncio.Event) -> None:
        if self._evidence_came:
            left_s = self._looked_again + self._settings.again_every_s - time.monotonic()
            await _sleep(max(left_s, 0.0), stopping, self._wake)
        else:
            await _sleep(IDLE_S, stopping, self._wake)
        if not self._wake.is_set():
            self._look_into_store |= self._look_when_idle
            self._look_when_idle = False
        self._wake.clear()

    async def _take_from_store(self) -> None:
        """Take in tickets that reached the store by another way, such as a file in a watched folder."""
        if self._known is None:
            self._known = set(await self._database.reading(lambda s: list(s.scalars(select(Ticket.id)))))
        known = self._known
        found = await self._sink.read(lambda store: _unknown(store, known))
        for part in found.iter_slices(TAKEN_TOGETHER):
            records = records_of(part)
            await self._database.writing(
                lambda s, r=records: rows.take_in(s, r, "store", "callcause", in_store=True)  # type: ignore[misc]
            )
            known.update(part["id"].to_list())

    async def _diagnose(self, tickets: Sequence[Ticket]) -> None:
        frame = frame_of([ticket.record for ticket in tickets])
        stored = await self._put_into_store([t for t in tickets if not t.in_store])
        results, wrong = await self._diagnostician.diagnose_each(frame)
        watch_s = self._settings.again_for_s
        for start in range(0, max(len(results), 1), rows.CHUNK):
            part, ids = results[start : start + rows.CHUNK], stored if start == 0 else []
            await self._database.writing(
                lambda s, part=part, ids=ids: self._write(s, part, ids, watch_s)  # type: ignore[misc]
            )
        for ticket, error in wrong.items():
            await self._database.writing(lambda s, t=ticket, e=error: rows.fail(s, t, e))  # type: ignore[misc]
        self._count(results, wrong)

    def _write(self, session: Any, part: list[rows.Contract], ids: list[str], watch_s: float) -> None:
        rows.mark_stored(session, ids)
        rows.write_results(session, part, watch_s, self.on_diagnosis)

    async def _put_into_store(self, tickets: Sequence[Ticket]) -> list[str]:
        """Put tickets into the store with all evidence that waits; a failing store does not hold them up."""
        self._storing = True
        try:
            if tickets:
                frame = frame_of([ticket.record for ticket in tickets])
                await self._sink.checked("state database", "ticket", frame)
            await self._sink.flush()
        except Exception:  # the boundary to the store: the tickets are durable, and put there later
            LOG.exception("tickets could not be put into the store yet")
            self._unstored = True
            return []
        finally:
            self._storing = False
        if self._known is not None:
            self._known.update(ticket.id for ticket in tickets)
        return [ticket.id for ticket in tickets]

    async def _store_the_rest(self) -> None:
        """Put there what a crash or a full disk kept from the store."""
        self._unstored = False
        while rest := await self._database.reading(lambda s: rows.not_in_store(s, TAKEN_TOGETHER)):
            ids = await self._put_into_store(rest)
            if not ids:
                return
            await self._database.writing(lambda s, ids=ids: rows.mark_stored(s, ids))  # type: ignore[misc]

    async def _look_again(self) -> None:
        due = time.monotonic() - self._looked_again >= self._settings.again_every_s
        if not (self._evidence_came and due):
            return
        self._evidence_came, self._looked_again = False, time.monotonic()
        open_ones = await self._database.reading(lambda s: rows.watched(s, self._settings.batch, utc_now()))
        if open_ones:
            await self._diagnose(open_ones)

    def _count(self, results: Sequence[rows.Contract], wrong: dict[str, str]) -> None:
        self._counters.add("diagnoses", {"outcome": "done"}, len(results))
        if wrong:
            self._counters.add("diagnoses", {"outcome": "failed"}, len(wrong))


def _unknown(store: Store, known: set[str]) -> pl.DataFrame:
    tickets = store.records("ticket")
    ids = tickets.select("id").collect()["id"]
    new = ids.filter(~ids.is_in(pl.Series(list(known), dtype=pl.String).implode()))
    return tickets.filter(pl.col("id").is_in(new.implode())).sort("received_at", "id").collect()


async def _sleep(seconds: float, *until: asyncio.Event) -> None:
    """Sleep, but no longer than until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in until]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
