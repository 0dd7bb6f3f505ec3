"""Scores against a truth that is known by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause.evaluation import (
    PREFIXES,
    brier_score,
    calibration_error,
    evaluate,
)
from callcause_error import CallcauseError, UsageError


def diagnosis(
    ticket: str, verdict: str = "cause", causes: tuple[tuple[str, float], ...] = (), **more: Any
) -> dict[str, Any]:
    return {
        "schema": "callcause.diagnosis/1",
        "ticket_id": ticket,
        "verdict": verdict,
        "category": {"id": more.get("category", "drop"), "probability": 0.9},
        "causes": [{"id": c, "probability": p} for c, p in causes],
        "missing": more.get("missing", []),
    }


def run(tmp_path: Path, truth: str, results: Any) -> Any:
    (tmp_path / "truth.csv").write_text(truth, encoding="utf-8")
    text = results if isinstance(results, str) else json.dumps(results)
    (tmp_path / "results.json").write_text(text, encoding="utf-8")
    return evaluate(tmp_path / "truth.csv", tmp_path / "results.json")


def test_the_first_and_the_first_three_causes_are_counted(tmp_path: Path) -> None:
    results = [
        diagnosis("1", causes=(("drop-enb-fault", 0.8),)),
        diagnosis("2", causes=(("drop-enb-fault", 0.5), ("drop-weak-coverage", 0.3))),
        diagnosis("3", causes=tuple((f"drop-{x}", 0.2) for x in "abcd")),
    ]
    truth = "ticket_id,cause_id\n1,drop-enb-fault\n2,drop-weak-coverage\n3,drop-d\n"
    score = run(tmp_path, truth, results).scores["all"]
    assert score.n == 3
    assert score.top1 == pytest.approx(1 / 3)
    assert score.top3 == pytest.approx(2 / 3)


def test_a_verdict_truth_is_right_by_the_verdict_whatever_the_causes(tmp_path: Path) -> None:
    results = [
        diagnosis("1", "cannot_tell", (("drop-enb-fault", 0.2),), missing=[{"need": "call"}]),
        diagnosis("2", "no_fault"),
        diagnosis("3", "cause", (("drop-enb-fault", 0.9),)),
    ]
    evaluation = run(tmp_path, "ticket_id,cause_id\n1,cannot_tell\n2,no_fault\n3,cannot_tell\n", results)
    score = evaluation.scores["all"]
    assert score.top1 == pytest.approx(2 / 3)
    assert score.cannot_tell_right == pytest.approx(0.5)
    assert score.cannot_tell_names_missing == pytest.approx(0.5)
    assert score.no_fault_right == 1.0


def test_a_no_fault_cause_is_right_when_it_stands_first(tmp_path: Path) -> None:
    results = [diagnosis("1", "no_fault", (("acc-user-behaviour", 0.9),))]
    score = run(tmp_path, "ticket_id,cause_id\n1,acc-user-behaviour\n", results).scores["all"]
    assert score.top1 == 1.0
    assert score.wrong_blame == 0.0


def test_blaming_a_good_network_is_wrong_blame_and_another_no_fault_cause_is_not(tmp_path: Path) -> None:
    results = [
        diagnosis("1", "cause", (("drop-enb-fault", 0.9),)),
        diagnosis("2", "cause", (("reg-switch-off", 0.9),)),
        diagnosis("3", "cannot_tell"),
        diagnosis("4", "cause", (("drop-enb-fault", 0.9),)),
    ]
    truth = "ticket_id,cause_id\n1,no_fault\n2,no_fault\n3,reg-switch-off\n4,drop-transport-fault\n"
    score = run(tmp_path, truth, results).scores["all"]
    assert score.good_network_n == 3
    assert score.wrong_blame == pytest.approx(1 / 3)


def test_the_category_comes_from_the_truth_or_from_the_cause(tmp_path: Path) -> None:
    results = [
        diagnosis("1", category="access"),
        diagnosis("2", category="mos"),
        diagnosis("3", category="drop"),
    ]
    truth = "ticket_id,cause_id,category\n1,no_fault,access\n2,mos-transport-qos,\n3,all-mass-fault,\n"
    evaluation = run(tmp_path, truth, results)
    assert evaluation.scores["all"].category_accuracy == 1.0
    assert set(evaluation.scores) == {"all", "access", "mos", "shared"}
    assert evaluation.scores["shared"].category_accuracy is None


def test_a_ticket_without_a_result_counts_as_wrong_and_is_said(tmp_path: Path) -> None:
    evaluation = run(tmp_path, "ticket_id,cause_id\n1,no_fault\n", [diagnosis("9")])
    assert evaluation.scores["all"].top1 == 0.0
    assert evaluation.unanswered == ("1",)
    assert evaluation.unknown_tickets == ("9",)
    assert "no result" in evaluation.table()


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    assert calibration_error([0.8] * 10, [True] * 8 + [False] * 2) == pytest.approx(0.0)
    assert calibration_error([0.9] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.4)
    assert calibration_error([], []) is None


def test_brier_score_is_the_mean_square_gap() -> None:
    assert brier_score([1.0, 0.0], [True, False]) == 0.0
    assert brier_score([0.5, 0.5], [True, False]) == pytest.approx(0.25)
    assert brier_score([], []) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_scores_stay_between_zero_and_one_and_ignore_the_order(pairs: list[tuple[float, bool]]) -> None:
    probabilities, right = [p for p, _ in pairs], [h for _, h in pairs]
    error = calibration_error(probabilities, right)
    assert error is not None
    assert 0.0 <= error <= 1.0
    assert error == pytest.approx(calibration_error(probabilities[::-1], right[::-1]))
    brier = brier_score(probabilities, right)
    assert brier is not None
    assert 0.0 <= brier <= 1.0


def test_the_table_has_a_line_for_each_group_and_says_what_was_not_measured(tmp_path: Path) -> None:
    table = run(tmp_path, "ticket_id,cause_id\n1,drop-enb-fault\n", [diagnosis("1")]).table()
    lines = table.splitlines()
    assert lines[0].split()[:3] == ["group", "n", "category"]
    assert [line.split()[0] for line in lines[1:-1]] == ["all", "drop"]
    assert "calibration error" in lines[-1]
    assert " - " in lines[1]


def test_the_figures_go_into_json(tmp_path: Path) -> None:
    evaluation = run(tmp_path, "ticket_id,cause_id\n1,drop-enb-fault\n", [diagnosis("1", "cannot_tell")])
    figures = json.loads(json.dumps(evaluation.as_dict()))
    assert figures["groups"]["all"]["top1"] == 0.0
    assert figures["wrong"] == [
        {"ticket_id": "1", "truth": "drop-enb-fault", "verdict": "cannot_tell", "first": None}
    ]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("ticket,cause_id\n1,x\n", "ticket_id"),
        ("ticket_id,cause\n1,x\n", "cause_id"),
        ("ticket_id,cause_id\n,x\n", ":2:"),
        ("ticket_id,cause_id\n1,x\n1,y\n", ":3:"),
        ("", "ticket_id"),
    ],
)
def test_a_bad_truth_is_refused_with_its_place(tmp_path: Path, truth: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(tmp_path, truth, [])


@pytest.mark.parametrize(
    "results",
    [
        "{",
        "{}",
        "[1]",
        '[{"verdict": "cause"}]',
        '[{"ticket_id": "1", "causes": [{"id": "x"}]}]',
        '[{"ticket_id": "1", "causes": 4}]',
        '[{"ticket_id": "1", "category": "drop"}]',
    ],
)
def test_bad_results_are_refused_by_name(tmp_path: Path, results: str) -> None:
    with pytest.raises(UsageError, match=r"results\.json"):
        run(tmp_path, "ticket_id,cause_id\n1,drop-enb-fault\n", results)


def test_an_empty_truth_is_no_evaluation(tmp_path: Path) -> None:
    with pytest.raises(CallcauseError, match="no ticket"):
        run(tmp_path, "ticket_id,cause_id\n", [])


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absent"):
        evaluate(tmp_path / "absent.csv", tmp_path / "results.json")


def test_group_names_are_the_categories_of_the_contract() -> None:
    assert set(PREFIXES.values()) == {"registration", "access", "drop", "mos", "csfb", "shared"}
