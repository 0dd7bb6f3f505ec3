"""Departments and customers: what each does next with a ticket. They know the truth and the ticket, no more.

All times are drawn from the seed and the ticket's id, so that a month goes the same way again.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from callcause.rehearsal.month import Truth

FRONT_OFFICE = "Front office"
MEDIAN_H = {
    "dispatched": 0.5, "accepted": 0.2, "in_progress": 0.8, "resolved": 0.4, "replied": 3.0,
    "called_back": 0.3, "entered": 0.3, "diagnosed": 0.2, "reopened": 0.5, "escalated": 0.3,
}  # fmt: skip
"""Median hours that a ticket rests in a state before somebody takes the next step."""
RETURNS, WAITS, ASKS_OUTSIDE, RUNS_LATE = 0.9, 0.12, 0.15, 0.03
REPLY_LIMIT = timedelta(hours=48)
REASONS = ("backlog", "handoff", "waiting_outside_party", "system_fault", "rotation_no_owner")


@dataclass(frozen=True, slots=True)
class Deed:
    """One request: the path below `/tickets/<id>`, and its body without the version."""

    path: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass
class Handling:
    """How one ticket is handled: what was drawn for it, and what was done so far."""

    ticket: str
    truth: Truth
    departments: tuple[str, ...]
    rng: np.random.Generator
    returned: int = 0
    waited: bool = False
    asked: bool = False
    reopened: bool = False

    def rest(self, state: str) -> timedelta:
        """Return how long the ticket rests in a state."""
        hours = MEDIAN_H[state] * float(np.exp(0.6 * self.rng.standard_normal()))
        slow = 60.0 if state == "in_progress" and self.rng.random() < RUNS_LATE else 0.0
        return timedelta(hours=hours + slow)

    def deed(self, life: Mapping[str, Any], now: datetime) -> Deed | timedelta | None:
        """Return what is done now, how long to wait before looking again, or None when all is done."""
        state = str(life["state"])
        if state in ("closed", "merged"):
            return None
        act = getattr(self, f"_{state}", None)
        found: Deed | timedelta | None = act(life, now) if act else timedelta(minutes=20)
        return found

    def _entered(self, life: Mapping[str, Any], now: datetime) -> Deed | timedelta:
        if life["verdict"] is None:
            return timedelta(minutes=20)
        return self._dispatch("sent on after it was returned")

    def _diagnosed(self, life: Mapping[str, Any], now: datetime) -> Deed:
        return self._dispatch("sent by the front office")

    def _reopened(self, life: Mapping[str, Any], now: datetime) -> Deed:
        return self._dispatch("the customer is not satisfied")

    def _dispatch(self, why: str) -> Deed:
        return Deed("dispatch", {"department": self.departments[0], "why": why})

    def _dispatched(self, life: Mapping[str, Any], now: datetime) -> Deed:
        mine = life["holder"] in self.departments or life["holder"] == FRONT_OFFICE
        if not mine and self.returned < 2 and self.rng.random() < RETURNS:
            self.returned += 1
            return Deed("steps", {"to": "entered", "why": "not the work of this department"})
        return Deed("steps", {"to": "accepted"})

    def _escalated(self, life: Mapping[str, Any], now: datetime) -> Deed:
        return Deed("steps", {"to": "accepted"})

    def _accepted(self, life: Mapping[str, Any], now: datetime) -> Deed:
        return Deed("steps", {"to": "in_progress"})

    def _in_progress(self, life: Mapping[str, Any], now: datetime) -> Deed | timedelta:
        if life["waiting_since"]:
            return Deed("resume", {"why": "the customer called"})
        if not self.waited and self.rng.random() < WAITS:
            self.waited = True
            return Deed("wait", {"why": "the customer is asked for the place of the call"})
        if not self.asked and self.rng.random() < ASKS_OUTSIDE:
            self.asked = True
            return Deed("exchanges", {"why": "asked a partner"})
        self.waited = self.asked = True
        if now < self.truth.remedied_at and not self.reopened:
            return min(self.truth.remedied_at - now + timedelta(minutes=5), timedelta(hours=60))
        return Deed("steps", {"to": "resolved"})

    def _resolved(self, life: Mapping[str, Any], now: datetime) -> Deed:
        return Deed("reply")

    def _replied(self, life: Mapping[str, Any], now: datetime) -> Deed:
        escalates = self.truth.escalates_to and not self.reopened
        if escalates:
            self.reopened = True
            why, level = "the customer turned to the next line", self.truth.escalates_to
            return Deed("steps", {"to": "escalated", "why": why, "level": level})
        return Deed("call-back", self._word())

    def _word(self) -> dict[str, Any]:
        """Return what the customer says: better once it was handled a second time."""
        if self.truth.satisfaction is None:
            return {"no_contact": "three calls at different times of the day"}
        return {"satisfaction": 4 if self.reopened else self.truth.satisfaction}

    def _called_back(self, life: Mapping[str, Any], now: datetime) -> Deed:
        if life["satisfaction"] is not None and life["satisfaction"] <= 2 and not self.reopened:
            self.reopened = True
            return Deed("steps", {"to": "reopened", "why": "the customer is not satisfied"})
        replied = datetime.fromisoformat(life["replied_at"])
        begun = datetime.fromisoformat(life["reopened_at"] or life["received_at"])
        late = replied - begun > REPLY_LIMIT
        body: dict[str, Any] = {
            "confirmed_cause": self.truth.confirmed,
            "remedied_at": self.truth.remedied_at.isoformat(),
            "solved": self.reopened or self.truth.effect != "not_cured",
        }
        if late:
            reason = "wrong_dispatch" if self.returned else REASONS[int(self.rng.integers(0, len(REASONS)))]
            body["overdue_reason"] = reason
        return Deed("close", body)


def handling(ticket: str, truth: Truth, departments: tuple[str, ...], seed: int) -> Handling:
    """Return the handling of one ticket, with a random stream of its own."""
    return Handling(ticket, truth, departments, np.random.default_rng([seed, zlib.crc32(ticket.encode())]))
