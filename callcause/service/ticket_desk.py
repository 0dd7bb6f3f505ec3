"""The desk of tickets: what is taken in is put into the store, diagnosed, and looked at again for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import polars as pl
from sqlalchemy.orm import Session

from callcause.service import ticket_rows as rows
from callcause.service.desk import Desk
from callcause.service.diagnostician import Diagnostician
from callcause.service.schedule import Counting
from callcause.service.settings import WatchSettings
from callcause.service.stumbles import Stumbles
from callcause.service.tally import tally_received, tally_verdicts
from callcause.service.ticket_record import frame_of, records_of
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import PENDING, Ticket
from collectors.sink import StoreSink
from collectors.store import Store

LOG = logging.getLogger(__name__)
EVIDENCE = frozenset(
    {"call", "registration", "voice_slice", "hop", "diameter_answer", "node_sample", "alarm", "subscriber"}
)
"""Kinds of rows that may decide an open verdict."""
TAKEN_TOGETHER = 2000


class TicketDesk(Desk):
    """One task: new tickets first, then those whose evidence may have come."""

    def __init__(
        self,
        database: Database,
        sink: StoreSink,
        diagnostician: Diagnostician,
        settings: WatchSettings,
        counters: Counting,
    ) -> None:
        super().__init__()
        self._database, self._sink, self._diagnostician = database, sink, diagnostician
        self._settings, self._counters = settings, counters
        self._look_into_store, self._evidence_came = True, False
        self._seen: tuple[str, ...] = ()
        self._storing, self._unstored = False, True
        self._looked_again = 0.0
        self._known: set[str] | None = None
        self._stumbles = Stumbles(settings.attempts, settings.first_pause_s)
        self.on_diagnosis: list[rows.Heard] = []
        """Called in the transaction that writes a diagnosis."""
        self.on_taken: list[rows.HeardTaken] = []
        """Called in the transaction that takes a ticket in from the store."""
        self.on_written: list[Callable[[], None]] = []
        """Called after diagnoses were written."""
        sink.on_stored(self._on_stored)

    async def work(self) -> bool:
        """Do one round; tells whether there is more to do at once."""
        if self._look_into_store:
            self._look_into_store = False
            await self._take_from_store()
        resting = self._stumbles.resting()
        new = await self._database.reading(lambda s: rows.waiting(s, self._settings.batch, resting))
        if new:
            await self._diagnose(new)
            return True
        if self._unstored:
            await self._store_the_rest()
        await self._look_again()
        return False

    def _on_stored(self, kinds: frozenset[str]) -> None:
        # Tickets that came while our own are stored are most likely those: to look when idle is soon enough.
        self._look_into_store |= "ticket" in kinds and not self._storing
        self._evidence_came |= bool(kinds & EVIDENCE)
        if self._look_into_store or self._evidence_came:
            self.wake()

    def rest_s(self) -> float:
        """Rest until a ticket is tried again, or open verdicts are looked at again where evidence came."""
        tried_s = self._stumbles.due_s()
        rest_s = self.idle_s if tried_s is None else min(self.idle_s, tried_s)
        if not self._evidence_came:
            return rest_s
        due = self._looked_again + self._settings.again_every_s
        return min(rest_s, max(due - time.monotonic(), 0.0))

    def on_idle(self) -> None:
        """Look for tickets that another process stored."""
        self._look_into_store = True

    async def _take_from_store(self) -> None:
        """Take in tickets that reached the store by another way, such as a file in a watched folder."""
        if self._known is None:
            self._known = await self._database.reading(rows.known_ids)
        known = self._known
        segments = await self._sink.read(_ticket_segments)
        if segments == self._seen:
            return
        found = await self._sink.read(lambda store: _unknown(store, known))
        for part in found.iter_slices(TAKEN_TOGETHER):
            records = records_of(part)
            await self._database.writing(partial(self._take_in_stored, records=records))
            tally_received(self._counters, records_of(part))
            known.update(part["id"].to_list())
        self._seen = segments

    def _take_in_stored(self, session: Session, records: Sequence[Mapping[str, Any]]) -> None:
        rows.take_in(session, records, "store", "callcause", in_store=True, hear=self.on_taken)

    async def _diagnose(self, tickets: Sequence[Ticket]) -> None:
        frame = frame_of([ticket.told for ticket in tickets])
        stored = await self._put_into_store([t for t in tickets if not t.in_store])
        results, wrong = await self._diagnostician.diagnose_each(frame)
        watch = rows.Watch(self._settings.again_for_s, self._settings.settle_s)
        for start in range(0, max(len(results), 1), rows.CHUNK):
            part, ids = results[start : start + rows.CHUNK], stored if start == 0 else []
            await self._database.writing(partial(self._write, part=part, ids=ids, watch=watch))
        self._stumbles.forget(result["ticket_id"] for result in results)
        failed = await self._stumbled({t.id for t in tickets if t.diagnosis == PENDING}, wrong)
        self._count(results, wrong, failed)
        for hear in self.on_written:
            hear()

    async def _stumbled(self, pending: set[str], wrong: dict[str, str]) -> int:
        """Let tickets rest that stumbled, or fail at last; one that has a verdict keeps it."""
        given_up = [name for name in wrong if name in pending and not self._stumbles.again(name)]
        for name in given_up:
            await self._database.writing(partial(rows.fail, ticket_id=name, error=wrong[name]))
        return len(given_up)

    def _write(self, session: Session, part: list[rows.Contract], ids: list[str], watch: rows.Watch) -> None:
        rows.mark_stored(session, ids)
        rows.write_results(session, part, watch, self.on_diagnosis)

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
            await self._database.writing(partial(rows.mark_stored, ids=ids))

    async def _look_again(self) -> None:
        due = time.monotonic() - self._looked_again >= self._settings.again_every_s
        if not (self._evidence_came and due):
            return
        self._evidence_came, self._looked_again = False, time.monotonic()
        open_ones = await self._database.reading(lambda s: rows.watched(s, self._settings.batch, utc_now()))
        if open_ones:
            await self._diagnose(open_ones)

    def _count(self, results: Sequence[rows.Contract], wrong: dict[str, str], failed: int) -> None:
        tally_verdicts(self._counters, results)
        told = {"done": len(results), "failed": failed, "retried": len(wrong) - failed}
        for outcome, number in told.items():
            if number or outcome == "done":
                self._counters.add("diagnoses", {"outcome": outcome}, number)


def _ticket_segments(store: Store) -> tuple[str, ...]:
    """Names of the files that hold tickets: while they stay, so do the tickets."""
    return tuple(segment.name for segment in store.ledger.segments("ticket"))


def _unknown(store: Store, known: set[str]) -> pl.DataFrame:
    tickets = store.records("ticket")
    ids = tickets.select("id").collect()["id"]
    new = ids.filter(~ids.is_in(pl.Series(list(known), dtype=pl.String).implode()))
    return tickets.filter(pl.col("id").is_in(new.implode())).sort("received_at", "id").collect()
