"""What `/metrics` shows of how long tickets wait for their verdict."""

from __future__ import annotations

import numpy as np
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from callcause.state.ticket import Result, Ticket
from dashboards.exposition import Reading

NEWEST = 500
"""First diagnoses that are looked at; a later look at the same ticket is no wait of anybody."""


def delay_readings(session: Session) -> list[Reading]:
    """Give p50, p95 and max of the time from intake to the first verdict, s; none before a diagnosis."""
    earlier = aliased(Result)
    again = exists().where(earlier.ticket_id == Result.ticket_id, earlier.id < Result.id)
    query = (
        select(Result.at, Ticket.taken_in_at)
        .join(Ticket, Ticket.id == Result.ticket_id)
        .where(~again)
        .order_by(Result.id.desc())
        .limit(NEWEST)
    )
    delays_s = [max(0.0, (told - taken).total_seconds()) for told, taken in session.execute(query)]
    if not delays_s:
        return []
    told = {"p50": np.percentile(delays_s, 50), "p95": np.percentile(delays_s, 95), "max": max(delays_s)}
    return [Reading("callcause_diagnosis_delay_seconds", (name,), float(s)) for name, s in told.items()]
