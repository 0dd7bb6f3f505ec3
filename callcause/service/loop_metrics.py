"""What `/metrics` shows of the loop: tickets by state, clocks that ran out, clusters, warnings."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop.life import OPEN as OPEN_STATES
from callcause.state.incident import OPEN, Incident
from callcause.state.ticket import Ticket
from callcause.state.warning import EarlyWarning
from dashboards.exposition import Reading

SHOWN = 200
"""Tickets and clusters that are shown one by one, so that a bad day does not eat the series budget."""
_OPEN = tuple(sorted(OPEN_STATES))
_OVER = ("recovered", "rejected")


def loop_readings(session: Session, now: datetime) -> list[Reading]:
    """Give readings of everything in the loop."""
    return [
        *_tickets(session),
        *_overdue(session, now),
        *_oldest(session, now),
        *_clusters(session),
        *_recent(session, now),
        *_warnings(session),
        *_first(session),
    ]


def _tickets(session: Session) -> list[Reading]:
    keys = (Ticket.state, Ticket.category, Ticket.holder, Ticket.region)
    query = select(*keys, func.count()).where(Ticket.state != "closed").group_by(*keys)
    return [Reading("callcause_tickets", _labels(*row[:4]), float(row[4])) for row in session.execute(query)]


def _overdue(session: Session, now: datetime) -> list[Reading]:
    found = []
    clocks = (
        ("reply", Ticket.reply_due_at),
        ("handling", Ticket.handling_due_at),
        ("hold", Ticket.hold_due_at),
    )
    for clock, due in clocks:
        query = (
            select(Ticket.holder, Ticket.region, func.count())
            .where(due < now, Ticket.state.in_(_OPEN))
            .group_by(Ticket.holder, Ticket.region)
        )
        for holder, region, n in session.execute(query):
            found.append(Reading("callcause_tickets_overdue", _labels(clock, holder, region), float(n)))
    return found


def _oldest(session: Session, now: datetime) -> list[Reading]:
    query = (
        select(Ticket.holder, func.min(Ticket.received_at))
        .where(Ticket.state.in_(_OPEN))
        .group_by(Ticket.holder)
    )
    rows = session.execute(query).all()
    return [
        Reading("callcause_ticket_oldest_age_seconds", _labels(holder), max(0.0, (now - at).total_seconds()))
        for holder, at in rows
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
