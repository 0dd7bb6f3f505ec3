"""Casts of whole columns, against what a plain reader of one value would say."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.records.casts import cast_column, expectation, plain_cast
from collectors.records.schema import RecordField, load_schemas

BLANKS = st.sampled_from(["", " ", "\t"])


def cast(field: RecordField, *texts: str | None) -> list[Any]:
    column = pl.Series(field.name, texts, dtype=pl.String)
    plain = column.to_frame().select(plain_cast(field)).to_series()
    return cast_column(column, plain, field, "Asia/Shanghai").column.to_list()


def integer(text: str) -> int | None:
    """What a patient reader makes of one text: a whole number, also as `3.0` or `3e2`."""
    text = text.strip()
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


@given(st.lists(st.tuples(BLANKS, st.integers(-10_000, 10_000), BLANKS), min_size=1))
def test_integers_are_read_with_or_without_blanks(given_: list[tuple[str, int, str]]) -> None:
    field = RecordField(name="x", type="integer")
    assert cast(field, *(f"{a}{n}{b}" for a, n, b in given_)) == [n for _, n, _ in given_]


@given(st.lists(st.text("0123456789-+.e ", max_size=6), min_size=1, max_size=12))
def test_what_looks_like_a_number_is_read_as_one_reads_it_or_refused(texts: list[str]) -> None:
    read = cast(RecordField(name="x", type="integer"), *texts)
    for text, value in zip(texts, read, strict=True):
        assert value is None or value == integer(text), text
    for text in texts:
        if text.isdigit():
            assert read[texts.index(text)] == int(text)


@given(
    st.lists(st.floats(-1000, 1000), min_size=1, max_size=8),
    st.floats(-500, 0),
    st.floats(0, 500),
)
def test_a_number_outside_its_range_is_refused_and_one_inside_stays(
    numbers: list[float], low: float, high: float
) -> None:
    field = RecordField(name="x", type="float", min=low, max=high)
    wanted = [number if low <= number <= high else None for number in numbers]
    assert cast(field, *map(repr, numbers)) == wanted


def test_a_bound_that_is_left_out_is_not_reached() -> None:
    field = RecordField(name="x", type="float", above=0.0)
    assert cast(field, "0", "0.0", "0.1", "-1", "nan", "inf") == [None, None, 0.1, None, None, None]


def test_a_word_stands_for_a_number_only_where_the_field_says_so() -> None:
    field = RecordField(name="x", type="integer", words={"infinity": 255})
    assert cast(field, "Infinity", "12", "3.0", "3.5", "9007199254740993.0") == [255, 12, 3, None, None]
    assert cast(RecordField(name="x", type="integer"), "infinity") == [None]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        (" True ", True),
        ("1", True),
        ("0", False),
        ("yes", None),
        ("2", None),
    ],
)
def test_truth_in_its_usual_spellings(text: str, value: bool | None) -> None:
    assert cast(RecordField(name="x", type="boolean"), text) == [value]


def test_one_odd_spelling_does_not_change_how_the_others_are_read() -> None:
    field = RecordField(name="x", type="enum", allowed=("AMR", "AMR-WB"))
    assert cast(field, "AMR", "amr-wb", None, "EVS") == ["AMR", "AMR-WB", None, None]


@given(st.lists(st.integers(0, 99), min_size=1, max_size=5), BLANKS)
def test_a_list_of_numbers_is_read_whole_or_not_at_all(numbers: list[int], blank: str) -> None:
    field = RecordField(name="x", type="list_integer", min=0, max=50)
    text = f"{blank};{blank}".join(map(str, numbers))
    assert cast(field, text) == [numbers if max(numbers) <= 50 else None]
    assert cast(field, f"{text};x") == [None]


def test_a_list_of_words_keeps_its_order_and_no_empty_ones() -> None:
    field = RecordField(name="x", type="list_string", allowed=("a", "b"))
    assert cast(field, "b; a;", ";;", "a;c", "") == [["b", "a"], None, None, None]


def test_a_time_without_an_offset_is_of_the_zone_and_counted() -> None:
    field = RecordField(name="x", type="datetime")
    column = pl.Series("x", ["2024-03-11T09:15:02", "2024-03-11T09:15:02Z", "soon"])
    found = cast_column(
        column, column.to_frame().select(plain_cast(field)).to_series(), field, "Asia/Shanghai"
    )
    assert found.naive_times == 1
    assert [None if at is None else at.hour for at in found.column] == [1, 9, None]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"type": "integer", "min": 0, "max": 9}, "expected a whole number from 0 to 9"),
        ({"type": "float", "above": 0}, "expected a number above 0"),
        ({"type": "enum", "allowed": ("a", 1.0)}, "expected one of a, 1"),
        ({"type": "list_object", "object": {"as": "string"}}, "expected a JSON list of objects with as"),
        ({"type": "string", "regex": "^x", "example": "x1"}, "expected the form of 'x1'"),
        ({"type": "string", "regex": "^x", "identity": "imsi"}, "not a valid imsi"),
        ({"type": "list_string"}, "expected values joined by ;"),
    ],
)
def test_the_report_says_what_was_expected(field: dict[str, Any], text: str) -> None:
    assert expectation(RecordField(name="x", **field)) == text


def test_every_example_of_a_schema_is_a_value_of_its_field() -> None:
    for kind, schema in load_schemas().items():
        for field in schema.fields:
            if field.example and field.type != "list_object":
                assert cast(field, field.example) != [None], f"{kind}.{field.name}"
