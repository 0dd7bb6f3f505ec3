"""What becomes of a ticket's row: its beginning, its clocks, its severity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from callcause.loop import severity
from callcause.loop.clock import Clock, ClockName, Pause, limits_for, read_clock
from callcause.loop.life import OPEN, Standing, State
from callcause.loop.settings import LoopSettings
from callcause.state.ticket import Ticket

RATED = {"satisfied": 5, "neutral": 3, "dissatisfied": 1}
"""The words of the record `ticket` on the scale of the call-back; 4 and 5 count as satisfied."""


def begin(row: Ticket, record: Mapping[str, Any], settings: LoopSettings) -> None:
    """Fill in what the record tells about the loop, for a ticket that was just taken in."""
    row.region, row.channel, row.customer = record.get("region"), record.get("channel"), record.get("msisdn")
    row.cell, row.repeat_of = record.get("ecgi"), record.get("repeat_of")
    row.level = max(record.get("escalation_level") or 0, severity.level_of_channel(row.channel))
    row.joint_count = record.get("joint_count") or 1
    row.serious = record.get("severity") == "major"
    row.owner = row.holder = settings.front_office
    row.handoffs = row.wrong_dispatches = row.exchanges = row.times_handled = 0
    row.disturbs = row.clustered = row.entry_late = False
    row.category = row.category or record.get("category")
    entered = record.get("entered_at")
    if row.state != State.RECEIVED:
        row.entered_at = datetime.fromisoformat(entered) if entered else row.taken_in_at
    if row.state == State.CLOSED:
        _ended(row, record)
    judge(row)
    set_dues(row, (), row.taken_in_at, settings)
    if row.state == State.CLOSED and row.replied_at is not None:
        row.timely = not clocks(row, (), row.taken_in_at, settings)["reply"].late


def _ended(row: Ticket, record: Mapping[str, Any]) -> None:
    """Fill in how a ticket ended that was closed elsewhere, as far as its record tells."""

    def moment(*names: str) -> datetime | None:
        told = next((record[name] for name in names if record.get(name)), None)
        return datetime.fromisoformat(told) if told else None

    closed_at = moment("closed_at", "status_changed_at", "callback_at", "replied_at")
    row.closed_at = closed_at or row.taken_in_at
    # Where nothing tells when it was closed, its handling time is not known either.
    row.entered_at = (moment("entered_at") or row.received_at) if closed_at else None
    row.resolved_at, row.called_back_at = moment("resolved_at"), moment("callback_at")
    row.replied_at = row.first_response_at = moment("replied_at", "callback_at")
    row.holder = record.get("owner_department") or row.holder
    row.handoffs, row.exchanges = record.get("handoff_count") or 0, record.get("interaction_count") or 0
    row.satisfaction = RATED.get(record.get("satisfaction") or "")
    row.no_contact = (
        "closed elsewhere without contact" if record.get("satisfaction") == "no_contact" else None
    )
    row.overdue_reason = record.get("overdue_reason")


def judge(row: Ticket) -> None:
    """Set severity and priority by the three rules (RULES) and the escalation level."""
    standing = severity.Standing(
        serious=row.serious,
        times_handled=row.times_handled,
        disturbs=row.disturbs,
        joint_count=row.joint_count,
        level=row.level,
        repeat=row.repeat_of is not None,
        in_cluster=row.incident_id is not None or row.parent_id is not None,
    )
    row.severity, row.priority = severity.severity(standing), severity.priority(standing)


def clocks(row: Ticket, pauses: Sequence[Pause], now: datetime, settings: LoopSettings) -> dict[str, Clock]:
    """Read every clock of a ticket that has begun."""
    limits = limits_for(settings.limits, row.category or "", row.severity, row.region or "")
    received = row.received_at
    spans: dict[ClockName, tuple[datetime | None, datetime | None]] = {
        "entry": (received, row.entered_at),
        "entry_hard": (received, row.entered_at),
        "reply": (row.reopened_at or received, row.replied_at),
        "handling": (row.reopened_at or row.entered_at, row.closed_at),
        "hold": (row.dispatched_at, _hold_end(row)),
    }
    return {
        name: read_clock(name, start, end, now, limits[name], pauses, settings.calendar)
        for name, (start, end) in spans.items()
        if start is not None
    }


def set_dues(row: Ticket, pauses: Sequence[Pause], now: datetime, settings: LoopSettings) -> None:
    """Keep with the row when its running clocks are due; a paused or stopped clock has no due time."""
    read = clocks(row, pauses, now, settings)
    open_ = State(row.state) in OPEN

    def due(name: str) -> datetime | None:
        clock = read.get(name)
        return clock.due_at if clock is not None and clock.stopped_at is None and open_ else None

    row.reply_due_at, row.handling_due_at, row.hold_due_at = due("reply"), due("handling"), due("hold")
    row.entry_late = "entry" in read and read["entry"].late


def standing(row: Ticket, parent: str | None = None, *, parent_closed: bool = False) -> Standing:
    """Return what a step is judged by."""
    return Standing(
        State(row.state),
        row.holder,
        row.satisfaction,
        row.no_contact,
        row.replied_at is not None,
        parent or row.parent_id,
        parent_closed,
    )


def _hold_end(row: Ticket) -> datetime | None:
    """Return when the department that it was dispatched to was done with it."""
    if row.resolved_at is not None and row.dispatched_at is not None and row.resolved_at >= row.dispatched_at:
        return row.resolved_at
    return row.closed_at
