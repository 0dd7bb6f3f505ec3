"""Tickets in the state database: taken in, waiting, diagnosed. Each function is part of one unit of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from callcause.service.ticket_record import received_at
from callcause.state.base import utc_now
from callcause.state.ticket import DONE, FAILED, PENDING, FormerTicket, Result, Ticket, TicketEvent

RECEIVED, ENTERED, DIAGNOSED, CLOSED = "received", "entered", "diagnosed", "closed"
CANNOT_TELL = "cannot_tell"
CHUNK = 500
Contract = dict[str, Any]
HeardTaken = Callable[[Session, Ticket], None]
"""Called in the transaction that takes a ticket in, before it is written."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of tickets that were offered: new, known with the same content, known with another."""

    new: list[str]
    known: list[str]
    other: list[str]


def known_ids(session: Session) -> set[str]:
    """Return the ids of all tickets that are here or were: their records in the store are not new."""
    return {*session.scalars(select(Ticket.id)), *session.scalars(select(FormerTicket.id))}


def take_in(
    session: Session, records: Sequence[Mapping[str, Any]], source: str, who: str, *, in_store: bool = False,
    hear: Sequence[HeardTaken] = (),
) -> TakenIn:  # fmt: skip
    """Add the tickets that are not known; where one is known with another content none is added.

    Tickets out of the store (`in_store`) are each taken for themselves: the first content stands.
    """
    there = {row.id: row for row in _found(session, [record["id"] for record in records])}
    other = [r["id"] for r in records if r["id"] in there and there[r["id"]].record != r]
    known = [r["id"] for r in records if r["id"] in there and r["id"] not in other]
    new = [record for record in records if record["id"] not in there] if in_store or not other else []
    now = utc_now()
    for record in new:
        row = Ticket(
            id=record["id"],
            record=dict(record),
            source=source,
            state=first_state(record),
            received_at=received_at(record),
            taken_in_at=now,
            in_store=in_store,
            diagnosis=PENDING,
        )
        session.add(row)
        for heard in hear:
            heard(session, row)
    session.flush()
    for record in new:
        session.add(
            TicketEvent(
                ticket_id=record["id"], at=now, who=who, from_state=None, to_state=first_state(record),
                why=source,
            )
        )  # fmt: skip
    return TakenIn([record["id"] for record in new], known, other)


def first_state(record: Mapping[str, Any]) -> str:
    """Return the state that a ticket begins in.

    A ticket comes entered, unless it says that it was received only: then the entry clock runs until somebody
    enters it, and it is not diagnosed before. One that was closed elsewhere stays closed: it is diagnosed and
    counted, and nobody is sent to it.
    """
    if record.get("status") == CLOSED:
        return CLOSED
    received = record.get("status") == RECEIVED and not record.get("entered_at")
    return RECEIVED if received else ENTERED


def waiting(session: Session, limit: int, resting: Collection[str] = ()) -> list[Ticket]:
    """Tickets that are entered and not diagnosed and do not rest, the longest waiting first."""
    query = select(Ticket).where(Ticket.diagnosis == PENDING, Ticket.state != RECEIVED)
    query = query.order_by(Ticket.taken_in_at, Ticket.id)
    found = session.scalars(query.limit(limit + len(resting)))
    return [ticket for ticket in found if ticket.id not in resting][:limit]


def watched(session: Session, limit: int, now: datetime) -> list[Ticket]:
    """Tickets with an open verdict that may be decided by evidence that arrives."""
    query = select(Ticket).where(Ticket.watch_until > now, Ticket.diagnosis == DONE)
    return list(session.scalars(query.order_by(Ticket.watch_until.desc()).limit(limit)))


def not_in_store(session: Session, limit: int) -> list[Ticket]:
    """Tickets that are not yet in the store."""
    return list(session.scalars(select(Ticket).where(Ticket.in_store.is_(False)).limit(limit)))


