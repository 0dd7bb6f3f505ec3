"""Lists of objects inside a column: one spelling, only declared members, nothing that is no code."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.records.objects import MAX_INTEGER, MAX_TEXT, canonical_objects

MEMBERS = {"protocol": "string", "cause": "integer", "text": "string"}
CODES = st.none() | st.integers(0, MAX_INTEGER)
OBJECTS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"protocol": st.none() | st.text(max_size=4), "cause": CODES, "more": st.integers(0, 3)}
    ),
    max_size=3,
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def canonical(*texts: str | None) -> tuple[list[Any], int]:
    found = canonical_objects(pl.Series("reasons", texts, dtype=pl.String), MEMBERS)
    return [None if text is None else json.loads(text) for text in found.column], found.unknown_members


@given(st.lists(OBJECTS, min_size=1, max_size=4))
def test_declared_members_stay_in_order_and_others_are_counted(written: list[list[dict[str, Any]]]) -> None:
    columns, unknown = canonical(*(json.dumps(objects) for objects in written))
    assert columns == [[{name: one.get(name) for name in MEMBERS} for one in objects] for objects in written]
    assert [list(one) for objects in columns for one in objects] == [list(MEMBERS)] * sum(map(len, written))
    assert unknown == sum("more" in one for objects in written for one in objects)


@given(st.lists(ANY_JSON, min_size=1, max_size=4))
def test_any_json_is_a_list_of_codes_and_words_or_nothing(written: list[Any]) -> None:
    columns, _ = canonical(*(json.dumps(value) for value in written))
    for objects in columns:
        for one in objects or ():
            assert list(one) == list(MEMBERS)
            assert one["cause"] is None or 0 <= one["cause"] <= MAX_INTEGER
            assert one["protocol"] is None or isinstance(one["protocol"], str)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_and_never_fails(text: str) -> None:
    columns, _ = canonical(text)
    assert columns[0] is None or isinstance(columns[0], list)


@pytest.mark.parametrize(
    ("cause", "read"), [("16", 16), (" 16 ", 16), (16.0, 16), ("", None), (None, None), (0, 0)]
)
def test_a_code_in_its_usual_spellings_is_a_number(cause: object, read: int | None) -> None:
    assert canonical(json.dumps([{"cause": cause}]))[0][0][0]["cause"] == read


@pytest.mark.parametrize(
    "text",
    [
        '[{"cause": true}]', '[{"cause": 16.5}]', '[{"cause": -1}]', '[{"cause": 8613800000001}]',
        '[{"cause": "8613800000001"}]', '[{"protocol": 3}]', "[1]", "[[]]", '"x"', "{", "", "[{}",
        "[" * 5000, '[{"text": "' + "x" * MAX_TEXT + '"}]', '[{"text": "\\ud800"}]',
    ],
)  # fmt: skip
def test_what_is_no_list_of_codes_and_words_is_refused_whole(text: str) -> None:
    assert canonical(text, '[{"cause": 1}]') == ([None, [{"protocol": None, "cause": 1, "text": None}]], 0)


def test_one_object_alone_is_a_list_of_one_and_nothing_stays_nothing() -> None:
    assert canonical('{"cause": 1}', None, "[]")[0] == [
        [{"protocol": None, "cause": 1, "text": None}], None, [],
    ]  # fmt: skip


def test_members_kept_out_are_counted_for_every_row_that_has_them() -> None:
    text = '[{"cause": 1, "imsi": "460001234567891"}]'
    columns, unknown = canonical(text, text, text)
    assert unknown == 3
    assert "460001234567891" not in json.dumps(columns)
