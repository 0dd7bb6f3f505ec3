"""Sends notices onward through Apprise, again after a pause where that failed, and keeps the record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.service.desk import Desk
from callcause.service.schedule import Counting
from callcause.service.settings import NoticeTarget
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.notice import GIVEN_UP, SENT, WAITING, Notice
from callcause_error import UsageError

if TYPE_CHECKING:
    import apprise

LOG = logging.getLogger(__name__)
TOGETHER = 20
LONGEST_PAUSE_S = 900.0


class Notifier(Desk):
    """One task that sends what waits. A slow target holds up its own notices only until its time is over."""

    def __init__(self, database: Database, targets: Sequence[NoticeTarget], counters: Counting) -> None:
        super().__init__()
        self._database, self._counters = database, counters
        self._targets = {target.name: (target, _sender(target)) for target in targets}
        self._threads = ThreadPoolExecutor(max_workers=TOGETHER, thread_name_prefix="notices")
        self._next_s = self.idle_s

    async def work(self) -> bool:
        """Send what is due."""
        due = await self._database.reading(lambda s: _due(s, utc_now()))
        await asyncio.gather(*(self._send(notice) for notice in due))
        following = await self._database.reading(_following)
        left_s = (following - utc_now()).total_seconds() if following else self.idle_s
        self._next_s = min(self.idle_s, max(left_s, 0.05))
        return bool(due)

    def rest_s(self) -> float:
        """Rest until the next attempt is due."""
        return self._next_s

    def close(self) -> None:
        """Leave what still runs to its end: it is sent again after a restart unless its record says sent."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _send(self, notice: Notice) -> None:
        target, sender = self._targets.get(notice.target, (None, None))
        if target is None or sender is None:
            await self._record(notice.id, "the target is not configured any more", None)
            return
        error = await self._attempt(target, sender, notice)
        await self._record(notice.id, error, target)
        self._counters.add(
            "callcause_notices_total", {"target": target.name, "outcome": "failed" if error else "sent"}
        )

    async def _attempt(self, target: NoticeTarget, sender: apprise.Apprise, notice: Notice) -> str:
        """Send once; returns what is wrong. Never what Apprise says: that may hold the URL."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(target.timeout_s):
                sent = await loop.run_in_executor(
                    self._threads, lambda: sender.notify(title=notice.title, body=notice.body)
                )
        except TimeoutError:
            return f"no answer within {target.timeout_s:g} s"
        except Exception as error:  # noqa: BLE001 - the boundary to the target: recorded, and tried again
            return type(error).__name__
        return "" if sent else "the target refused, or does not answer"

    async def _record(self, number: int, error: str, target: NoticeTarget | None) -> None:
        await self._database.writing(lambda s: _record(s, number, error, target))


def _sender(target: NoticeTarget) -> apprise.Apprise:
    import apprise  # here: half a second of imports that only a service with targets needs

    sender = apprise.Apprise()
    if not sender.add(target.url.reveal()):
        raise UsageError("Apprise does not know this kind of URL", key=f"notices.{target.name}.url")
    return sender


def _due(session: Session, now: datetime) -> list[Notice]:
    """Return the oldest notice of each target and subject where it is due: they arrive in their order."""
    query = select(Notice).where(Notice.state == WAITING)
    found: dict[tuple[str, str], Notice] = {}
    for notice in session.scalars(query.order_by(Notice.id).limit(TOGETHER * 50)):
        found.setdefault((notice.target, notice.subject), notice)
    return [notice for notice in found.values() if notice.next_at <= now][:TOGETHER]


def _following(session: Session) -> datetime | None:
    return session.scalar(select(func.min(Notice.next_at)).where(Notice.state == WAITING))


def _record(session: Session, number: int, error: str, target: NoticeTarget | None) -> None:
    notice = session.get(Notice, number)
    if notice is None:
        return
    notice.attempts += 1
    notice.error = error or None
    if not error:
        notice.state, notice.sent_at = SENT, utc_now()
    elif target is None or notice.attempts >= target.attempts:
        notice.state = GIVEN_UP
        LOG.error("a notice is given up", extra={"target": notice.target, "attempts": notice.attempts})
    else:
        pause_s = min(target.first_pause_s * 2 ** (notice.attempts - 1), LONGEST_PAUSE_S)
        notice.next_at = utc_now() + timedelta(seconds=pause_s)
