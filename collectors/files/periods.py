"""Periods that an element should have delivered and has not: noticed within one period plus five minutes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectors.errors import BadFile
from collectors.files.memory import FileMemory, MissingPeriod
from collectors.pm.read import read_blocks
from collectors.pm.source import sniff

GRACE_S = 300
MOST_NOTICED = 1000
"""Periods noticed at once: after a month of silence nobody needs every one of them."""
# TS 32.432, 5.1.1.1: <type><start date>.<start time><offset>-[<end date>.]<end time><offset>_<element>
_NAME = re.compile(
    r"^[A-D]\d{8}\.\d{4}(?:[+-]\d{4})?-(?:\d{8}\.)?\d{4}(?:[+-]\d{4})?_(?:-[^_]*_)?(?P<element>[^.]+)"
)


class ExpectedPeriods(BaseModel):
    """Which elements deliver PM files, and how often."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    elements: dict[str, int] = Field(default_factory=dict, description="element -> period in s")
    learn: bool = Field(default=True, description="expect of an element seen once that it goes on")
    lateness_s: int | None = Field(
        default=None, ge=0, description="how long after its end a file may come; one period where not set"
    )

    @model_validator(mode="after")
    def _soon_enough(self) -> ExpectedPeriods:
        for element, period_s in self.elements.items():
            if period_s <= 0 or 86_400 % period_s:
                raise ValueError(f"the period of {element!r} does not divide a day")
            if self.lateness_s is not None and self.lateness_s > period_s + GRACE_S:
                raise ValueError("lateness_s is over one period plus 300 s: too late to be noticed in time")
        return self


@dataclass(frozen=True, slots=True)
class Delivered:
    """A period of an element that a file holds."""

    element: str
    start_s: int
    end_s: int


def delivered(path: Path) -> Delivered | None:
    """Tell the element and period of a PM file; None where it is no PM file or cannot be read."""
    try:
        with path.open("rb") as file:
            if not sniff(file.read(4096)):
                return None
        block = next(iter(read_blocks(path)), None)
    except (BadFile, OSError):
        return None
    if block is None:
        return None
    named = _NAME.match(path.name)
    element = named["element"] if named else (block.managed_element or "")
    return (
        Delivered(element, round(block.begin.timestamp()), round(block.end.timestamp())) if element else None
    )


class PeriodWatch:
    """Compares what came with what should have come."""

    def __init__(self, expected: ExpectedPeriods, memory: FileMemory) -> None:
        self._expected, self._memory = expected, memory

    def came(self, found: Iterable[Delivered], now: datetime) -> Counter[str]:
        """Take note of periods that were delivered; counts `periods_late` of those noticed missing before."""
        counts: Counter[str] = Counter()
        known = self._memory.elements()
        for one in found:
            period_s = self._expected.elements.get(one.element, one.end_s - one.start_s)
            if period_s <= 0 or (one.element not in self._expected.elements and not self._expected.learn):
                continue
            last_end = known.get(one.element, (0, 0))[1]
            late = self._memory.period_arrived(one.element, one.start_s, int(now.timestamp()))
            counts["periods_late"] += late
            if one.end_s > last_end:
                self._note_gap(one, last_end, period_s, now, counts)
                known[one.element] = (period_s, one.end_s)
                self._memory.element_delivered(one.element, period_s, one.end_s)
        return +counts

    def overdue(self, now: datetime) -> Counter[str]:
        """Notice periods that are over and did not come; counts `periods_missing` of those noticed now."""
        counts: Counter[str] = Counter()
        now_s = int(now.timestamp())
        known = self._memory.elements()
        for element, period_s in self._expected.elements.items():
            if element not in known:
                # Never heard of: expected from the period on that runs when it is first looked for.
                known[element] = (period_s, now_s // period_s * period_s)
                self._memory.element_delivered(element, *known[element])
        for element, (period_s, last_end) in known.items():
            lateness_s = period_s if self._expected.lateness_s is None else self._expected.lateness_s
            newest = (now_s - lateness_s) // period_s * period_s
            starts = range(max(last_end, newest - MOST_NOTICED * period_s), newest, period_s)
            for start in starts:
                counts["periods_missing"] += self._memory.period_missing(element, start, period_s, now_s)
        return +counts

    def missing(self) -> list[MissingPeriod]:
        """Every period that was noticed missing."""
        return self._memory.missing()

    def _note_gap(
        self, one: Delivered, last_end: int, period_s: int, now: datetime, counts: Counter[str]
    ) -> None:
        """Remember the periods between the last one and this, though younger ones have come."""
        if not last_end:
            return
        now_s = int(now.timestamp())
        for start in range(max(last_end, one.start_s - MOST_NOTICED * period_s), one.start_s, period_s):
            counts["periods_missing"] += self._memory.period_missing(one.element, start, period_s, now_s)
