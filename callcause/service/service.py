"""The service: one asyncio process that collects, takes in, diagnoses and answers, and ends cleanly."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy.orm import Session

from callcause.configuration import Configuration
from callcause.loop.desk import LoopDesk
from callcause.loop.effect_desk import EffectDesk
from callcause.loop.housekeeping import Housekeeping
from callcause.loop.incident_desk import IncidentDesk
from callcause.loop.precision import Standing
from callcause.loop.report_desk import ReportDesk
from callcause.loop.vault import Vault
from callcause.loop.warning_desk import WarningDesk
from callcause.loop.work_notice import WorkNoticeDesk
from callcause.service.alert_desk import AlertDesk
from callcause.service.diagnostician import Diagnostician
from callcause.service.health import Health
from callcause.service.intake import TicketIntake
from callcause.service.listening import Listening
from callcause.service.notifier import Notifier
from callcause.service.schedule import Schedule
from callcause.service.ticket_desk import TicketDesk
from callcause.state import Database, DatabaseGone
from callcause.state.bookkeeping import Fact
from callcause.state.counters import PersistentCounters
from callcause.tmf621.hub import HubDesk
from callcause_error import UsageError
from collectors.collector import Collector, Listener
from collectors.records import Pseudonymiser, load_pseudonymiser
from collectors.sink import SinkSettings, StoreSink

LOG = logging.getLogger(__name__)
BOOKS_S = 5.0
"""How often counters are written."""


class Service:
    """Everything that runs, without its HTTP interface. `async with` opens and closes it."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.stopping = asyncio.Event()
        self.health = Health()
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._rows_told: Counter[tuple[str, str]] = Counter()

    async def __aenter__(self) -> Service:
        try:
            await self._open()
        except BaseException:  # whatever ends the opening, what is open already is closed
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _open(self) -> None:
        settings, stack = self.configuration, self._stack
        pseudonymiser = self.pseudonymiser = load_pseudonymiser()
        self.database = await asyncio.to_thread(Database.open, settings.state)
        stack.callback(self.database.close)
        await self.database.writing(lambda session: _same_key(session, pseudonymiser))
        self.counters = PersistentCounters(self.database)
        await asyncio.to_thread(self.counters.load)
        self.sink = StoreSink(settings.store.path, pseudonymiser, self._sink_settings())
        await self.sink.open()
        stack.push_async_callback(self.sink.close)
        self.diagnostician = Diagnostician(settings)
        stack.push_async_callback(self.diagnostician.close)
        self.intake = TicketIntake(self.database, pseudonymiser, settings.ingest, self.counters)
        self.tickets = TicketDesk(self.database, self.sink, self.diagnostician, settings.watch, self.counters)
        self.notifier = Notifier(self.database, settings.notices, self.counters)
        stack.callback(self.notifier.close)
        self.alerts = AlertDesk(self.database, self.sink, self.diagnostician, settings, self.counters)
        self.alerts.on_notice.append(self.notifier.wake)
        self.hub = HubDesk(self.database, settings.tmf621, self.counters)
        self._open_loop()
        await asyncio.to_thread(self.standing.load)
        self.schedule = Schedule(self.sink, self.counters, self.health)
        self.listening = Listening(self.sink, self.counters, self.health, self.stopping)
        self._start()

    def _open_loop(self) -> None:
        """Put the loop to work: it hears of tickets and diagnoses in the transactions that write them."""
        settings, database = self.configuration, self.database
        self.loop = LoopDesk(database, settings.loop, self.counters, lambda: self.diagnostician.runbooks)
        self.incidents = IncidentDesk(database, self.sink, settings.loop)
        self.warnings = WarningDesk(database, settings.warnings, settings.loop.calendar.zone, self.targets)
        self.work_notices = WorkNoticeDesk(database, self.sink, settings.loop, self.targets)
        self.reports = ReportDesk(database, settings.loop.calendar.zone)
        self.vault = Vault(database, settings.vault)
        self.housekeeping = Housekeeping(
            database, settings.loop.retention, settings.retention, self.sink.retain
        )
        self.standing = self.diagnostician.standing = Standing(database, settings.loop.advisory)
        self.loop.on_confirmed.append(self.standing.wake)
        self.effects = EffectDesk(database, settings.loop.effect, self.diagnostician.again)
        for told in (self.warnings, self.work_notices):
            told.on_notice.append(self.notifier.wake)
        self.loop.formers = self.pseudonymiser.formers
        for desk in (self.intake, self.tickets):
            desk.on_taken.append(self.loop.on_taken)
        self.tickets.on_diagnosis.append(self.diagnostician.evidence.on_diagnosis)
        self.tickets.on_diagnosis.append(self.loop.on_diagnosis)
        self.tickets.on_written.append(self.incidents.wake)
        if settings.vault.enabled:
            self.intake.vault = self.vault
            self.sink.keep = self.vault.keep_numbers

    @property
    def targets(self) -> list[str]:
        """Names of the targets of notices."""
        return [target.name for target in self.configuration.notices]

    def _start(self) -> None:
        self.health.not_ready["diagnosis"] = "the runbooks are being loaded"
        self._task(self._diagnose(), "diagnosis")
        self._task(self._keep_books(), "books")
        self._task(self.notifier.run(self.stopping), "notices")
        self._task(self.incidents.run(self.stopping), "incidents")
        self._task(self.warnings.run(self.stopping), "warnings")
        self._task(self.work_notices.run(self.stopping), "notices of planned work")
        self._task(self.standing.run(self.stopping), "standing")
        self._task(self.reports.run(self.stopping), "reports")
        self._task(self.housekeeping.run(self.stopping), "housekeeping")
        self._task(self.hub.run(self.stopping), "hub")
        for source in self.make_sources():
            if isinstance(source, Listener):
                self.listening.start(source)
            else:
                self.schedule.add(source)
        self.schedule.start()

    def make_sources(self) -> list[Collector[Any] | Listener[Any]]:
        """Return a collector or listener for every source of the configuration."""
        wanted = list(self.configuration.collect.sources())
        if not wanted:
            return []
        from collectors.registry import sources

        known = sources()
        return [known[kind](settings) for kind, settings in wanted]

    async def problems(self) -> dict[str, str]:
        """Return what keeps the service from working, by part."""
        found = dict(self.health.not_ready)
        try:
            await self.database.reading(lambda session: session.get(Fact, "pseudonym_key"))
        except DatabaseGone as error:
            found["database"] = error.message
        return found

    async def close(self) -> None:
        """Stop the sources, let the desk finish its batch, store what waits, close everything."""
        self.stopping.set()
        patience_s = self.configuration.service.stop_s
        await self.schedule.stop(patience_s)
        await self.listening.stop(patience_s)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience_s)
            for task in late:
                LOG.error("a task did not end in time", extra={"task": task.get_name()})
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(self._write_books)
        except DatabaseGone as error:
            LOG.error("counters are not written: %s", error)  # noqa: TRY400 - the message says it all
        await self._stack.aclose()

    async def _diagnose(self) -> None:
        await self.diagnostician.open()
        self.health.not_ready.pop("diagnosis", None)
        LOG.info("ready")
        await asyncio.gather(
            self.tickets.run(self.stopping),
            self.alerts.run(self.stopping),
            self.effects.run(self.stopping),
        )

    async def _keep_books(self) -> None:
        while not self.stopping.is_set():
            try:
                await asyncio.to_thread(self._write_books)
            except DatabaseGone as error:
                LOG.error("counters wait: %s", error)  # noqa: TRY400 - the message says it all
            try:
                async with asyncio.timeout(BOOKS_S):
                    await self.stopping.wait()
            except TimeoutError:
                continue

    def _write_books(self) -> None:
        self.listening.count()
        for (kind, state), number in list(self.sink.counts.items()):
            new = number - self._rows_told[kind, state]
            if new:
                self.counters.add("callcause_records_total", {"kind": kind, "state": state}, new)
                self._rows_told[kind, state] = number
        self.counters.flush()

    def _task(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_end)
        self._tasks.append(task)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Stop when a part ended by an error, rather than to work by halves."""
        if task.cancelled() or task.exception() is None:
            return
        self.failure = task.exception()
        self.health.not_ready[task.get_name()] = "it ended by an error"
        self.stopping.set()

    failure: BaseException | None = None
    """What made the service stop by itself."""

    def _sink_settings(self) -> SinkSettings:
        ingest, store = self.configuration.ingest, self.configuration.store
        return SinkSettings(
            ingest.zone, ingest.country_code, ingest.counter_maps, store.flush_s, store.flush_rows
        )


def _same_key(session: Session, pseudonymiser: Pseudonymiser) -> None:
    """Rows made with two keys would never meet: the database remembers which one it began with."""
    mark = pseudonymiser.pseudonym("key", "callcause")
    known = session.get(Fact, "pseudonym_key")
    if known is None:
        session.add(Fact(name="pseudonym_key", value=mark))
    elif pseudonymiser.previous and known.value == pseudonymiser.previous.pseudonym("key", "callcause"):
        known.value = mark
    elif known.value != mark:
        raise UsageError(
            "the state database was made with another pseudonym key",
            key="state.database",
            hint="use the key that it was made with",
        )
