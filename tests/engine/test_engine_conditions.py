"""Conditions over columns of many tickets say what they say over one row (runbooks.condition)."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from engine_evidence import HandMade
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.conditions import condition_expr, limit_expr
from runbooks.condition import ORDERING, Comparison, Condition, Outcome, evaluate, parse_text

NUMBERS = st.integers(-4, 4).map(lambda n: n / 2)
WORDS = st.sampled_from(["RNL", "NAS", "AMR-WB"])
KINDS: dict[str, Any] = {
    "call.rsrp_last": NUMBERS,
    "call.final_status": st.integers(-2, 2),
    "call.s1ap_group": WORDS,
    "overlap": st.booleans(),
}
SCHEMA = {
    "call.rsrp_last": pl.Float64,
    "call.final_status": pl.Int64,
    "call.s1ap_group": pl.String,
    "overlap": pl.Boolean,
}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | kind for name, kind in KINDS.items()}), min_size=1, max_size=8
)
OUTCOMES = {True: Outcome.HIT, False: Outcome.MISS, None: Outcome.NO_DATA}


@st.composite
def terms(draw: st.DrawFn) -> Comparison:
    name = draw(st.sampled_from(list(KINDS)))
    numeric = name in ("call.rsrp_last", "call.final_status")
    op = draw(st.sampled_from(["==", "!=", "in", "not in", *(ORDERING if numeric else ())]))
    values = KINDS[name].map(float) if numeric else KINDS[name]
    many = 3 if op in ("in", "not in") else 1
    return Comparison(name, op, tuple(draw(st.lists(values, min_size=1, max_size=many))))


def told(condition: Condition, rows: list[dict[str, Any]], **more: Any) -> list[bool | None]:
    readings = HandMade(pl.DataFrame(rows, schema=SCHEMA), **more)
    return readings.frame.select(condition_expr(condition, readings).alias("x"))["x"].to_list()


@settings(max_examples=150, deadline=None)
@given(st.lists(terms(), min_size=1, max_size=3), ROWS)
def test_all_rows_at_once_end_as_each_row_alone(wanted: list[Comparison], rows: list[dict[str, Any]]) -> None:
    condition = Condition("", tuple(wanted))
    assert [OUTCOMES[one] for one in told(condition, rows)] == [evaluate(condition, row) for row in rows]


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("registration.final_status == 200", False),
        ("registration.final_status != 200", True),
        ("registration.final_status not in 200,202", True),
        ("call.final_status != 200", False),
        ("call.rsrp_last < -110", False),
    ],
)
def test_what_is_known_to_be_empty_is_no_error_but_a_missing_final_status_is_not_200(
    text: str, held: bool
) -> None:
    names = ("registration.final_status", "call.final_status", "call.rsrp_last")
    readings = HandMade(
        pl.DataFrame({name: pl.Series([None], dtype=pl.Float64) for name in names}), frozenset(names)
    )
    assert readings.frame.select(condition_expr(parse_text(text), readings)).item() is held


def test_a_name_that_no_evidence_has_is_not_known() -> None:
    row = dict.fromkeys(KINDS) | {"overlap": True}
    assert told(parse_text("unheard_of == 1 and overlap == true"), [row]) == [None]
    assert told(parse_text("unheard_of == 1 and overlap == false"), [row]) == [False]


def test_sql_over_a_name_that_no_evidence_has_is_not_known() -> None:
    row = dict.fromkeys(KINDS) | {"call.rsrp_last": -120.0}
    sql = Condition('"call.rsrp_last" < -110', (), '"call.rsrp_last" < -110')
    unheard = Condition('"unheard_of" < 1', (), '"unheard_of" < 1')
    assert told(sql, [row]) == [True]
    assert told(unheard, [row]) == [None]


def test_a_region_has_its_own_limit_and_the_others_that_of_the_operator() -> None:
    (term,) = parse_text("call.rsrp_last < -110").terms
    limits = {"": {"call.rsrp_last": -115.0}, "0871": {"call.rsrp_last": -105.0}, "0872": {"other": 1.0}}
    frame = pl.DataFrame({"ticket.region": ["0871", "0872", None]})
    limit = limit_expr(term, limits)
    assert limit is not None
    assert frame.select(limit.alias("x"))["x"].to_list() == [-105.0, -115.0, -115.0]


def test_a_term_without_order_has_no_limit() -> None:
    (term,) = parse_text("call.final_status == 503").terms
    assert limit_expr(term, {"": {"call.final_status": 1.0}}) is None
