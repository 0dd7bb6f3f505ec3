"""A desk: one task that works while there is work, rests until it is woken, and outlives every failure."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod

from callcause_error import CallcauseError

LOG = logging.getLogger(__name__)
AFTER_FAILURE_S, LONGEST_AFTER_FAILURE_S = 1.0, 15.0
"""The pause after a round that failed, doubled after each further one."""


class Desk(ABC):
    """The loop around `work`."""

    idle_s = 5.0
    """Longest rest: what nobody told of is found after it."""

    def __init__(self) -> None:
        self._wake = asyncio.Event()
        self._failed_rounds = 0

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until told to stop; a failure is told and tried again."""
        while not stopping.is_set():
            busy = await self._guarded(stopping)
            if not busy:
                woken = await wait_for_any(self.rest_s(), stopping, self._wake)
                if not woken:
                    self.on_idle()
                self._wake.clear()

    @abstractmethod
    async def work(self) -> bool:
        """Do one round; tells whether there is more to do at once."""

    def rest_s(self) -> float:
        """How long to rest at most."""
        return self.idle_s

    def on_idle(self) -> None:
        """Nobody woke the desk for its longest rest."""
        return

    async def _guarded(self, stopping: asyncio.Event) -> bool:
        try:
            busy = await self.work()
        except CallcauseError as error:
            LOG.error("work waits: %s", error, extra={"desk": type(self).__name__})  # noqa: TRY400 - it says all
        except Exception:  # the boundary of the task: the next round tries again
            LOG.exception("work waits", extra={"desk": type(self).__name__})
        else:
            self._failed_rounds = 0
            return busy
        pause_s = min(AFTER_FAILURE_S * 2**self._failed_rounds, LONGEST_AFTER_FAILURE_S)
        self._failed_rounds = min(self._failed_rounds + 1, 10)
        await wait_for_any(pause_s, stopping)
        return True


async def wait_for_any(seconds: float, *events: asyncio.Event) -> bool:
    """Wait until one of the events is set, which is answered with true, or the time is over."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)
