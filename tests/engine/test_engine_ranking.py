"""From outcomes to log-odds and probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_evidence import diagnosed, evidence

from diagnosis.calibration import calibration_error, fit, load_calibration, probabilities
from diagnosis.outcome import evaluate, make_plan
from diagnosis.ranking import make_weights, outcome_matrix, scores
from runbooks.loader import load_runbooks

PLAN = make_plan(load_runbooks())
WEIGHTS = make_weights(PLAN)
CALIBRATION = load_calibration()


def score(cause: str, *rows: dict[str, Any]) -> list[float]:
    states = evaluate(PLAN, evidence(*rows)).entries
    return scores(WEIGHTS, states, CALIBRATION)[:, PLAN.cause_number[cause]].tolist()


def test_two_hits_that_share_their_evidence_count_little_more_than_one() -> None:
    one, both = score(
        "drop-weak-coverage",
        {"call.rsrp_last": -120.0},
        {"call.rsrp_last": -120.0, "mr_coverage_ratio": 80.0},
    )
    assert one < both < one + 0.5


def test_independent_hits_add_up() -> None:
    one, both = score(
        "drop-resource-preemption",
        {"call.rx_abort_cause": 2, "call.s1ap_group": "TL", "call.s1ap_cause": 0},
        {"call.rx_abort_cause": 2, "call.s1ap_group": "RNL", "call.s1ap_cause": 39},
    )
    assert both > one


def test_a_miss_of_one_way_says_nothing_when_another_way_of_the_check_hit() -> None:
    alone, with_miss = score(
        "acc-user-behaviour",
        {"call.final_status": 486},
        {"call.final_status": 486, "forwarded": False, "q850_cause": 16},
    )
    assert with_miss == pytest.approx(alone)


def test_a_clear_own_code_outranks_the_hit_of_a_cell() -> None:
    noisy = {"ul_interference_per_prb": -100.0}
    lone, outranked = score(
        "drop-uplink-interference", noisy, {**noisy, "call.s1ap_group": "RNL", "call.s1ap_cause": 29}
    )
    assert outranked < lone
    clash = score("drop-procedure-clash", {**noisy, "call.s1ap_group": "RNL", "call.s1ap_cause": 29})[0]
    assert clash > outranked


def test_a_declared_precedence_damps_once_however_many_conditions_hit() -> None:
    one = evidence(
        {"cx_no_answer": True},
        {"registration.cx_vendor": 0, "registration.cx_code": 3004, "cx_no_answer": True},
    )
    matrix = outcome_matrix(WEIGHTS, evaluate(PLAN, one).entries, CALIBRATION)
    damped = WEIGHTS.matrix[2 * len(PLAN.entries) :, PLAN.cause_number["reg-scscf-unavailable"]]
    by_precedence = matrix[:, 2 * len(PLAN.entries) :] @ damped
    assert by_precedence[0] == by_precedence[1] < 0


def test_no_outcome_counts_more_than_once_in_the_matrix() -> None:
    states = evaluate(PLAN, evidence({"call.rsrp_last": -120.0, "call.final_status": 486})).entries
    matrix = outcome_matrix(WEIGHTS, states, CALIBRATION)
    assert matrix.min() >= 0
    assert matrix.max() <= 1


def test_probabilities_of_the_causes_leave_room_for_something_else() -> None:
    batch = diagnosed(
        {"ticket.category": "drop", "ticket.description": "call dropped", "call.rsrp_last": -120.0}
    )
    assert 0.5 < batch.ranked.causes.sum() < 1


def test_a_higher_temperature_is_less_sure() -> None:
    raw = np.array([[3.0, 0.0], [3.0, 0.0]])
    cold, warm = probabilities(raw, np.array([1.0, 2.0]))[:, 0]
    assert cold > warm > 0.5


def test_fit_finds_that_overconfident_scores_need_a_higher_temperature() -> None:
    random = np.random.default_rng(7)
    truth = np.where(random.random(2000) < 0.75, 0, 1)
    raw = np.tile([6.0, 0.0], (2000, 1))
    temperature = fit(raw, truth, np.full(2000, "drop"))["drop"]
    assert probabilities(raw[:1], np.array([temperature]))[0, 0] == pytest.approx(0.75, abs=0.03)


def test_few_tickets_of_a_category_leave_its_temperature_alone() -> None:
    assert fit(np.zeros((5, 2)), np.zeros(5, np.int64), np.full(5, "mos")) == {"mos": 1.0}


def test_calibration_error_is_zero_when_confidence_is_accuracy() -> None:
    right = np.array([True, True, True, False])
    assert calibration_error(np.full(4, 0.75), right) == pytest.approx(0)
    assert calibration_error(np.full(4, 0.95), right) == pytest.approx(0.2)
    assert calibration_error(np.array([]), np.array([], bool)) == 0
