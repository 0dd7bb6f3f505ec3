"""Times and durations of PM files: xs:dateTime and xs:duration (TS 32.435 granPeriod, repPeriod)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?=\d)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)(?:\.0+)?S)?)?",
    re.ASCII,
)
_MIDNIGHT_24 = re.compile(r"(.*[T ])24(:?00(?::?00(?:\.0+)?)?)(.*)", re.ASCII | re.DOTALL)
_DATE_AND_HOUR = re.compile(r"\d{4}-?\d\d-?\d\d[T ]\d\d", re.ASCII)
_LONGEST_S = 366 * 86_400


@lru_cache(maxsize=1024)
def duration_s(text: str) -> int:
    """Seconds of an ISO 8601 duration of whole seconds, days at most; ValueError says what is wrong.

    Years and months have no fixed length, so they are refused as a granularity period.
    """
    found = _DURATION.fullmatch(text.strip())
    parts = {name: int(value[:12]) for name, value in (found.groupdict() if found else {}).items() if value}
    days, hours = parts.get("days", 0), parts.get("hours", 0)
    seconds = ((days * 24 + hours) * 60 + parts.get("minutes", 0)) * 60 + parts.get("seconds", 0)
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(f"{text[:40]!r} is not a duration such as 'PT900S' (at least 1 s, at most a year)")
    return seconds


@lru_cache(maxsize=4096)
def instant(text: str, zone: tzinfo = UTC) -> tuple[datetime, bool]:
    """Return the moment in UTC, and whether the text named its own zone (else `zone` was used).

    `24:00:00` is midnight at the end of that day (ISO 8601). ValueError says what is wrong.
    """
    text = text.strip()
    late = _MIDNIGHT_24.fullmatch(text)
    plain = f"{late[1]}00{late[2]}{late[3]}" if late else text
    wrong = f"{text[:40]!r} is not a time such as '2024-03-11T09:15:00+08:00'"
    if not _DATE_AND_HOUR.match(plain):  # fromisoformat takes days and weeks too
        raise ValueError(wrong)
    try:
        moment = datetime.fromisoformat(plain) + timedelta(days=1 if late else 0)
        zoned = moment.tzinfo is not None
        return (moment if zoned else moment.replace(tzinfo=zone)).astimezone(UTC), zoned
    except (ValueError, OverflowError):
        raise ValueError(wrong) from None


def period_start(end: datetime, period_s: int) -> datetime:
    """Start of the period that ends at `end`; ValueError where the calendar has no such day."""
    try:
        return end - timedelta(seconds=period_s)
    except OverflowError:
        raise ValueError(f"no period of {period_s} s can end at {end.isoformat()}") from None
