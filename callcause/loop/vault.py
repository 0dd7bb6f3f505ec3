"""The vault (金库模式): a number is shown once, after a second person approved, and every look is audited."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.cipher import Cipher, Sealed, VaultError, masked
from callcause.loop.life import LoopError
from callcause.loop.settings import VaultSettings
from callcause.loop.shown import iso
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.ticket import Ticket
from callcause.state.vault import VaultEntry, VaultRequest

PENDING, APPROVED, REFUSED, SHOWN, EXPIRED = "pending", "approved", "refused", "shown", "expired"
Entry = tuple[str, Sealed]
CHUNK = 500


class Vault:
    """Keeps clear numbers sealed, and answers requests to see one."""

    def __init__(self, database: Database, settings: VaultSettings) -> None:
        self._database, self._settings = database, settings
        self._cipher: Cipher | None = settings.cipher() if settings.enabled else None

    def sealed(self, tickets: Sequence[object], records: Sequence[Any]) -> list[Entry]:
        """Seal the numbers of tickets as they came, under the pseudonyms of their records."""
        cipher = self._open_cipher()
        found: dict[str, Sealed] = {}
        for ticket, record in zip(tickets, records, strict=True):
            clear = ticket.get("msisdn") if isinstance(ticket, Mapping) else None
            pseudonym = record.get("msisdn")
            if clear and pseudonym:
                found[pseudonym] = cipher.seal(pseudonym, str(clear).strip())
        return sorted(found.items())

    def keep(self, session: Session, entries: Sequence[Entry]) -> None:
        """Keep them, in the transaction that takes the tickets in; a later one replaces an earlier one."""
        for pseudonym, one in entries:
            session.merge(_row(pseudonym, one, utc_now()))

    def keep_numbers(self, numbers: Mapping[str, str]) -> None:
        """Seal and keep the clear numbers of a ticket file by their pseudonyms; for the store's thread."""
        cipher = self._open_cipher()
        entries = [(name, cipher.seal(name, clear)) for name, clear in sorted(numbers.items())]
        for start in range(0, len(entries), CHUNK):
            part = entries[start : start + CHUNK]
            self._database.write(lambda session, part=part: self.keep(session, part))  # type: ignore[misc]

    async def ask(self, ticket_id: str, who: str, reason: str) -> dict[str, Any]:
        """Ask to see the number of a ticket; shown masked until somebody else approves."""
        cipher = self._open_cipher()

        def work(session: Session) -> dict[str, Any]:
            now, ticket = utc_now(), session.get(Ticket, ticket_id)
            if ticket is None:
                raise LoopError("unknown_ticket", "no such ticket", key="ticket")
            if len(reason.strip()) < 5:
                raise LoopError("reason_missing", "a request needs a reason", key="reason")
            entry = _entry(session, ticket.customer)
            request = VaultRequest(
                id=f"VR-{secrets.token_hex(8)}",
                ticket_id=ticket_id,
                pseudonym=entry.pseudonym,
                asked_by=who,
                asked_at=now,
                reason=reason,
                state=PENDING,
                expires_at=now + timedelta(seconds=self._settings.request_s),
            )
            session.add(request)
            append(session, now, who, "vault.ask", entry.pseudonym, {"request": request.id, "reason": reason})
            hidden = masked(cipher.open(entry.pseudonym, _sealed(entry)))
            return {**_shown(request), "masked": hidden}

        return await self._database.writing(work)

    async def decide(self, request_id: str, who: str, *, approve: bool, why: str) -> dict[str, Any]:
        """Approve or refuse, by a second person, never by who asked."""
        self._open_cipher()

        def work(session: Session) -> dict[str, Any]:
            now, request = utc_now(), _request(session, request_id)
            if request.asked_by == who:
                raise LoopError("forbidden", "nobody approves a request of their own", key="request")
            _must_be(request, PENDING, now)
            request.state = APPROVED if approve else REFUSED
            request.decided_by, request.decided_at, request.decision = who, now, why
            if approve:
                request.expires_at = now + timedelta(seconds=self._settings.show_s)
            action = "vault.approve" if approve else "vault.refuse"
            append(session, now, who, action, request.pseudonym, {"request": request.id, "why": why})
            return _shown(request)

        return await self._database.writing(work)

    async def show(self, request_id: str, who: str) -> dict[str, Any]:
        """Show the number to who asked, once, while the approval holds. It is audited before it is shown."""
        cipher = self._open_cipher()

        def work(session: Session) -> tuple[str, Sealed]:
            now, request = utc_now(), _request(session, request_id)
            if request.asked_by != who:
                raise LoopError("forbidden", "only who asked may see it", key="request")
            _must_be(request, APPROVED, now)
            entry = _entry(session, request.pseudonym)
            request.state, request.shown_at = SHOWN, now
            append(session, now, who, "vault.show", request.pseudonym, {"request": request.id})
            return entry.pseudonym, _sealed(entry)

        pseudonym, sealed = await self._database.writing(work)
        return {"id": request_id, "number": cipher.open(pseudonym, sealed)}

    async def requests(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """List requests, the last first."""
        query = select(VaultRequest).order_by(VaultRequest.asked_at.desc(), VaultRequest.id).limit(limit)
        if state:
            query = query.where(VaultRequest.state == state)
        return await self._database.reading(lambda s: [_shown(row) for row in s.scalars(query)])

    async def rotate(self, who: str) -> dict[str, int]:
        """Seal every entry again with the newest key; old keys may then be taken away."""
        cipher, counts = self._open_cipher(), {"rotated": 0, "failed": 0}

        def work(session: Session) -> int:
            query = select(VaultEntry).where(VaultEntry.key_number != cipher.newest)
            rows = list(
                session.scalars(query.order_by(VaultEntry.pseudonym).limit(CHUNK).offset(counts["failed"]))
            )
            done = 0
            for row in rows:
                try:
                    sealed = cipher.rotate(row.pseudonym, _sealed(row))
                except VaultError:
                    counts["failed"] += 1
                    continue
                row.key_number, row.nonce, row.ciphertext = sealed.key_number, sealed.nonce, sealed.ciphertext
                done += 1
            if rows:
                append(session, utc_now(), who, "vault.rotate", f"key {cipher.newest}", {"entries": done})
            return done

        while done := await self._database.writing(work):
            counts["rotated"] += done
        return counts

    def _open_cipher(self) -> Cipher:
        if self._cipher is None:
            raise LoopError("off", "the vault is not enabled", key="vault.enabled")
        return self._cipher


def _entry(session: Session, pseudonym: str | None) -> VaultEntry:
    found = session.get(VaultEntry, pseudonym) if pseudonym else None
    if found is None:
        raise LoopError("unknown", "no number is kept for this ticket", key="ticket")
    return found


def _request(session: Session, request_id: str) -> VaultRequest:
    found = session.get(VaultRequest, request_id)
    if found is None:
        raise LoopError("unknown", "no such request", key="request")
    return found


def _must_be(request: VaultRequest, state: str, now: datetime) -> None:
    if request.state in (PENDING, APPROVED) and request.expires_at <= now:
        raise LoopError("gone", "the request has expired", key="request")
    if request.state != state:
        raise LoopError("gone" if request.state == SHOWN else "illegal_transition", f"it is {request.state}")


def _shown(row: VaultRequest) -> dict[str, Any]:
    live = row.state in (PENDING, APPROVED) and row.expires_at <= utc_now()
    return {
        "id": row.id,
        "ticket_id": row.ticket_id,
        "state": EXPIRED if live else row.state,
        "asked_by": row.asked_by,
        "asked_at": iso(row.asked_at),
        "reason": row.reason,
        "expires_at": iso(row.expires_at),
        "decided_by": row.decided_by,
        "decided_at": iso(row.decided_at),
        "decision": row.decision,
        "shown_at": iso(row.shown_at),
    }


def _row(pseudonym: str, one: Sealed, now: datetime) -> VaultEntry:
    return VaultEntry(
        pseudonym=pseudonym, key_number=one.key_number, nonce=one.nonce, ciphertext=one.ciphertext, at=now
    )


def _sealed(row: VaultEntry) -> Sealed:
    return Sealed(row.key_number, row.nonce, row.ciphertext)
