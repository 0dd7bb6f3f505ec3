"""Posted tickets: checked, written durably, answered for; the same request twice is answered once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.orm import Session

from callcause.configuration import IngestSettings
from callcause.service import ticket_rows as rows
from callcause.service.authentication import Principal
from callcause.service.problem import Problem
from callcause.service.schedule import Counting
from callcause.service.tally import tally_received
from callcause.service.ticket_record import check
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.bookkeeping import Answered
from callcause.state.ticket import PENDING, Ticket
from collectors.records import Pseudonymiser

MAX_TICKETS = 5000
MAX_KEY = 255
Answer = dict[str, Any]


class Keeping(Protocol):
    """Where clear numbers go: sealed before the transaction, kept in it."""

    def sealed(self, tickets: Sequence[object], records: Sequence[Any]) -> list[Any]:
        """Seal the clear numbers of tickets as they came, by the pseudonyms of their records."""

    def keep(self, session: Session, entries: Sequence[Any]) -> None:
        """Keep them."""


class TicketIntake:
    """Takes posted tickets in: all of a request, or none of it."""

    def __init__(
        self, database: Database, pseudonymiser: Pseudonymiser, settings: IngestSettings, counters: Counting
    ) -> None:
        self._database, self._pseudonymiser = database, pseudonymiser
        self._settings, self._counters = settings, counters
        self.on_taken: list[rows.HeardTaken] = []
        """Called in the transaction that takes a ticket in."""
        self.vault: Keeping | None = None
        """Keeps clear numbers, where that is enabled."""

    @property
    def pseudonymiser(self) -> Pseudonymiser:
        """The key that turns identities into pseudonyms."""
        return self._pseudonymiser

    async def post(self, body: bytes, key: str | None, who: Principal, route: str = "/tickets") -> Answer:
        """Take in the tickets of a body and return the answer, once they are durable.

        Problem 400 for what is no JSON, 422 for wrong fields, 409 for a known id with another content.
        """
        asked = self._asked(body, key, who, route)
        if asked and (before := await self._database.reading(lambda s: _answer(s, *asked))):
            return before
        tickets = parsed(body)
        settings = self._settings
        checked = await asyncio.to_thread(
            check, tickets, self._pseudonymiser, settings.zone, settings.country_code
        )
        if checked.errors:
            self._counters.add("tickets_refused", {"why": "fields"}, len(tickets))
            raise Problem(422, "nothing was taken in: fields are wrong", errors=checked.errors)
        sealed = self.vault.sealed(tickets, checked.records) if self.vault else []
        answer = await self._database.writing(lambda s: self._write(s, checked.records, who, asked, sealed))
        taken = {ticket["id"] for ticket in answer["tickets"] if not ticket["known"]}
        tally_received(self._counters, (r for r in checked.records if r["id"] in taken))
        new = len(taken)
        self._counters.add("tickets_taken_in", {"source": "http"}, new)
        return answer

    def _write(
        self, session: Session, records: list[dict[str, Any]], who: Principal,
        asked: tuple[str, str] | None, sealed: Sequence[Any] = (),
    ) -> Answer:  # fmt: skip
        if asked and (before := _answer(session, *asked)):
            return before
        taken = rows.take_in(session, records, "http", who.name, hear=self.on_taken)
        if self.vault and not taken.other:
            self.vault.keep(session, sealed)
        if taken.other:
            errors = [
                {"ticket": number, "field": "id", "reason": "known with another content"}
                for number, record in enumerate(records)
                if record["id"] in set(taken.other)
            ]
            raise Problem(409, "nothing was taken in: tickets are known with another content", errors=errors)
        known = set(taken.known)
        answer = {
            "tickets": [
                {"id": r["id"], "href": f"/tickets/{r['id']}", "known": r["id"] in known} for r in records
            ]
        }
        if asked:
            session.add(Answered(key=asked[0], request=asked[1], status=202, answer=answer, at=utc_now()))
        return answer

    def _asked(self, body: bytes, key: str | None, who: Principal, route: str) -> tuple[str, str] | None:
        """Return digests of who asked with which key, and of what; the second is keyed, for it was clear."""
        if key is None:
            return None
        if not 0 < len(key) <= MAX_KEY:
            raise Problem(400, f"an Idempotency-Key has 1 to {MAX_KEY} characters")
        asked = hashlib.sha256(json.dumps([who.name, route, key]).encode()).hexdigest()
        return asked, self._pseudonymiser.pseudonym("body", hashlib.sha256(body).hexdigest())


def parsed(body: bytes) -> list[object]:
    """Return the tickets of a body: one object, a list of them, or {"tickets": [...]}."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise Problem(400, "the body is no JSON" + (f" (line {line})" if line else "")) from None
    if isinstance(found, dict) and set(found) == {"tickets"}:
        found = found["tickets"]
    tickets = found if isinstance(found, list) else [found]
    if not tickets:
        raise Problem(422, "there is no ticket in the request")
    if len(tickets) > MAX_TICKETS:
        raise Problem(413, f"at most {MAX_TICKETS} tickets are taken at once")
    return tickets


def state_of(row: Ticket) -> dict[str, Any]:
    """Return what is said about a ticket that has no diagnosis yet."""
    answer: dict[str, Any] = {"ticket_id": row.id, "state": row.state, "diagnosis": row.diagnosis}
    if row.diagnosis != PENDING:
        answer["error"] = row.diagnosis_error
    return answer


def _answer(session: Session, key: str, request: str) -> Answer | None:
    row = session.get(Answered, key)
    if row is None:
        return None
    if row.request != request:
        raise Problem(422, "the Idempotency-Key was used with another content")
    return row.answer
