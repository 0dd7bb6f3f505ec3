"""The record definitions are whole, consistent and refuse mistakes with their place."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from record_samples import KINDS

from collectors.errors import ConfigError
from collectors.records.schema import load_schemas, read_schema, record_field_names

FIELD_COUNTS = {
    "ticket": 60,
    "subscriber": 21,
    "device_model": 12,
    "cell": 46,
    "neighbour": 16,
    "alarm": 11,
    "change": 11,
    "registration": 52,
    "call": 96,
    "voice_slice": 23,
    "node_kpi": 9,
    "cell_kpi": 9,
    "node": 8,
    "ticket_volume": 3,
}
LIVE_FIELD_COUNTS = {"hop": 17, "node_sample": 9, "diameter_answer": 15}


def test_all_records_have_all_their_fields() -> None:
    assert {kind: len(schema.fields) for kind, schema in load_schemas().items()} == {
        **FIELD_COUNTS,
        **LIVE_FIELD_COUNTS,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_frame_of_a_record_ends_with_the_list_of_absent_columns(kind: str) -> None:
    columns = load_schemas()[kind].polars_schema()
    assert list(columns)[-1] == "absent"
    assert columns["absent"] == pl.List(pl.String)


@pytest.mark.parametrize("kind", KINDS)
def test_key_fields_are_fields_of_the_record(kind: str) -> None:
    schema = load_schemas()[kind]
    assert schema.key_fields
    assert set(schema.key_fields) <= set(schema.field_names)


@pytest.mark.parametrize("kind", KINDS)
def test_an_enumeration_always_lists_its_values(kind: str) -> None:
    for field in load_schemas()[kind].fields:
        assert bool(field.allowed) or field.type != "enum", field.name


def test_times_are_utc_microseconds_and_objects_are_text() -> None:
    columns = load_schemas()["call"].polars_schema()
    assert columns["t_100"] == pl.Datetime("us", "UTC")
    assert columns["reasons"] == pl.String
    assert columns["sdp_offered_codecs"] == pl.List(pl.String)
    assert columns["csfb_redirect_arfcns"] == pl.List(pl.Int64)


def test_field_names_carry_their_record_and_type() -> None:
    names = record_field_names()
    assert names["call.t_100"] == "datetime"
    assert names["ticket.msisdn"] == "string"
    assert names["registration.home_plmn"] == "string"
    assert len(names) == sum(FIELD_COUNTS.values()) + sum(LIVE_FIELD_COUNTS.values()) + 7


def test_every_number_and_subscriber_field_is_marked_as_identity() -> None:
    marked = {
        f"{kind}.{field.name}": field.identity
        for kind, schema in load_schemas().items()
        for field in schema.fields
        if field.identity
    }
    assert marked == {
        "ticket.msisdn": "msisdn",
        "ticket.customer_id": "customer",
        "ticket.imei": "imei",
        "ticket.other_party_number": "msisdn",
        "subscriber.msisdn": "msisdn",
        "subscriber.imsi": "imsi",
        "subscriber.impi": "impi",
        "subscriber.impu": "impu",
        "registration.imsi": "imsi",
        "registration.impi": "impi",
        "registration.impu": "impu",
        "call.calling_number": "msisdn",
        "call.called_number": "msisdn",
        "call.imsi": "imsi",
        "diameter_answer.impi": "impi",
        "diameter_answer.impu": "impu",
        "diameter_answer.imsi": "imsi",
    }


def test_the_network_number_of_srvcc_is_no_subscriber_identity() -> None:
    assert load_schemas()["subscriber"].field("stn_sr").identity is None


def test_an_empty_event_time_of_a_call_means_that_it_did_not_happen() -> None:
    call = load_schemas()["call"]
    times = [field for field in call.fields if field.name.startswith("t_")]
    assert times
    assert {field.empty_means for field in times} == {"did_not_happen"}
    assert call.field("rsrp_last").empty_means == "unknown"


def test_a_wrong_key_in_a_schema_is_refused_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(
        "record: x\ntitle: {en: X, zh: X}\nunique_by: [a]\nfields:\n  - {name: a, type: strin}\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        read_schema(path)
    assert caught.value.file == str(path)
    assert "fields.0.type" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "record: x\ntitle: {en: X, zh: X}\nunique_by: [b]\nfields:\n  - {name: a, type: string}\n",
        "record: x\ntitle: {en: X, zh: X}\nunique_by: [a]\nfields:\n"
        "  - {name: a, type: string}\n  - {name: a, type: string}\n",
        "record: [",
        "",
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        read_schema(path)
