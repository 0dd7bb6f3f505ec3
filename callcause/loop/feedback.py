"""What really was wrong: the confirmed cause of a ticket, written down beside what the diagnosis had said."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from callcause.loop.life import LoopError
from callcause.state.base import utc_now
from callcause.state.feedback import NOT_FOUND, Feedback
from callcause.state.ticket import Result, Ticket
from callcause_error import did_you_mean
from runbooks.loader import load_runbooks


def confirm(
    session: Session, row: Ticket, cause: str, who: str, remedied_at: datetime | None = None,
    known: frozenset[str] | None = None,
) -> Feedback:  # fmt: skip
    """Write down the confirmed cause (or `not_found`); a later word replaces an earlier one.

    `known`: cause ids of the loaded runbooks, else the packaged ones. `remedied_at`: else when the department
    resolved the ticket. LoopError `unknown_cause`.
    """
    remedied_at = remedied_at or row.resolved_at
    check_cause(cause, known if known is not None else packaged_causes())
    result = session.get(Result, row.result_id) if row.result_id else None
    first = result.contract["causes"][0] if result and result.contract["causes"] else {}
    found = session.get(Feedback, row.id)
    if found is None:
        found = Feedback(ticket_id=row.id)
        session.add(found)
    elif found.remedied_at != remedied_at or found.confirmed_cause != cause:
        found.effect = None
    found.at, found.who, found.confirmed_cause, found.remedied_at = utc_now(), who, cause, remedied_at
    found.result_id, found.verdict = row.result_id, result.verdict if result else "none"
    found.category = result.contract["category"]["id"] if result else (row.category or "other")
    found.first_cause, found.first_probability = first.get("id"), first.get("probability")
    return found


def check_cause(cause: str, causes: frozenset[str]) -> None:
    """Refuse what is neither a cause nor `not_found`, with LoopError `unknown_cause`."""
    if cause != NOT_FOUND and cause not in causes:
        hint = did_you_mean(cause, sorted(causes))
        raise LoopError("unknown_cause", "no such cause", key="confirmed_cause", hint=hint)


def told(found: Feedback) -> dict[str, Any]:
    """Return what is shown of it: the confirmed cause, who told it, the remedy and its effect."""
    return {
        "confirmed_cause": found.confirmed_cause,
        "at": found.at.isoformat(),
        "who": found.who,
        "remedied_at": found.remedied_at.isoformat() if found.remedied_at else None,
        "effect": found.effect,
    }


@lru_cache(maxsize=1)
def packaged_causes() -> frozenset[str]:
    """Return the cause ids of the packaged runbooks."""
    return frozenset(load_runbooks().causes)
