"""What `/metrics` shows of how right the diagnosis was: confirmed causes beside what was said first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.precision import Precision, precisions
from callcause.loop.settings import AdvisorySettings
from callcause.state.base import utc_now
from callcause.state.feedback import NOT_FOUND, Feedback
from dashboards.exposition import Reading
from diagnosis.calibration import calibration_error

Told = tuple[str, str | None, float | None, str]
"""Category, first cause, its probability, confirmed cause."""
LEAST = 5
"""With fewer confirmed tickets a share says nothing and is not shown (default-unverified)."""


def quality_readings(session: Session, settings: AdvisorySettings | None = None) -> list[Reading]:
    """Give precision by runbook and by cause, which of them only advise, calibration error, effects.

    A ticket whose cause was not found judges nothing; it is not counted as wrong.
    """
    query = select(
        Feedback.category, Feedback.first_cause, Feedback.first_probability, Feedback.confirmed_cause
    ).where(Feedback.confirmed_cause != NOT_FOUND)
    told: list[Told] = list(session.execute(query).tuples())
    standing = precisions(session, settings or AdvisorySettings(), utc_now())
    return [*_by_category(told), *_precision(standing), *_effects(session)]


def _by_category(told: Iterable[Told]) -> Iterator[Reading]:
    groups: dict[str, list[Told]] = defaultdict(list)
    for row in told:
        groups[row[0]].append(row)
    for category, rows in sorted(groups.items()):
        yield Reading("callcause_feedback_tickets", (category,), float(len(rows)))
        judged = [row for row in rows if row[1] is not None and row[2] is not None]
        if len(judged) < LEAST:
            continue
        right = np.array([first == confirmed for _, first, _, confirmed in judged], np.bool_)
        chances = np.array([row[2] for row in judged], np.float64)
        yield Reading("callcause_calibration_error_ratio", (category,), calibration_error(chances, right))


def _precision(standing: Iterable[Precision]) -> Iterator[Reading]:
    for one in standing:
        if one.tickets >= LEAST:
            yield Reading(f"callcause_{one.kind}_precision_ratio", (one.id,), one.ratio)
        if one.judged:
            yield Reading(f"callcause_{one.kind}_advisory", (one.id,), float(one.advisory))


def _effects(session: Session) -> Iterator[Reading]:
    """Count remedied tickets by what became of the checks that had failed."""
    effects = session.scalars(select(Feedback.effect).where(Feedback.remedied_at.is_not(None)))
    counts = Counter(effect["outcome"] if effect else "open" for effect in effects)
    for outcome, number in sorted(counts.items()):
        yield Reading("callcause_remedies", (outcome,), float(number))
