"""The compiled joining of periods says what the aggregations say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi import periods
from collectors.kpi.joined import joined_once
from collectors.kpi.model import CounterRule
from collectors.kpi.periods import join_periods

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# sum, max, first, mean of logarithms, and means weighted by another counter
COUNTERS = (
    "RRC.ConnEstabAtt.sum", "RRU.CellUnavailableTime", "ERAB.CarriedOverNbr.1", "UL.InterferencePerPrbMean",
    "DRB.PdcpSduLossRateUl.1", "PDCP.PacketsUl.1", "MR.RsrpMean", "MR.RsrpSamples",
)  # fmt: skip
SCHEMA = {
    "entity": pl.String, "entity_kind": pl.String, "period_start": pl.Datetime("us", "UTC"),
    "period_s": pl.Int32, **dict.fromkeys(COUNTERS, pl.Float64),
}  # fmt: skip
VALUE = st.none() | st.integers(0, 5).map(float)
ROW = st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.lists(VALUE, min_size=8, max_size=8))


def rows_of(rows: list[tuple[str, int, list[float | None]]], period_s: int = 900) -> pl.DataFrame:
    table = [(e, "cell", MONDAY + timedelta(minutes=15 * at), period_s, *values) for e, at, values in rows]
    return pl.DataFrame(table, schema=SCHEMA, orient="row")


@settings(max_examples=80, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20, unique_by=lambda row: row[:2]))
def test_both_ways_join_the_same_rows_to_the_same_hours(
    rows: list[tuple[str, int, list[float | None]]],
) -> None:
    wide = rows_of(rows)
    once = join_periods(wide)
    with patch.object(periods, "joined_once", lambda *_: None):
        expected = join_periods(wide)
    order = ["entity", "period_start"]
    assert once.schema == expected.schema
    assert once.sort(order).equals(expected.sort(order))


def test_the_answer_does_not_depend_on_the_order_of_the_rows() -> None:
    wide = rows_of([("a", at, [0.1 * at + 0.7] * 8) for at in range(4)])
    assert join_periods(wide).equals(join_periods(wide.reverse()))


def test_rows_that_are_not_usual_are_left_to_the_aggregations() -> None:
    rules = {"PDCP.PacketsUl.1": CounterRule()}
    one = rows_of([("a", 0, [1.0] * 8)])
    assert joined_once(one, 3600, rules, "covered_s") is not None
    assert joined_once(pl.concat([one, one]), 3600, rules, "covered_s") is None
    half = rows_of([("a", 1, [1.0] * 8)], period_s=1800)
    assert joined_once(pl.concat([one, half]), 3600, rules, "covered_s") is None
    assert joined_once(one.clear(), 3600, rules, "covered_s") is None


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=20, unique_by=lambda row: row[:2]))
def test_whole_numbers_join_alike_however_wide_they_are(
    rows: list[tuple[str, int, list[float | None]]],
) -> None:
    wide = rows_of(rows)
    narrow = wide.cast(dict.fromkeys(COUNTERS, pl.Int32))
    assert join_periods(narrow).equals(join_periods(wide))
    with patch.object(periods, "joined_once", return_value=None):
        assert join_periods(narrow).equals(join_periods(wide))
