"""The case library: closed tickets whose confirmed cause is one that a ticket may have, the newest first.

Beside them stands which knowledge a diagnosis was made with, and since when that is in effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.state.feedback import Feedback, Knowledge
from callcause.state.ticket import Ticket


def earlier_cases(
    session: Session, ticket_id: str, causes: Sequence[str], region: str | None, most: int
) -> list[dict[str, Any]]:
    """Return closed cases of these causes: those of the region first, then the last that were confirmed."""
    near = (Ticket.region == region).desc() if region else Feedback.at.desc()
    query = (
        select(Feedback, Ticket)
        .join(Ticket, Ticket.id == Feedback.ticket_id)
        .where(Feedback.confirmed_cause.in_(list(causes)), Feedback.ticket_id != ticket_id)
        .order_by(near, Feedback.at.desc(), Feedback.ticket_id)
        .limit(most)
    )
    return [_case(feedback, row) for feedback, row in session.execute(query)]


def _case(feedback: Feedback, row: Ticket) -> dict[str, Any]:
    return {
        "ticket_id": row.id,
        "category": feedback.category,
        "region": row.region,
        "cell": row.cell,
        "confirmed_cause": feedback.confirmed_cause,
        "first_cause": feedback.first_cause,
        "department": row.holder or row.department,
        "confirmed_at": feedback.at.isoformat(),
        "remedied_at": feedback.remedied_at.isoformat() if feedback.remedied_at else None,
        "outcome": (feedback.effect or {}).get("outcome"),
        "satisfaction": row.satisfaction,
    }


def in_effect(session: Session) -> list[dict[str, Any]]:
    """Return the versions of the knowledge that diagnoses were made with, each with its first moment."""
    first = func.min(Knowledge.at)
    query = (
        select(Knowledge.runbook_version, first).group_by(Knowledge.runbook_version).order_by(first.desc())
    )
    return [{"runbook_version": name, "since": at.isoformat()} for name, at in session.execute(query)]
