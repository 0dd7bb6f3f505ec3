"""The clocks of a ticket: entry, reply, handling; how long they ran, when they are due, why one paused.

Limits (section 2): entry within 15 minutes, hard limit 12 hours (SD); reply within 48 hours (CH); mean
handling goal 3 hours (QC-BJ). All can be set per category, severity and region; the most specific rule wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from callcause.loop.worktime import WorkCalendar

ClockName = Literal["entry", "entry_hard", "reply", "handling", "hold"]
CLOCKS: tuple[ClockName, ...] = ("entry", "entry_hard", "reply", "handling", "hold")
MINUTE, HOUR = 60.0, 3600.0


class ClockLimits(BaseModel):
    """Limits in seconds; None = as the less specific rule says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry_s: float | None = Field(default=None, gt=0)
    entry_hard_s: float | None = Field(default=None, gt=0)
    reply_s: float | None = Field(default=None, gt=0)
    handling_s: float | None = Field(default=None, gt=0)
    hold_s: float | None = Field(default=None, gt=0)


DEFAULTS = ClockLimits(
    entry_s=15 * MINUTE, entry_hard_s=12 * HOUR, reply_s=48 * HOUR, handling_s=3 * HOUR, hold_s=24 * HOUR
)


class ClockRule(BaseModel):
    """Limits for the tickets that it matches; a key that is left out matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: str | None = None
    severity: str | None = None
    region: str | None = None
    limits: ClockLimits

    def matches(self, category: str, severity: str, region: str) -> bool:
        """Whether the rule is about such a ticket."""
        wanted = (self.category, self.severity, self.region)
        return all(w is None or w == got for w, got in zip(wanted, (category, severity, region), strict=True))

    @property
    def weight(self) -> tuple[int, bool, bool, bool]:
        """How specific the rule is.

        Of two equally long ones region counts before severity before category.
        """
        keys = (self.region is not None, self.severity is not None, self.category is not None)
        return (sum(keys), *keys)


def limits_for(
    rules: Sequence[ClockRule], category: str, severity: str, region: str
) -> dict[ClockName, float]:
    """Limits in seconds of every clock for a ticket."""
    found = {name: getattr(DEFAULTS, f"{name}_s") for name in CLOCKS}
    matching = [rule for rule in rules if rule.matches(category, severity, region)]
    for rule in sorted(matching, key=lambda rule: rule.weight):
        for name in CLOCKS:
            value = getattr(rule.limits, f"{name}_s")
            found[name] = found[name] if value is None else value
    return found


@dataclass(frozen=True, slots=True)
class Pause:
    """A time of waiting for the customer; `end` None = still waiting."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock: how much of it ran, and when it is or was due; `due_at` None while it is paused."""

    name: ClockName
    started_at: datetime
    stopped_at: datetime | None
    limit_s: float
    elapsed_s: float
    due_at: datetime | None

    @property
    def late(self) -> bool:
        """Whether the limit is passed."""
        return self.elapsed_s > self.limit_s


def read_clock(
    name: ClockName,
    started_at: datetime,
    stopped_at: datetime | None,
    now: datetime,
    limit_s: float,
    pauses: Iterable[Pause],
    calendar: WorkCalendar,
) -> Clock:
    """Read a clock at `now`. A time before the start (clock skew of a source) counts as zero, never below."""
    end = stopped_at or max(now, started_at)
    merged = _merged(pauses, started_at, end)
    waited = sum(calendar.working_s(a, b) for a, b in merged)
    elapsed = max(0.0, calendar.working_s(started_at, end) - waited)
    waiting = stopped_at is None and any(p.end is None and p.start <= now for p in pauses)
    due = None if waiting else calendar.after(started_at, limit_s + waited).astimezone(UTC)
    return Clock(name, started_at, stopped_at, limit_s, elapsed, due)


def _merged(pauses: Iterable[Pause], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Pauses within [start, end], joined where they overlap: no second is taken off twice."""
    clipped = sorted((max(p.start, start), min(p.end or end, end)) for p in pauses)
    found: list[tuple[datetime, datetime]] = []
    for a, b in clipped:
        if a >= b:
            continue
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], b))
        else:
            found.append((a, b))
    return found
