"""Spans of time and names of entities as predicates that let whole row groups be skipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

HOUR_US = 3_600_000_000
UTC_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of time, microseconds UTC; None = open."""

    start_us: int | None = None
    end_us: int | None = None

    def covers(self, start_us: int | None, end_us: int | None) -> bool:
        """Whether all times from `start_us` to `end_us` lie in it; None is not known."""
        if start_us is None or end_us is None:
            return self == Span()
        return (self.start_us is None or self.start_us <= start_us) and (
            self.end_us is None or end_us < self.end_us
        )

    def holds(self, column: str = "period_start") -> list[pl.Expr]:
        """Predicates for a time column."""
        found = []
        if self.start_us is not None:
            found.append(pl.col(column) >= pl.lit(self.start_us).cast(UTC_TIME))
        if self.end_us is not None:
            found.append(pl.col(column) < pl.lit(self.end_us).cast(UTC_TIME))
        return found


@dataclass(frozen=True, slots=True)
class Hours(Span):
    """Single hours, by their beginnings in microseconds UTC; the span is that from the first to the last."""

    starts_us: tuple[int, ...] = ()

    def holds(self, column: str = "period_start") -> list[pl.Expr]:
        """Predicates for a time column."""
        wanted = pl.Series(self.starts_us, dtype=pl.Int64).cast(UTC_TIME)
        return [pl.col(column).is_in(wanted.implode())]


ALWAYS = Span()


def hours_span(starts: Sequence[datetime]) -> Hours:
    """Make a span of some full hours, given by their beginnings (aware)."""
    found = sorted(round(start.timestamp() * 1_000_000) for start in starts)
    return Hours(found[0], found[-1] + HOUR_US, tuple(found)) if found else Hours(0, 0)


def span(start: datetime | None, end: datetime | None) -> Span:
    """Make a span of two aware times."""
    return Span(*(None if t is None else round(t.timestamp() * 1_000_000) for t in (start, end)))


def span_of(hours: pl.DataFrame) -> Span:
    """Span the whole hours from the first to the last `period_start`."""
    if hours.is_empty():
        return Span()
    times = hours["period_start"].dt.timestamp("us")
    low, high = times.min(), times.max()
    return Span(low, high + HOUR_US) if isinstance(low, int) and isinstance(high, int) else Span()


def among(column: str, names: Sequence[str]) -> pl.Expr:
    """Predicate that a column is one of the names; a range too, so that row groups are skipped."""
    if len(names) == 1:
        return pl.col(column) == names[0]
    between = pl.col(column).is_between(pl.lit(min(names, default="")), pl.lit(max(names, default="")))
    return between & pl.col(column).is_in(list(names))
