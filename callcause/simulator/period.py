"""The simulated period: local calendar days, counted in seconds from their first midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8))
HOUR_S, DAY_S = 3600, 86400


@dataclass(frozen=True)
class Period:
    """`days` whole days from `start` (an aware local midnight)."""

    start: datetime
    days: int

    @property
    def hours(self) -> int:
        """Number of whole hours."""
        return self.days * 24

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.days * DAY_S

    @property
    def epoch_ms(self) -> int:
        """Unix time of the start in ms."""
        return int(self.start.timestamp() * 1000)

    def instant(self, second: float) -> datetime:
        """Return the aware local time that lies `second` seconds after the start."""
        return self.start + timedelta(seconds=float(second))

    def text(self, second: float) -> str:
        """RFC 3339 with offset, to the second."""
        return self.instant(round(float(second))).isoformat()


def default_period(days: int) -> Period:
    """Return a fixed, documented period: Mondays first, so that runs compare."""
    return Period(datetime(2024, 3, 4, tzinfo=ZONE), days)
