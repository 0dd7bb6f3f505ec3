"""Runs the polled collectors: each target by itself, within its deadline, never twice at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from callcause.service.health import Health, TargetHealth
from callcause.service.logs import scrubbed
from callcause_error import CallcauseError
from collectors.collector import Collector
from collectors.errors import SourceError
from collectors.sink import Sink

LOG = logging.getLogger(__name__)


class Counting(Protocol):
    """Where counts go that outlive the process."""

    def add(self, name: str, labels: Mapping[str, str], by: float = 1) -> None:
        """Count."""


class Schedule:
    """One job for each target of each collector."""

    def __init__(self, sink: Sink, counters: Counting, health: Health) -> None:
        self._sink, self._counters, self._health = sink, counters, health
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._scheduler.add_listener(self._on_overrun, EVENT_JOB_MAX_INSTANCES)
        self._collectors: list[Collector[Any]] = []
        self._jobs: dict[str, TargetHealth] = {}
        self._running: set[asyncio.Task[Any]] = set()

    def add(self, collector: Collector[Any]) -> None:
        """Schedule every target; the first runs are spread over the interval."""
        self._collectors.append(collector)
        targets = list(dict.fromkeys(collector.targets()))
        interval_s, now = collector.settings.interval_s, datetime.now(UTC)
        for number, target in enumerate(targets):
            first = now + timedelta(seconds=interval_s * number / len(targets))
            health = TargetHealth(collector.kind, collector.settings.name, target)
            self._health.targets[health.source, target] = health
            job = f"{health.source}/{target}"
            self._jobs[job] = health
            self._scheduler.add_job(
                self._run,
                IntervalTrigger(seconds=interval_s, start_date=first, timezone=UTC),
                args=(collector, health),
                id=job,
                next_run_time=first,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )

    def lacking(self) -> dict[str, int]:
        """Periods that elements have not delivered, by element, over all collectors."""
        found: Counter[str] = Counter()
        for collector in self._collectors:
            found.update(collector.lacking())
        return dict(found)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self._scheduler.start()

    async def stop(self, patience_s: float) -> None:
        """Begin no more runs, wait for those that run, give up those that take too long, close all."""
        if self._scheduler.running:
            self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=patience_s)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=patience_s)
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        for collector in self._collectors:
            await _closed(collector, patience_s)

    def _on_overrun(self, event: JobSubmissionEvent) -> None:
        health = self._jobs[event.job_id]
        health.overruns += 1
        self._counters.add("callcause_collector_overruns_total", _labels(health))

    async def _run(self, collector: Collector[Any], health: TargetHealth) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        health.running, began = True, time.monotonic()
        try:
            outcome, error = await self._attempt(collector, health)
        finally:
            health.running, health.duration_s = False, time.monotonic() - began
        health.up, health.last_error = not error, error
        health.outcomes[outcome] += 1
        if not error:
            health.last_success = datetime.now(UTC)
        self._counters.add("callcause_collector_runs_total", {**_labels(health), "outcome": outcome})

    async def _attempt(self, collector: Collector[Any], health: TargetHealth) -> tuple[str, str]:
        """Outcome of one run, and what is wrong ("" where nothing is)."""
        deadline_s = collector.settings.deadline_s
        limit = asyncio.timeout(deadline_s)
        try:
            async with limit:
                self._count(health, await collector.collect(health.target, self._sink))
        except TimeoutError:
            code = "deadline" if limit.expired() else "timeout"
            return self._failed(health, code, f"no answer within {deadline_s:g} s (deadline_s)")
        except SourceError as error:
            return self._failed(health, error.code, str(error))
        except CallcauseError as error:
            return self._failed(health, "failed", str(error))
        except Exception as error:  # the boundary of the run: other targets and later runs go on
            LOG.exception("the collector failed", extra={"source": health.source, "target": health.target})
            return self._failed(health, "failed", type(error).__name__)
        return "ok", ""

    def _failed(self, health: TargetHealth, outcome: str, error: str) -> tuple[str, str]:
        clean = scrubbed(error)
        if clean != health.last_error:
            extra = {"source": health.source, "target": health.target, "outcome": outcome}
            LOG.warning("a run failed: %s", clean, extra=extra)
        return outcome, clean

    def _count(self, health: TargetHealth, counts: Counter[str]) -> None:
        for state, number in counts.items():
            labels = {"kind": health.kind, "source": health.source, "state": state}
            self._counters.add("callcause_collector_items_total", labels, number)


def _labels(health: TargetHealth) -> dict[str, str]:
    return {"kind": health.kind, "source": health.source, "target": health.target}


async def _closed(collector: Collector[Any], patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await collector.close()
    except Exception:  # the boundary of closing: the other collectors are still to be closed
        LOG.exception("a collector could not be closed", extra={"source": collector.settings.name})
