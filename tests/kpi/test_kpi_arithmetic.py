"""Formulas over arrays give to the last bit what polars gives, and leave alone what they do not know."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from collectors.kpi import formula
from collectors.kpi.arithmetic import Table, parse
from collectors.kpi.catalogue import Catalogue, load_catalogue
from collectors.kpi.expression import compile_expression
from collectors.kpi.formula import inputs_of, kpi_columns

COUNTERS = ("a", "b.1", "c")
VALUE = (
    st.none()
    | st.integers(0, 5).map(float)
    | st.floats(-1e9, 1e9)
    | st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e300, 5e-324, -0.0])
)
ROWS = st.lists(st.tuples(VALUE, VALUE, VALUE), min_size=2, max_size=9)
ATOM = st.sampled_from([f'"{name}"' for name in COUNTERS]) | st.sampled_from(
    ["100", "25", "3600", "0.1", "7", "0"]
)
FORMULA = st.recursive(
    ATOM,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(inner, st.sampled_from("+-*/"), ATOM).map(lambda p: f"{p[0]} {p[1]} {p[2]}"),
        st.tuples(st.sampled_from(["coalesce", "greatest"]), inner, inner).map(
            lambda p: f"{p[0]}({p[1]}, {p[2]})"
        ),
    ),
    max_leaves=6,
)


def table_of(rows: list[tuple[float | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COUNTERS, pl.Float64), orient="row")


@settings(max_examples=300, deadline=None)
@given(FORMULA, ROWS, st.sampled_from([None, {"a": 2.0}, {"a": None, "c": 0.0}]))
def test_a_formula_over_arrays_gives_what_polars_gives(
    text: str, rows: list[tuple[float | None, ...]], defaults: dict[str, float | None] | None
) -> None:
    node = parse(text, defaults)
    if node is None or '"' not in text:
        return
    frame = table_of(rows)
    value = compile_expression(text, defaults).expr.cast(pl.Float64)
    wanted = frame.select(pl.when(value.is_finite()).then(value).alias("x"))
    assert_frame_equal(Table(frame).column("x", node).to_frame(), wanted, check_exact=True)


@pytest.mark.parametrize(
    "text",
    ['greatest("a", "c", "b.1")', 'nullif("a", 0)', "1 / 3 * (2 / 7)", '2 / 3 * "a"', 'abs("a")',
     '"a" ** "c"', '"a" // 2', 'coalesce("a")', 'coalesce(1, "a")', '-"a"',
     '("a"', '"a" if "c" else 1', "_7", '"a".real'],
)  # fmt: skip
def test_what_is_more_than_arithmetic_is_left_to_polars(text: str) -> None:
    assert parse(text) is None


def test_columns_that_are_no_floats_are_left_to_polars() -> None:
    frame = pl.DataFrame({"a": [1, 2], "c": [1.0, 2.0]})
    assert not Table(frame).can(parse('"a" / "c"'))
    assert not Table(frame).can(parse('"c" / "not there"'))
    assert Table(frame).can(parse('"c" / 2'))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_every_kpi_of_a_small_table_is_that_of_a_large_one(data: st.DataObject) -> None:
    """All formulas of the catalogue, with counters that are absent, unknown, zero and no numbers."""
    catalogue = load_catalogue()
    ids = tuple(data.draw(st.lists(st.sampled_from(sorted(catalogue.computed_ids)), min_size=1, unique=True)))
    names = sorted({name for kpi in ids for name in inputs_of(catalogue.kpi(kpi))})
    there = [name for name in names if data.draw(st.integers(0, 9)) > 0]
    height = data.draw(st.integers(2, 5))
    values = st.lists(VALUE, min_size=height, max_size=height)
    whole = pl.DataFrame({
        "entity": ["460-00-1-1"] * height,
        "period_start": [datetime(2026, 3, 2, tzinfo=UTC)] * height,
        "period_s": pl.Series([900] * height, dtype=pl.Int32),
        **{name: pl.Series(data.draw(values), dtype=pl.Float64) for name in there},
    })  # fmt: skip
    planned = formula._planned(whole.lazy(), catalogue, ids)
    assert_frame_equal(kpi_columns(whole, catalogue, ids), planned, check_exact=True)


def test_most_kpis_need_no_plan(catalogue: Catalogue) -> None:
    ids = tuple(k for k in catalogue.computed_ids if not catalogue.kpi(k).parts)
    assert len(formula._simple(catalogue, ids)) > 0.9 * len(ids)
