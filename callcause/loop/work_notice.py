"""Notices before planned work (投诉处理前移): who talks to customers is told before the customers call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.reply import notice_text
from callcause.loop.settings import LoopSettings
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.notice import Notice
from collectors.sink import StoreSink
from collectors.store import Store

EVERY_S = 300.0
CANCELLED = "cancelled"
OVER = (CANCELLED, "done", "rolled_back")
OBJECTS_SHOWN = 20
Change = Mapping[str, Any]


class WorkNoticeDesk(Desk):
    """One task: looks at the change calendar now and then, and writes a notice for each recipient once."""

    def __init__(
        self, database: Database, sink: StoreSink, settings: LoopSettings, targets: Sequence[str]
    ) -> None:
        super().__init__()
        self._database, self._sink, self._settings = database, sink, settings
        wanted = settings.notice_recipients or tuple(targets)
        self.recipients = [name for name in wanted if name in targets]
        self.looked_at: datetime | None = None
        """When the calendar was looked at last."""
        self.on_notice: list[Callable[[], None]] = []
        """Called after notices were written."""

    async def work(self) -> bool:
        """Look where that is due."""
        now = utc_now()
        if self.recipients and self._due_s(now) <= 0:
            until = now + timedelta(hours=self._settings.notice_before_h)
            changes = await self._sink.read(lambda store: calendar(store, now, until))
            await self.tell([one for one in changes if wants_notice(one)], now)
            self.looked_at = now
        return False

    def rest_s(self) -> float:
        """Rest until the next look."""
        return max(self._due_s(utc_now()), 1.0) if self.recipients else self.idle_s

    async def tell(self, changes: Sequence[Change], now: datetime) -> int:
        """Write the notices that are not there yet; returns how many."""
        if not changes:
            return 0
        zone, recipients = self._settings.calendar.zone, self.recipients
        made = await self._database.writing(lambda s: write_notices(s, changes, recipients, zone, now))
        for hear in self.on_notice if made else ():
            hear()
        return made

    def _due_s(self, now: datetime) -> float:
        if self.looked_at is None or now < self.looked_at:
            return 0.0
        return EVERY_S - (now - self.looked_at).total_seconds()


def calendar(store: Store, begin: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return the changes that end after `begin` and start before `until`, the first first."""
    near = (pl.col("planned_end") >= begin) & (pl.col("planned_start") <= until)
    return list(
        store.records("change").filter(near).sort("planned_start", "id").collect().iter_rows(named=True)
    )


def change_of(store: Store, change_id: str) -> dict[str, Any] | None:
    """Return one change, None where the store has none of that id."""
    rows = store.records("change").filter(pl.col("id") == change_id).collect()
    return rows.row(0, named=True) if rows.height else None


def wants_notice(change: Change) -> bool:
    """Whether the change affects service and nobody was told; what is cancelled may have to be called off."""
    if change["status"] == CANCELLED:
        return True
    return bool(change["service_affecting"]) and not change["notice_sent"] and change["status"] not in OVER


def write_notices(
    session: Session, changes: Sequence[Change], recipients: Sequence[str], zone: str, now: datetime
) -> int:
    """Write a notice to each recipient: once for each planned start, and once where it is called off."""
    made = 0
    for change in changes:
        subject = subject_of(str(change["id"]))
        query = select(Notice.target, Notice.occasion).where(Notice.subject == subject)
        there = {(target, occasion) for target, occasion in session.execute(query)}
        told = {target for target, occasion in there if occasion != CANCELLED}
        off = change["status"] == CANCELLED
        occasion = CANCELLED if off else f"planned {change['planned_start'].isoformat()}"
        for target in recipients:
            if (target, occasion) in there or (off and target not in told):
                continue
            session.add(
                Notice(
                    subject=subject, occasion=occasion, target=target, title=_title(change, off=off),
                    body=_body(change, zone), made_at=now, next_at=now,
                )
            )  # fmt: skip
            made += 1
    return made


def subject_of(change_id: str) -> str:
    """Return the subject of the notices about a change."""
    return f"planned-work {change_id}"[:200]


def told_of(session: Session, changes: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return by change who was told what, and whether it was sent."""
    names = {subject_of(change): change for change in changes}
    query = select(Notice).where(Notice.subject.in_(list(names))).order_by(Notice.id)
    found: dict[str, list[dict[str, Any]]] = {change: [] for change in changes}
    for row in session.scalars(query):
        sent = row.sent_at.isoformat() if row.sent_at else None
        found[names[row.subject]].append(
            {"target": row.target, "occasion": row.occasion, "state": row.state, "sent_at": sent}
        )
    return found


def _title(change: Change, *, off: bool) -> str:
    return f"{'Called off' if off else 'Planned work'}: {change['title'] or change['id']}"


def _body(change: Change, zone: str) -> str:
    """Word the notice for customers in both languages, and what is touched for those who answer them."""
    objects = list(change["impacted_objects"] or ())
    more = f" and {len(objects) - OBJECTS_SHOWN} more" if len(objects) > OBJECTS_SHOWN else ""
    touched = f"{change['id']}: {', '.join(map(str, objects[:OBJECTS_SHOWN]))}{more}"
    return "\n".join([notice_text(change, "zh", zone), notice_text(change, "en", zone), touched])
