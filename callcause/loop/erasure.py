"""Erasure of one subscriber everywhere: the store first, then the state database with its vault, audited.

Stopped on the way it is asked for again and goes on where it stopped: the link to the number goes last.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

from sqlalchemy import String, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.evidence import erase_results
from callcause.loop.remedy import IDENTITIES
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.feedback import StoredEvidence
from callcause.state.ticket import Ticket
from callcause.state.trouble_ticket import TroubleTicket
from callcause.state.vault import VaultEntry, VaultRequest
from callcause.state.warning import EarlyWarning
from collectors.store.erasure import Erased

CHUNK = 500
InStore = Callable[[Collection[str]], Awaitable[tuple[Erased, frozenset[str]]]]
"""Takes pseudonyms out of the store; gives what changed and all pseudonyms of the person."""


async def erase_everywhere(
    database: Database, in_store: InStore, names: Collection[str], who: str, why: str
) -> dict[str, Any]:
    """Erase a subscriber from store, state, evidence and vault; returns how much of each."""
    changed, found = await in_store(names)
    evidence = await asyncio.to_thread(evidence_of, database, found)
    rows = {"rows": dict(sorted(changed.rows.items())), "removed": dict(sorted(changed.removed.items()))}
    return await database.writing(lambda s: erase(s, found, who, why, evidence, rows))


def erase(
    session: Session, names: Collection[str], who: str, why: str, evidence: Collection[int] = (),
    in_store: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Destroy the link between a subscriber and everything that the state database keeps about that one.

    The sealed number goes, the pseudonyms leave the tickets, and their evidence (results named by `evidence`)
    is emptied: a replay says then that it was erased. What the tickets were about stays, without a person.
    """
    now, gone = utc_now(), sorted(names)
    own = list(session.scalars(select(Ticket).where(Ticket.customer.in_(gone))))
    for row in own:
        row.record, row.customer, row.erased_at = _nobody(row.record), None, now
        row.answers = _nobody(row.answers or {}) or None
        _without_parties(session, row.id)
    others = _mentioning(session, gone)
    for row in others:
        row.record = {name: value for name, value in row.record.items() if value not in gone}
        row.answers = {k: v for k, v in (row.answers or {}).items() if v not in gone} or None
    session.flush()
    kept = select(StoredEvidence.result_id).where(StoredEvidence.ticket_id.in_([row.id for row in own]))
    results = set(evidence) | set(session.scalars(kept))
    erase_results(session, sorted(results))
    numbers = session.execute(delete(VaultEntry).where(VaultEntry.pseudonym.in_(gone)))
    session.execute(update(EarlyWarning).where(EarlyWarning.subscriber.in_(gone)).values(subscriber=None))
    asked = update(VaultRequest).where(VaultRequest.pseudonym.in_(gone))
    session.execute(asked.values(pseudonym="erased"))
    counts = {
        "tickets": len(own),
        "named_in": len(others),
        "numbers": int(getattr(numbers, "rowcount", 0)),
        "evidence": len(results),
        "store": in_store or {},
    }
    append(session, now, who, "subscriber.erase", "a subscriber", {**counts, "why": why})
    return counts


def evidence_of(database: Database, names: Collection[str]) -> list[int]:
    """Find results whose evidence names the person, whoever's tickets they are; read in parts."""
    wanted = [name.encode() for name in names]
    found: list[int] = []
    for part in _parts(database):
        found += [number for number, row in part if any(name in zlib.decompress(row) for name in wanted)]
    return found


def _parts(database: Database) -> Iterator[list[tuple[int, bytes]]]:
    after = -1
    while True:
        query = select(StoredEvidence.result_id, StoredEvidence.row).where(
            StoredEvidence.row.is_not(None), StoredEvidence.result_id > after
        )
        query = query.order_by(StoredEvidence.result_id).limit(CHUNK)
        part = database.read(lambda s, q=query: [(n, row) for n, row in s.execute(q)])  # type: ignore[misc]
        if not part:
            return
        yield part
        after = part[-1][0]


def _nobody(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in IDENTITIES}


def _mentioning(session: Session, gone: list[str]) -> list[Ticket]:
    """Tickets of others that name the person, as the other party of a call."""
    places = [cast(column, String) for column in (Ticket.record, Ticket.answers)]
    named = [place.contains(name, autoescape=True) for name in gone for place in places]
    return list(session.scalars(select(Ticket).where(or_(*named)))) if named else []


def _without_parties(session: Session, ticket_id: str) -> None:
    """Take the parties out of what a TMF621 client told about a ticket."""
    added = session.get(TroubleTicket, ticket_id)
    if added is not None:
        added.document = {name: value for name, value in added.document.items() if name != "relatedParty"}
