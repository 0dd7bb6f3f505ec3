"""Priors and weights from closed tickets: counts over the expert's starting weights, nothing else.

Priors: Dirichlet counts, the expert's prior worth `PRIOR_STRENGTH` tickets of the category. Weights of a
condition: Beta counts of HIT given the cause and given another, the expert's worth `WEIGHT_STRENGTH` tickets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from callcause_error import UsageError
from diagnosis.calibration import calibration_error
from diagnosis.outcome import HIT, MISS
from diagnosis.result import DiagnosisBatch
from runbooks.loader import with_version
from runbooks.model import Check, Runbooks

FORMAT = "callcause.weights/1"
PRIOR_STRENGTH = 60.0
WEIGHT_STRENGTH = 100.0
"""Tickets of one fault come in numbers and are no independent cases; with 20 and 10 what one network had
taught made another worse (log loss 0.165 -> 0.230; with these 0.19), and gained no more on its own."""
LEAST_SEEN = 5
BOUND = 20.0
HELD_BACK = 4
"""One ticket of this many is held back, chosen by the hash of its id."""


class Weights(BaseModel):
    """A versioned weights file: what replaces the expert's numbers, and of which runbooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    format: str = FORMAT
    base: str
    tickets: int
    priors: dict[str, float]
    entries: dict[str, tuple[float, float]]

    @property
    def version(self) -> str:
        """Digest of the content."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the confirmed causes of some tickets were told."""

    tickets: int
    log_loss: float
    calibration_error: float
    top_1: float


def held_back(ticket_id: str) -> bool:
    """Whether a ticket is kept out of the counts."""
    return hashlib.sha256(ticket_id.encode()).digest()[0] % HELD_BACK == 0


def estimate(runbooks: Runbooks, batches: Sequence[DiagnosisBatch], confirmed: Mapping[str, str]) -> Weights:
    """Count confirmed causes; `confirmed`: ticket id -> cause id. Tickets of unknown causes are left out."""
    causes: dict[str, int] = {}
    seen: dict[str, NDArray[np.int64]] = {}
    tickets = 0
    for batch in batches:
        truth = np.array([confirmed.get(ticket, "") for ticket in batch.ticket_ids])
        known = np.isin(truth, list(runbooks.causes))
        tickets += int(known.sum())
        for cause in truth[known].tolist():
            causes[cause] = causes.get(cause, 0) + 1
        for key, counts in _counts(batch, truth, known).items():
            seen[key] = seen.get(key, np.zeros(4, np.int64)) + counts
    return Weights(
        base=runbooks.version, tickets=tickets, priors=_priors(runbooks, causes),
        entries=_entries(runbooks, seen),
    )  # fmt: skip


def with_weights(runbooks: Runbooks, weights: Weights) -> Runbooks:
    """Return the runbooks with the weights and a version of their own; UsageError for other runbooks."""
    if weights.base != runbooks.version:
        raise UsageError(
            f"the weights are of runbooks {weights.base}, not {runbooks.version}",
            key="knowledge.weights",
            hint="run `callcause calibrate` again",
        )
    causes = {
        name: cause.model_copy(update={"prior": weights.priors.get(name, cause.prior)})
        for name, cause in runbooks.causes.items()
    }
    checks = {name: _weighted(check, weights.entries) for name, check in runbooks.checks.items()}
    return with_version(runbooks.model_copy(update={"causes": causes, "checks": checks}))


