"""A status that a client asks for, as steps of the loop; each is checked and written down by the loop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from callcause.loop.feedback import confirm
from callcause.loop.life import LoopError, State
from callcause.loop.settings import LoopSettings
from callcause.loop.step import Counts, Step, begin_wait, end_wait, event, hand_on
from callcause.service.problem import Problem
from callcause.state.base import utc_now
from callcause.state.ticket import Ticket
from callcause.tmf621.incoming import Change
from callcause.tmf621.status import PENDING, status_of, steps_to


def take_steps(
    session: Session, row: Ticket, wanted: Change, who: str, settings: LoopSettings,
    causes: frozenset[str] | None = None,
) -> Counts:  # fmt: skip
    """Bring a ticket to the wanted status and write down what was told; LoopError where the loop forbids it.

    `causes`: ids of the loaded runbooks. Returns the counters to move once the unit of work is committed.
    """
    told, now = _told(wanted.steps), utc_now()
    counts: Counts = []
    if wanted.status == PENDING:
        if row.waiting_since is None:
            begin_wait(session, row, who, wanted.reason, now)
    elif wanted.status is not None:
        counts = _walk(session, row, wanted, told, who, settings)
    elif told:
        _write_down(row, told)
    cause = wanted.steps.get("confirmedCause")
    if cause is not None:
        confirm(session, row, str(cause), who, _moment(wanted.steps.get("remediedAt")), causes)
    return counts


def _walk(
    session: Session, row: Ticket, wanted: Change, told: dict[str, Any], who: str, settings: LoopSettings
) -> Counts:
    now = utc_now()
    counts: Counts = []
    if row.waiting_since is not None:
        end_wait(session, row, now)
        event(session, row, row.state, row.state, who, "the customer answered", now)
    way = steps_to(State(row.state), wanted.status or "")
    if way is None:
        raise LoopError(
            "illegal_transition",
            f"no steps lead from {status_of(row.state)} to {wanted.status}",
            key="status",
            hint="rejected, cancelled and held are no status to ask for; docs/tmf621.md",
        )
    _write_down(row, told)
    for to in way:
        department = _department(wanted) if to is State.DISPATCHED else None
        step = Step(to, who, wanted.reason, department=department)
        hand_on(session, row, step, now, settings)
        session.flush()
        counts += step.counts
    return counts


def _department(wanted: Change) -> str | None:
    value = wanted.steps.get("department")
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= 128):
        raise Problem(400, "department: expected a text of 1 to 128 characters")
    return value


def _write_down(row: Ticket, told: dict[str, Any]) -> None:
    for name, value in told.items():
        setattr(row, name, value)


def _told(steps: dict[str, Any]) -> dict[str, Any]:
    """Return what closing asks for: satisfaction (1 to 5), no contact and why, whether it is solved."""
    told: dict[str, Any] = {}
    satisfaction = steps.get("satisfaction")
    if satisfaction is not None:
        if isinstance(satisfaction, bool) or not isinstance(satisfaction, int) or not 1 <= satisfaction <= 5:
            raise Problem(400, "satisfaction: expected a whole number from 1 to 5")
        told["satisfaction"] = satisfaction
    for given, name, kind in (("noContact", "no_contact", str), ("solved", "solved", bool)):
        value = steps.get(given)
        if value is not None:
            if not isinstance(value, kind):
                raise Problem(400, f"{given}: expected a {'text' if kind is str else 'boolean'}")
            told[name] = value
    return told


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found.tzinfo is None:
        raise Problem(400, "remediedAt: expected a date-time with an offset")
    return found
