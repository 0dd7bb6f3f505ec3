"""Trouble tickets as units of work: create, find, change, delete."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.settings import LoopSettings
from callcause.loop.step import Counts
from callcause.service.problem import Problem
from callcause.service.ticket_rows import TakenIn
from callcause.state.base import utc_now
from callcause.state.bookkeeping import Answered
from callcause.state.ticket import Result, Ticket, TicketEvent
from callcause.state.trouble_ticket import TroubleTicket
from callcause.tmf621 import outbox as _outbox  # noqa: F401 - it hears of every event from here on
from callcause.tmf621.incoming import Change
from callcause.tmf621.rendering import Shown
from callcause.tmf621.selection import Selection
from callcause.tmf621.status import status_of
from callcause.tmf621.steps import take_steps

SOURCE = "tmf621"
Asked = tuple[str, str]


def asked(who: str, route: str, key: str | None, body: bytes, keyed: Any) -> Asked | None:
    """Return digests of who asked with which idempotency key, and of what; the second is keyed."""
    if key is None:
        return None
    if not 0 < len(key) <= 255:
        raise Problem(400, "an Idempotency-Key has 1 to 255 characters")
    digest = hashlib.sha256(json.dumps([who, route, key]).encode("utf-8", "surrogatepass")).hexdigest()
    return digest, keyed("body", hashlib.sha256(body).hexdigest())


def create(
    session: Session,
    record: dict[str, Any],
    columns: dict[str, Any],
    document: dict[str, Any],
    take_in: Callable[[Session], TakenIn],
    key: Asked | None,
) -> tuple[Shown, bool]:
    """Add a ticket with what TMF621 adds to it, all or nothing; tells whether it is new."""
    before = session.get(Answered, key[0]) if key else None
    if before is not None and key is not None:
        if before.request != key[1]:
            raise Problem(409, "the Idempotency-Key was used with another content")
        return find(session, before.answer["id"]), False
    if not take_in(session).new:
        raise Problem(409, "a ticket of this id is known")
    session.add(TroubleTicket(ticket_id=record["id"], document=document, updated_at=utc_now(), **columns))
    if key:
        answer = {"id": record["id"]}
        session.add(Answered(key=key[0], request=key[1], status=201, answer=answer, at=utc_now()))
    session.flush()
    return find(session, record["id"]), True


def find(session: Session, ticket_id: str) -> Shown:
    """Return one trouble ticket; Problem 404."""
    found = shown(session, [ticket_id]) if "\x00" not in ticket_id else []
    if not found:
        raise Problem(404, "no such trouble ticket")
    return found[0]


def listed(session: Session, wanted: Selection) -> tuple[list[Shown], int]:
    """Return one page and how many there are in all."""
    total = int(session.execute(wanted.total()).scalar_one())
    return shown(session, list(session.scalars(wanted.page()))), total


def shown(session: Session, ids: Sequence[str], *, deleted: bool = False) -> list[Shown]:
    """Return trouble tickets in the order of the ids; what is not there is left out."""
    tickets = {t.id: t for t in session.scalars(select(Ticket).where(Ticket.id.in_(ids)))}
    query = select(TroubleTicket).where(TroubleTicket.ticket_id.in_(ids))
    added = {a.ticket_id: a for a in session.scalars(query)}
    numbers = [t.result_id for t in tickets.values() if t.result_id]
    results = {r.id: r for r in session.scalars(select(Result).where(Result.id.in_(numbers)))}
    events: dict[str, list[TicketEvent]] = defaultdict(list)
    steps = select(TicketEvent).where(TicketEvent.ticket_id.in_(ids)).order_by(TicketEvent.id)
    for step in session.scalars(steps):
        events[step.ticket_id].append(step)
    return [
        Shown(tickets[i], added.get(i), results.get(tickets[i].result_id or 0), events[i])
        for i in ids
        if i in tickets and (deleted or i not in added or added[i].deleted_at is None)
    ]


def version_of(found: Shown) -> str:
    """Return the entity tag of a trouble ticket: it changes with everything that is shown."""
    added = found.added.version if found.added else 0
    last = found.events[-1].id if found.events else 0
    return f'"{found.ticket.version}.{added}.{last}"'


def change(
    session: Session, ticket_id: str, wanted: Change, who: str, match: str | None, settings: LoopSettings,
    causes: frozenset[str] | None = None,
) -> tuple[Shown, Counts]:  # fmt: skip
    """Apply a patch; the loop checks the steps that a status asks for. Problem 412 for a stale tag."""
    counts: Counts = []
    found = find(session, ticket_id)
    if match is not None and match != "*" and match != version_of(found):
        raise Problem(412, "the trouble ticket was changed meanwhile")
    if wanted.columns or wanted.document:
        _change_added(session, found, wanted)
    if wanted.status is not None or wanted.steps:
        counts = take_steps(session, found.ticket, wanted, who, settings, causes)
    session.flush()
    return find(session, ticket_id), counts


def _change_added(session: Session, found: Shown, wanted: Change) -> None:
    added = found.added
    if added is None:
        added = TroubleTicket(
            ticket_id=found.ticket.id, severity="normal", ticket_type="complaint", document={},
            updated_at=utc_now(),
        )  # fmt: skip
        session.add(added)
        session.flush()
    for column, value in wanted.columns.items():
        setattr(added, column, value)
    merged = {**added.document, **wanted.document}
    added.document = {name: value for name, value in merged.items() if value is not None}
    added.updated_at = utc_now()


def delete(session: Session, ticket_id: str, policy: str) -> None:
    """Take a ticket out of TMF621 where the policy allows it; what callcause knows of it stays."""
    found = find(session, ticket_id)
    if policy == "never":
        raise Problem(403, "trouble tickets are not deleted here", hint="tmf621.delete allows it")
    if status_of(found.ticket.state) != "closed":
        raise Problem(409, "only a closed trouble ticket is deleted")
    if found.added is None:
        _change_added(session, found, Change({}, {}, None, ""))
        session.flush()
        found = find(session, ticket_id)
    if found.added is not None:
        found.added.deleted_at = found.added.updated_at = utc_now()
