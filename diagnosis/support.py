"""What supports a cause, and what kind of evidence it is: own, standing, or weak (section 9, rule 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.outcome import HIT, NO_DATA, Entry, Mask, Outcomes, Plan, States
from diagnosis.ranking import Weights

# Attributes, answers, alarms and configuration decide without a call or registration record; counters do not.
STANDING = ("subscriber.", "device_model.", "ticket.", "cell.", "alarm.", "change.")
STANDING_NAMES = frozenset(
    {
        "lac_equal", "pool_equal", "la_on_sgs_msc", "arfcns_current", "qci5_attempts", "equipment_alarm_near",
        "known_voice_issue", "missing_required", "out_of_scope_text",
    }
)  # fmt: skip
PROCESS_FAMILIES = frozenset({"process", "undetermined"})
STOPPING = ("all-planned-work", "all-mass-fault")
NOT_A_COMPLAINT = ("all-out-of-scope", "all-ticket-incomplete")
HITS = ("any_hit", "strong_hit", "shared_hit", "own_hit")  # matrices of Support
NO_RECORD, CLUSTER = "all-no-call-record", "all-complaint-cluster"


def is_standing(entry: Entry) -> bool:
    """Return True when the entry reads nothing but attributes, answers, alarms and configuration."""
    return all(name.startswith(STANDING) or name in STANDING_NAMES for name in entry.spec.condition.names)


def is_strong(entry: Entry) -> bool:
    """Return True when a hit needs no own record to confirm it."""
    return not entry.is_route and (entry.rank == 0 or is_standing(entry))


@dataclass(frozen=True)
class Support:
    """Per ticket and cause: is there a hit, and one that stands by itself."""

    plan: Plan
    any_hit: Mask  # tickets x causes
    strong_hit: Mask  # tickets x causes
    shared_hit: Mask  # tickets x causes, hits of the common pre-checks alone
    own_hit: Mask  # tickets x causes, hits of the user's own evidence

    def on_each(self, change: Callable[[Mask], Mask]) -> Support:
        """Return the same with every matrix changed."""
        return Support(self.plan, *(change(getattr(self, name)) for name in HITS))

    @cached_property
    def tree_causes(self) -> list[int]:
        """Numbers of the causes that a tree can find (no shared outcomes, nothing undetermined)."""
        return [i for i, cause in enumerate(self.plan.causes) if not is_process(self.plan, cause)]


def is_process(plan: Plan, cause: str) -> bool:
    """Return True for the shared outcomes and for undetermined."""
    known = plan.runbooks.causes[cause]
    return known.category == "all" or known.family in PROCESS_FAMILIES


def find_support(weights: Weights, states: States) -> Support:
    """Collect the hits of each cause."""
    shape = (len(states), len(weights.plan.causes))
    any_hit, strong, shared, own = (np.zeros(shape, np.bool_, order="F") for _ in range(4))
    for entry in weights.plan.entries:
        if entry.is_route:
            continue
        hit = states[:, entry.number] == HIT
        any_hit[:, entry.causes[0]] |= hit
        if is_strong(entry):
            strong[:, entry.causes[0]] |= hit
        if weights.plan.checks[entry.check].category == "all":
            shared[:, entry.causes[0]] |= hit
        if entry.rank == 0:
            own[:, entry.causes[0]] |= hit
    return Support(weights.plan, any_hit, strong, shared, own)


def undecided(outcomes: Outcomes) -> Mask:
    """Tickets for which a condition that could have decided lacks data."""
    deciding = [e.number for e in outcomes.plan.entries if not e.is_route and e.spec.hit > 0]
    return np.asarray((outcomes.entries[:, deciding] == NO_DATA).any(axis=1))


def flag(frame: pl.DataFrame, expression: pl.Expr) -> Mask:
    """Evaluate a boolean expression; null counts as false, and so does a column that is not there."""
    missing = [name for name in expression.meta.root_names() if name not in frame.columns]
    if missing:
        return np.zeros(frame.height, np.bool_)
    return frame.select(expression.fill_null(False).alias("flag"))["flag"].to_numpy()


def _good_call() -> pl.Expr:
    answered = pl.col("call.t_200").is_not_null() | (pl.col("call.final_status") == 200)
    return answered & ~pl.col("call.csfb_flag").fill_null(False)


def _normal_end() -> pl.Expr:
    side = pl.col("call.releasing_side").is_in(["calling", "called"])
    return side & ~pl.col("abnormal_reason").fill_null(False)


def _good_registration() -> pl.Expr:
    kept = pl.col("registration.deregistered_by").fill_null("none").is_in(["none", "ue"])
    return (pl.col("registration.final_status") == 200) & kept


def good_record(frame: pl.DataFrame, category: NDArray[np.str_], near_min: float) -> Mask:
    """Tell where the own record shows that all went as it should at the complaint time (rule 8)."""
    call_near = flag(frame, pl.col("has.call") & (pl.col("call_chosen_min") <= near_min))
    registered = flag(frame, pl.col("has.registration") & _good_registration())
    good = flag(frame, _good_call()) & call_near
    ended = good & flag(frame, _normal_end())
    voice_good = ended & _voice_good(frame)
    cases = {"registration": registered, "access": good, "drop": ended, "mos": voice_good, "csfb": good}
    result = np.zeros(frame.height, np.bool_)
    for name, holds in cases.items():
        result |= (category == name) & holds
    return result


def _voice_good(frame: pl.DataFrame) -> Mask:
    """No slice value at all is no good call: it must be known and good."""
    limits = {"mos_score": (">=", 3.5), "rtp_loss_ratio": ("<", 1.0), "rtp_jitter": ("<", 90.0)}
    known, good = np.zeros(frame.height, np.bool_), np.ones(frame.height, np.bool_)
    for name, (op, limit) in limits.items():
        if name not in frame.columns:
            continue
        value = frame[name].cast(pl.Float64).to_numpy()
        has = ~np.isnan(value)
        known |= has
        good &= ~has | (value >= limit if op == ">=" else value < limit)
    return known & good


def own_record_missing(frame: pl.DataFrame, category: NDArray[np.str_]) -> Mask:
    """Tell where the record that could confirm the complaint is not there."""
    call, registration = flag(frame, pl.col("has.call")), flag(frame, pl.col("has.registration"))
    return np.where(category == "registration", ~registration, ~call)
