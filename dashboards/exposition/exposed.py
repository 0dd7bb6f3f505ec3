"""Which cells are exposed: the worst, those with open tickets, and a watch list; each for 24 hours more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

HOLD = timedelta(hours=24)
"""A series that comes and goes with each scrape cannot be drawn: a cell stays this long."""


class ExposedCells:
    """Cells with the time at which they last qualified; the newest stand first."""

    def __init__(self, qualified: Mapping[str, datetime] | None = None) -> None:
        self._last = dict(qualified or {})

    def qualify(self, cells: Iterable[str], now: datetime) -> None:
        """Note cells that qualify now, and forget those that did so more than 24 hours ago."""
        self._last.update(dict.fromkeys(cells, now))
        self._last = {cell: at for cell, at in self._last.items() if now - at <= HOLD}

    def cells(self) -> list[str]:
        """Return the exposed cells, those that qualified last first, equal ones by name."""
        return sorted(self._last, key=lambda cell: (-self._last[cell].timestamp(), cell))

    def memory(self) -> dict[str, datetime]:
        """Return what a restart must know again."""
        return dict(self._last)
