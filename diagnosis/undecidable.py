"""Tickets whose leading cause does not decide, because a record that could overturn it is not there.

Section 9, rule 8 asks for `cannot_tell` where nothing left decides. A hit may be left that shows a part only:
that the user was not registered, but not why; why a call is in CS, but not why that went badly; a late end of
a call that failed before. Which those are is data: `intermediate` and `gives_way_to` of a cause, routes that
speak against it, and the declared precedence.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.outcome import HIT, NO_DATA, Entry, Mask, Plan, States
from diagnosis.ranking import WHY_CSFB, Weights
from diagnosis.support import flag
from runbooks.model import ConditionSpec

RECORDS = ("call", "registration")


def undecidable(
    weights: Weights,
    states: States,
    frame: pl.DataFrame,
    category: NDArray[np.str_],
    leading: NDArray[np.int64],
) -> Mask:
    """Tickets x 1: true where `leading` (number of the leading supported cause) does not decide."""
    absent = {record: _absent(frame, record) for record in RECORDS}
    unread = absent["registration"] | _unread(weights, states)
    by_tree = _is_one_of(_names_a_tree(weights.plan), leading) & unread
    stage = (category == "csfb") & flag(frame, pl.col("csfb_wording") == "stage")
    half = stage & _is_one_of(_why_csfb(weights.plan), leading) & (absent["call"] | absent["registration"])
    return np.asarray(by_tree | half | _symptom(weights, states, leading, absent))


def _absent(frame: pl.DataFrame, record: str) -> Mask:
    """Tell where nothing of that record is known, not even an earlier one that is still valid."""
    has = [name for name in (f"has.{record}", f"has.{record}_recent") if name in frame.columns]
    return ~flag(frame, pl.any_horizontal(has)) if has else np.zeros(frame.height, np.bool_)


def _is_one_of(causes: frozenset[int], leading: NDArray[np.int64]) -> Mask:
    return np.isin(leading, sorted(causes))


def _names_a_tree(plan: Plan) -> frozenset[int]:
    """Causes that only say which tree to run: its result is the cause (rule 7e)."""
    known = [plan.runbooks.causes[cause] for cause in plan.causes]
    return frozenset(n for n, c in enumerate(known) if c.intermediate and c.gives_way_to is not None)


def _unread(weights: Weights, states: States) -> Mask:
    """Tell where what would decide another why-part of the CSFB answer by the user's own record was not read.

    That a user is not registered shows with each of them; while one is not read, it may be the cause.
    """
    plan, found = weights.plan, np.zeros(len(states), np.bool_)
    own: dict[int, list[int]] = {}
    for entry in plan.entries:
        decides = isinstance(entry.spec, ConditionSpec) and entry.spec.decisive
        if entry.check_id in WHY_CSFB[1:] and decides and entry.rank == 0:
            own.setdefault(entry.causes[0], []).append(entry.number)
    for numbers in own.values():
        found |= (states[:, numbers] == NO_DATA).all(axis=1)
    return np.asarray(found)


def _why_csfb(plan: Plan) -> frozenset[int]:
    """Causes of the why-part of the CSFB answer: they explain no bad fallback."""
    of_tree = {e.causes[0] for e in plan.entries if not e.is_route and e.check_id in WHY_CSFB}
    return frozenset(of_tree | {n for n, c in enumerate(plan.causes) if c.startswith("reg-")})


def _symptom(weights: Weights, states: States, leading: NDArray[np.int64], absent: dict[str, Mask]) -> Mask:
    """Tell where a route speaks against the leading cause and the record of a deeper cause is not there."""
    plan, found = weights.plan, np.zeros(len(states), np.bool_)
    for entry in plan.entries:
        if not entry.is_route or entry.spec.hit >= 0:
            continue
        against = states[:, entry.number] == HIT
        for cause in entry.causes:
            lacks = [absent[record] for record in _records_of_deeper(weights, cause)]
            if lacks:
                found |= against & (leading == cause) & np.logical_or.reduce(lacks)
    return found


def _records_of_deeper(weights: Weights, cause: int) -> tuple[str, ...]:
    """Return the records by which the causes that go before this one by precedence are decided."""
    before = {b for damping in weights.dampings if cause in damping.after for b in damping.before}
    entries = [e for b in sorted(before) for e in weights.supports[b] if e.rank == 0]
    return tuple(record for record in RECORDS if any(_reads_only(e, record) for e in entries))


def _reads_only(entry: Entry, record: str) -> bool:
    return all(name.startswith(f"{record}.") for name in entry.spec.condition.names)


__all__ = ["undecidable"]
