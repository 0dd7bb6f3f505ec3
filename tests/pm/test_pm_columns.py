"""Columns that are Int32 while they can be hold the same numbers as a table of floats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.pm.columns import Columns, Floats

VALUE = st.sampled_from([0.0, 1.0, -5.0, 2.5, 2.0**31, -(2.0**31), 2.0**31 - 1, 7.0, float("nan"), 3.0])
NOTHING = np.empty(0)
NO_SUSPECT = np.empty((0, 0), dtype=np.bool_)


def block(values: list[list[float]]) -> Floats:
    """Rows of values."""
    return np.array(values, dtype=np.float64)


@st.composite
def files(draw: st.DrawFn) -> list[tuple[list[int], Floats]]:
    """Some files: the columns that each has, and its values."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        columns = draw(st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True))
        rows = draw(st.integers(1, 70))
        cells = draw(st.lists(VALUE, min_size=len(columns), max_size=len(columns)))
        values = np.tile(np.array(cells), (rows, 1))
        values[draw(st.integers(0, rows - 1)), 0] = draw(VALUE)
        found.append((columns, values))
    return found


def laid(some: list[tuple[list[int], Floats]], no_values: Floats) -> tuple[Columns, Floats]:
    """Lay files into columns, and into a plain table of floats."""
    columns, plain, width = Columns(), np.empty((6, 0)), 0
    for names, values in some:
        width = max(width, *(name + 1 for name in names))
        columns.begin(width, len(values), 0.5)
        columns.lay(values, np.arange(len(names)), np.array(names), no_values)
        columns.blank(np.array([at for at in range(width) if at not in names], dtype=np.int64))
        new = np.full((6, len(values)), np.nan)
        new[names] = np.where(np.isin(values, no_values), np.nan, values).T
        plain = np.concatenate([plain, new], axis=1)
    return columns, plain[:width]


@settings(max_examples=80, deadline=None)
@given(files(), st.sampled_from([NOTHING, np.array([-5.0, 7.0])]))
def test_columns_hold_what_a_table_of_floats_holds(
    some: list[tuple[list[int], Floats]], no_values: Floats
) -> None:
    columns, plain = laid(some, no_values)
    counts, whole = columns.filled()
    for at, wanted in enumerate(plain):
        np.testing.assert_array_equal(columns.floats(at), wanted)
        assert counts[at] == np.count_nonzero(~np.isnan(wanted))
        assert whole[at] == bool(np.all((np.abs(wanted) < 2.0**31) & (wanted == np.floor(wanted))))
        if whole[at]:
            assert columns.whole(at).dtype == np.int32
            np.testing.assert_array_equal(columns.whole(at), wanted)
    there = ~np.isnan(plain).all(axis=0)
    rows = columns.some()
    assert there.all() if rows is None else rows.tolist() == there.tolist()


def test_a_column_that_is_given_away_stays_as_it_was_after_the_next_files() -> None:
    columns = Columns()
    columns.begin(1, 2, 0.0)
    columns.lay(block([[1.0], [2.0]]), np.arange(1), np.arange(1), NOTHING)
    given_away = columns.whole(0)
    columns.clear()
    columns.begin(1, 2, 0.0)
    columns.lay(block([[8.0], [9.0]]), np.arange(1), np.arange(1), NOTHING)
    assert given_away.tolist() == [1, 2]
    assert columns.whole(0).tolist() == [8, 9]


@pytest.mark.parametrize("other", [2.5, float("nan"), 1e12])
def test_values_that_meet_others_in_a_whole_column_are_counted(other: float) -> None:
    columns = Columns()
    columns.begin(1, 3, 0.0)
    columns.lay(block([[1.0], [2.0], [3.0]]), np.arange(1), np.arange(1), NOTHING)
    values = block([[1.0], [other]])
    met = columns.fill(values, NO_SUSPECT, np.arange(1), np.arange(1), np.array([0, 2]), NOTHING)
    assert met == (0 if np.isnan(other) else 1)
    assert columns.floats(0).tolist() == [1.0, 2.0, 3.0]
