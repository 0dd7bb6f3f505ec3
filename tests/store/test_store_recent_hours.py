"""Recent segments over shards: an hour is what was said of it last, or no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.store.hours import EMPTY, laid_over
from collectors.store.span import ALWAYS, HOUR_US, Hours, Span, among, hours_span, span, span_of

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = st.integers(0, 5)
CELLS = st.sampled_from(["a", "b", "c"])
KEYS = st.tuples(CELLS, HOURS)
BASE = st.dictionaries(KEYS, st.integers(0, 9), max_size=8)
FRESH = st.dictionaries(KEYS, st.none() | st.integers(10, 19), max_size=8)


def hour(number: int) -> datetime:
    return START + timedelta(hours=number)


def frame(rows: dict[tuple[str, int], int | None], column: str) -> pl.DataFrame:
    """Rows by cell and hour; one without a value says that its hour is no more."""
    return pl.DataFrame(
        {
            "entity": [cell for cell, _ in rows],
            "entity_kind": [None if value is None else "cell" for value in rows.values()],
            "period_start": [hour(number) for _, number in rows],
            column: [float("nan") if value is None else float(value) for value in rows.values()],
        },
        schema={**EMPTY, column: pl.Float64},
    )


@given(BASE, FRESH)
def test_what_was_said_last_stands_and_what_is_no_more_is_gone(
    base: dict[tuple[str, int], int], fresh: dict[tuple[str, int], int | None]
) -> None:
    laid = laid_over(frame(base, "kpi"), frame(fresh, "kpi"))
    found = {(e, round((at - START) / timedelta(hours=1))): v for e, _, at, v in laid.iter_rows()}
    assert laid.height == len(found)
    assert found == {key: value for key, value in {**base, **fresh}.items() if value is not None}


def test_a_column_that_only_one_side_has_is_not_a_number_on_the_other() -> None:
    laid = laid_over(frame({("a", 0): 1}, "old"), frame({("a", 1): 2}, "new")).sort("period_start")
    assert laid["old"].to_list()[0] == 1.0
    assert laid["old"].is_nan().to_list() == [False, True]
    assert laid["new"].is_nan().to_list() == [True, False]
    assert laid.null_count().sum_horizontal().item() == 0


MOMENTS = st.none() | st.integers(-5, 5)


@given(MOMENTS, MOMENTS, st.lists(st.integers(-6, 6), min_size=1, max_size=6))
def test_a_span_covers_rows_exactly_where_its_predicates_keep_all_of_them(
    start: int | None, end: int | None, times: list[int]
) -> None:
    chosen = Span(start, end)
    rows = pl.DataFrame({"period_start": pl.Series(times).cast(pl.Datetime("us", "UTC"))})
    kept = rows.filter(*chosen.holds()).height
    assert chosen.covers(min(times), max(times)) == (kept == len(times))


def test_what_is_not_known_is_covered_by_always_alone() -> None:
    assert ALWAYS.covers(None, None)
    assert not Span(0, 1).covers(None, 0)


@given(st.sets(HOURS))
def test_single_hours_are_kept_and_none_between_them(wanted: set[int]) -> None:
    chosen = hours_span([hour(number) for number in wanted])
    rows = pl.DataFrame({"period_start": [hour(n) for n in range(6)]}).cast(pl.Datetime("us", "UTC"))
    kept = rows.filter(*chosen.holds())["period_start"].to_list()
    assert kept == [hour(n) for n in sorted(wanted)]
    if wanted:
        assert chosen == Hours(*_us(min(wanted), max(wanted) + 1), tuple(_us(*sorted(wanted))))


def _us(*numbers: int) -> list[int]:
    return [round(hour(number).timestamp() * 1_000_000) for number in numbers]


def test_the_span_of_hours_ends_with_the_last_of_them() -> None:
    rows = frame({("a", 3): 1, ("b", 1): 1}, "kpi")
    assert span_of(rows) == Span(_us(1)[0], _us(3)[0] + HOUR_US) == span(hour(1), hour(4))
    assert span_of(rows.clear()) == ALWAYS == span(None, None)


@pytest.mark.parametrize("names", [["b"], ["a", "c"], ["x"], ["c", "a", "b", "a"]])
def test_a_predicate_of_names_keeps_these_and_no_others(names: list[str]) -> None:
    rows = pl.DataFrame({"entity": ["a", "b", "c", "bb"]})
    assert set(rows.filter(among("entity", names))["entity"]) == set(names) & {"a", "b", "c", "bb"}
