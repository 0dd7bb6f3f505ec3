"""Which question to the customer would decide most between the causes that are left.

The measure is the expected information: how many bits the entropy of the causes falls by, over the
answers. What an answer says comes from the runbooks: a condition or a route on the field, with its log-odds
for a HIT and for a MISS. From those two the probability of a HIT given the cause and given another cause
follows (Bayes), so nothing is assumed beside them. Where the category itself is not sure, a question counts
by what it decides between the categories, from the shares P(answer | category) that classification goes by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from diagnosis.classification import answer_shares
from runbooks.condition import parse_condition
from runbooks.model import ConditionSpec, Route, Runbooks

DATA = Path(__file__).parent / "data" / "questions.yaml"
UNKNOWN = (None, "", "unknown")
LEAST_BITS = 0.01
"""A question that says less is not worth the customer's time (default-unverified)."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """One question: `field` is empty for an open one; `bits` is its expected information."""

    field: str
    text: Mapping[str, str]
    answers: Mapping[str, Mapping[str, str]]
    bits: float


@lru_cache(maxsize=1)
def questions_data() -> Mapping[str, Any]:
    """Return the questions as written."""
    found: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


def open_question(category: str) -> Question:
    """Return the open question of a category; it comes before the closed ones."""
    texts = questions_data()["open"]
    return Question("", texts.get(category, texts["all"]), {}, 0.0)


def missing_questions(known: Mapping[str, object], result: Mapping[str, Any] | None = None) -> list[Question]:
    """Return what has to be asked because the ticket lacks it; most answers are free text, or a moment.

    `result`: the diagnosis; where a record that it lacks would decide between its causes, and the customer
    can tell what leads to that record, this is asked too.
    """
    lacking = _lacking(result) if result else frozenset()
    return [
        Question(entry["field"], entry["ask"], entry.get("answers", {}), 0.0)
        for entry in questions_data()["missing"]
        if all(known.get(name) in UNKNOWN for name in entry["known_by"])
        and ("finds" not in entry or lacking & set(entry["finds"]))
    ]


def closed_questions(
    causes: Sequence[Mapping[str, Any]],
    runbooks: Runbooks,
    known: Mapping[str, object],
    category: Mapping[str, Any] | None = None,
) -> list[Question]:
    """Order the questions that are still open by their expected information, most first.

    `causes`: the ranked causes of a result (id, probability); what is missing to 1 is something else.
    `known`: fields of the ticket; a field with a value other than `unknown` is not asked again. `category`:
    that of the result (id, probability); what is missing to 1 is shared by the others.
    """
    ids = [str(cause["id"]) for cause in causes]
    prior = np.array([*(float(cause["probability"]) for cause in causes), 0.0])
    prior[-1] = max(0.0, 1.0 - prior.sum())
    found = []
    for entry in questions_data()["closed"]:
        if known.get(entry["field"]) not in UNKNOWN:
            continue
        bits = _expected_bits(prior, _likelihoods(ids, entry["field"], runbooks))
        bits = max(bits, category_bits(entry["field"], category)) if category else bits
        if bits >= LEAST_BITS:
            found.append(Question(entry["field"], entry["ask"], entry["answers"], bits))
    return sorted(found, key=lambda q: -q.bits)


def category_bits(field: str, category: Mapping[str, Any]) -> float:
    """Return what the answer to a question is expected to tell of the category; 0 where it tells nothing."""
    order, shares = answer_shares(field)
    if not shares.size or category["id"] not in order:
        return 0.0
    prior, best = np.full(len(order), 1.0), order.index(category["id"])
    prior[best] = 0.0
    prior *= (1.0 - float(category["probability"])) / prior.sum()
    prior[best] = float(category["probability"])
    # As written the shares of a category need not add up to 1, and an answer could tell less than nothing.
    joint = shares / shares.sum(axis=0) * prior  # answers x categories
    weights = joint.sum(axis=1)
    after = sum(w * _entropy(row / w) for w, row in zip(weights, joint, strict=True) if w > 0)
    return _entropy(prior) * float(weights.sum()) - float(after)


def _lacking(result: Mapping[str, Any]) -> frozenset[str]:
    """Return the records that are not there, or not in full, and would decide one of the causes."""
    causes = {cause["id"] for cause in result["causes"]}
    needs = [one["need"] for one in result["missing"] if causes.intersection(one["would_decide"])]
    return frozenset(need.partition(".")[0] for need in needs)


def hit_probabilities(hit: float, miss: float) -> tuple[float, float]:
    """Probability of a HIT given the cause, and given that it is another, from the two log-odds.

    exp(hit) = P(HIT|c) / P(HIT|other) and exp(miss) = P(MISS|c) / P(MISS|other); (0.5, 0.5) where they say
    nothing. A HIT that speaks against the cause is the less probable given it.
    """
    if hit * miss >= 0:
        return 0.5, 0.5
    other = (1 - exp(miss)) / (exp(hit) - exp(miss))
    return min(1.0, exp(hit) * other), other


def _likelihoods(causes: Sequence[str], field: str, runbooks: Runbooks) -> list[Floats]:
    """One table for each condition or route on the field: P(HIT | cause), the last row for something else."""
    found = []
    for spec, about in _speaking(f"ticket.{field}", runbooks):
        mine = [number for number, cause in enumerate(causes) if cause in about]
        if mine:
            given, other = hit_probabilities(spec.hit, spec.miss)
            table = np.full(len(causes) + 1, other)
            table[mine] = given
            found.append(table)
    return found


def _speaking(name: str, runbooks: Runbooks) -> Iterator[tuple[ConditionSpec | Route, tuple[str, ...]]]:
    """Conditions and routes that read this name alone, with the causes that they speak for."""
    for check in runbooks.checks.values():
        specs: tuple[ConditionSpec | Route, ...] = (*check.conditions, *check.routes)
        for spec in specs:
            if spec.when and name in spec.when:
                parsed = parse_condition(spec.when, "", 0)
                if [term.name for term in parsed.terms] == [name]:
                    yield spec, spec.causes if isinstance(spec, Route) else (spec.cause,)


def _expected_bits(prior: Floats, tables: Sequence[Floats]) -> float:
    """Information of the most telling condition of a question; several on one field are not added."""
    return max((_entropy(prior) - _after(prior, table) for table in tables), default=0.0)


def _after(prior: Floats, hit: Floats) -> float:
    total = 0.0
    for likelihood in (hit, 1 - hit):
        joint = prior * likelihood
        weight = float(joint.sum())
        if weight > 0:
            total += weight * _entropy(joint / weight)
    return total


def _entropy(shares: Floats) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum())
