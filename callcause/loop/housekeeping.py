"""Retention by kind and erasure of one subscriber."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.evidence import erase_evidence
from callcause.loop.life import State
from callcause.loop.settings import RetentionSettings
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.bookkeeping import Answered
from callcause.state.notice import WAITING, Notice
from callcause.state.ticket import Ticket
from callcause.state.vault import VaultEntry, VaultRequest
from callcause.state.warning import ComplaintDay, EarlyWarning
from collectors.records import load_schemas

SYSTEM = "callcause"
CHUNK = 500
IDENTITIES = tuple(field.name for field in load_schemas()["ticket"].fields if field.identity)
"""Fields of a ticket that hold a pseudonym."""


class Housekeeping(Desk):
    """One task that removes what is older than its kind is kept."""

    def __init__(self, database: Database, settings: RetentionSettings) -> None:
        super().__init__()
        self._database, self._settings = database, settings
        self._next = 0.0

    async def work(self) -> bool:
        """Remove what is too old, where that is due."""
        if time.monotonic() >= self._next:
            now, settings = utc_now(), self._settings
            await self._database.writing(lambda session: retain(session, settings, now))
            self._next = time.monotonic() + settings.every_h * 3600
        return False

    def rest_s(self) -> float:
        """Rest until the next round."""
        return max(self._next - time.monotonic(), self.idle_s)


def retain(session: Session, settings: RetentionSettings, now: datetime) -> dict[str, int]:
    """Remove what is older than its kind is kept; returns how much of each, which the audit log keeps too."""

    def before(days: float | None) -> datetime | None:
        return now - timedelta(days=days) if days is not None else None

    removed: dict[str, int] = {}
    wanted: list[tuple[str, datetime | None, Callable[[datetime], Any]]] = [
        ("closed_tickets", before(settings.closed_tickets_d), _closed),
        (
            "vault_entries",
            before(settings.vault_entries_d),
            lambda at: delete(VaultEntry).where(VaultEntry.at < at),
        ),
        (
            "vault_requests",
            before(settings.vault_requests_d),
            lambda at: delete(VaultRequest).where(VaultRequest.asked_at < at),
        ),
        (
            "idempotency_keys",
            before(settings.idempotency_keys_d),
            lambda at: delete(Answered).where(Answered.at < at),
        ),
        (
            "notices",
            before(settings.notices_d),
            lambda at: delete(Notice).where(Notice.made_at < at, Notice.state != WAITING),
        ),
        (
            "warnings",
            before(settings.warnings_d),
            lambda at: delete(EarlyWarning).where(EarlyWarning.recovered_at < at),
        ),
        (
            "complaint_days",
            before(settings.complaint_days_d),
            lambda at: delete(ComplaintDay).where(ComplaintDay.day < at.date()),
        ),
    ]
    for name, at, make in wanted:
        if at is not None:
            number = int(getattr(session.execute(make(at)), "rowcount", 0))
            if number:
                removed[name] = number
    if removed:
        append(session, now, SYSTEM, "retention", "state database", removed)
    return removed


def _closed(at: datetime) -> Any:
    """Delete closed tickets; their events, results, keys, pauses and feedback go with them."""
    return delete(Ticket).where(Ticket.state == State.CLOSED, Ticket.closed_at < at)


def erase(session: Session, pseudonym: str, who: str, why: str) -> dict[str, int]:
    """Destroy the link between a subscriber and everything that is kept about that one.

    The sealed number goes, the pseudonym leaves the tickets, and their stored evidence is emptied: a replay
    says then that the subscriber was erased. What the tickets were about stays, without a person.
    """
    now = utc_now()
    rows = list(session.scalars(select(Ticket).where(Ticket.customer == pseudonym)))
    for row in rows:
        record = {name: value for name, value in row.record.items() if name not in IDENTITIES}
        row.record, row.customer, row.erased_at = record, None, now
        row.answers = {k: v for k, v in (row.answers or {}).items() if k not in IDENTITIES} or None
    ids = [row.id for row in rows]
    for start in range(0, len(ids), CHUNK):
        erase_evidence(session, ids[start : start + CHUNK])
    numbers = session.execute(delete(VaultEntry).where(VaultEntry.pseudonym == pseudonym))
    warnings = update(EarlyWarning).where(EarlyWarning.subscriber == pseudonym).values(subscriber=None)
    session.execute(warnings)
    session.execute(
        update(VaultRequest).where(VaultRequest.pseudonym == pseudonym).values(pseudonym="erased")
    )
    counts = {"tickets": len(rows), "numbers": int(getattr(numbers, "rowcount", 0))}
    append(session, now, who, "subscriber.erase", "a subscriber", {**counts, "why": why})
    return counts
