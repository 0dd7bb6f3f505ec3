"""What is shown of a ticket's life: pseudonyms stay inside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from callcause.loop.clock import Clock
from callcause.loop.life import STATE_ZH, State, next_states
from callcause.state.ticket import Ticket

_PLAIN = (
    "id", "version", "state", "diagnosis", "verdict", "category", "top_cause", "department", "region",
    "channel", "cell", "severity", "priority", "level", "owner", "holder", "question", "parent_id",
    "incident_id", "change_ref", "repeat_of", "joint_count", "handoffs", "wrong_dispatches", "exchanges",
    "times_handled", "satisfaction", "no_contact", "solved", "timely", "overdue_reason", "entry_late",
)  # fmt: skip
_TIMES = (
    "received_at", "entered_at", "diagnosed_at", "dispatched_at", "accepted_at", "first_response_at",
    "resolved_at", "replied_at", "called_back_at", "closed_at", "reopened_at", "waiting_since",
    "reply_due_at", "handling_due_at", "hold_due_at", "erased_at",
)  # fmt: skip


def iso(at: datetime | None) -> str | None:
    """Write a moment."""
    return at.isoformat() if at is not None else None


def life(row: Ticket) -> dict[str, Any]:
    """Return everything of the loop about one ticket, with the states that may follow."""
    shown: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    shown |= {name: iso(getattr(row, name)) for name in _TIMES}
    state = State(row.state)
    return {**shown, "state_zh": STATE_ZH[state], "next": sorted(next_states(state))}


def clock(found: Clock) -> dict[str, Any]:
    """Return one clock."""
    return {
        "clock": found.name,
        "started_at": iso(found.started_at),
        "stopped_at": iso(found.stopped_at),
        "limit_s": found.limit_s,
        "elapsed_s": found.elapsed_s,
        "due_at": iso(found.due_at),
        "late": found.late,
    }
