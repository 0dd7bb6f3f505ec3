"""Working calendars: which time counts for a clock. Right over midnight, holidays and daylight saving."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FAR = timedelta(days=3660)


class Shift(BaseModel):
    """Working hours of some days, local time; one that ends at or before its start runs over midnight."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[str, ...] = DAYS
    start: time = time(0)
    end: time = time(0)

    @field_validator("days")
    @classmethod
    def _known(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [day for day in days if day not in DAYS]
        if unknown:
            raise ValueError(f"no such day: {unknown[0]!r}; one of {', '.join(DAYS)}")
        return days


class WorkCalendar(BaseModel):
    """Shifts in a time zone, without the holidays. No shift at all means that every hour counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zone: str = "Asia/Shanghai"
    shifts: tuple[Shift, ...] = ()
    holidays: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _zone_is_known(self) -> WorkCalendar:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no such time zone: {self.zone!r}") from error
        return self

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def working_s(self, start: datetime, end: datetime) -> float:
        """Count the working seconds between two aware times; 0 where `end` is not after `start`."""
        if end <= start:
            return 0.0
        if not self.shifts:
            return (end - start).total_seconds()
        return sum((b - a).total_seconds() for a, b in self._spans(start, end))

    def after(self, start: datetime, working_s: float) -> datetime:
        """Return the moment at which `working_s` working seconds have passed since `start` (UTC)."""
        if not self.shifts:
            return start.astimezone(UTC) + timedelta(seconds=working_s)
        left = working_s
        for begin, end in self._spans(start, start + FAR):
            length = (end - begin).total_seconds()
            if left <= length:
                return begin + timedelta(seconds=left)
            left -= length
        return (start + FAR).astimezone(UTC)

    def _spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Working spans within [start, end), UTC, in order and without overlap."""
        at = start.astimezone(UTC)
        last = end.astimezone(UTC)
        day = at.astimezone(self._zone).date() - timedelta(days=1)
        while day <= last.astimezone(self._zone).date():
            for begin, stop in sorted(self._of_day(day)):
                clipped = (max(begin, at), min(stop, last))
                if clipped[0] < clipped[1]:
                    yield clipped
                    at = clipped[1]
            day += timedelta(days=1)

    def _of_day(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """Shifts that begin on a local day, in UTC, so that a day of 23 or 25 hours has its true length."""
        if day in self.holidays:
            return
        for shift in self.shifts:
            if DAYS[day.weekday()] in shift.days:
                over_midnight = shift.end <= shift.start
                until = day + timedelta(days=1) if over_midnight else day
                yield self._utc(day, shift.start), self._utc(until, shift.end)

    def _utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self._zone).astimezone(UTC)
