"""The order of rows that numbers give is the one that polars gives over the texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi.order import entity_order, has_doubles

START = datetime(2026, 3, 2, tzinfo=UTC)
KEY = ("entity", "period_start", "period_s")
ROW = st.tuples(
    st.sampled_from(["b", "a", "é", "", "a-10", "a-9"]), st.integers(0, 4), st.sampled_from([900, 3600])
)


def frame(rows: list[tuple[str, int, int]]) -> pl.DataFrame:
    """Rows of entity, quarter-hour and length."""
    schema = {"entity": pl.String(), "period_start": pl.Datetime("us", "UTC"), "period_s": pl.Int32()}
    timed = [(entity, START + timedelta(minutes=15 * at), length) for entity, at, length in rows]
    return pl.DataFrame(timed, schema=schema, orient="row").with_row_index("at")


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=30))
def test_rows_come_by_entity_and_time_and_equal_rows_as_they_stood(rows: list[tuple[str, int, int]]) -> None:
    some = frame(rows)
    order, ranks = entity_order(some)
    assert some[order].equals(some.sort(KEY, maintain_order=True))
    assert (some["entity"].rank("dense").to_numpy() - 1).tolist() == ranks.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=12))
def test_a_row_that_stands_twice_is_noticed(rows: list[tuple[str, int, int]]) -> None:
    assert has_doubles(frame(rows)) == (len(set(rows)) < len(rows))
