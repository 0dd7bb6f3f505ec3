"""Each row is good or stands in the report with line, field and reason; nothing is dropped."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import KINDS, example_row, load_rows, required_row

from collectors.errors import ConfigError
from collectors.records.schema import load_schemas


def value_of(tmp_path: Path, kind: str, field: str, text: str, **options: object) -> object:
    """The stored value of one field written as `text`; the row must be good."""
    loaded = load_rows(tmp_path, [example_row(kind, **{field: text})], **options)
    assert loaded.bad.is_empty(), loaded.bad
    return loaded.good[field].to_list()[0]


def refusal_of(tmp_path: Path, kind: str, field: str, text: str) -> str:
    """The reason why the row was refused; the row must be bad by this field."""
    loaded = load_rows(tmp_path, [example_row(kind), example_row(kind, **{field: text})])
    assert loaded.counts["bad_rows"] == 1
    assert field in loaded.bad["field"].to_list()
    row = loaded.bad.row(loaded.bad["field"].to_list().index(field), named=True)
    assert row["line"] == 3
    return str(row["reason"])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-11T09:42:00+08:00", datetime(2024, 3, 11, 1, 42, tzinfo=UTC)),
        ("2024-03-11T01:42:00Z", datetime(2024, 3, 11, 1, 42, tzinfo=UTC)),
        ("2024-03-11t01:42:00z", datetime(2024, 3, 11, 1, 42, tzinfo=UTC)),
        ("2024-03-11 09:42:00+08:00", datetime(2024, 3, 11, 1, 42, tzinfo=UTC)),
        ("2024-03-11T09:42:00.250+08:00", datetime(2024, 3, 11, 1, 42, 0, 250_000, tzinfo=UTC)),
        ("2024-03-11T09:42:00.123456789-03:30", datetime(2024, 3, 11, 13, 12, 0, 123_456, tzinfo=UTC)),
        (" 2024-03-11T01:42:00Z ", datetime(2024, 3, 11, 1, 42, tzinfo=UTC)),
    ],
)
def test_rfc_3339_times_become_utc(text: str, moment: datetime, tmp_path: Path) -> None:
    assert value_of(tmp_path, "alarm", "raised_at", text) == moment


@pytest.mark.parametrize("text", ["2024-03-11T09:42:00", "2024-03-11 09:42:00", "2024-03-11T09:42:00.000"])
def test_a_time_without_an_offset_uses_the_zone_and_is_counted(text: str, tmp_path: Path) -> None:
    rows = [example_row("alarm", id=name, raised_at=text) for name in "ab"]
    loaded = load_rows(tmp_path, [*rows, example_row("alarm", id="c")], zone="Asia/Shanghai")
    assert loaded.good["raised_at"][0] == datetime(2024, 3, 11, 1, 42, tzinfo=UTC)
    assert loaded.counts["naive_times"] == 2


def test_of_a_doubled_hour_the_first_is_taken_and_a_left_out_hour_is_refused(tmp_path: Path) -> None:
    rows = [
        required_row("alarm", id="autumn", raised_at="2024-10-27T02:30:00"),
        required_row("alarm", id="spring", raised_at="2024-03-31T02:30:00"),
    ]
    loaded = load_rows(tmp_path, rows, zone="Europe/Berlin")
    assert loaded.good.select("id", "raised_at").rows() == [
        ("autumn", datetime(2024, 10, 27, 0, 30, tzinfo=UTC))
    ]
    assert loaded.bad.select("line", "field").rows() == [(3, "raised_at")]


def test_an_unknown_zone_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Mars"):
        load_rows(tmp_path, [example_row("alarm")], zone="Mars/Olympus")


@pytest.mark.parametrize(
    "text", ["11.03.2024", "2024-03-11", "2024-13-11T00:00:00Z", "now", "1710121320", "2024-03-11T25:00:00Z"]
)
def test_what_is_no_time_is_refused(text: str, tmp_path: Path) -> None:
    assert "RFC 3339" in refusal_of(tmp_path, "alarm", "raised_at", text)


@pytest.mark.parametrize(
    ("kind", "field", "text", "value"),
    [
        ("cell", "tac", "3.0", 3),
        ("cell", "tac", " 65535 ", 65535),
        ("cell", "pci", "0", 0),
        ("cell", "a2_threshold", "-110", -110),
        ("cell", "sr_period", "40", 40),
        ("cell", "bandwidth", "1.4", 1.4),
        ("cell", "bandwidth", "20.0", 20.0),
        ("cell", "pdcp_discard_timer_qci1", "infinity", 2147483647),
        ("cell", "pdcp_discard_timer_qci1", "100", 100),
        ("cell", "longitude", "1.027e2", 102.7),
        ("cell", "volte_enabled", "TRUE", True),
        ("cell", "volte_enabled", "0", False),
        ("cell", "volte_enabled", "1", True),
        ("cell", "csfb_gsm_arfcns", "62; 74 ;512", [62, 74, 512]),
        ("cell", "csfb_gsm_arfcns", "62", [62]),
        ("cell", "volte_enabled", "", None),
        ("cell", "pci", "  ", None),
        ("ticket", "status", "Dispatched", "dispatched"),
        ("ticket", "direction", "mo", "MO"),
        ("device_model", "codecs", "AMR;EVS;", ["AMR", "EVS"]),
        (
            "call",
            "reasons",
            '[{"cause":"503","protocol":"SIP"}]',
            '[{"protocol": "SIP", "cause": 503, "text": null}]',
        ),
        (
            "call",
            "reasons",
            '{"protocol":"Q.850","cause":16.0,"text":"ok"}',
            '[{"protocol": "Q.850", "cause": 16, "text": "ok"}]',
        ),
        ("call", "reasons", "[]", "[]"),
        ("call", "codec", "G.729", "G.729"),
    ],
)
def test_usual_spellings_are_read(kind: str, field: str, text: str, value: object, tmp_path: Path) -> None:
    assert value_of(tmp_path, kind, field, text) == value


@pytest.mark.parametrize(
    ("kind", "field", "text", "told"),
    [
        ("cell", "tac", "65536", "from 0 to 65535"),
        ("cell", "tac", "-1", "from 0 to 65535"),
        ("cell", "tac", "3.5", "whole number"),
        ("cell", "tac", "99999999999999999999", "whole number"),
        ("cell", "tac", "nan", "whole number"),
        ("cell", "latitude", "inf", "a number"),
        ("cell", "latitude", "25,04", "a number"),
        ("cell", "rrc_user_limit", "0", "above 0"),
        ("cell", "bandwidth", "7", "1.4, 3, 5, 10, 15, 20"),
        ("cell", "sr_period", "41", "5, 10, 20, 40, 80"),
        ("cell", "ecgi", "4600034567802", "460-00-345678-2"),
        ("cell", "volte_enabled", "yes", "true or false"),
        ("cell", "csfb_gsm_arfcns", "62;x", "whole numbers joined"),
        ("cell", "csfb_gsm_arfcns", ";", "whole numbers joined"),
        ("ticket", "latitude", "90.1", "from -90 to 90"),
        ("ticket", "star_level", "8", "from 0 to 7"),
        ("ticket", "status", "lost", "received, entered"),
        ("ticket", "imei", "1234", "imei"),
        ("ticket", "msisdn", "none of your business", "msisdn"),
        ("subscriber", "imsi", "46000", "imsi"),
        ("subscriber", "call_forwarding", "CFU;XYZ", "CFU"),
        ("voice_slice", "length", "9", "from 5 to 8"),
        ("voice_slice", "mos", "5.1", "from 1 to 5"),
        ("node_kpi", "period", "60", "300, 900, 3600"),
        ("call", "final_status", "20", "from 100 to 699"),
        ("call", "reasons", "[1]", "JSON list"),
        ("call", "reasons", "{", "JSON list"),
        ("call", "reasons", '[{"protocol":5}]', "JSON list"),
        ("call", "reasons", '[{"cause":1e400}]', "JSON list"),
        ("call", "reasons", '[{"text":"\\ud800"}]', "JSON list"),
        ("call", "reasons", "[" * 50_000, "JSON list"),
        ("registration", "third_party_results", '[{"as":"x","status":true}]', "JSON list"),
    ],
)
def test_a_value_outside_the_definition_is_refused_with_what_was_expected(
    kind: str, field: str, text: str, told: str, tmp_path: Path
) -> None:
    assert told in refusal_of(tmp_path, kind, field, text)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_key_value_is_refused(kind: str, tmp_path: Path) -> None:
    for field in load_schemas()[kind].fields:
        if field.must_be_filled:
            assert refusal_of(tmp_path, kind, field.name, " ") == "must not be empty"


@pytest.mark.parametrize(
    ("kind", "field", "text", "told"),
    [
        ("ticket", "entered_at", "2024-03-11T09:41:59+08:00", "not be before received_at"),
        ("change", "planned_end", "2024-03-11T00:30:00+08:00", "later than planned_start"),
        ("voice_slice", "silence", "5.5", "more than length"),
    ],
)
def test_values_in_the_wrong_order_are_refused(
    kind: str, field: str, text: str, told: str, tmp_path: Path
) -> None:
    assert told in refusal_of(tmp_path, kind, field, text)


def test_every_bad_field_of_a_row_is_told_and_the_row_counted_once(tmp_path: Path) -> None:
    loaded = load_rows(
        tmp_path, [example_row("cell", tac="x", pci="9999", sr_period="1"), example_row("cell")]
    )
    assert loaded.bad["field"].to_list() == ["tac", "pci", "sr_period"]
    assert set(loaded.bad["line"]) == {2}
    assert (loaded.counts["bad_rows"], loaded.counts["stored"]) == (1, 1)


def test_of_rows_with_one_key_the_last_line_stays_and_the_others_are_counted(tmp_path: Path) -> None:
    rows = [
        example_row("cell", tac="1"),
        example_row("cell", ecgi="460-00-9-1"),
        example_row("cell", tac="3"),
    ]
    loaded = load_rows(tmp_path, rows)
    assert dict(loaded.good.select("ecgi", "tac").rows()) == {"460-00-345678-2": 3, "460-00-9-1": 9811}
    assert (loaded.counts["stored"], loaded.counts["duplicates"]) == (2, 1)


def test_members_that_a_list_of_objects_does_not_know_are_counted(tmp_path: Path) -> None:
    text = '[{"protocol":"SIP","cause":1,"text":"","x":1,"y":2}]'
    rows = [example_row("call", id=name, reasons=text) for name in "ab"]
    loaded = load_rows(tmp_path, rows)
    assert loaded.counts["unknown_members"] == 4
    assert "x" not in loaded.good["reasons"][0].replace("text", "")


def test_a_long_value_is_cut_in_the_report(tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [example_row("cell", vendor="v", tac="z" * 5000)])
    assert loaded.bad["value"].str.len_chars().to_list() == [80]


CELL_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_rows_of_any_text_end_stored_or_refused_and_the_counts_add_up(kind: str, data: st.DataObject) -> None:
    columns = data.draw(st.lists(st.sampled_from(load_schemas()[kind].field_names), max_size=4, unique=True))
    rows = [
        example_row(kind, **{column: data.draw(CELL_TEXT) for column in columns})
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_rows(Path(folder), rows)
    counts = loaded.counts
    assert counts["rows"] == len(rows) == counts["stored"] + counts["duplicates"] + counts["bad_rows"]
    assert counts["bad_rows"] == loaded.bad["line"].n_unique()
    assert dict(loaded.good.schema) == load_schemas()[kind].polars_schema()
