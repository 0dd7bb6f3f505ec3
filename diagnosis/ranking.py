"""Ranking: one matrix product from outcomes to log-odds of every cause.

Columns of the outcome matrix: each entry's HIT, each entry's MISS, and each declared precedence. A one means
that it holds; a smaller number that it shares its evidence with a stronger one (correlated checks are not
counted twice) or that nearer evidence outranks it (runbooks section 9, rule 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from diagnosis.calibration import Calibration
from diagnosis.outcome import HIT, MISS, Entry, Plan, States
from runbooks.model import LEVELS, Precedence

Matrix = NDArray[np.float32]
CHUNK = 16384
INTERMEDIATE_DAMP = 3.0  # rule 5
GIVES_WAY_DAMP = 4.0  # rule 7e
# Why a call is made in CS at all: one half of a two-part answer; it contradicts no fault of the other half.
WHY_CSFB = ("CSF-01", "CSF-02", "CSF-03", "CSF-04")


@dataclass(frozen=True)
class Damping:
    """When one of `before` has a HIT of `rank` or nearer, each of `after` loses `damp` (cause numbers)."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    damp: float
    rank: int


@dataclass(frozen=True)
class Weights:
    """`matrix`: (2 entries + dampings) x causes, in log-odds; `prior`: causes."""

    plan: Plan
    matrix: Matrix
    prior: Matrix
    dampings: tuple[Damping, ...]

    @cached_property
    def by_cause(self) -> csr_matrix:
        """Transpose of the matrix, sparse: one in sixty weights is not 0.

        The sum of a ticket runs over its weights in one order, whatever tickets are ranked with it.
        """
        return csr_matrix(self.matrix.T)

    @cached_property
    def supports(self) -> tuple[tuple[Entry, ...], ...]:
        """Conditions that speak for each cause, strongest first."""
        of: list[list[Entry]] = [[] for _ in self.plan.causes]
        for entry in self.plan.entries:
            if not entry.is_route:
                of[entry.causes[0]].append(entry)
        return tuple(tuple(sorted(e, key=lambda x: (-x.spec.hit, x.number))) for e in of)


def make_weights(plan: Plan) -> Weights:
    """Build the weight matrix from the runbooks."""
    dampings = tuple(_dampings(plan))
    size = len(plan.entries)
    matrix = np.zeros((2 * size + len(dampings), len(plan.causes)), np.float32)
    for entry in plan.entries:
        for cause in entry.causes:
            matrix[entry.number, cause] += entry.spec.hit
            matrix[size + entry.number, cause] += entry.spec.miss
        for other, value in getattr(entry.spec, "against", {}).items():
            matrix[entry.number, plan.cause_number[other]] += value
    for number, damping in enumerate(dampings):
        matrix[2 * size + number, list(damping.after)] -= damping.damp
    prior = np.array([plan.runbooks.causes[cause].prior for cause in plan.causes], np.float32)
    return Weights(plan, matrix, prior, dampings)


def _dampings(plan: Plan) -> Sequence[Damping]:
    number, causes = plan.cause_number, plan.runbooks.causes
    declared = [
        Damping(tuple(number[c] for c in p.before), tuple(number[c] for c in p.after), p.damp, _widest(p))
        for p in plan.runbooks.precedence
    ]
    covered = {cause for damping in declared for cause in damping.after}
    implied = []
    for cause in causes.values():
        if cause.gives_way_to and number[cause.id] not in covered:
            before = [number[c.id] for c in causes.values() if c.category == cause.gives_way_to]
            implied.append(Damping(tuple(before), (number[cause.id],), GIVES_WAY_DAMP, len(LEVELS) - 1))
        if cause.intermediate and number[cause.id] not in covered:
            deeper = [c for c in causes.values() if c.category == cause.category and not c.intermediate]
            before = [number[c.id] for c in deeper if c.is_fault == "true"]
            implied.append(Damping(tuple(before), (number[cause.id],), INTERMEDIATE_DAMP, len(LEVELS) - 1))
    return [*declared, *implied]


def _widest(precedence: Precedence) -> int:
    """Widest level of a hit that counts; a network ratio alone never stops a tree (rule 7a asks for G-02)."""
    widest = LEVELS.index(precedence.at_least)
    return min(widest, LEVELS.index("node")) if precedence.stops else widest


