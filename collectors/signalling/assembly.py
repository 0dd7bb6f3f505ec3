"""The assembly: sightings of every tap go in, rows of the records come out once they are complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from collectors.signalling.frames import Frames, by_seen_columns, joined
from collectors.signalling.sighting import Sighting

__all__ = ["Assembly", "Frames", "Part", "by_seen_columns"]


class Part(Protocol):
    """Makes rows of the messages of one protocol; it ignores the types that are not its own."""

    counts: Counter[str]

    def take(self, sighting: Sighting) -> None:
        """Take one sighting; every message ends in one counted state."""

    def ripe(self, now: datetime) -> Frames:
        """Return the rows that are complete by `now` (UTC) and forget them."""

    def rest(self) -> Frames:
        """Return everything that is still open, as far as it is known."""


class Assembly:
    """Hands sightings to its parts and joins their rows.

    A frame may have a column `absent`: names of columns that its rows could not know. `by_seen_columns` takes
    such frames apart for a sink.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)

    @property
    def counts(self) -> Counter[str]:
        """Messages by the state they ended in, over all parts."""
        return sum((part.counts for part in self.parts), Counter())

    def take(self, sighting: Sighting) -> None:
        """Take one sighting."""
        for part in self.parts:
            part.take(sighting)

    def ripe(self, now: datetime) -> Frames:
        """Return the rows that are complete by `now` (UTC)."""
        return joined([part.ripe(now) for part in self.parts])

    def rest(self) -> Frames:
        """Return everything that is still open; used when a capture or a service ends."""
        return joined([part.rest() for part in self.parts])
