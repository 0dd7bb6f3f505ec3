"""Keeps the listeners alive: one that dies is started again, after a pause that grows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from callcause.service.health import Health, ListenerHealth
from callcause.service.logs import scrubbed
from callcause.service.schedule import Counting
from collectors.collector import Listener
from collectors.sink import Sink

LOG = logging.getLogger(__name__)
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
STEADY_S = 60.0
"""A listener that lived this long begins again with the first pause."""


class Listening:
    """All listeners of the service, one task each."""

    def __init__(self, sink: Sink, counters: Counting, health: Health, stopping: asyncio.Event) -> None:
        self._sink, self._counters, self._health, self._stopping = sink, counters, health, stopping
        self._listeners: list[tuple[Listener[Any], Counter[str]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, listener: Listener[Any]) -> None:
        """Start one listener and keep it running until the service stops."""
        health = ListenerHealth(listener.kind, listener.settings.name)
        self._health.listeners[health.source] = health
        self._listeners.append((listener, Counter()))
        self._tasks.append(asyncio.create_task(self._keep(listener, health), name=f"listen {health.source}"))

    async def stop(self, patience_s: float) -> None:
        """Wait until all have handed over what they held; `stopping` is set by now."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience_s)
            for task in late:
                LOG.error("a listener did not stop in time", extra={"task": task.get_name()})
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self.count()

    def count(self) -> None:
        """Hand what arrived since the last time to the counters."""
        for listener, told in self._listeners:
            for state, number in list(listener.counts.items()):
                if number > told[state]:
                    labels = {"kind": listener.kind, "source": listener.settings.name, "state": state}
                    self._counters.add("callcause_collector_items_total", labels, number - told[state])
                    told[state] = number

    async def _keep(self, listener: Listener[Any], health: ListenerHealth) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            error = await self._listen(listener, health)
            health.up = False
            if self._stopping.is_set():
                return
            health.restarts += 1
            health.last_error = error
            pause_s = FIRST_PAUSE_S if time.monotonic() - began > STEADY_S else pause_s
            LOG.error("a listener died: %s", error, extra={"source": health.source, "again_in_s": pause_s})
            await self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _listen(self, listener: Listener[Any], health: ListenerHealth) -> str:
        listener.listening.clear()
        opened = asyncio.create_task(self._opened(listener, health))
        try:
            await listener.listen(self._sink, self._stopping)
        except Exception as error:  # the boundary of the listener: it is started again
            LOG.debug("the listener's error", exc_info=True)
            return scrubbed(f"{type(error).__name__}: {error}")
        finally:
            opened.cancel()
        return "it ended by itself"

    @staticmethod
    async def _opened(listener: Listener[Any], health: ListenerHealth) -> None:
        await listener.listening.wait()
        health.up = True

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()
        except TimeoutError:
            return
