"""Verdicts by runbooks section 9: which causes a ticket may have, their scores, what is said in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.calibration import Calibration, doubted, probabilities
from diagnosis.classification import CATEGORIES, Classification
from diagnosis.conditions import Readings, condition_expr
from diagnosis.incident import without_other_incident
from diagnosis.outcome import Mask, Outcomes, Plan, States
from diagnosis.ranking import WHY_CSFB, Weights, scores
from diagnosis.settings import DiagnosisSettings
from diagnosis.support import (
    CLUSTER,
    HITS,
    NO_RECORD,
    NOT_A_COMPLAINT,
    STOPPING,
    Support,
    find_support,
    flag,
    good_record,
    own_record_missing,
    undecided,
)
from diagnosis.undecidable import undecidable

VERDICTS = ("cause", "no_fault", "cannot_tell")
CAUSE, NO_FAULT, CANNOT_TELL = 0, 1, 2
FIRST = 3.0  # lead in log-odds of a cause that is first by rule, not by evidence
NOT_OURS = 7.0  # lead of what the ticket itself says: nothing in the network can contradict it
NEVER = -30.0
GOOD_OUTRANKS = 2.0
CSFB_PART = 3.0  # the part of the two-part answer that the wording asks about
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranked:
    """`scores`: tickets x (causes, nothing wrong, something else) in log-odds; `probability` alike.

    `states`: the entry states that were ranked.
    """

    plan: Plan
    scores: Floats
    probability: Floats
    verdict: NDArray[np.int8]
    support: Support
    category: NDArray[np.int64]
    eligible: Mask
    states: States

    @property
    def causes(self) -> Floats:
        """Probabilities of the causes alone; each row sums to at most 1."""
        return self.probability[:, : len(self.plan.causes)]


_ARRAYS = ("scores", "probability", "verdict", "category", "eligible", "states")


def room_for(count: int, part: Ranked) -> Ranked:
    """Return room for that many tickets, shaped as a part; matrices lie in memory column by column."""

    def room(array: NDArray[Any]) -> NDArray[Any]:
        return np.empty((count, *array.shape[1:]), array.dtype, order="F")

    arrays: dict[str, Any] = {name: room(getattr(part, name)) for name in _ARRAYS}
    return replace(part, **arrays, support=part.support.on_each(room))


def put(whole: Ranked, start: int, part: Ranked) -> None:
    """Write a part of a batch to its place; parts may be put from several threads."""
    end = start + len(part.verdict)
    for name in _ARRAYS:
        getattr(whole, name)[start:end] = getattr(part, name)
    for name in HITS:
        getattr(whole.support, name)[start:end] = getattr(part.support, name)


def running_trees(
    plan: Plan, classification: Classification, readings: Readings, share: float
) -> dict[str, Mask]:
    """Category -> tickets for which its tree runs: the best one, near rivals, trees that also run."""
    probability = classification.probability
    best = classification.best
    runs = {"all": np.ones(len(best), np.bool_)}
    for number, category in enumerate(CATEGORIES[:-1]):
        runs[category] = (best == number) | (probability[:, number] >= share)
    for category, others in plan.runbooks.also_runs.items():
        for run in others:
            also = runs[run.category]
            if run.condition is not None:
                also = also & flag(readings.frame, condition_expr(run.condition, readings))
            runs[category] = runs[category] | also
    return runs


def rank(
    weights: Weights,
    outcomes: Outcomes,
    classification: Classification,
    trees: Mapping[str, Mask],
    settings: DiagnosisSettings,
    calibration: Calibration,
) -> Ranked:
    """Score every cause, apply the rules of section 9, and turn the scores into probabilities."""
    plan, frame = weights.plan, outcomes.readings
    states = without_other_incident(plan, outcomes)
    support = find_support(weights, states)
    category = classification.best
    names = np.array(CATEGORIES)[category]
    evidence = scores(weights, states, calibration)
    prior = _category_prior(plan, classification, trees, calibration)
    total = evidence + prior
    _no_fault_elsewhere(total, prior, weights, names)
    _shared_outcomes(total, plan, support, calibration)
    _csfb_two_parts(total, plan, support, frame, names)
    good = good_record(frame, names, settings.good_record_min)
    # A good own record is own evidence too: it outranks what only a counter says.
    total[good[:, None] & support.any_hit & ~support.strong_hit] -= GOOD_OUTRANKS
    verdict = _verdicts(total, plan, support, outcomes, good, own_record_missing(frame, names), calibration)
    leading = _leading(total, support)
    open_ = undecidable(weights, states, frame, names, leading)
    temperature = calibration.temperatures(names, support.own_hit[np.arange(len(total)), leading])
    verdict[open_ & ~_decided_by_ticket(plan, support)] = CANNOT_TELL
    _by_rule(total, plan, support, verdict)
    whole = _with_outside(total, good, calibration)
    return Ranked(
        plan,
        whole,
        doubted(probabilities(whole, temperature), calibration.doubt),
        verdict,
        support,
        category,
        prior > NEVER / 2,
        states,
    )


def _with_outside(total: Floats, good: Mask, calibration: Calibration) -> Floats:
    """Scores with two more columns: that nothing was wrong, and that it was something else."""
    nothing = np.where(good, calibration.nothing_wrong, NEVER)
    something = np.full(len(total), calibration.something_else)
    return np.concatenate([total, np.asfortranarray(np.stack([nothing, something], axis=1))], axis=1)


def _leading(total: Floats, support: Support) -> NDArray[np.int64]:
    """Return the number of the leading cause among those that a tree supports with a hit."""
    tree = np.array(support.tree_causes)
    return np.asarray(tree[np.where(support.any_hit, total, NEVER)[:, tree].argmax(axis=1)])


def _decided_by_ticket(plan: Plan, support: Support) -> Mask:
    """Tickets that an incident, planned work or their own text decide: no tree has to."""
    return _hit_of(plan, support, (*STOPPING, *NOT_A_COMPLAINT))


def _category_prior(
    plan: Plan, classification: Classification, trees: Mapping[str, Mask], calibration: Calibration
) -> Floats:
    """Log probability of the category of each cause; a cause whose tree does not run cannot lead."""
    log = np.log(np.maximum(classification.probability, 1e-6))
    leading = log.max(axis=1)
    prior = np.full((len(log), len(plan.causes)), NEVER, order="F")
    for number, cause in enumerate(plan.causes):
        category = plan.runbooks.causes[cause].category
        if category == "all":
            prior[:, number] = 0
            continue
        own = log[:, CATEGORIES.index(category)]
        also = [run.category for run in plan.runbooks.also_runs.get(category, ())]
        by_other = [log[:, CATEGORIES.index(other)] + calibration.other_tree for other in also]
        value = np.maximum.reduce([own, *by_other]) - leading
        prior[:, number] = np.where(trees[category], value, NEVER)
    return prior


def _no_fault_elsewhere(total: Floats, prior: Floats, weights: Weights, category: NDArray[np.str_]) -> None:
    """Let signs of the harmless end of another complaint count for nothing: most calls end normally."""
    plan = weights.plan
    for number, cause in enumerate(plan.causes):
        known = plan.runbooks.causes[cause]
        if known.no_fault and known.category != "all":
            also = [run.category for run in plan.runbooks.also_runs.get(known.category, ())]
            elsewhere = ~np.isin(category, [known.category, *also])
            bare = prior[:, number] + weights.prior[number]
            total[elsewhere, number] = np.minimum(total[elsewhere, number], bare[elsewhere])


def _shared_outcomes(total: Floats, plan: Plan, support: Support, calibration: Calibration) -> None:
    """Shared outcomes and undetermined stand back while nothing supports them."""
    for number, cause in enumerate(plan.causes):
        known = plan.runbooks.causes[cause]
        if known.category == "all":
            total[~support.any_hit[:, number], number] += calibration.unsupported
        elif known.family == "undetermined":
            total[:, number] += calibration.unsupported


def _csfb_two_parts(
    total: Floats, plan: Plan, support: Support, frame: pl.DataFrame, category: NDArray[np.str_]
) -> None:
    """Lift the part that the wording asks about: why CSFB at all, or why it went badly (section 8)."""
    if "csfb_wording" not in frame.columns:
        return
    why = _causes_of(plan, lambda check: check in WHY_CSFB or check.startswith("REG-"))
    stage = _causes_of(plan, lambda check: check.startswith("CSF-") and check not in WHY_CSFB)
    wording = frame["csfb_wording"].fill_null("none").to_numpy()
    # Without a wording the part leads whose evidence lies in the own call: that is the stage.
    for asked, part, hits in (
        (("why",), why, support.any_hit),
        (("stage",), stage, support.any_hit),
        (("none",), stage, support.own_hit),
    ):
        rows = (category == "csfb") & np.isin(wording, asked)
        total[:, part] += np.where(rows[:, None] & hits[:, part], CSFB_PART, 0.0)


def _causes_of(plan: Plan, wanted: Callable[[str], bool]) -> list[int]:
    found = {e.causes[0] for e in plan.entries if not e.is_route and wanted(e.check_id)}
    return sorted(found)


def _verdicts(
    total: Floats,
    plan: Plan,
    support: Support,
    outcomes: Outcomes,
    good: Mask,
    record_missing: Mask,
    calibration: Calibration,
) -> NDArray[np.int8]:
    """Rule 8. `total`: tickets x causes."""
    tree = support.tree_causes
    found = support.any_hit[:, tree].any(axis=1)
    strong = support.strong_hit[:, tree].any(axis=1)
    cluster = _hit_of(plan, support, (CLUSTER,)) & ~record_missing & ~good
    supported_total = np.where(support.any_hit, total, NEVER)[:, tree]
    no_fault_cause = np.array([plan.runbooks.causes[plan.causes[c]].no_fault for c in tree])
    top = supported_total.argmax(axis=1)
    nothing_wrong = good & (supported_total.max(axis=1) < calibration.nothing_wrong)
    verdict = np.full(len(total), CAUSE, np.int8)
    verdict[no_fault_cause[top]] = NO_FAULT
    verdict[found & ~strong & record_missing] = CANNOT_TELL
    # "Not registered" only names the tree to run (rule 7e); without the record it runs into nothing.
    names_a_tree = np.array([plan.runbooks.causes[plan.causes[c]].gives_way_to is not None for c in tree])
    verdict[found & names_a_tree[top] & record_missing] = CANNOT_TELL
    verdict[nothing_wrong] = NO_FAULT
    verdict[~found] = np.where(cluster[~found], CAUSE, CANNOT_TELL)
    verdict[~found & good & ~_core_missing(outcomes)] = NO_FAULT
    for cause in (*STOPPING, *NOT_A_COMPLAINT):
        is_no_fault = cause in plan.cause_number and plan.runbooks.causes[cause].no_fault
        verdict[_hit_of(plan, support, (cause,))] = NO_FAULT if is_no_fault else CAUSE
    return verdict


def _core_missing(outcomes: Outcomes) -> Mask:
    """Tickets of which the user's own record is there, but its decisive part cannot be seen."""
    own = [e.number for e in outcomes.plan.entries if not e.is_route and e.rank == 0 and e.spec.hit > 0]
    states = outcomes.entries[:, own]
    applies = (states != 3).sum(axis=1)
    return np.asarray((states == 0).sum(axis=1) > 0.5 * np.maximum(applies, 1))


