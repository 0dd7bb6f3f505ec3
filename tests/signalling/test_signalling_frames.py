"""Frames of rows: what a row could not know stays unknown on its way to the sink."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from collectors.signalling.frames import by_seen_columns, frame_of, joined

AT = datetime(2026, 3, 1, tzinfo=UTC)
CALL = {"id": "a", "icid": None, "leg": "mo", "started_at": AT}


def seen(frames: dict[str, pl.DataFrame]) -> dict[str, set[str]]:
    return {row["id"]: set(frame.columns) for _, frame in by_seen_columns(frames) for row in frame.to_dicts()}


def test_an_empty_field_is_there_and_an_absent_one_is_not() -> None:
    rows = [{**CALL, "t_end": None}, {**CALL, "id": "b"}]
    assert seen({"call": frame_of("call", rows)}) == {
        "a": {"id", "icid", "leg", "started_at", "t_end"},
        "b": {"id", "icid", "leg", "started_at"},
    }


def test_rows_that_saw_the_same_are_one_plain_frame() -> None:
    frame = frame_of("call", [CALL, {**CALL, "id": "b"}])
    assert "absent" not in frame.columns
    assert [part.height for _, part in by_seen_columns({"call": frame})] == [2]


def test_joining_frames_keeps_what_each_could_not_know() -> None:
    one = {"call": frame_of("call", [CALL, {**CALL, "id": "b", "t_end": AT}])}
    other = {
        "call": frame_of("call", [{**CALL, "id": "c", "codec": "AMR"}, {**CALL, "id": "d", "codec": None}])
    }
    assert seen(joined([one, other])) == {
        "a": {"id", "icid", "leg", "started_at"},
        "b": {"id", "icid", "leg", "started_at", "t_end"},
        "c": {"id", "icid", "leg", "started_at", "codec"},
        "d": {"id", "icid", "leg", "started_at", "codec"},
    }


def test_joining_frames_of_equal_columns_is_plain() -> None:
    frames = [{"call": frame_of("call", [{**CALL, "id": name}])} for name in "ab"]
    assert joined([*frames, {}])["call"]["id"].to_list() == ["a", "b"]


def test_lists_of_objects_are_written_in_one_way() -> None:
    frame = frame_of("call", [{**CALL, "reasons": [{"text": "", "protocol": "SIP", "cause": 503}]}])
    assert frame["reasons"].item() == '[{"cause": 503, "protocol": "SIP", "text": ""}]'
    assert frame_of("call", frame.to_dicts()).equals(frame)
