"""The attempts of the user that live sources saw: a registration and a call, and when each went on."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from diagnosis.workspace import ROW, Workspace

BEFORE_S, AFTER_S = 1.0, 3.0
"""How long before and after an attempt a counter reading belongs to it: polls are seconds apart."""
LONGEST_S = 40.0
FAILED_FROM = 400


@dataclass(frozen=True, slots=True)
class Attempt:
    """A record of the user: where its times and fields stand."""

    role: str
    keys: tuple[str, ...]
    start: str
    end: str

    @property
    def has_ladder(self) -> str:
        """Name of the value: whether a ladder was seen."""
        return f"{self.role}_has_ladder"

    @property
    def silent_node(self) -> str:
        """Name of the value: type of the last node that left a request unanswered."""
        return f"{self.role}_silent_node"


REGISTRATION = Attempt(
    "registration", ("registration_id",), "registration.started_at", "registration.ended_at"
)
CALL = Attempt("call", ("call_id", "called_id", "calling_id"), "call.started_at", "call.t_end")


def window(work: Workspace, attempt: Attempt, *more: str) -> pl.DataFrame:
    """Row and the time that its attempt took, `begin` to `end`, widened by what a poll is late."""
    start = pl.col(attempt.start)
    longest = start + pl.duration(milliseconds=int(LONGEST_S * 1000))
    end = pl.min_horizontal(pl.coalesce(attempt.end, longest), longest)
    return work.frame.select(
        ROW,
        *more,
        begin=start - pl.duration(milliseconds=int(BEFORE_S * 1000)),
        finish=end,
        end=end + pl.duration(milliseconds=int(AFTER_S * 1000)),
    ).drop_nulls("begin")
