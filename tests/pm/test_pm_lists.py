"""Comma lists of PM files: in full, or compressed as `count, index, value, ..`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.pm.lists import spread

VALUES = st.floats(0, 1000).map(lambda x: round(x, 2))


@given(st.dictionaries(st.integers(0, 50), VALUES, max_size=8))
def test_a_compressed_list_gives_its_places_and_zeros_elsewhere(places: dict[int, float]) -> None:
    rising = sorted(places)
    written = (float(len(rising)), *(part for index in rising for part in (float(index), places[index])))
    assert spread(written, may_be_compressed=True) == (places, 0.0)


@given(st.lists(VALUES, max_size=12), st.booleans())
def test_a_list_in_full_gives_every_place_and_nothing_elsewhere(
    values: list[float], compressed: bool
) -> None:
    # Its first place is a QCI that does not exist: no count of what follows.
    found, elsewhere = spread((0.0, *values) if values else (), may_be_compressed=compressed)
    assert found == dict(enumerate((0.0, *values) if values else ()))
    assert math.isnan(elsewhere)


@pytest.mark.parametrize(
    "written",
    [
        (2.0, 5.0, 1.0, 5.0, 2.0),
        (2.0, 6.0, 1.0, 5.0, 2.0),
        (1.0, 5.5, 1.0),
        (1.0, -1.0, 1.0),
        (3.0, 1.0, 1.0),
        (0.5, 1.0),
        (1.5, 1.0, 2.0, 3.0),
        (1.0, math.inf, 1.0),
        (1.0, math.nan, 1.0),
        (math.nan,),
    ],
    ids=[
        "twice",
        "falling",
        "no whole index",
        "negative",
        "too short",
        "half a count",
        "one and a half",
        "no end",
        "no number",
        "nothing",
    ],
)
def test_what_only_looks_compressed_is_a_list_in_full(written: tuple[float, ...]) -> None:
    found, elsewhere = spread(written, may_be_compressed=True)
    assert list(found) == list(range(len(written)))
    assert all(found[at] is value for at, value in enumerate(written))
    assert math.isnan(elsewhere)


def test_a_lone_zero_is_all_zeros_only_where_lists_may_be_compressed() -> None:
    assert spread((0.0,), may_be_compressed=True) == ({}, 0.0)
    found, elsewhere = spread((0.0,), may_be_compressed=False)
    assert found == {0: 0.0}
    assert math.isnan(elsewhere)