def load_weights(path: Path) -> Weights:
    """Read a weights file; UsageError naming the file."""
    try:
        found = Weights.model_validate_json(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UsageError(f"this is no weights file: {type(error).__name__}", file=str(path)) from error
    if found.format != FORMAT:
        raise UsageError(f"expected {FORMAT}", file=str(path), key="format")
    return found


def quality(batches: Sequence[DiagnosisBatch], confirmed: Mapping[str, str]) -> Quality:
    """Judge the tickets whose confirmed cause stands in the runbooks."""
    own, first, right = [], [], []
    for batch in batches:
        number = batch.plan.cause_number
        for row, ticket in enumerate(batch.ticket_ids):
            cause = confirmed.get(ticket)
            if cause is not None and cause in number:
                chances = batch.ranked.causes[row]
                own.append(chances[number[cause]])
                first.append(chances.max())
                right.append(int(chances.argmax()) == number[cause])
    if not own:
        return Quality(0, float("nan"), float("nan"), float("nan"))
    loss = -np.log(np.maximum(np.array(own), 1e-6)).mean()
    hits = np.array(right, np.bool_)
    return Quality(len(own), float(loss), calibration_error(np.array(first), hits), float(hits.mean()))


def _counts(
    batch: DiagnosisBatch, truth: NDArray[Any], known: NDArray[np.bool_]
) -> dict[str, NDArray[np.int64]]:
    """Per condition: HIT and MISS where its cause was confirmed, HIT and MISS where another one was."""
    found = {}
    for entry in batch.plan.entries:
        if entry.is_route:
            continue
        states = batch.outcomes.entries[:, entry.number]
        own = known & (truth == batch.plan.causes[entry.causes[0]])
        other = known & ~own
        pairs = ((own, HIT), (own, MISS), (other, HIT), (other, MISS))
        found[_key(batch.plan.checks[entry.check], entry.spec)] = np.array(
            [int((states[rows] == state).sum()) for rows, state in pairs], np.int64
        )
    return found


def _key(check: Check, spec: Any) -> str:
    return f"{check.id}#{next(n for n, one in enumerate(check.conditions, 1) if one is spec)}"


def _priors(runbooks: Runbooks, counted: Mapping[str, int]) -> dict[str, float]:
    """Move each prior by the log of how its share of the category changed."""
    found = {}
    for category in sorted({runbooks.causes[cause].category for cause in counted}):
        causes = runbooks.causes_of(category)
        start = np.exp([cause.prior for cause in causes])
        alpha = PRIOR_STRENGTH * start / start.sum()
        counts = np.array([counted.get(cause.id, 0) for cause in causes], float)
        after = (alpha + counts) / (PRIOR_STRENGTH + counts.sum())
        for cause, move in zip(causes, np.log(after / (alpha / PRIOR_STRENGTH)), strict=True):
            found[cause.id] = round(float(np.clip(cause.prior + move, -BOUND, BOUND)), 4)
    return found


def _entries(runbooks: Runbooks, seen: Mapping[str, NDArray[np.int64]]) -> dict[str, tuple[float, float]]:
    found = {}
    for check in runbooks.checks.values():
        for number, spec in enumerate(check.conditions, 1):
            counts = seen.get(f"{check.id}#{number}")
            if counts is None or counts[:2].sum() < LEAST_SEEN or counts[2:].sum() < LEAST_SEEN:
                continue
            if spec.hit > 0 > spec.miss:
                found[f"{check.id}#{number}"] = _beta(spec.hit, spec.miss, counts)
    return found


def _beta(hit: float, miss: float, counts: NDArray[np.int64]) -> tuple[float, float]:
    """Return HIT and MISS weights: the expert's two numbers say how often the condition hits under either."""
    other = (1 - np.exp(miss)) / (np.exp(hit) - np.exp(miss))
    own = other * np.exp(hit)
    own = (WEIGHT_STRENGTH * own + counts[0]) / (WEIGHT_STRENGTH + counts[:2].sum())
    other = (WEIGHT_STRENGTH * other + counts[2]) / (WEIGHT_STRENGTH + counts[2:].sum())
    weights = np.clip([np.log(own / other), np.log((1 - own) / (1 - other))], -BOUND, BOUND)
    return round(float(weights[0]), 4), round(float(weights[1]), 4)


def _weighted(check: Check, entries: Mapping[str, tuple[float, float]]) -> Check:
    conditions = []
    for number, spec in enumerate(check.conditions, 1):
        new = entries.get(f"{check.id}#{number}")
        conditions.append(spec.model_copy(update={"hit": new[0], "miss": new[1]}) if new else spec)
    return check.model_copy(update={"conditions": tuple(conditions)})
