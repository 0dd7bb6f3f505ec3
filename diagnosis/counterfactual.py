"""`would_change_if`: the smallest change of one reading that would put another cause first.

Candidates come from the margins between causes; each one that is shown has been checked by scoring the
ticket again with that one outcome changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diagnosis.calibration import Calibration
from diagnosis.outcome import HIT, MISS, NO_DATA, Entry, States
from diagnosis.ranking import Weights, scores

Floats = NDArray[np.float64]
_TRIES = 3


@dataclass(frozen=True)
class Flip:
    """One outcome changed: the row and cause it is asked for, the entry, its new state, who leads then."""

    row: int
    cause: int
    entry: Entry
    state: int
    leader: int = -1

    def text(self, causes: Sequence[str], unknown: frozenset[str]) -> str:
        """`if <name> were <value> (<check>), <other cause> would lead`."""
        terms = self.entry.spec.condition.terms
        asked = [t for t in terms if t.name in unknown] or list(terms)
        if self.state == MISS:
            change = f"{asked[-1].name} were not {asked[-1].op} {_values(asked[-1].values)}"
        else:
            change = " and ".join(f"{t.name} were {_written(t.op)}{_values(t.values)}" for t in asked)
        leader = causes[self.leader] if self.leader >= 0 else "nothing known"
        return f"if {change} ({self.entry.check_id}), {leader} would lead"


def _values(values: Sequence[object]) -> str:
    words = [
        str(v).lower() if isinstance(v, bool) else f"{v:.12g}" if isinstance(v, float) else str(v)
        for v in values
    ]
    return ",".join(words)


def _written(op: str) -> str:
    return "" if op == "==" else "not " if op == "!=" else "one of " if op == "in" else f"{op} "


def find_flips(
    weights: Weights,
    states: States,
    total: Floats,
    listed: Sequence[Sequence[int]],
    calibration: Calibration,
    forced: NDArray[np.bool_],
) -> dict[tuple[int, int], Flip]:
    """(row, cause) -> flip for every listed cause of every row; absent where no single reading would do.

    `total`: tickets x causes as ranked; `listed`: causes shown per row, leader first; `forced`: rows whose
    first cause is first by rule, so that only its own hits can be taken away.
    """
    candidates = [
        flip
        for row, causes in enumerate(listed)
        for flip in _candidates(weights, states, total, row, causes, forced)
    ]
    return _checked(weights, states, total, candidates, calibration, forced)


def _candidates(
    weights: Weights,
    states: States,
    total: Floats,
    row: int,
    causes: Sequence[int],
    forced: NDArray[np.bool_],
) -> list[Flip]:
    if not causes:
        return []
    lead, state, score = causes[0], states[row], total[row]
    flips: list[Flip] = []
    for cause in causes[1:]:
        if not forced[row]:
            flips += _towards(weights, state, row, cause, score[lead] - score[cause])[:_TRIES]
    margin = score[lead] - max((score[c] for c in causes[1:]), default=score[lead])
    away = [Flip(row, lead, e, MISS) for e in weights.supports[lead] if state[e.number] == HIT]
    away = [f for f in away if forced[row] or f.entry.spec.hit - f.entry.spec.miss > margin]
    toward = [] if forced[row] else [f for f in flips if state[f.entry.number] == NO_DATA]
    toward = [Flip(row, lead, f.entry, f.state) for f in toward]
    both = sorted(
        away + [f for f in toward if state[f.entry.number] == NO_DATA],
        key=lambda f: (_size(f), f.entry.number),
    )
    return flips + both[:_TRIES]


def _towards(weights: Weights, state: States, row: int, cause: int, margin: float) -> list[Flip]:
    """Find readings that would lift the cause over the margin: what is not known first, then the smallest."""
    found = [e for e in weights.supports[cause] if _gain(e, int(state[e.number])) > margin]
    found.sort(key=lambda e: (state[e.number] == MISS, e.spec.hit, e.number))
    return [Flip(row, cause, entry, HIT) for entry in found]


def _gain(entry: Entry, state: int) -> float:
    """Log-odds that a HIT would add to what the present state gives; 0 where it cannot become one."""
    if state == NO_DATA:
        return entry.spec.hit
    return entry.spec.hit - entry.spec.miss if state == MISS else 0.0


def _size(flip: Flip) -> float:
    return abs(flip.entry.spec.hit) + (abs(flip.entry.spec.miss) if flip.state == MISS else 0.0)


def _checked(
    weights: Weights,
    states: States,
    total: Floats,
    candidates: Sequence[Flip],
    calibration: Calibration,
    forced: NDArray[np.bool_],
) -> dict[tuple[int, int], Flip]:
    """Score each candidate again; keep the first per (row, cause) that does change the leader as said."""
    rows = np.array([flip.row for flip in candidates], np.int64)
    if not rows.size:
        return {}
    changed = states[rows].copy()
    changed[np.arange(len(rows)), [flip.entry.number for flip in candidates]] = [
        flip.state for flip in candidates
    ]
    used, where = np.unique(rows, return_inverse=True)
    fixed = total[used] - scores(weights, states[used], calibration)
    again = scores(weights, changed, calibration) + fixed[where]
    lead_before = total[rows].argmax(axis=1)
    taken_away = forced[rows]
    again[taken_away, lead_before[taken_away]] = -np.inf
    leads = again.argmax(axis=1)
    kept: dict[tuple[int, int], Flip] = {}
    for flip, before, now in zip(candidates, lead_before.tolist(), leads.tolist(), strict=True):
        changes = now != before if flip.cause == before else now == flip.cause
        if changes:
            kept.setdefault((flip.row, flip.cause), Flip(flip.row, flip.cause, flip.entry, flip.state, now))
    return kept
