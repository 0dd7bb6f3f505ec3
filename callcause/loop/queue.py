"""The queue: open tickets by priority and due time, filtered, a page at a time."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from callcause.loop.life import OPEN, LoopError, parse_state
from callcause.state.base import UtcTime
from callcause.state.ticket import Ticket

SEGMENTS = tuple((priority, dated) for priority in ("P1", "P2", "P3") for dated in (True, False))
COLUMNS = (
    Ticket.id, Ticket.version, Ticket.state, Ticket.priority, Ticket.severity, Ticket.category,
    Ticket.verdict, Ticket.top_cause, Ticket.department, Ticket.holder, Ticket.owner, Ticket.region,
    Ticket.level, Ticket.handoffs, Ticket.received_at, Ticket.reply_due_at, Ticket.hold_due_at,
    Ticket.waiting_since, Ticket.incident_id, Ticket.question,
)  # fmt: skip
NAMES = tuple(column.key for column in COLUMNS)
_OPEN = tuple(sorted(OPEN))
FEW = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets; what is None is not asked. `overdue`: past the end of the reply clock or not."""

    state: str | None = None
    holder: str | None = None
    category: str | None = None
    region: str | None = None
    priority: str | None = None
    cause: str | None = None
    incident: str | None = None
    overdue: bool | None = None
    waiting: bool | None = None
    text: str | None = None

    def terms(self, now: datetime) -> list[ColumnElement[bool]]:
        """Conditions of the query."""
        found: list[ColumnElement[bool]] = [
            Ticket.state == parse_state(self.state) if self.state else Ticket.state.in_(_OPEN)
        ]
        for column, value in (
            (Ticket.holder, self.holder),
            (Ticket.category, self.category),
            (Ticket.region, self.region),
            (Ticket.priority, self.priority),
            (Ticket.top_cause, self.cause),
            (Ticket.incident_id, self.incident),
        ):
            if value:
                found.append(column == value)
        if self.overdue is not None:
            late = Ticket.reply_due_at < now
            found.append(late if self.overdue else or_(Ticket.reply_due_at.is_(None), ~late))
        if self.waiting is not None:
            found.append((Ticket.waiting_since.is_not(None)) == self.waiting)
        if self.text:
            found.append(Ticket.id.contains(self.text, autoescape=True))
        return found


def page(session: Session, wanted: Filter, limit: int, after: str | None, now: datetime) -> dict[str, Any]:
    """Return one page and the place of the next: by priority, then due time (without one last), then id.

    Each priority is walked along its index, the tickets with a due time first: a sort would read everything.
    """
    place = _place(after) if after else None
    begin = SEGMENTS.index((place[0], place[1] is not None)) if place else 0
    terms = [*wanted.terms(now), *_named(session, wanted.text)]
    rows: list[Row[Any]] = []
    for number, (priority, dated) in enumerate(SEGMENTS[begin:]):
        if len(rows) > limit:
            break
        due = Ticket.reply_due_at
        query = select(*COLUMNS).where(*terms, Ticket.priority == priority)
        query = query.where(due.is_not(None) if dated else due.is_(None))
        if place is not None and number == 0:
            query = query.where(_beyond(place[1], place[2]))
        order = (due, Ticket.id) if dated else (Ticket.id,)
        rows += session.execute(query.order_by(*order).limit(limit + 1 - len(rows)))
    following = _cursor(rows[limit - 1]) if len(rows) > limit else None
    return {"tickets": [_row(row) for row in rows[:limit]], "next": following}


def _named(session: Session, text: str | None) -> list[ColumnElement[bool]]:
    """Name the tickets with the text in their id where they are few: one look at the ids for all segments."""
    if not text:
        return []
    found = select(Ticket.id).where(Ticket.id.contains(text, autoescape=True)).limit(FEW + 1)
    ids = session.scalars(found).all()
    return [Ticket.id.in_(ids)] if len(ids) <= FEW else []


def _beyond(due: datetime | None, name: str) -> ColumnElement[bool]:
    if due is None:
        return Ticket.id > name
    return tuple_(Ticket.reply_due_at, Ticket.id) > tuple_(literal(due, UtcTime()), literal(name))


def counts(session: Session, wanted: Filter, now: datetime) -> list[dict[str, Any]]:
    """Open tickets by holder and state, with those past their reply clock."""
    late = func.count().filter(and_(Ticket.reply_due_at.is_not(None), Ticket.reply_due_at < now))
    states = [parse_state(wanted.state)] if wanted.state else _OPEN
    rows: list[tuple[str | None, str, int, int]] = []
    for state in states:  # each is walked along its index in the order of its groups
        terms = replace(wanted, state=str(state)).terms(now)
        query = select(Ticket.holder, func.count(), late).where(*terms).group_by(Ticket.holder)
        rows += [(holder, str(state), n, overdue) for holder, n, overdue in session.execute(query)]
    return [
        {"holder": holder, "state": state, "tickets": n, "overdue": overdue}
        for holder, state, n, overdue in sorted(rows, key=lambda row: (row[0] or "", row[1]))
    ]


def _cursor(row: Row[Any]) -> str:
    due = row.reply_due_at.isoformat() if row.reply_due_at else None
    return base64.urlsafe_b64encode(json.dumps([row.priority, due, row.id]).encode()).decode().rstrip("=")


def _place(text: str) -> tuple[str, datetime | None, str]:
    try:
        priority, due, name = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        SEGMENTS.index((priority, due is not None))
        return str(priority), datetime.fromisoformat(due).astimezone(UTC) if due else None, str(name)
    except (ValueError, TypeError, binascii.Error):
        raise LoopError("bad_place", "`after` is no place of this list", key="after") from None


def _row(row: Row[Any]) -> dict[str, Any]:
    values = dict(zip(NAMES, row, strict=True))
    return {name: v.isoformat() if isinstance(v, datetime) else v for name, v in values.items()}
