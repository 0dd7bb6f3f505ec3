"""What stands above the results: the file header, the managed element, the head of a measInfo."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from collectors.pm.period import period_start


@dataclass(slots=True)
class FileHead:
    """What the file header and the managed element say about the blocks below them."""

    vendor: str = ""
    begin: datetime | None = None
    managed_element: str = ""
    software_version: str = ""
    user_label: str = ""
    notes: tuple[str, ...] = ("no_header", "no_managed_element")
    """What is missing; the parser takes a name away when it meets the element."""


@dataclass(frozen=True, slots=True)
class InfoHead:
    """What one measInfo says before its first measValue."""

    meas_info_id: str
    job_id: str
    begin: datetime
    end: datetime
    period_s: int
    counters: tuple[str, ...]
    notes: tuple[str, ...] = ()


class OpenInfo:
    """A measInfo whose values have not begun."""

    def __init__(self, meas_info_id: str) -> None:
        self.meas_info_id, self.job_id = meas_info_id, ""
        self.durations: dict[str, int] = {}
        self.ends: dict[str, tuple[datetime, bool]] = {}
        self.counters: list[str] = []
        self.places: dict[str, int] = {}

    def close(self, file_begin: datetime | None) -> InfoHead:
        """Settle the period: granPeriod's own end and duration, else repPeriod's, else the file's begin."""
        notes = []
        period_s = self.durations.get("granPeriod", self.durations.get("repPeriod"))
        ended = self.ends.get("granPeriod", self.ends.get("repPeriod"))
        if ended and not ended[1]:
            notes.append("no_zone")
        end = ended[0] if ended else None
        if end is None and file_begin is not None and period_s:
            end = datetime.fromtimestamp(file_begin.timestamp() + period_s, UTC)
            notes.append("no_period_end")
        if end is not None and period_s is None and file_begin is not None and end > file_begin:
            period_s = int((end - file_begin).total_seconds())
            notes.append("no_period_duration")
        if end is None or not period_s:
            raise ValueError("neither granPeriod nor the file header says when the period begins and ends")
        if file_begin is not None and end <= file_begin:
            notes.append("end_before_begin")
        begin = period_start(end, period_s)
        return InfoHead(
            self.meas_info_id, self.job_id, begin, end, period_s, tuple(self.counters), tuple(notes)
        )


@lru_cache(maxsize=64)
def types_of(text: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the names in a `measTypes` and the column of each `p`; they are the same in every file."""
    names = tuple(text.split())
    return names, {str(number): number - 1 for number in range(1, len(names) + 1)}
