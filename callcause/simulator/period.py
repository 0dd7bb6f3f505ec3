"""The simulated period: local calendar days, counted in seconds from their first midnight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=8))
HOUR_S, DAY_S = 3600, 86400


@dataclass(frozen=True)
class Period:
    """`days` whole days from `start` (an aware local midnight).

    `first_day`: the first day with complaints; None = they all come at the end, after days of calm.
    """

    start: datetime
    days: int
    first_day: int | None = None

    @property
    def hours(self) -> int:
        """Number of whole hours."""
        return self.days * 24

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.days * DAY_S

    def complaint_days(self, tickets: int) -> range:
        """Days with complaints: the last one, the last two for many tickets, or those from `first_day`."""
        if self.first_day is not None:
            return range(self.first_day, self.days)
        return range(self.days - (1 if tickets <= 300 or self.days < 3 else 2), self.days)

    @property
    def traffic_start_s(self) -> float:
        """When the records of calls and registrations begin: about two days before complaints end."""
        day = self.days - 2 if self.first_day is None else self.first_day - 1
        return max(0.0, float(day * DAY_S))

    @property
    def last_work_s(self) -> float:
        """When harmless work in the network begins to be written down."""
        return float((self.days - 1 if self.first_day is None else self.first_day) * DAY_S)

    @property
    def traffic_share(self) -> float:
        """How many times two days the records cover."""
        return (self.seconds - self.traffic_start_s) / (2 * DAY_S) if self.first_day is not None else 1.0

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
