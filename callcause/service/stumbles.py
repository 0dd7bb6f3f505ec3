"""Tickets that the engine stumbled over: tried again after a pause that grows, until they count as failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LONGEST_PAUSE_S = 300.0


@dataclass(slots=True)
class _Stumble:
    times: int
    due: float


class Stumbles:
    """How often each ticket failed and when it is due again; kept in memory: a restart begins anew."""

    def __init__(
        self, attempts: int, first_pause_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._attempts, self._first_pause_s, self._clock = attempts, first_pause_s, clock
        self._known: dict[str, _Stumble] = {}

    def resting(self) -> frozenset[str]:
        """Return the tickets that are not due yet."""
        now = self._clock()
        return frozenset(name for name, stumble in self._known.items() if stumble.due > now)

    def due_s(self) -> float | None:
        """Return how long until the next of those that rest is due; None where nothing rests."""
        now = self._clock()
        return min((one.due - now for one in self._known.values() if one.due > now), default=None)

    def again(self, ticket_id: str) -> bool:
        """Count one more failure; tells whether the ticket is to be tried again."""
        stumble = self._known.setdefault(ticket_id, _Stumble(0, 0.0))
        stumble.times += 1
        if stumble.times >= self._attempts:
            del self._known[ticket_id]
            return False
        pause_s = min(self._first_pause_s * 2 ** (stumble.times - 1), LONGEST_PAUSE_S)
        stumble.due = self._clock() + pause_s
        return True

    def forget(self, ticket_ids: Iterable[str]) -> None:
        """Forget what was diagnosed after all."""
        if self._known:
            for ticket_id in ticket_ids:
                self._known.pop(ticket_id, None)
