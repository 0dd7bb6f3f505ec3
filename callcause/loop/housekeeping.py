"""Retention: what is older than its kind is kept goes, from the state database and from the store."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, insert, literal, select
from sqlalchemy.orm import Session

from callcause.loop.audit_log import append
from callcause.loop.life import State
from callcause.loop.settings import RecordRetention, RetentionSettings
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.alert import AlertGroup
from callcause.state.base import UtcTime, utc_now
from callcause.state.bookkeeping import Answered
from callcause.state.notice import WAITING, Notice
from callcause.state.ticket import FormerTicket, Ticket
from callcause.state.trouble_ticket import GIVEN_UP, Delivery
from callcause.state.vault import VaultEntry, VaultRequest
from callcause.state.warning import ComplaintDay, EarlyWarning
from collectors.store.erasure import Erased

SYSTEM = "callcause"
InStore = Callable[[Mapping[str, datetime]], Awaitable[Erased]]


class Housekeeping(Desk):
    """One task that removes what is older than its kind is kept.

    `records`: days by record kind; `in_store` removes rows of a kind that are older than a moment.
    """

    def __init__(
        self, database: Database, settings: RetentionSettings, records: RecordRetention, in_store: InStore
    ) -> None:
        super().__init__()
        self._database, self._settings = database, settings
        self._records, self._in_store = records, in_store
        self._next = self._next_store = 0.0

    async def work(self) -> bool:
        """Remove what is too old, where that is due."""
        if time.monotonic() >= self._next:
            now, settings = utc_now(), self._settings
            await self._database.writing(lambda session: retain(session, settings, now))
            self._next = time.monotonic() + settings.every_h * 3600
        if time.monotonic() >= self._next_store:
            await self._retain_records(utc_now())
            self._next_store = time.monotonic() + self._records.every_h * 3600
        return False

    async def _retain_records(self, now: datetime) -> None:
        before = {kind: now - timedelta(days=days) for kind, days in self._records.days.items()}
        if not before:
            return
        removed = {kind: n for kind, n in (await self._in_store(before)).removed.items() if n}
        if removed:
            await self._database.writing(
                lambda session: append(session, now, SYSTEM, "retention", "store", removed)
            )

    def rest_s(self) -> float:
        """Rest until the next round."""
        return max(min(self._next, self._next_store) - time.monotonic(), self.idle_s)


def retain(session: Session, settings: RetentionSettings, now: datetime) -> dict[str, int]:
    """Remove what is older than its kind is kept; returns how much of each, which the audit log keeps too."""
    removed: dict[str, int] = {}
    for name, make in OLD.items():
        days = getattr(settings, f"{name}_d")
        if days is None:
            continue
        at = now - timedelta(days=days)
        if make is _closed:
            _remember(session, at, now)
        number = int(getattr(session.execute(make(at)), "rowcount", 0))
        if number:
            removed[name] = number
    if removed:
        append(session, now, SYSTEM, "retention", "state database", removed)
    return removed


def _closed(at: datetime) -> Any:
    """Delete closed tickets; their events, results, keys, pauses and feedback go with them."""
    return delete(Ticket).where(*_closed_before(at))


def _closed_before(at: datetime) -> tuple[ColumnElement[bool], ...]:
    return Ticket.state == State.CLOSED, Ticket.closed_at < at


def _remember(session: Session, at: datetime, now: datetime) -> None:
    """Keep the ids of tickets that go: the store may still hold them, and would bring them back as new."""
    there = exists().where(FormerTicket.id == Ticket.id)
    gone = select(Ticket.id, literal(now, UtcTime)).where(*_closed_before(at), ~there)
    session.execute(insert(FormerTicket).from_select(["id", "at"], gone))


OLD: dict[str, Callable[[datetime], Any]] = {
    "closed_tickets": _closed,
    "vault_entries": lambda at: delete(VaultEntry).where(VaultEntry.at < at),
    "vault_requests": lambda at: delete(VaultRequest).where(VaultRequest.asked_at < at),
    "idempotency_keys": lambda at: delete(Answered).where(Answered.at < at),
    "notices": lambda at: delete(Notice).where(Notice.made_at < at, Notice.state != WAITING),
    "warnings": lambda at: delete(EarlyWarning).where(EarlyWarning.recovered_at < at),
    "complaint_days": lambda at: delete(ComplaintDay).where(ComplaintDay.day < at.date()),
    "alerts": lambda at: delete(AlertGroup).where(AlertGroup.resolved_at < at),
    "hub_events": lambda at: delete(Delivery).where(Delivery.state == GIVEN_UP, Delivery.at < at),
}
"""What removes things of each kind that are older; the setting of a kind is `<kind>_d`."""
