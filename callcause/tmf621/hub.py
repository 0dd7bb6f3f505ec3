"""Listeners of the hub: who subscribed to what, and the desk that brings them their events, in order."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.service.desk import Desk
from callcause.service.problem import Problem
from callcause.service.schedule import Counting
from callcause.service.settings import Tmf621Settings
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.trouble_ticket import GIVEN_UP, WAITING, Delivery, Subscription
from callcause.tmf621.desk import shown
from callcause.tmf621.outbox import EVENT_TYPES
from callcause.tmf621.rendering import version_4, version_5

LONGEST_PAUSE_S = 900.0
AT_ONCE = 50
MOST_LISTENERS = 100
LONGEST_URL = 2000


@dataclass(frozen=True, slots=True)
class Due:
    """One event that is to be sent now."""

    id: int
    callback: str
    body: dict[str, Any] | None
    """None: the listener did not ask for it, or the ticket is gone."""


class HubDesk(Desk):
    """One task: each listener gets its events one after the other; a slow one holds up only itself."""

    idle_s = 1.0

    def __init__(self, database: Database, settings: Tmf621Settings, counters: Counting) -> None:
        super().__init__()
        self._database, self._settings, self._counters = database, settings, counters

    async def work(self) -> bool:
        """Send what is due to every listener."""
        due = await self._database.reading(_due)
        if not due:
            return False
        async with httpx.AsyncClient(timeout=self._settings.timeout_s, follow_redirects=False) as client:
            await asyncio.gather(*(self._send_in_order(client, events) for events in due.values()))
        return True

    async def _send_in_order(self, client: httpx.AsyncClient, events: Sequence[Due]) -> None:
        for event in events:
            error = "" if event.body is None else await _post(client, event)
            await self._database.writing(partial(self._record, number=event.id, error=error))
            if event.body is not None:
                self._counters.add("hub_events", {"outcome": "failed" if error else "sent"})
            if error:
                return

    def _record(self, session: Session, number: int, error: str) -> None:
        row = session.get(Delivery, number)
        if row is None:
            return
        if not error:
            session.delete(row)
            return
        row.attempts += 1
        row.error = error
        pause_s = min(self._settings.first_pause_s * 2 ** min(row.attempts - 1, 20), LONGEST_PAUSE_S)
        row.next_at = utc_now() + timedelta(seconds=pause_s)
        if row.attempts >= self._settings.attempts:
            row.state = GIVEN_UP


async def _post(client: httpx.AsyncClient, event: Due) -> str:
    """Send one event; returns what is wrong, never with the address, which may hold a token."""
    try:
        answer = await client.post(event.callback, json=event.body)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return type(error).__name__
    return "" if answer.is_success else f"answered {answer.status_code}"


def subscribe(session: Session, body: object, api: str, who: str, hosts: Sequence[str] = ()) -> Subscription:
    """Add a listener; Problem 400 where the callback may not be called or the query is not known."""
    if not isinstance(body, dict) or not isinstance(body.get("callback"), str):
        raise Problem(400, "callback: expected an http or https URL")
    callback, query = body["callback"], body.get("query")
    _check_callback(callback, hosts)
    if query is not None:
        wanted_types(query)
    known = list(session.scalars(select(Subscription)))
    for row in known:
        if (row.callback, row.query, row.api) == (callback, query or None, api):
            raise Problem(409, "this listener is subscribed already")
    if len(known) >= MOST_LISTENERS:
        raise Problem(409, f"at most {MOST_LISTENERS} listeners")
    row = Subscription(
        id=secrets.token_hex(8), api=api, callback=callback, query=query or None, who=who, made_at=utc_now()
    )
    session.add(row)
    return row


def described(row: Subscription, *, entire: bool) -> dict[str, Any]:
    """Return a listener as the hub shows it; the callback in full only to who made it."""
    parts = urlsplit(row.callback)
    callback = row.callback if entire else f"{parts.scheme}://{parts.hostname}"
    made = {"id": row.id, "callback": callback, **({"query": row.query} if row.query else {})}
    if row.api == "v5":
        made |= {"@type": "Hub", "href": f"/tmf-api/troubleTicket/v5/hub/{row.id}"}
    return made


def wanted_types(query: str | None) -> frozenset[str]:
    """Return the types of events that a query asks for: `eventType=A,B`; without one all."""
    if not query:
        return frozenset(EVENT_TYPES)
    if not isinstance(query, str) or len(query) > LONGEST_URL or "\x00" in query:
        raise Problem(400, "query: expected eventType=...")
    pairs = parse_qsl(query, keep_blank_values=True)
    if not pairs or any(name != "eventType" for name, _ in pairs):
        raise Problem(400, "query: listeners are chosen by eventType only")
    names = {part for _, value in pairs for part in value.split(",")}
    if not names <= set(EVENT_TYPES):
        raise Problem(400, f"query: expected event types of {', '.join(EVENT_TYPES)}")
    return frozenset(names)


def _check_callback(callback: str, hosts: Sequence[str]) -> None:
    try:
        parts = urlsplit(callback)
        host, _ = parts.hostname, parts.port
        httpx.URL(callback)
    except (ValueError, httpx.InvalidURL):
        raise Problem(400, "callback: expected an http or https URL") from None
    printable = callback.isascii() and callback.isprintable() and " " not in callback
    if parts.scheme not in ("http", "https") or not host or not printable or len(callback) > LONGEST_URL:
        raise Problem(400, "callback: expected an http or https URL")
    if hosts and host not in hosts:
        raise Problem(400, "callback: this host is not among tmf621.callback_hosts")


def _due(session: Session) -> dict[str, list[Due]]:
    """Return the next events of each listener whose oldest one is due."""
    now, found = utc_now(), {}
    for listener in session.scalars(select(Subscription)):
        query = select(Delivery).where(Delivery.subscription_id == listener.id, Delivery.state == WAITING)
        rows = list(session.scalars(query.order_by(Delivery.id).limit(AT_ONCE)))
        if rows and rows[0].next_at <= now:
            found[listener.id] = [
                Due(row.id, listener.callback, _body(session, listener, row)) for row in rows
            ]
    return found


def _body(session: Session, listener: Subscription, row: Delivery) -> dict[str, Any] | None:
    if row.event_type not in wanted_types(listener.query):
        return None
    tickets = shown(session, [row.ticket_id], deleted=True)
    if not tickets:
        return None
    document = version_5(tickets[0])
    if row.status:
        document["status"] = row.status
    if listener.api == "v4":
        document = version_4(document)
    made: dict[str, Any] = {
        "eventId": f"{row.id}-{row.at.timestamp() * 1e6:.0f}",
        "eventTime": _text(row.at),
        "eventType": row.event_type,
        "event": {"troubleTicket": document},
    }
    return {"@type": row.event_type, **made} if listener.api == "v5" else made


def _text(at: datetime) -> str:
    return at.isoformat()
