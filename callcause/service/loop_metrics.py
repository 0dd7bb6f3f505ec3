"""What `/metrics` shows of the loop: tickets by state, clocks that ran out, clusters, warnings."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop.life import OPEN as OPEN_STATES
from callcause.loop.life import State
from callcause.state.incident import OPEN, Incident
from callcause.state.ticket import Ticket
from callcause.state.warning import EarlyWarning
from dashboards.exposition import Reading

SHOWN = 200
"""Tickets and clusters that are shown one by one, so that a bad day does not eat the series budget."""
_OPEN = tuple(sorted(OPEN_STATES))
_OVER = ("recovered", "rejected")
CLOCKS = ("reply", "handling", "hold")
MERGED = str(State.MERGED)


def loop_readings(session: Session, now: datetime) -> list[Reading]:
    """Give readings of everything in the loop."""
    return [
        *_tickets(session, now),
        *_clusters(session),
        *_recent(session, now),
        *_warnings(session),
        *_first(session),
    ]


def _tickets(session: Session, now: datetime) -> list[Reading]:
    """Count all but closed tickets, those whose clocks ran out, and the age of the oldest of each holder.

    Each state is one walk along the index that holds all of this (`ix_tickets_counted`).
    """
    keys = (Ticket.holder, Ticket.category, Ticket.region)
    late = [func.count().filter(getattr(Ticket, f"{name}_due_at") < now) for name in CLOCKS]
    overdue: Counter[tuple[str, ...]] = Counter()
    oldest: dict[str | None, datetime] = {}
    found = []
    for state in (*_OPEN, MERGED):
        query = select(*keys, func.count(), func.min(Ticket.received_at), *late)
        for row in session.execute(query.where(Ticket.state == state).group_by(*keys)):
            holder, category, region, number, first, *passed = row
            found.append(
                Reading("callcause_tickets", _labels(state, category, holder, region), float(number))
            )
            if state == MERGED:
                continue
            oldest[holder] = min(first, oldest.get(holder, first))
            for name, n in zip(CLOCKS, passed, strict=True):
                overdue[_labels(name, holder, region)] += n
    return [*found, *_overdue(overdue), *_oldest(oldest, now)]


def _overdue(counted: Counter[tuple[str, ...]]) -> list[Reading]:
    return [
        Reading("callcause_tickets_overdue", labels, float(n)) for labels, n in sorted(counted.items()) if n
    ]


def _oldest(oldest: dict[str | None, datetime], now: datetime) -> list[Reading]:
    return [
        Reading("callcause_ticket_oldest_age_seconds", _labels(holder), max(0.0, (now - at).total_seconds()))
        for holder, at in oldest.items()
    ]


def _clusters(session: Session) -> list[Reading]:
    counted = (
        select(Incident.key, Incident.region, func.count())
        .where(Incident.state == OPEN)
        .group_by(Incident.key, Incident.region)
    )
    found = [
        Reading("callcause_clusters_open", _labels(key, region), float(n))
        for key, region, n in session.execute(counted)
    ]
    each = select(Incident).where(Incident.state == OPEN).order_by(Incident.tickets.desc(), Incident.id)
    for row in session.scalars(each.limit(SHOWN)):
        labels = _labels(row.id, row.key, row.entity, row.region)
        found.append(Reading("callcause_cluster_tickets", labels, float(row.tickets)))
    return found


def _recent(session: Session, now: datetime) -> list[Reading]:
    """Count complaints of the last whole five minutes; zero where there are others of the last day."""
    end = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
    begin = end - timedelta(minutes=5)
    recent = func.count().filter(Ticket.received_at >= begin, Ticket.received_at < end)
    query = (
        select(Ticket.category, Ticket.region, recent)
        .where(Ticket.received_at >= end - timedelta(days=1))
        .group_by(Ticket.category, Ticket.region)
    )
    return [
        Reading("callcause_complaints_recent", _labels(category, region), float(n))
        for category, region, n in session.execute(query)
    ]


def _warnings(session: Session) -> list[Reading]:
    keys = (EarlyWarning.state, EarlyWarning.type, EarlyWarning.region)
    query = select(*keys, func.count()).where(EarlyWarning.state.not_in(_OVER)).group_by(*keys)
    return [Reading("callcause_warnings", _labels(*row[:3]), float(row[3])) for row in session.execute(query)]


def _first(session: Session) -> list[Reading]:
    """Show the open tickets of the highest priority, the first due first."""
    keys = (Ticket.id, Ticket.priority, Ticket.category, Ticket.top_cause, Ticket.holder, Ticket.state)
    query = select(*keys).where(Ticket.priority == "P1", Ticket.state.in_(_OPEN))
    rows = session.execute(query.order_by(Ticket.reply_due_at, Ticket.id).limit(SHOWN))
    return [Reading("callcause_ticket_info", _labels(*row), 1.0) for row in rows]


def _labels(*values: object) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in values)
