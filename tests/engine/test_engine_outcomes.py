"""Outcomes of conditions and checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from engine_evidence import evidence

from diagnosis.outcome import (
    HIT,
    MISS,
    NO_DATA,
    NOT_APPLICABLE,
    STATE_NAMES,
    evaluate,
    half_met,
    make_plan,
    mask_trees,
)
from runbooks.loader import load_runbooks

PLAN = make_plan(load_runbooks())


def states_of(*rows: dict[str, Any], empty: tuple[str, ...] = (), thresholds: Any = None) -> Any:
    return evaluate(PLAN, evidence(*rows, empty=empty), thresholds)


def check(outcomes: Any, check_id: str) -> list[str]:
    return [STATE_NAMES[s].value for s in outcomes.checks[:, PLAN.check_number[check_id]]]


def all_cases() -> list[Any]:
    return [
        pytest.param(c, case, id=f"{c.id}-{case.name}")
        for c in PLAN.checks
        for case in c.cases
        if not any(name in PLAN.hits_of for name in c.names)
    ]


def test_every_case_of_the_runbooks_comes_out_of_the_engine_as_the_runbook_says() -> None:
    cases = [param.values for param in all_cases()]
    unset = dict.fromkeys(("missing_required", "out_of_scope_text", "nearest_record_min"))
    wrong = []
    for c, case in cases:
        given = evidence({**unset, **case.given})
        wording = pl.lit(case.given.get("csfb_wording"), pl.String).alias("csfb_wording")
        states = evaluate(PLAN, type(given)(given.frame.with_columns(wording)))
        got = (
            states.entries[0, [e.number for e in PLAN.entries if e.check_id == c.id][case.condition - 1]]
            if case.condition
            else states.checks[0, PLAN.check_number[c.id]]
        )
        if STATE_NAMES[got] != case.expect:
            wrong.append((c.id, case.name, STATE_NAMES[got], case.expect))
    assert wrong == []


def test_false_and_unknown_is_a_miss_while_true_and_unknown_is_no_data() -> None:
    outcomes = states_of(
        {"registration.pdn_result": "accept"},
        {"registration.pdn_result": "reject"},
        {"registration.pdn_result": None},
    )
    at = next(e.number for e in PLAN.entries if e.check_id == "REG-09")
    assert outcomes.entries[:, at].tolist() == [MISS, NO_DATA, NO_DATA]


def test_a_code_that_is_known_to_be_empty_never_counts_as_an_error() -> None:
    row = {
        "registration.cx_command": "UAR",
        "registration.cx_code": None,
        "registration.security_result": None,
    }
    outcomes = states_of(row, empty=("registration.cx_code", "registration.security_result"))
    at = next(e.number for e in PLAN.entries if e.check_id == "REG-12")
    assert outcomes.entries[0, at] == MISS
    assert check(outcomes, "CSF-17") == ["MISS"]


def test_a_registration_that_never_got_a_final_status_differs_from_200() -> None:
    row = {"pcscf_restarted": True, "registered_before": True, "registration.final_status": None}
    known_empty = states_of(row, empty=("registration.final_status",))
    unknown = states_of(row)
    at = [e.number for e in PLAN.entries if e.check_id == "REG-21"][1]
    assert (known_empty.entries[0, at], unknown.entries[0, at]) == (HIT, NO_DATA)


def test_a_check_without_hit_is_no_data_when_one_condition_lacks_data() -> None:
    outcomes = states_of({"call.rsrp_last": -80.0}, {"call.rsrp_last": -80.0, "mr_coverage_ratio": 99.0})
    assert check(outcomes, "DRP-04") == ["NO_DATA", "MISS"]


def test_a_check_that_does_not_apply_is_said_to_be_not_applicable() -> None:
    assert check(states_of({"call.leg": "mt", "call.registered": False}), "ACC-02") == ["NOT_APPLICABLE"]


def test_core_data_fault_is_filled_in_from_the_checks_it_names() -> None:
    dns = {"call.final_status": 500, "as_no_user_data": False, "call.first_error_node": "dns"}
    clean = {
        "call.final_status": 500,
        "as_no_user_data": False,
        "call.first_error_node": "scscf",
        "final_delay_s": 3.0,
    }
    outcomes = states_of(dns, clean)
    at = [e.number for e in PLAN.entries if e.check_id == "ACC-13"][1]
    assert outcomes.entries[:, at].tolist() == [MISS, HIT]


def test_undetermined_hits_only_when_no_other_check_of_the_tree_does() -> None:
    outcomes = states_of({"call.rsrp_last": -80.0, "call.terminal_dead": False}, {"call.rsrp_last": -120.0})
    assert check(outcomes, "DRP-20") == ["HIT", "MISS"]


def test_a_threshold_of_one_region_leaves_the_others_alone() -> None:
    rows = [{"call.rsrp_last": -112.0, "ticket.region": region} for region in ("0871", "0755", None)]
    thresholds = {"DRP-04": {"0871": {"call.rsrp_last": -115.0}}}
    at = next(e.number for e in PLAN.entries if e.check_id == "DRP-04")
    assert states_of(*rows, thresholds=thresholds).entries[:, at].tolist() == [MISS, HIT, HIT]


def test_checks_of_a_tree_that_does_not_run_are_not_applicable() -> None:
    outcomes = states_of({"call.rsrp_last": -120.0}, {"call.rsrp_last": -120.0})
    masked = mask_trees(PLAN, outcomes, {"drop": np.array([True, False])})
    assert masked.checks[:, PLAN.check_number["DRP-04"]].tolist() == [HIT, NOT_APPLICABLE]


def test_a_condition_of_which_one_part_holds_is_known_as_half_met() -> None:
    outcomes = states_of({"registration.final_status": 504}, {"registration.final_status": 200})
    at = [e.number for e in PLAN.entries if e.check_id == "REG-14"][1]
    rows = evidence({"registration.final_status": 504}, {"registration.final_status": 200})
    assert half_met(PLAN, outcomes.entries, rows, outcomes.readings, {})[:, at].tolist() == [True, False]
