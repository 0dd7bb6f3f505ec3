"""What `/metrics` shows of the service.

Its counters, its sources, its tickets and alerts, the store and the KPIs.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.service.delay_metrics import delay_readings
from callcause.service.health import Health
from callcause.service.known_counters import known_counters
from callcause.service.loop_metrics import loop_readings
from callcause.service.quality_metrics import quality_readings
from callcause.service.service import Service
from callcause.state import Database, DatabaseGone
from callcause.state.alert import FIRING, AlertGroup
from callcause.state.base import utc_now
from callcause.state.bookkeeping import Fact
from callcause.state.ticket import PENDING, Ticket
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from dashboards.exposition import FAMILIES, CallcauseCollector, Reading
from dashboards.exposition.exposed import ExposedCells
from dashboards.exposition.kpi_source import KpiSource
from dashboards.exposition.store_source import StoreSource

LOG = logging.getLogger(__name__)
EXPOSED = "exposed_cells"
KEPT_S = 600.0
"""How old the times of exposed cells may be in the database; each is exposed for a day."""


class Exposition:
    """Builds the text of `/metrics`. Blocking: call it on a thread."""

    def __init__(self, service: Service) -> None:
        settings, self._service = service.configuration, service
        self._cells = ExposedCells(_remembered(service.database))
        self._kept: set[str] | None = None
        self._kept_at = 0.0
        catalogue = load_catalogue()

        def open_store() -> Store:
            return Store.open(settings.store.path, catalogue=catalogue)

        kpis = KpiSource(
            open_store,
            self._cells,
            worst=settings.metrics.worst_cells,
            watched=settings.metrics.watched_cells,
            cells_of_tickets=lambda: _cells_of_tickets(service.database),
        )
        sources = (self._counters, self._sources, self._state, StoreSource(open_store), kpis, self._build)
        self._registry = CollectorRegistry()
        self._registry.register(CallcauseCollector(sources, settings.metrics.series_budget))

    def text(self) -> bytes:
        """Return the exposition of this moment."""
        made = generate_latest(self._registry)
        self._keep_cells()
        return made

    def _keep_cells(self) -> None:
        """Write which cells are exposed: when others are, and now and then; a scrape does not fail for it."""
        memory = {cell: at.isoformat() for cell, at in self._cells.memory().items()}
        old = time.monotonic() - self._kept_at > KEPT_S
        if memory.keys() == self._kept and not old:
            return
        try:
            self._service.database.write(lambda session: _remember(session, memory))
        except DatabaseGone as error:
            LOG.warning("the exposed cells are not written: %s", error)
        else:
            self._kept, self._kept_at = set(memory), time.monotonic()

    def _counters(self) -> Iterator[Reading]:
        service, loaded = self._service, self._service.diagnostician
        runbooks = loaded.runbooks if loaded.runbook_version else None
        for known, given in known_counters(service.health, runbooks, service.targets):
            yield Reading(known, tuple(given[label] for label in FAMILIES[known].labels), 0.0)
        for (name, labels), value in service.counters.values().items():
            family = FAMILIES.get(name)
            if family is not None:
                named = dict(labels)
                yield Reading(name, tuple(named.get(label, "") for label in family.labels), value)

    def _sources(self) -> Iterator[Reading]:
        yield from source_readings(self._service.health)
        for element, periods in self._service.schedule.lacking().items():
            yield Reading("callcause_missing_periods", (element,), float(periods))

    def _state(self) -> Iterator[Reading]:
        yield from self._service.database.read(state_readings)
        yield from self._service.database.read(lambda session: loop_readings(session, utc_now()))
        yield from self._service.database.read(delay_readings)
        advisory = self._service.configuration.loop.advisory
        yield from self._service.database.read(lambda session: quality_readings(session, advisory))

    def _build(self) -> Iterator[Reading]:
        runbooks = self._service.diagnostician.runbook_version
        yield Reading("callcause_build_info", (version("callcause"), runbooks), 1.0)


def source_readings(health: Health) -> Iterator[Reading]:
    """Give readings of every target and listener; a target that was not run yet has none."""
    for target in health.targets.values():
        place = (target.kind, target.source, target.target)
        if target.up is not None:
            yield Reading("callcause_collector_up", place, float(target.up))
        if target.duration_s is not None:
            yield Reading("callcause_collector_last_run_duration_seconds", place, target.duration_s)
        if target.last_success is not None:
            at = target.last_success.timestamp()
            yield Reading("callcause_collector_last_success_timestamp_seconds", place, at)
    for listener in health.listeners.values():
        yield Reading("callcause_collector_up", (listener.kind, listener.source, ""), float(listener.up))


def state_readings(session: Session) -> list[Reading]:
    """Give readings of the state database that need no counting of single tickets."""
    waiting = session.scalar(select(func.count()).select_from(Ticket).where(Ticket.diagnosis == PENDING)) or 0
    found = [Reading("callcause_tickets_waiting_for_diagnosis", (), float(waiting))]
    groups = session.scalars(select(AlertGroup).where(AlertGroup.status == FIRING)).all()
    regions: dict[str, int] = {}
    for group in groups:
        region = str(group.common_labels.get("region", ""))
        regions[region] = regions.get(region, 0) + 1
        area = str(group.common_labels.get("entity") or region)
        labels = (group.id, area, group.top_cause or "", group.department or "", group.verdict or "")
        found.append(Reading("callcause_alert_diagnosis_info", labels, 1.0))
    found += [Reading("callcause_alerts_active", (region,), n) for region, n in sorted(regions.items())]
    return found


def _cells_of_tickets(database: Database) -> list[str]:
    """Cells of the tickets of the last day that are not closed."""

    def cells(session: Session) -> list[str]:
        open_ones = select(Ticket.record).where(Ticket.state.not_in(("closed", "merged")))
        records = session.scalars(open_ones.order_by(Ticket.taken_in_at.desc()).limit(1000))
        return [str(r["ecgi"]) for r in records if r.get("ecgi")]

    return database.read(cells)


def _remembered(database: Database) -> dict[str, datetime]:
    fact = database.read(lambda session: session.get(Fact, EXPOSED))
    stored = json.loads(fact.value) if fact is not None else {}
    return {cell: datetime.fromisoformat(at) for cell, at in stored.items()}


def _remember(session: Session, memory: dict[str, str]) -> None:
    session.merge(Fact(name=EXPOSED, value=json.dumps(memory, sort_keys=True)))
