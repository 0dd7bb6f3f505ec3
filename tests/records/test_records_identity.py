"""Numbers in any spelling give one pseudonym; what the clear value says is derived before it goes."""

from __future__ import annotations

import stat
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import KEY, example_row, load_rows, required_row

from collectors.errors import ConfigError
from collectors.records.access_network import home_plmn, serving_cell, tracking_area
from collectors.records.identity import Pseudonymiser, load_key, normalise_number, number_class, scrub_text
from collectors.records.key import FILE_VARIABLE, KEY_VARIABLE

PSEUDONYMISER = Pseudonymiser(KEY)


def evaluate(expr: pl.Expr, *values: str | None) -> list[object]:
    return pl.Series("x", values, pl.String).to_frame().select(expr).to_series().to_list()


@pytest.mark.parametrize(
    ("written", "normal", "kind"),
    [
        ("8613800000001", "8613800000001", "mobile"),
        ("+8613800000001", "8613800000001", "mobile"),
        ("008613800000001", "8613800000001", "mobile"),
        ("+86 138-0000-0001", "8613800000001", "mobile"),
        ("13800000001", "8613800000001", "mobile"),
        ("013800000001", "8613800000001", "mobile"),
        (" 138 0000 0001 ", "8613800000001", "mobile"),
        ("tel:+86-138-0000-0001", "8613800000001", "mobile"),
        ("sip:+8613800000001@ims.mnc000.mcc460.3gppnetwork.org", "8613800000001", "mobile"),
        ("SIP:13800000001@example.net;user=phone", "8613800000001", "mobile"),
        ('"Me" <sip:+8613800000001@example.net>;tag=1', "8613800000001", "mobile"),
        ("087168100000", "8687168100000", "fixed"),
        ("(0871) 6810-0000", "8687168100000", "fixed"),
        ("+86 0871 68100000", "8687168100000", "fixed"),
        ("010 6810 0000", "861068100000", "fixed"),
        ("8687168100000", "8687168100000", "fixed"),
        ("10086", "10086", "short_code"),
        ("110", "110", "short_code"),
        ("*86", "*86", "short_code"),
        ("4001110086", "4001110086", "short_code"),
        ("95588", "95588", "short_code"),
        ("+44 20 7946 0018", "442079460018", "international"),
        ("0085261234567", "85261234567", "international"),
        ("85261234567", "85261234567", "international"),
        ("68100000", "68100000", "unknown"),
        ("sip:alice@example.net", "alice", "unknown"),
        ("anonymous", None, None),
        ("sip:anonymous@anonymous.invalid", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_number_has_one_spelling_and_a_class(
    written: str | None, normal: str | None, kind: str | None
) -> None:
    assert evaluate(normalise_number(pl.col("x")), written) == [normal]
    assert evaluate(number_class(pl.col("x")), written) == [kind]


@settings(max_examples=80, deadline=None)
@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.sampled_from(["", "+86", "0086", "86", "0", "tel:+86"]),
)
def test_a_mobile_number_is_the_same_under_every_prefix(number: str, prefix: str) -> None:
    assert evaluate(normalise_number(pl.col("x")), prefix + number) == ["86" + number]


def test_another_country_code_does_not_take_chinese_rules() -> None:
    assert evaluate(normalise_number(pl.col("x"), "49"), "0301234567", "13800000001", "+390612345") == [
        "49301234567",
        "13800000001",
        "390612345",
    ]
    assert evaluate(number_class(pl.col("x"), "49"), "+390612345", "0301234567") == [
        "international",
        "unknown",
    ]


def test_a_pseudonym_tells_the_kind_and_depends_on_the_key() -> None:
    one = PSEUDONYMISER.pseudonym("num", "8613800000001")
    assert one.startswith("num_")
    assert one == Pseudonymiser(KEY).pseudonym("num", "8613800000001")
    assert one != Pseudonymiser(b"x" * 32).pseudonym("num", "8613800000001")
    assert one.partition("_")[2] != PSEUDONYMISER.pseudonym("imsi", "8613800000001").partition("_")[2]
    assert KEY.decode() not in repr(PSEUDONYMISER)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_a_pseudonym_never_looks_like_a_number(clear: str) -> None:
    pseudonym = PSEUDONYMISER.pseudonym("num", clear)
    assert not any(character.isdigit() for character in pseudonym)
    assert evaluate(scrub_text(pl.col("x")), pseudonym) == [pseudonym]


def test_one_number_joins_over_all_records(tmp_path: Path) -> None:
    ticket = load_rows(
        tmp_path, [example_row("ticket", msisdn="138 0000 0001", other_party_number="+8613800000001")]
    )
    call = load_rows(
        tmp_path, [example_row("call", calling_number="13800000001", called_number="tel:+8613800000001")]
    )
    subscriber = load_rows(
        tmp_path,
        [
            example_row(
                "subscriber", msisdn="008613800000001", impu="sip:+8613800000001@x.org;tel:+8613800000001"
            )
        ],
    )
    registration = load_rows(tmp_path, [example_row("registration", impu="tel:+86-138-0000-0001")])
    number = PSEUDONYMISER.pseudonym("num", "8613800000001")
    assert ticket.good.select("msisdn", "other_party_number").row(0) == (number, number)
    assert call.good.select("calling_number", "called_number").row(0) == (number, number)
    assert subscriber.good["msisdn"][0] == number
    assert subscriber.good["impu"][0].to_list() == [number, number]
    assert registration.good.select("impu", "msisdn").row(0) == (number, number)


def test_one_imsi_joins_over_all_records_and_inside_the_private_identity(tmp_path: Path) -> None:
    imsi = "460001234567890"
    rows = {"imsi": imsi, "impi": f"{imsi}@ims.mnc000.mcc460.3gppnetwork.org"}
    subscriber = load_rows(tmp_path, [example_row("subscriber", **rows)]).good
    registration = load_rows(tmp_path, [example_row("registration", **rows)]).good
    call = load_rows(tmp_path, [example_row("call", imsi=imsi)]).good
    assert subscriber["imsi"][0] == registration["imsi"][0] == call["imsi"][0]
    assert subscriber["impi"][0] == registration["impi"][0] == "impi_" + call["imsi"][0].removeprefix("imsi_")


def test_a_public_identity_made_of_the_imsi_gives_no_number(tmp_path: Path) -> None:
    imsi = "460001234567890"
    impu = f"sip:{imsi}@ims.mnc000.mcc460.3gppnetwork.org"
    row = load_rows(tmp_path, [example_row("registration", imsi=imsi, impu=impu)]).good
    assert row["msisdn"][0] is None
    assert row["impu"][0] == row["imsi"][0]


def test_an_empty_list_of_public_identities_stays_empty(tmp_path: Path) -> None:
    rows = [
        example_row("subscriber", msisdn="8613800000001", impu=""),
        example_row("subscriber", msisdn="8613800000002", impu="tel:+8613800000002"),
    ]
    loaded = load_rows(tmp_path, rows).good
    assert loaded["impu"].is_null().to_list() == [True, False]


def test_service_numbers_stay_in_clear_and_withheld_numbers_are_counted(tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [example_row("call", calling_number="anonymous", called_number="10086")])
    assert loaded.good.select("calling_number", "called_number", "called_class").row(0) == (
        None,
        "10086",
        "short_code",
    )
    assert loaded.counts["withheld_numbers"] == 1


def test_the_type_code_comes_from_the_imei_when_it_is_not_given(tmp_path: Path) -> None:
    rows = [
        example_row("ticket", id="a", imei="861234567890123", imei_tac=""),
        example_row("ticket", id="b", imei="8612345678901299", imei_tac="35000000"),
    ]
    loaded = load_rows(tmp_path, rows).good
    assert loaded["imei_tac"].to_list() == ["86123456", "35000000"]
    assert loaded["imei"][0] == loaded["imei"][1], (
        "check digit and software version are no part of the identity"
    )


def test_a_type_code_column_that_was_derived_is_not_absent(tmp_path: Path) -> None:
    row = required_row("ticket") | {"imei": "861234567890123"}
    loaded = load_rows(tmp_path, [row]).good
    assert loaded["imei_tac"].to_list() == ["86123456"]
    assert "imei_tac" not in loaded["absent"][0].to_list()


def test_the_class_of_the_other_party_and_the_home_network_are_kept(tmp_path: Path) -> None:
    ticket = load_rows(
        tmp_path, [example_row("ticket", other_party_number="0871-68100000", off_net="false")]
    ).good
    assert ticket.select("other_party_class", "off_net").row(0) == ("fixed", False)
    assert (
        load_rows(tmp_path, [example_row("call", imsi="310150123456789")]).good["home_plmn"][0] == "310-150"
    )
    assert (
        load_rows(tmp_path, [example_row("subscriber", imsi="460110123456789")]).good["home_plmn"][0]
        == "460-11"
    )


def test_home_plmn_needs_an_imsi() -> None:
    assert evaluate(home_plmn(pl.col("x")), "12345", None, "460000000000001") == [None, None, "460-00"]


@pytest.mark.parametrize(
    ("header", "cell", "area"),
    [
        ("3GPP-E-UTRAN-TDD; utran-cell-id-3gpp=4600026535464E02", "460-00-345678-2", 9811),
        (
            '3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="310150265354' + '64e02";network-provided',
            "310-150-345678-2",
            9811,
        ),
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=46000ffff0000000", "460-00-0-0", 65535),
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=46000", None, None),
        ("IEEE-802.11;i-wlan-node-id=aabbccddeeff", None, None),
    ],
)
def test_the_serving_cell_is_read_from_the_access_header(
    header: str, cell: str | None, area: int | None
) -> None:
    assert evaluate(serving_cell(pl.col("x")), header) == [cell]
    assert evaluate(tracking_area(pl.col("x")), header) == [area]


@pytest.mark.parametrize(
    ("kind", "cell", "area"), [("registration", "ecgi", "tac"), ("call", "first_ecgi", "first_tac")]
)
def test_the_access_header_fills_an_empty_cell_and_never_a_given_one(
    kind: str, cell: str, area: str, tmp_path: Path
) -> None:
    header = "3GPP-E-UTRAN-TDD; utran-cell-id-3gpp=4600026535464E02"
    rows = [
        example_row(kind, id="empty", p_access_network_info=header, **{cell: "", area: ""}),
        example_row(kind, id="given", p_access_network_info=header, **{cell: "460-00-1-1", area: "7"}),
    ]
    found = load_rows(tmp_path, rows).good.sort("id").select(cell, area).rows()
    assert found == [("460-00-345678-2", 9811), ("460-00-1-1", 7)]


def test_the_key_comes_from_the_environment_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "k" * 16)
    assert load_key() == b"k" * 16


def test_a_named_key_file_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"a key of enough bytes\n")
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "key"))
    assert load_key() == b"a key of enough bytes"


def test_a_named_key_file_that_is_not_there_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "none"))
    with pytest.raises(ConfigError) as caught:
        load_key()
    assert str(tmp_path / "none") in str(caught.value)


def test_a_short_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "tooshort")
    with pytest.raises(ConfigError) as caught:
        load_key()
    assert "tooshort" not in str(caught.value)


def test_the_users_own_key_is_made_once_for_the_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    first = load_key()
    path = tmp_path / ".config/callcause/pseudonym.key"
    assert len(first) >= 32
    assert load_key() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["pseudonym.key"]


def test_a_home_that_cannot_hold_a_key_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".config").write_text("a file where a folder should be", encoding="utf-8")
    monkeypatch.delenv(KEY_VARIABLE)
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError):
        load_key()
