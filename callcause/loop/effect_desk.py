"""Runs the checks of remedied tickets again once the window after the remedy has passed, or on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop import remedy
from callcause.loop.audit_log import append
from callcause.loop.life import LoopError
from callcause.loop.settings import EffectSettings
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.feedback import Feedback
from callcause.state.ticket import Result, Ticket

SYSTEM = "callcause"
TOGETHER = 100
Answers = Callable[[Sequence[Any]], Awaitable[list[dict[str, Any]]]]
"""Gives the contract objects of tickets, in any order."""


@dataclass(frozen=True, slots=True)
class Due:
    """A remedied ticket whose checks are to be run again."""

    ticket_id: str
    told: dict[str, Any]
    checks: list[dict[str, Any]]
    remedied_at: datetime
    window: remedy.Window


class EffectDesk(Desk):
    """One task: the effect of remedies. Counters come late: a look without data is repeated for a while."""

    def __init__(self, database: Database, settings: EffectSettings, diagnose: Answers) -> None:
        super().__init__()
        self._database, self._settings, self._diagnose = database, settings, diagnose
        self.looked_at: datetime | None = None
        """When all tickets were looked at last."""

    async def work(self) -> bool:
        """Look at all tickets whose window has passed."""
        now = utc_now()
        if not self._settings.enabled or self._due_s(now) > 0:
            return False
        due = await self._database.reading(lambda s: due_effects(s, self._settings, now))
        if due:
            await self._look(due, SYSTEM)
        self.looked_at = now
        return False

    def rest_s(self) -> float:
        """Rest until the next round."""
        return max(self._due_s(utc_now()), self.idle_s)

    def _due_s(self, now: datetime) -> float:
        """Return the seconds until the next look; a clock that was set back makes it due."""
        if self.looked_at is None or now < self.looked_at:
            return 0.0
        return self._settings.every_s - (now - self.looked_at).total_seconds()

    async def look(self, ticket_id: str, who: str) -> dict[str, Any]:
        """Run the checks of one ticket again now; LoopError where there is nothing to compare yet."""
        due = await self._database.reading(lambda s: _due(s, _feedback(s, ticket_id), self._settings))
        if due is None:
            raise LoopError("nothing_to_compare", "no check of its diagnosis failed", key="ticket")
        if due.window.end > utc_now():
            end = due.window.end.isoformat()
            raise LoopError("too_early", f"the window after the remedy ends at {end}", key="remedied_at")
        return (await self._look([due], who))[0]

    async def _look(self, due: Sequence[Due], who: str) -> list[dict[str, Any]]:
        tickets = [t for one in due for t in remedy.tickets_after(one.told, one.checks, one.window.moment)]
        answers = {contract["ticket_id"]: contract for contract in await self._diagnose(tickets)}
        effects = [_effect(one, answers, who) for one in due]
        await self._database.writing(lambda session: _write_all(session, due, effects, who))
        return effects


def _effect(due: Due, answers: Mapping[str, Any], who: str) -> dict[str, Any]:
    wanted = (due.ticket_id, due.ticket_id + remedy.AT_PLACE)
    after = [answers[ticket] for ticket in wanted if ticket in answers]
    window = [due.window.start.isoformat(), due.window.end.isoformat()]
    found = remedy.judge(due.checks, after, due.remedied_at)
    return {**found, "window": window, "at": utc_now().isoformat(), "who": who}


def _write_all(session: Session, due: Sequence[Due], effects: Sequence[dict[str, Any]], who: str) -> None:
    for one, effect in zip(due, effects, strict=True):
        _write(session, one, effect, who)


def _write(session: Session, due: Due, effect: dict[str, Any], who: str) -> None:
    """Write the effect, unless another cause or remedy was told meanwhile; what is new is audited."""
    row = session.get(Feedback, due.ticket_id)
    if row is None or row.remedied_at != due.remedied_at:
        return
    said = (row.effect or {}).get("outcome")
    row.effect = effect
    if said != effect["outcome"] or who != SYSTEM:
        detail = {"outcome": effect["outcome"], "window": effect["window"]}
        append(session, utc_now(), who, "ticket.effect", due.ticket_id, detail)


def due_effects(session: Session, settings: EffectSettings, now: datetime) -> list[Due]:
    """Find remedied tickets that were not looked at with data, for as long as data may still come."""
    ready = now - timedelta(hours=settings.settle_h + settings.late_h)
    given_up = ready - timedelta(hours=settings.patience_h)
    query = select(Feedback).where(Feedback.remedied_at <= ready, Feedback.remedied_at > given_up)
    rows = [row for row in session.scalars(query) if _open(row)]
    rows.sort(key=lambda row: ((row.effect or {}).get("at", ""), row.remedied_at, row.ticket_id))
    late = timedelta(hours=settings.late_h)
    found: list[Due] = []
    for row in rows:
        due = _due(session, row, settings)
        if due is not None and due.window.end + late <= now:
            found.append(due)
        if len(found) == TOGETHER:
            break
    return found


def _open(row: Feedback) -> bool:
    """Whether the effect is still to be found."""
    return row.effect is None or row.effect["outcome"] == remedy.NO_DATA


def _due(session: Session, row: Feedback, settings: EffectSettings) -> Due | None:
    ticket = session.get(Ticket, row.ticket_id)
    result = session.get(Result, row.result_id) if row.result_id else None
    if ticket is None or result is None or row.remedied_at is None:
        return None
    checks = remedy.failing(result.contract, row.confirmed_cause)
    window = remedy.window_after(checks, row.remedied_at, timedelta(hours=settings.settle_h))
    return Due(row.ticket_id, ticket.told, checks, row.remedied_at, window) if checks else None


def _feedback(session: Session, ticket_id: str) -> Feedback:
    row = session.get(Feedback, ticket_id)
    if row is None:
        raise LoopError("no_feedback", "no cause was confirmed for this ticket", key="ticket")
    if row.remedied_at is None:
        raise LoopError("no_remedy", "nobody told when it was remedied", key="remedied_at")
    return row