def _hit_of(plan: Plan, support: Support, causes: tuple[str, ...]) -> Mask:
    numbers = [plan.cause_number[c] for c in causes if c in plan.cause_number]
    return np.asarray(support.shared_hit[:, numbers].any(axis=1))


def _by_rule(total: Floats, plan: Plan, support: Support, verdict: NDArray[np.int8]) -> None:
    """Put first what the rules put first, whatever the evidence for the rest."""
    top = total.max(axis=1)
    tree = support.tree_causes
    found = support.any_hit[:, tree].any(axis=1)
    for step, cause in enumerate((*STOPPING, *NOT_A_COMPLAINT[::-1])):
        if cause in plan.cause_number:
            number = plan.cause_number[cause]
            rows = support.shared_hit[:, number]
            lead = FIRST if cause in STOPPING else NOT_OURS
            total[rows, number] = np.maximum(top[rows], 0) + lead + step * 2
    for cause in (CLUSTER, NO_RECORD):
        if cause in plan.cause_number:
            number = plan.cause_number[cause]
            rows = support.any_hit[:, number]
            behind = rows & ((found | (verdict != CAUSE)) if cause == CLUSTER else verdict != CANNOT_TELL)
            total[behind, number] = np.minimum(total[behind, number], top[behind] - 2.0)
            ahead = rows & ~behind & ((verdict == CANNOT_TELL) | (cause == CLUSTER))
            total[ahead, number] = np.maximum(total[ahead, number], top[ahead] + 0.5)


__all__ = [
    "CANNOT_TELL",
    "CAUSE",
    "NO_FAULT",
    "VERDICTS",
    "Ranked",
    "flag",
    "put",
    "rank",
    "room_for",
    "running_trees",
    "undecided",
]
