"""What `/metrics` shows of how right the diagnosis was: confirmed causes beside what was said first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.state.feedback import NOT_FOUND, Feedback
from dashboards.exposition import Reading
from diagnosis.calibration import calibration_error

Told = tuple[str, str | None, float | None, str]
"""Category, first cause, its probability, confirmed cause."""
LEAST = 5
"""With fewer confirmed tickets a share says nothing and is not shown (default-unverified)."""


def quality_readings(session: Session) -> list[Reading]:
    """Give precision by runbook and by cause, calibration error, and how many tickets they are from.

    A ticket whose cause was not found judges nothing; it is not counted as wrong.
    """
    query = select(
        Feedback.category, Feedback.first_cause, Feedback.first_probability, Feedback.confirmed_cause
    ).where(Feedback.confirmed_cause != NOT_FOUND)
    told: list[Told] = [tuple(row) for row in session.execute(query)]  # type: ignore[misc]
    return [*_by_category(told), *_by_cause(told)]


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
        yield Reading("callcause_runbook_precision_ratio", (category,), float(right.mean()))
        yield Reading("callcause_calibration_error_ratio", (category,), calibration_error(chances, right))


def _by_cause(told: Iterable[Told]) -> Iterator[Reading]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for _, first, _, confirmed in told:
        if first is not None:
            groups[first].append(first == confirmed)
    for cause, right in sorted(groups.items()):
        if len(right) >= LEAST:
            yield Reading("callcause_cause_precision_ratio", (cause,), sum(right) / len(right))
