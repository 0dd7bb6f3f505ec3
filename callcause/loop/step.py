"""One step of a ticket, inside a unit of work: checked, written down as an event, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from callcause.loop.clock import Pause
from callcause.loop.course import clocks, judge, set_dues, standing
from callcause.loop.life import (
    WITH_DEPARTMENT,
    LoopError,
    State,
    check_step,
    is_return,
    parse_state,
    takes_ownership,
)
from callcause.loop.settings import LoopSettings
from callcause.state.errors import StaleVersion
from callcause.state.incident import CLOSED as INCIDENT_CLOSED
from callcause.state.incident import Incident
from callcause.state.ticket import Ticket, TicketEvent, TicketPause

SYSTEM = "callcause"
OVERDUE = (
    "backlog", "handoff", "waiting_customer", "waiting_outside_party", "system_fault", "rotation_no_owner",
    "wrong_dispatch", "other",
)  # fmt: skip
"""Coded reasons of the record `ticket`, for the Pareto chart."""
NO_DEPARTMENTS = ("User", "By registration result")
"""Departments of causes that receive no ticket: the front office talks to the user."""
Counts = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Step:
    """What is asked for: the state to go to, who, why, and what that state needs."""

    to: State
    who: str
    why: str = ""
    department: str | None = None
    parent: str | None = None
    level: int | None = None
    satisfaction: int | None = None
    no_contact: str | None = None
    solved: bool | None = None
    overdue_reason: str | None = None
    question: str | None = None
    disturbs: bool | None = None
    serious: bool | None = None
    confirmed_cause: str | None = None
    remedied_at: datetime | None = None
    counts: Counts = field(default_factory=list)
    """Counters that move once the unit of work is committed."""


def ticket_of(session: Session, ticket_id: str, version: int | None) -> Ticket:
    """Return the ticket to change; LoopError `unknown_ticket`, StaleVersion where it moved on."""
    return check_version(session.get(Ticket, ticket_id), version)


def check_version(row: Ticket | None, version: int | None) -> Ticket:
    """Return the ticket; LoopError where there is none, StaleVersion where it moved on."""
    if row is None:
        raise LoopError("unknown_ticket", "no such ticket", key="ticket")
    if version is not None and row.version != version:
        raise StaleVersion(f"the ticket is at version {row.version}, not {version}: read it again")
    return row


def tickets_of(session: Session, ids: Sequence[str]) -> dict[str, Ticket]:
    """Return those of the tickets that there are, by their ids."""
    return {row.id: row for row in session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}


def pauses_of(session: Session, ticket_id: str) -> list[Pause]:
    """Return the times of waiting for the customer."""
    query = select(TicketPause.start, TicketPause.end).where(TicketPause.ticket_id == ticket_id)
    return [Pause(start, end) for start, end in session.execute(query)]


def pauses_of_all(session: Session, ids: Sequence[str]) -> dict[str, list[Pause]]:
    """Return the times of waiting for the customer by ticket; one that never waited is not in it."""
    return _pauses(session, TicketPause.ticket_id.in_(ids))


def pauses_of_children(session: Session, incident_id: str) -> dict[str, list[Pause]]:
    """Return the times of waiting of the tickets that were merged into an incident."""
    mine = select(Ticket.id).where(Ticket.parent_id == incident_id)
    return _pauses(session, TicketPause.ticket_id.in_(mine))


def _pauses(session: Session, which: ColumnElement[bool]) -> dict[str, list[Pause]]:
    query = select(TicketPause.ticket_id, TicketPause.start, TicketPause.end)
    found: dict[str, list[Pause]] = {}
    for name, start, end in session.execute(query.where(which)):
        found.setdefault(name, []).append(Pause(start, end))
    return found


def take(
    session: Session, row: Ticket, step: Step, now: datetime, settings: LoopSettings,
    known: Sequence[Pause] | None = None,
) -> None:  # fmt: skip
    """Move a ticket; LoopError says which rule forbids it, and nothing is changed then.

    `known`: its times of waiting, where they were read for many tickets at once.
    """
    was = parse_state(row.state)
    _record(row, step)
    parent = _parent(session, row, step)
    closed = parent is not None and parent.state == INCIDENT_CLOSED
    target = step.department or _usual_department(row, step, settings)
    check_step(standing(row, step.parent, parent_closed=closed), step.to, why=step.why, department=target)
    waited = end_wait(session, row, now)
    _move(row, was, step, target, now, settings)
    row.state = step.to
    event(session, row, was, step.to, step.who, step.why, now, target)
    judge(row)
    pauses = pauses_of(session, row.id) if known is None or waited else known
    if step.to is State.CLOSED:
        _finish(row, step, pauses, now, settings)
    set_dues(row, pauses, now, settings)


def event(
    session: Session, row: Ticket, was: str | None, to: str, who: str, why: str, now: datetime,
    department: str | None = None,
) -> None:  # fmt: skip
    """Write down what happened."""
    session.add(
        TicketEvent(
            ticket_id=row.id, at=now, who=who, from_state=was, to_state=to, why=why, department=department
        )
    )


def begin_wait(session: Session, row: Ticket, who: str, why: str, now: datetime) -> None:
    """Begin to wait for the customer: the clocks stop."""
    if row.state in (State.CLOSED, State.MERGED):
        raise LoopError("not_open", f"a ticket that is {row.state} waits for nobody", key="state")
    if row.waiting_since is not None:
        raise LoopError("already_waiting", "it waits for the customer already", key="waiting")
    if not why.strip():
        raise LoopError("reason_missing", "waiting needs a reason", key="why")
    row.waiting_since = now
    session.add(TicketPause(ticket_id=row.id, start=now, why=why))
    session.flush()
    event(session, row, row.state, row.state, who, f"waiting for the customer: {why}", now)


def end_wait(session: Session, row: Ticket, now: datetime) -> bool:
    """End the wait where there is one."""
    if row.waiting_since is None:
        return False
    query = select(TicketPause).where(TicketPause.ticket_id == row.id, TicketPause.end.is_(None))
    for pause in session.scalars(query):
        pause.end = max(now, pause.start)
    row.waiting_since = None
    session.flush()
    return True


def _record(row: Ticket, step: Step) -> None:
    """Take over what the step tells beside its state."""
    if step.overdue_reason is not None and step.overdue_reason not in OVERDUE:
        raise LoopError("unknown_reason", f"expected one of: {', '.join(OVERDUE)}", key="overdue_reason")
    told: dict[str, Any] = {
        name: getattr(step, name)
        for name in ("satisfaction", "no_contact", "solved", "overdue_reason", "disturbs", "serious")
    }
    for name, value in told.items():
        if value is not None:
            setattr(row, name, value)


def _parent(session: Session, row: Ticket, step: Step) -> Incident | None:
    wanted = step.parent or row.parent_id
    if wanted is None:
        return None
    found = session.get(Incident, wanted)
    if found is None:
        raise LoopError("unknown_parent", "no such incident", key="parent")
    if step.to is State.MERGED and found.state == INCIDENT_CLOSED:
        raise LoopError("parent_closed", "the incident is closed", key="parent")
    return found


def _usual_department(row: Ticket, step: Step, settings: LoopSettings) -> str | None:
    """Give the first department of the first cause, or the front office, which asks the customer."""
    if step.to is not State.DISPATCHED:
        return None
    named = [name for name in (row.department or "").split(";") if name and name not in NO_DEPARTMENTS]
    return named[0] if named and row.verdict in ("cause", "no_fault") else settings.front_office


def _move(
    row: Ticket, was: State, step: Step, department: str | None, now: datetime, settings: LoopSettings
) -> None:
    match step.to:
        case State.DISPATCHED:
            _dispatch(row, department, now)
            row.question = step.question
        case State.ACCEPTED | State.IN_PROGRESS:
            row.accepted_at = row.accepted_at or now
            row.first_response_at = row.first_response_at or now
        case State.ENTERED if is_return(was, step.to):
            row.wrong_dispatches += 1
            row.holder, row.accepted_at = settings.front_office, None
            step.counts.append(("callcause_ticket_handoffs_total", {"outcome": "returned"}))
        case State.ENTERED:
            row.entered_at = row.entered_at or now
        case State.RESOLVED:
            row.resolved_at, row.times_handled = now, row.times_handled + 1
        case State.REPLIED:
            row.replied_at, row.first_response_at = now, row.first_response_at or now
        case State.CALLED_BACK:
            row.called_back_at = now
        case State.REOPENED:
            _reopen(row, now)
        case State.ESCALATED:
            row.level = max(row.level, step.level if step.level is not None else min(row.level + 1, 2))
        case State.MERGED:
            row.parent_id = row.incident_id = step.parent or row.parent_id
    if takes_ownership(step.to):
        if row.handoffs:
            step.counts.append(("callcause_ticket_handoffs_total", {"outcome": "accepted"}))
        row.holder = step.department or row.holder
        row.owner = row.holder


def _dispatch(row: Ticket, department: str | None, now: datetime) -> None:
    """Send to a department; from the second dispatch on it is a hand-off. The owner stays (首问负责)."""
    if row.dispatched_at is not None:
        row.handoffs += 1
    row.holder, row.dispatched_at, row.accepted_at, row.resolved_at = department, now, None, None


def _reopen(row: Ticket, now: datetime) -> None:
    """Begin again: the clocks start anew, and reply and satisfaction are asked for again."""
    row.reopened_at, row.closed_at, row.replied_at, row.called_back_at = now, None, None, None
    row.satisfaction = row.no_contact = row.solved = row.timely = row.resolved_at = None


def _finish(row: Ticket, step: Step, pauses: Sequence[Pause], now: datetime, settings: LoopSettings) -> None:
    row.closed_at = now
    reply = clocks(row, pauses, now, settings)["reply"]
    row.timely = not reply.late
    if row.solved is None:
        row.solved = row.satisfaction >= 3 if row.satisfaction is not None else None
    labels = {
        "category": row.category or "",
        "department": row.holder or "",
        "timely": "true" if row.timely else "false",
    }
    step.counts.append(("callcause_tickets_closed_total", labels))


def hand_on(
    session: Session, row: Ticket, step: Step, now: datetime, settings: LoopSettings,
    known: Sequence[Pause] | None = None,
) -> None:  # fmt: skip
    """Dispatch from entered too, where a diagnosis stands: it is diagnosed first, as an event of its own."""
    waited = row.waiting_since is not None
    if row.state == State.ENTERED and row.verdict is not None:
        take(session, row, Step(State.DIAGNOSED, step.who, "the diagnosis stands"), now, settings, known)
    take(session, row, step, now, settings, None if waited else known)


def with_department(row: Ticket) -> bool:
    """Whether a department has the ticket."""
    return State(row.state) in WITH_DEPARTMENT
