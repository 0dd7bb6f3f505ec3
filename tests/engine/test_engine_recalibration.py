"""What closed tickets teach: counts over the expert's numbers, never beyond them, never from little."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from engine_evidence import diagnosed

from callcause_error import UsageError
from diagnosis.recalibration import Weights, estimate, held_back, load_weights, quality, with_weights
from runbooks.loader import load_runbooks

BOOKS = load_runbooks()
WEAK, PREEMPTED = "drop-weak-coverage", "drop-resource-preemption"
DROP: dict[str, Any] = {"ticket.category": "drop", "ticket.description": "the call dropped"}
COVERED = {**DROP, "call.rsrp_last": -85.0, "mr_coverage_ratio": 99.0, "call.rx_abort_cause": 2}
UNCOVERED = {**DROP, "call.rsrp_last": -120.0, "mr_coverage_ratio": 80.0, "call.rx_abort_cause": 0}


def learnt(causes: dict[str, str], *rows: dict[str, Any]) -> Weights:
    return estimate(BOOKS, [diagnosed(*rows)], causes)


def all_of(cause: str, number: int, first: int = 0) -> dict[str, str]:
    return {f"T-{n}": cause for n in range(first, first + number)}


def test_a_cause_that_was_confirmed_often_gains_and_its_rivals_lose() -> None:
    weights = learnt(all_of(WEAK, 30), *[UNCOVERED] * 30)
    assert weights.tickets == 30
    assert weights.priors[WEAK] > BOOKS.causes[WEAK].prior
    assert weights.priors[PREEMPTED] < BOOKS.causes[PREEMPTED].prior


def test_one_ticket_moves_a_prior_by_little_and_many_by_much() -> None:
    one, many = (learnt(all_of(WEAK, n), *[UNCOVERED] * n) for n in (1, 200))
    start = BOOKS.causes[WEAK].prior
    assert 0 < one.priors[WEAK] - start < 0.6
    assert many.priors[WEAK] - start > 2 * (one.priors[WEAK] - start)


def test_the_priors_of_other_categories_stay_with_the_expert() -> None:
    weights = learnt(all_of(WEAK, 10), *[UNCOVERED] * 10)
    assert {BOOKS.causes[name].category for name in weights.priors} == {"drop"}


def test_a_condition_seen_in_few_tickets_keeps_its_weights() -> None:
    few = learnt({**all_of(WEAK, 2), **all_of(PREEMPTED, 2, 2)}, *[UNCOVERED] * 2, *[COVERED] * 2)
    assert few.entries == {}


def test_a_condition_that_is_there_without_its_cause_loses_weight_and_a_telling_one_keeps_its_sign() -> None:
    told = {**all_of(WEAK, 20), **all_of(PREEMPTED, 20, 20)}
    telling = learnt(told, *[UNCOVERED] * 20, *[COVERED] * 20)
    useless = learnt(told, *[UNCOVERED] * 40)
    moved = sorted(set(telling.entries) & set(useless.entries))
    assert moved
    for key in moved:
        check, _, number = key.partition("#")
        spec = BOOKS.checks[check].conditions[int(number) - 1]
        assert telling.entries[key][0] > 0 > telling.entries[key][1]
        if spec.cause == WEAK:
            assert useless.entries[key][0] < telling.entries[key][0]


def test_a_cause_that_no_runbook_knows_teaches_nothing() -> None:
    weights = learnt({"T-0": "no-such-cause", "T-1": WEAK}, UNCOVERED, UNCOVERED)
    assert weights.tickets == 1
    assert "no-such-cause" not in weights.priors


def test_learnt_weights_make_runbooks_of_another_version_and_leave_the_first_alone() -> None:
    weights = learnt(all_of(WEAK, 30), *[UNCOVERED] * 30)
    before = BOOKS.causes[WEAK].prior
    changed = with_weights(BOOKS, weights)
    assert changed.version != BOOKS.version
    assert changed.causes[WEAK].prior == weights.priors[WEAK]
    assert BOOKS.causes[WEAK].prior == before
    with pytest.raises(UsageError, match="weights are of runbooks"):
        with_weights(changed, weights)


def test_the_same_tickets_give_the_same_version_in_any_order() -> None:
    rows = [UNCOVERED, COVERED] * 10
    causes = {f"T-{n}": (WEAK, PREEMPTED)[n % 2] for n in range(20)}
    backwards = dict(reversed(causes.items()))
    assert learnt(causes, *rows).version == learnt(backwards, *rows).version


def test_quality_is_that_of_the_confirmed_tickets_only() -> None:
    batch = diagnosed(UNCOVERED, COVERED, UNCOVERED)
    one = quality([batch], {"T-0": WEAK})
    assert (one.tickets, one.top_1) == (1, 1.0)
    assert one.log_loss == pytest.approx(-math.log(batch.ranked.causes[0, batch.plan.cause_number[WEAK]]))
    wrong = quality([batch], {"T-0": WEAK, "T-2": PREEMPTED})
    assert (wrong.tickets, wrong.top_1) == (2, 0.5)
    assert wrong.log_loss > one.log_loss
    nothing = quality([batch], {"T-9": WEAK})
    assert nothing.tickets == 0
    assert math.isnan(nothing.log_loss)


def test_learning_from_tickets_of_one_kind_makes_the_next_of_that_kind_surer() -> None:
    rows = [{**DROP, "call.rsrp_last": -120.0}] * 60
    before = diagnosed(*rows)
    weights = estimate(BOOKS, [before], all_of(PREEMPTED, 60))
    number = before.plan.cause_number[PREEMPTED]
    changed = with_weights(BOOKS, weights)
    assert changed.causes[PREEMPTED].prior > BOOKS.causes[PREEMPTED].prior
    assert before.ranked.causes[0, number] < 0.5


def test_about_a_quarter_is_held_back_by_the_id_alone() -> None:
    share = sum(held_back(f"T-{n}") for n in range(4000)) / 4000
    assert share == pytest.approx(0.25, abs=0.03)
    assert held_back("T-1") == held_back("T-1")


def test_a_weights_file_of_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text(
        learnt({"T-0": WEAK}, UNCOVERED).model_copy(update={"format": "other/1"}).model_dump_json()
    )
    with pytest.raises(UsageError, match=r"expected callcause\.weights/1"):
        load_weights(path)
