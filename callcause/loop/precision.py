"""How often runbooks and causes were right, from closed tickets; those under their floor only advise.

A verdict that names an advisory runbook or cause is marked, and a person sends its ticket on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from callcause.loop.settings import AdvisorySettings
from callcause.service.desk import Desk
from callcause.state import Database
from callcause.state.base import utc_now
from callcause.state.feedback import NOT_FOUND, Feedback

CANNOT_TELL = "cannot_tell"
MARK = "advisory"
"""Key of a contract object: which runbook and cause of it only advise."""
Kind = Literal["runbook", "cause"]


@dataclass(frozen=True, slots=True)
class Precision:
    """Of the verdicts of a runbook (category), or that named a cause first: how many were right."""

    kind: Kind
    id: str
    tickets: int
    right: int
    floor: float
    least: int

    @property
    def ratio(self) -> float:
        """Share of closed tickets whose confirmed cause was the first one."""
        return self.right / self.tickets

    @property
    def judged(self) -> bool:
        """Whether enough tickets were closed to judge it."""
        return self.tickets >= self.least

    @property
    def advisory(self) -> bool:
        """Whether it is right too seldom to act on by itself."""
        return self.judged and self.ratio < self.floor


def precisions(session: Session, settings: AdvisorySettings, now: datetime) -> list[Precision]:
    """Count over the last days, by runbook and by first cause.

    What nobody found, and a verdict that said it cannot tell, judges nothing.
    """
    right = func.sum(case((Feedback.confirmed_cause == Feedback.first_cause, 1), else_=0))
    query = select(Feedback.category, Feedback.first_cause, func.count(), right).where(
        Feedback.confirmed_cause != NOT_FOUND,
        Feedback.verdict != CANNOT_TELL,
        Feedback.first_cause.is_not(None),
        Feedback.at > now - timedelta(days=settings.window_d),
    )
    counts: dict[tuple[Kind, str], list[int]] = defaultdict(lambda: [0, 0])
    query = query.group_by(Feedback.category, Feedback.first_cause)
    for category, cause, number, good in session.execute(query):
        _count(counts["runbook", category], number, good)
        _count(counts["cause", cause], number, good)
    return [
        Precision(kind, name, number, good, settings.floor_of(name), settings.least)
        for (kind, name), (number, good) in sorted(counts.items())
    ]


def _count(row: list[int], number: int, good: int) -> None:
    row[0] += number
    row[1] += good


class Standing(Desk):
    """What only advises, as of now; read on the thread of the diagnosis."""

    idle_s = 30.0

    def __init__(self, database: Database, settings: AdvisorySettings) -> None:
        super().__init__()
        self._database, self._settings = database, settings
        self._advisory: frozenset[tuple[str, str]] = frozenset()

    def load(self) -> None:
        """Read the standing; before the first diagnosis."""
        found = self._database.read(lambda session: precisions(session, self._settings, utc_now()))
        self._advisory = frozenset((one.kind, one.id) for one in found if one.advisory)

    async def work(self) -> bool:
        """Read the standing again."""
        found = await self._database.reading(lambda s: precisions(s, self._settings, utc_now()))
        self._advisory = frozenset((one.kind, one.id) for one in found if one.advisory)
        return False

    def mark(self, contracts: Iterable[dict[str, Any]]) -> None:
        """Mark the verdicts whose runbook or first cause only advises."""
        if not self._advisory:
            return
        for contract in contracts:
            said = [("runbook", contract["category"]["id"])]
            said += [("cause", contract["causes"][0]["id"])] if contract["causes"] else []
            found = [{"of": kind, "id": name} for kind, name in said if (kind, name) in self._advisory]
            if found and contract["verdict"] != CANNOT_TELL:
                contract[MARK] = found


def without_mark(contract: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict itself: the mark tells how its runbook stood that day, and no evidence makes it."""
    return {name: value for name, value in contract.items() if name != MARK}
