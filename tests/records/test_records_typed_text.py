"""Typed columns written as a CSV would hold them are read back as what they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from collectors.records.typed_text import as_text
from collectors.store.absence import as_list, scan
from collectors.store.absence import as_text as names_as_text

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1))
WORDS = st.text("abc-1", min_size=1, max_size=4)


@given(st.lists(st.none() | TIMES, min_size=1, max_size=5), st.integers(-12, 14))
def test_a_time_with_a_zone_is_the_same_moment(times: list[datetime | None], offset_h: int) -> None:
    zone = timezone(timedelta(hours=offset_h))
    given_ = [None if at is None else at.replace(tzinfo=zone).astimezone(UTC) for at in times]
    frame = pl.DataFrame({"at": given_}, schema={"at": pl.Datetime("us", "UTC")})
    local = frame.with_columns(pl.col("at").dt.convert_time_zone("Asia/Shanghai"))
    for one in (frame, local):
        read = [None if text is None else datetime.fromisoformat(text) for text in as_text(one)["at"]]
        assert read == given_


@given(st.lists(TIMES, min_size=1, max_size=5))
def test_a_time_without_a_zone_gets_none(times: list[datetime]) -> None:
    text = as_text(pl.DataFrame({"at": times}))["at"]
    assert [datetime.fromisoformat(one) for one in text] == times
    assert not any(one.endswith("Z") for one in text)


@given(st.lists(st.none() | st.lists(st.integers(-9, 9), max_size=4), min_size=1, max_size=5))
def test_a_list_is_joined_and_nothing_stays_nothing(lists: list[list[int] | None]) -> None:
    frame = pl.DataFrame({"x": lists}, schema={"x": pl.List(pl.Int64)})
    assert as_text(frame)["x"].to_list() == [
        None if one is None else ";".join(map(str, one)) for one in lists
    ]


def test_objects_are_json_in_their_order() -> None:
    objects = [{"protocol": "SIP", "cause": 503}, {"protocol": None, "cause": None}]
    frame = pl.DataFrame({"reasons": [objects, [], None], "one": [objects[0]] * 3})
    text = as_text(frame)
    assert [None if one is None else json.loads(one) for one in text["reasons"]] == [objects, [], None]
    assert json.loads(text["one"][0]) == objects[0]


def test_numbers_and_truth_are_written_as_polars_writes_them() -> None:
    frame = pl.DataFrame({"n": [1, None], "f": [0.5, None], "b": [True, None], "s": ["x", None]})
    assert as_text(frame).rows() == [("1", "0.5", "true", "x"), (None, None, None, None)]


@given(st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=5))
def test_names_of_absent_columns_survive_being_one_text(names: list[list[str]]) -> None:
    frame = pl.DataFrame({"absent": names}, schema={"absent": pl.List(pl.String)})
    packed = names_as_text(frame)
    assert packed.schema["absent"] == pl.String
    assert as_list(packed.lazy()).collect()["absent"].to_list() == names
    assert names_as_text(packed).equals(packed)


def test_segments_are_read_alike_whichever_way_they_were_written(tmp_path: Path) -> None:
    frame = pl.DataFrame({"absent": [["a", "b"], []]}, schema={"absent": pl.List(pl.String)})
    frame.write_parquet(tmp_path / "list.parquet")
    names_as_text(frame).write_parquet(tmp_path / "text.parquet")
    read = [scan(tmp_path / f"{name}.parquet").collect() for name in ("list", "text")]
    assert read[0].equals(read[1])
    assert read[0]["absent"].to_list() == ["a|b", ""]
