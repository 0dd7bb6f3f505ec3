from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callcause_error import CallcauseError
from runbooks.condition import (
    Comparison,
    Condition,
    ConditionSyntaxError,
    Outcome,
    evaluate,
    parse_condition,
    parse_sql,
    parse_text,
    sql_names,
)
from runbooks.errors import RunbookError

NAMES = st.sampled_from(
    ["call.rsrp_last", "prb_utilisation", "called.paging_sent", "dl_sinr_and_low_cqi_share"]
)
WORDS = st.sampled_from(["cs", "S1AP-RNL", "4g_slot", "AMR-WB", "off"])
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3))


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    op = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"]))
    if op in ("<", "<=", ">", ">="):
        return Comparison(draw(NAMES), op, (draw(NUMBERS),))
    kind = draw(st.sampled_from([WORDS, NUMBERS, st.booleans()]))
    size = 3 if op in ("in", "not in") else 1
    return Comparison(draw(NAMES), op, tuple(draw(st.lists(kind, min_size=1, max_size=size))))


def test_a_condition_has_names_operators_and_typed_values() -> None:
    condition = parse_condition(
        "call.s1ap_group == RNL and call.s1ap_cause in 25,39 and overlap == true and x >= -1.5"
    )
    assert condition.terms == (
        Comparison("call.s1ap_group", "==", ("RNL",)),
        Comparison("call.s1ap_cause", "in", (25.0, 39.0)),
        Comparison("overlap", "==", (True,)),
        Comparison("x", ">=", (-1.5,)),
    )


def test_blanks_around_operators_do_not_matter() -> None:
    assert parse_text("call.rsrp_last<-110").terms == parse_text("  call.rsrp_last   <  -110 ").terms
    assert parse_text("a not  in x, y").terms == parse_text("a not in x,y").terms


def test_a_name_may_hold_the_word_and() -> None:
    assert parse_text("dl_sinr_and_low_cqi_share > 20").names == ("dl_sinr_and_low_cqi_share",)


def test_each_name_is_listed_once() -> None:
    assert parse_text("a > 1 and a < 9 and b == true").names == ("a", "b")


@settings(max_examples=100)
@given(st.lists(comparisons(), min_size=1, max_size=4))
def test_what_is_written_is_what_is_read(terms: list[Comparison]) -> None:
    text = str(Condition("", tuple(terms)))
    assert parse_text(text).terms == tuple(terms)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = 1", "did you mean '=='?"),
        ("a => 1", "did you mean '>='?"),
        ("a <> 1", "did you mean '!='?"),
        ("A_Name == 1", "lower case"),
        ("a", "op one of"),
        ("", "op one of"),
        ("a == 1,2", "use: in"),
        ("a < word", "use == or !="),
        ("a < true", "use == or !="),
        ("a == 'x'", "a value is"),
        ("a in 1,word", ""),
        ("a in 1,,2", "a value is"),
        ("a == 1 and", "a value is"),
        ("a == 1 or b == 2", "a value is"),
        ("__import__('os')", "op one of"),
    ],
)
def test_a_wrong_condition_says_where_and_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(RunbookError) as wrong:
        parse_condition(text, "drop.yaml", 12)
    assert str(wrong.value).startswith("drop.yaml:12: when: ")
    assert hint in (wrong.value.hint or "")


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_any_text_parses_or_raises_the_named_error(text: str) -> None:
    with contextlib.suppress(CallcauseError):
        assert parse_condition(text, "f", 1).terms


def test_an_unknown_value_is_no_data_and_never_a_miss() -> None:
    condition = parse_text("a > 1 and b == true")
    assert evaluate(condition, {"a": 2.0}) is Outcome.NO_DATA
    assert evaluate(condition, {"a": 2.0, "b": None}) is Outcome.NO_DATA
    assert evaluate(condition, {"a": 2.0, "b": True}) is Outcome.HIT


def test_one_false_term_decides_whatever_is_unknown() -> None:
    assert evaluate(parse_text("a > 1 and b == true"), {"a": 1.0}) is Outcome.MISS


@pytest.mark.parametrize(
    ("text", "reading", "outcome"),
    [
        ("a < -110", -110.0, Outcome.MISS),
        ("a < -110", -110.1, Outcome.HIT),
        ("a >= 5", 5.0, Outcome.HIT),
        ("a > 32", float("inf"), Outcome.HIT),
        ("a <= 60", 61.0, Outcome.MISS),
        ("a != normal", "arrears", Outcome.HIT),
        ("a not in 2001,2004", 2004.0, Outcome.MISS),
        ("a in eps_only,sms_only", "sms_only", Outcome.HIT),
        ("a == false", False, Outcome.HIT),
    ],
)
def test_operators_compare_as_written(text: str, reading: float | str | bool, outcome: Outcome) -> None:
    assert evaluate(parse_text(text), {"a": reading}) is outcome


@pytest.mark.parametrize(
    ("text", "reading"), [("a < 1", "x"), ("a == 1", "1"), ("a == true", 1.0), ("a > 0", True)]
)
def test_comparing_different_kinds_is_an_error_and_not_a_miss(text: str, reading: float | str | bool) -> None:
    with pytest.raises(RunbookError):
        evaluate(parse_text(text), {"a": reading})


def test_an_sql_expression_names_what_it_reads() -> None:
    text = 'ABS("call.rsrp_last" - rsrp_mean) > 20 AND "call.leg" = \'mo\' AND NOT overlap IS NULL'
    assert sql_names(text) == ("call.rsrp_last", "rsrp_mean", "call.leg", "overlap")


def test_an_sql_condition_is_computed_by_polars() -> None:
    condition = parse_sql('"call.rsrp_last" - rsrp_mean < -20')
    assert evaluate(condition, {"call.rsrp_last": -120.0, "rsrp_mean": -90.0}) is Outcome.HIT
    assert evaluate(condition, {"call.rsrp_last": -100.0, "rsrp_mean": -90.0}) is Outcome.MISS
    assert evaluate(condition, {"call.rsrp_last": -120.0}) is Outcome.NO_DATA


@pytest.mark.parametrize("text", ["a +", "a + 1", "SELECT a FROM b"])
def test_a_wrong_sql_expression_is_the_named_error(text: str) -> None:
    with pytest.raises(RunbookError):
        evaluate(parse_sql(text), {"a": 1.0})


@pytest.mark.parametrize("text", ["", "  ", "1 > 0"])
def test_an_sql_expression_that_reads_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConditionSyntaxError):
        parse_sql(text)