def supported(weights: Weights, states: States) -> NDArray[np.int8]:
    """Tickets x causes: rank of the nearest HIT that supports the cause, or 9 where none does."""
    nearest = np.full((len(states), len(weights.plan.causes)), 9, np.int8, order="F")
    for cause, entries in enumerate(weights.supports):
        for entry in entries:
            hit = states[:, entry.number] == HIT
            np.minimum(nearest[:, cause], entry.rank, out=nearest[:, cause], where=hit)
    return nearest


def outcome_matrix(weights: Weights, states: States, calibration: Calibration) -> Matrix:
    """Tickets x (HIT, MISS, precedence) with the shares described in the module text."""
    size = len(weights.plan.entries)
    matrix = np.zeros((len(states), weights.matrix.shape[0]), np.float32, order="F")
    matrix[:, :size] = states == HIT
    matrix[:, size : 2 * size] = states == MISS
    nearest = supported(weights, states)
    for entries in weights.supports:
        _share(matrix, entries, states, size, calibration.secondary_share)
    _outrank(matrix, weights, states, calibration)
    for number, damping in enumerate(weights.dampings):
        reached = nearest[:, damping.before] <= damping.rank if damping.before else np.zeros((len(states), 1))
        matrix[:, 2 * size + number] = reached.any(axis=1)
    return matrix


def _groups(entry: Entry) -> set[str]:
    return {entry.check_id, *entry.spec.shares}


def _share(matrix: Matrix, entries: Sequence[Entry], states: States, size: int, share: float) -> None:
    """Of the hits (and of the misses) of one cause that share evidence only the strongest counts fully.

    A MISS of one way to see a cause says nothing when another way of the check, as near to the user, hit.
    """
    for index, entry in enumerate(entries):
        stronger = [e.number for e in entries[:index] if _groups(e) & _groups(entry)]
        if stronger:
            matrix[(states[:, stronger] == HIT).any(axis=1), entry.number] *= share
    by_miss = sorted(entries, key=lambda e: (e.spec.miss, e.number))
    for index, entry in enumerate(by_miss):
        stronger = [e.number for e in by_miss[:index] if _groups(e) & _groups(entry)]
        if stronger:
            matrix[(states[:, stronger] == MISS).any(axis=1), size + entry.number] *= share
        nearer = [
            e.number
            for e in entries
            if e is not entry and _groups(e) & _groups(entry) and e.rank <= entry.rank
        ]
        if nearer:
            matrix[(states[:, nearer] == HIT).any(axis=1), size + entry.number] = 0


def _outrank(matrix: Matrix, weights: Weights, states: States, calibration: Calibration) -> None:
    """Let a wider hit count less where own evidence clearly supports another cause (rule 1)."""
    plan = weights.plan
    clear = np.zeros((len(states), len(plan.causes)), np.bool_)
    for entry in plan.entries:
        if _outranks(plan, entry, calibration.outranking_hit):
            clear[:, entry.causes[0]] |= states[:, entry.number] == HIT
    count = clear.sum(axis=1)
    for entry in plan.entries:
        if entry.is_route or entry.rank == 0 or plan.checks[entry.check].category == "all":
            continue
        own = clear[:, entry.causes[0]]
        matrix[(count > own) & ~own, entry.number] *= calibration.outranked_share


def _outranks(plan: Plan, entry: Entry, least: float) -> bool:
    """Codes and states of the own record; not a symptom, an intermediate cause or a shared outcome."""
    if entry.is_route or entry.rank != 0 or entry.spec.hit < least or entry.check_id in WHY_CSFB:
        return False
    known = plan.runbooks.causes[plan.causes[entry.causes[0]]]
    return known.category != "all" and not known.intermediate and known.gives_way_to is None


def scores(weights: Weights, states: States, calibration: Calibration) -> NDArray[np.float64]:
    """Tickets x causes: log-odds before the prior of the ticket's category, in chunks to bound memory."""
    parts = [
        weights.by_cause @ outcome_matrix(weights, states[start : start + CHUNK], calibration).T
        for start in range(0, len(states), CHUNK)
    ]
    by_cause = np.concatenate(parts, axis=1) if parts else np.zeros((len(weights.plan.causes), 0))
    return by_cause.astype(np.float64).T + weights.prior
