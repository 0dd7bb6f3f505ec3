from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runbook_samples import check, condition, runbooks

from runbooks.condition import Outcome, evaluate
from runbooks.errors import RunbookError
from runbooks.loader import load_runbooks
from runbooks.overrides import ThresholdOverrides, apply

BOOKS = load_runbooks()


def changed(table: dict[str, Any], region: str | None = None) -> dict[str, list[str]]:
    books = apply(BOOKS, ThresholdOverrides.parse(table), region)
    return {
        check.id: [str(e.condition) for e in check.entries]
        for check in books.checks.values()
        if check != BOOKS.checks[check.id]
    }


def refusal(table: dict[str, Any]) -> RunbookError:
    with pytest.raises(RunbookError) as wrong:
        apply(BOOKS, ThresholdOverrides.parse(table, "callcause.toml"))
    return wrong.value


def test_an_operator_moves_a_threshold() -> None:
    assert changed({"DRP-04": {"call.rsrp_last": -112}}) == {
        "DRP-04": ["call.rsrp_last < -112", "mr_coverage_ratio < 95"]
    }


def test_the_moved_threshold_is_the_one_that_decides() -> None:
    books = apply(BOOKS, ThresholdOverrides.parse({"DRP-04": {"call.rsrp_last": -115}}))
    moved = books.checks["DRP-04"].conditions[0]
    assert evaluate(moved.condition, {"call.rsrp_last": -112.0}) is Outcome.MISS
    assert evaluate(BOOKS.checks["DRP-04"].conditions[0].condition, {"call.rsrp_last": -112.0}) is Outcome.HIT
    assert moved.origin == "operator"


def test_a_region_goes_over_the_operator_and_only_there() -> None:
    table = {"DRP-04": {"call.rsrp_last": -112}, "regions": {"0871": {"DRP-04": {"call.rsrp_last": -118}}}}
    assert changed(table)["DRP-04"][0] == "call.rsrp_last < -112"
    assert changed(table, "0871")["DRP-04"][0] == "call.rsrp_last < -118"
    assert changed(table, "0999") == changed(table)
    assert ThresholdOverrides.parse(table).regions == ("0871",)


def test_a_number_before_the_name_picks_one_condition() -> None:
    table = {"DRP-07": {"3:call.sinr_last": -2}}
    texts = changed(table)["DRP-07"]
    assert [text.count("call.sinr_last < -2") for text in texts] == [0, 0, 1]
    assert [
        text.count("call.sinr_last < -2") for text in changed({"DRP-07": {"call.sinr_last": -2}})["DRP-07"]
    ] == [1, 0, 1]


def test_a_list_replaces_the_values_of_in() -> None:
    assert changed({"DRP-14": {"call.s1ap_cause": [12, 25, 39]}})["DRP-14"][0] == (
        "call.s1ap_group == RNL and call.s1ap_cause in 12,25,39"
    )


def test_routes_have_thresholds_too() -> None:
    assert changed({"MOS-02": {"mos_score": 3.5}}) == {"MOS-02": ["mos_score < 3.5"]}


def test_the_version_tells_that_thresholds_moved() -> None:
    moved = apply(BOOKS, ThresholdOverrides.parse({"DRP-04": {"call.rsrp_last": -112}}))
    assert moved.version != BOOKS.version
    assert apply(BOOKS, ThresholdOverrides()).version == BOOKS.version


def test_the_runbooks_that_went_in_stay_as_they_were() -> None:
    books = runbooks([check(conditions=[condition()])])
    apply(books, ThresholdOverrides.parse({"DRP-X1": {"call.rsrp_last": -1}}))
    assert str(books.checks["DRP-X1"].conditions[0].condition) == "call.rsrp_last < -110"


@pytest.mark.parametrize(
    ("table", "key", "hint"),
    [
        ({"DPR-04": {"call.rsrp_last": -1}}, "DPR-04", "did you mean 'DRP-04'?"),
        ({"DRP-04": {"call.rsrp_lst": -1}}, "DRP-04.call.rsrp_lst", "did you mean 'call.rsrp_last'?"),
        ({"DRP-04": {"2:call.rsrp_last": -1}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"9:call.rsrp_last": -1}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"0:call.rsrp_last": -1}}, "DRP-04.0:call.rsrp_last", None),
        ({"DRP-04": {"x:call.rsrp_last": -1}}, "DRP-04.x:call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": "low"}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": True}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": [-1, -2]}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": []}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": None}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": {"call.rsrp_last": float("nan")}}, "DRP-04.call.rsrp_last", None),
        ({"DRP-04": -1}, "DRP-04", None),
        ({"regions": 1}, "regions", None),
        ({"regions": {"0871": 1}}, "regions.0871", None),
        ({"regions": {"0871": {"DRP-044": {"call.rsrp_last": -1}}}}, "DRP-044", "did you mean 'DRP-04'?"),
    ],
)
def test_a_wrong_override_names_its_key(table: dict[str, Any], key: str, hint: str | None) -> None:
    wrong = refusal(table)
    assert (wrong.file, wrong.key) == ("callcause.toml", key)
    assert wrong.exit_status == 2
    if hint:
        assert wrong.hint == hint


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.lists(st.integers(), max_size=2)
)
NAMES = st.sampled_from(["call.rsrp_last", "1:call.rsrp_last", ":", "mr_coverage_ratio", "²:call.rsrp_last"])
CHECKS = st.sampled_from(["DRP-04", "regions", "DRP-14", "x"])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(CHECKS, VALUES | st.dictionaries(NAMES, VALUES, max_size=2), max_size=2))
def test_any_table_applies_or_is_refused_by_name(table: dict[str, Any]) -> None:
    try:
        books = apply(BOOKS, ThresholdOverrides.parse(table))
    except RunbookError:
        return
    assert len(books.checks) == len(BOOKS.checks)