def mark_stored(session: Session, ids: Iterable[str]) -> None:
    """Remember that the tickets are in the store. Their version stays: nobody decides by this mark."""
    for chunk in _chunks(list(ids)):
        session.execute(update(Ticket).where(Ticket.id.in_(chunk)).values(in_store=True))


def write_results(
    session: Session, results: Sequence[Contract], watch: Watch, hear: Sequence[Heard] = ()
) -> list[str]:
    """Write diagnoses; one that says the same as the last is not written again. Returns what changed.

    All of them before anybody hears of one: together they are few statements, and who looks for earlier
    tickets of a customer finds those of the same batch.
    """
    now = utc_now()
    rows = {row.id: row for row in _found(session, [result["ticket_id"] for result in results])}
    last = {row.id: row for row in _results(session, [row.result_id for row in rows.values()])}
    made: list[tuple[Ticket, Result]] = []
    for contract in results:
        row = rows.get(contract["ticket_id"])
        if row is None:
            continue
        before = last.get(row.result_id or 0)
        if before is None or before.contract != contract:
            made.append((row, _result(contract, now)))
        row.diagnosis, row.diagnosis_error = DONE, None
    session.add_all(result for _, result in made)
    session.flush()
    for row, result in made:
        _take_over(session, row, result, watch)
    session.flush()
    with session.no_autoflush:
        for row, result in made:
            for heard in hear:
                heard(session, row, result)
    return [row.id for row, _ in made]


@dataclass(frozen=True, slots=True)
class Watch:
    """How long a verdict is looked at again: an open one, and one that decided early."""

    open_s: float
    decided_s: float

    def until(self, before: datetime | None, now: datetime, verdict: str, *, first: bool) -> datetime | None:
        """Return until when the ticket is looked at again; a later look never makes it longer."""
        span_s = self.open_s if verdict == CANNOT_TELL else self.decided_s
        end = now + timedelta(seconds=span_s)
        if first:
            return end
        return None if before is None else min(before, end)


def fail(session: Session, ticket_id: str, error: str) -> None:
    """Say that a ticket cannot be diagnosed, and why."""
    row = session.get(Ticket, ticket_id)
    if row is not None:
        row.diagnosis, row.diagnosis_error = FAILED, error


Heard = Callable[[Session, Ticket, Result], None]
"""Called in the transaction that writes a diagnosis."""


def _result(contract: Contract, now: datetime) -> Result:
    return Result(
        ticket_id=contract["ticket_id"],
        at=now,
        verdict=contract["verdict"],
        runbook_version=contract["runbook_version"],
        contract=contract,
    )


def _take_over(session: Session, row: Ticket, result: Result, watch: Watch) -> None:
    """Let a ticket say what its newest result says."""
    contract = result.contract
    top = contract["causes"][0] if contract["causes"] else {}
    first = row.result_id is None
    row.result_id, row.diagnosed_at, row.verdict = result.id, result.at, contract["verdict"]
    row.category, row.top_cause, row.department = (
        contract["category"]["id"], top.get("id"), top.get("department"),
    )  # fmt: skip
    row.watch_until = watch.until(row.watch_until, result.at, contract["verdict"], first=first)
    if row.state == ENTERED:
        _move(session, row, DIAGNOSED, result.at, f"{contract['verdict']}: {top.get('id', '-')}")


def _move(session: Session, row: Ticket, state: str, now: datetime, why: str) -> None:
    session.add(
        TicketEvent(ticket_id=row.id, at=now, who="callcause", from_state=row.state, to_state=state, why=why)
    )
    row.state = state


def _found(session: Session, ids: Sequence[str]) -> list[Ticket]:
    return [
        row
        for chunk in _chunks(ids)
        for row in session.scalars(select(Ticket).where(Ticket.id.in_(chunk)).order_by(Ticket.id))
    ]


def _results(session: Session, ids: Sequence[int | None]) -> list[Result]:
    known = [number for number in ids if number is not None]
    return [
        row for chunk in _chunks(known) for row in session.scalars(select(Result).where(Result.id.in_(chunk)))
    ]


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
