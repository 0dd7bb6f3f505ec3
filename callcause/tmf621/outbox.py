"""Events for the listeners of the hub, queued in the transaction that makes them.

Whoever writes a ticket's event, diagnosis or attributes, be it the loop or this interface, the queue hears
of it from SQLAlchemy; with no listener it stays empty.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, String, event, insert, inspect, literal, select

from callcause.loop.life import State
from callcause.state.base import utc_now
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.state.trouble_ticket import WAITING, Delivery, Subscription, TroubleTicket
from callcause.tmf621.status import PENDING, RESOLVED, status_of

CREATE, CHANGE = "TroubleTicketCreateEvent", "TroubleTicketAttributeValueChangeEvent"
STATUS_CHANGE, DELETE = "TroubleTicketStatusChangeEvent", "TroubleTicketDeleteEvent"
SOLVED, INFORMATION = "TroubleTicketResolvedEvent", "TroubleTicketInformationRequiredEvent"
EVENT_TYPES = (CREATE, CHANGE, STATUS_CHANGE, DELETE, SOLVED, INFORMATION)
_COLUMNS = ("subscription_id", "ticket_id", "event_type", "status", "at", "state", "attempts", "next_at")


def queue(connection: Connection, ticket_id: str, event_type: str, status: str | None, at: datetime) -> None:
    """Add one delivery for every listener."""
    moment = literal(at, Delivery.at.type)
    found = select(
        Subscription.id,
        literal(ticket_id, String),
        literal(event_type, String),
        literal(status, String),
        moment,
        literal(WAITING, String),
        literal(0, Integer),
        moment,
    )
    connection.execute(insert(Delivery).from_select(_COLUMNS, found))


@event.listens_for(TicketEvent, "after_insert")
def _step(_: Any, connection: Connection, row: TicketEvent) -> None:
    if row.to_state not in set(State):
        return
    after = status_of(row.to_state)
    if row.from_state is None:
        queue(connection, row.ticket_id, CREATE, after, row.at)
    elif row.from_state in set(State) and status_of(row.from_state) != after:
        queue(connection, row.ticket_id, STATUS_CHANGE, after, row.at)
        if after == RESOLVED:
            queue(connection, row.ticket_id, SOLVED, after, row.at)


@event.listens_for(Result, "after_insert")
def _diagnosed(_: Any, connection: Connection, row: Result) -> None:
    queue(connection, row.ticket_id, CHANGE, None, row.at)
    if row.verdict == "cannot_tell":
        queue(connection, row.ticket_id, INFORMATION, None, row.at)


@event.listens_for(TroubleTicket, "after_update")
def _changed(_: Any, connection: Connection, row: TroubleTicket) -> None:
    kind = DELETE if row.deleted_at is not None else CHANGE
    queue(connection, row.ticket_id, kind, None, row.updated_at)


@event.listens_for(Ticket, "after_update")
def _waiting(_: Any, connection: Connection, row: Ticket) -> None:
    attributes = inspect(row).attrs
    flag = attributes.get("waiting_since")
    if flag is None or not flag.history.has_changes():
        return
    since = flag.value
    status = PENDING if since is not None else status_of(row.state)
    queue(connection, row.id, STATUS_CHANGE, status, since or utc_now())
    if since is not None:
        queue(connection, row.id, INFORMATION, status, since)


__all__ = ["EVENT_TYPES", "queue"]
