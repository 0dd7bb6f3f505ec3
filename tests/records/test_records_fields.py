"""Every field of every record: what its definition allows is stored, what lies beside it is refused."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import KINDS, example_row, load, load_rows

from collectors.records.rows import LINE
from collectors.records.schema import RecordField, load_schemas
from collectors.records.validation import check_rows


def every_field(*types: str) -> Iterator[tuple[str, RecordField]]:
    for kind in KINDS:
        for field in load_schemas()[kind].fields:
            if field.type in types:
                yield kind, field


def cases(*types: str) -> list[object]:
    return [pytest.param(kind, field, id=f"{kind}.{field.name}") for kind, field in every_field(*types)]


def stored(kind: str, field: RecordField, texts: list[str]) -> list[object]:
    """Values of the field as checked on its own, one row for each text; `refused` for a bad row."""
    raw = pl.DataFrame(
        {field.name: texts, LINE: range(len(texts))}, schema={field.name: pl.String, LINE: pl.Int64}
    )
    checked = check_rows(raw, load_schemas()[kind], "UTC")
    found: dict[int, object] = dict.fromkeys(checked.bad["line"].to_list(), "refused")
    found |= dict(checked.good.select(LINE, field.name).rows())
    return [found[line] for line in range(len(texts))]


@pytest.mark.parametrize(("kind", "field"), cases("integer", "float"))
def test_a_number_is_stored_up_to_its_limits_and_refused_beyond(kind: str, field: RecordField) -> None:
    inside = [bound for bound in (field.min, field.max) if bound is not None and not field.allowed]
    outside = [b - 1 for b in (field.min,) if b is not None] + [b + 1 for b in (field.max,) if b is not None]
    outside += [field.above] if field.above is not None else []
    if field.allowed:
        inside, outside = [float(value) for value in field.allowed], [-7.0, 123_456_789.0]
    assert stored(kind, field, [f"{value:.10g}" for value in inside]) == inside
    assert set(stored(kind, field, [f"{value:.10g}" for value in outside])) <= {"refused"}
    assert stored(kind, field, ["x", "1 2", "--1", "0x10"]) == ["refused"] * 4


@pytest.mark.parametrize(("kind", "field"), cases("enum"))
def test_every_listed_word_is_stored_and_no_other(kind: str, field: RecordField) -> None:
    words = [str(value) for value in field.allowed]
    assert stored(kind, field, words[:4]) == words[:4]
    assert stored(kind, field, [words[-1].upper(), f" {words[0]} "]) == [words[-1], words[0]]
    assert stored(kind, field, ["no such word", words[0] + "x"]) == ["refused", "refused"]


@pytest.mark.parametrize(("kind", "field"), cases("boolean"))
def test_a_boolean_is_true_false_or_not_known_and_never_a_default(kind: str, field: RecordField) -> None:
    assert stored(kind, field, ["true", "False", "1", "0"]) == [True, False, True, False]
    assert stored(kind, field, ["", "2", "t"]) == [None, "refused", "refused"]


@pytest.mark.parametrize(("kind", "field"), cases("datetime"))
def test_a_time_is_stored_in_utc(kind: str, field: RecordField) -> None:
    texts = ["2024-03-11T23:30:00.5-01:00", "soon"]
    assert stored(kind, field, texts) == [
        datetime(2024, 3, 12, 0, 30, 0, 500_000, tzinfo=UTC),
        "refused",
    ]


@pytest.mark.parametrize(("kind", "field"), cases("string"))
def test_a_text_with_a_form_is_refused_in_any_other(kind: str, field: RecordField) -> None:
    found = stored(kind, field, ["?!"])
    assert (found == ["refused"]) == bool(field.regex)


@pytest.mark.parametrize(("kind", "field"), cases("list_object"))
def test_a_list_of_objects_keeps_exactly_its_members(kind: str, field: RecordField) -> None:
    given_object = {name: ("x" if type_ == "string" else 7) for name, type_ in field.object.items()}
    text = json.dumps([given_object, {}])
    (found,) = stored(kind, field, [text])
    assert json.loads(str(found)) == [given_object, dict.fromkeys(field.object)]
    assert stored(kind, field, ["x", "7", '"x"']) == ["refused"] * 3


@pytest.mark.parametrize(
    ("kind", "field"),
    cases("string", "integer", "float", "boolean", "enum", "datetime", "list_string"),
)
def test_an_empty_value_is_null_or_refused_by_the_key_rule(kind: str, field: RecordField) -> None:
    expected = "refused" if field.must_be_filled else None
    assert stored(kind, field, [""]) == [expected]


MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(MOMENTS, OFFSETS), min_size=1, max_size=30), st.booleans())
def test_any_rfc_3339_time_is_the_same_moment(moments: list[tuple[datetime, timezone]], blank: bool) -> None:
    aware = [moment.replace(tzinfo=zone) for moment, zone in moments]
    texts = [moment.isoformat(sep=" " if blank else "T") for moment in aware]
    rows = [example_row("alarm", id=f"A{n}", raised_at=text) for n, text in enumerate(texts)]
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_rows(Path(folder), rows)
    assert loaded.bad.is_empty()
    assert loaded.good["raised_at"].to_list() == aware
    assert loaded.counts["naive_times"] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-180, 180), min_size=1, max_size=20),
    st.lists(st.integers(0, 65535), min_size=1, max_size=20),
)
def test_numbers_come_back_exactly_as_written(longitudes: list[float], areas: list[int]) -> None:
    rows = [
        example_row("ticket", id=f"T{n}", longitude=repr(longitude), tac=str(area))
        for n, (longitude, area) in enumerate(zip(longitudes, areas, strict=False))
    ]
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_rows(Path(folder), rows)
    assert loaded.good["longitude"].to_list() == longitudes[: len(rows)]
    assert loaded.good["tac"].to_list() == areas[: len(rows)]


ITEMS = st.lists(
    st.text(st.sampled_from("abcXYZ019 -:."), min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ITEMS, min_size=1, max_size=8))
def test_lists_come_back_item_by_item(lists: list[list[str]]) -> None:
    rows = [example_row("node", node_id=f"N{n}", names=" ; ".join(items)) for n, items in enumerate(lists)]
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_rows(Path(folder), rows)
    assert loaded.good["names"].to_list() == lists


def test_all_ways_to_lose_a_row_are_counted_apart(tmp_path: Path) -> None:
    good = example_row("alarm")
    text = ",".join(good) + "\n"

    def line(**changes: str) -> str:
        return ",".join((good | changes).values()) + "\n"

    text += (
        line() + line() + line(id="b", raised_at="2024-03-11T08:00:00") + line(id="c", perceived_severity="?")
    )
    text += "only,three,fields\n" + 'x"y\n' + line(id="")
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    loaded = load(path)
    assert loaded.counts == {
        "rows": 7,
        "stored": 2,
        "duplicates": 1,
        "bad_rows": 4,
        "naive_times": 1,
        "unknown_members": 0,
        "withheld_numbers": 0,
        "unknown_columns": 0,
        "absent_columns": 0,
    }
    assert loaded.bad["line"].to_list() == [5, 6, 7, 8]
