"""S1AP causes with an offset per group are split only where the source says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from record_samples import example_row, load_rows

from collectors.errors import ConfigError
from collectors.records.s1ap import check_offsets

OFFSETS = {"RNL": 100, "TL": 200, "NAS": 300, "PROT": 400, "MISC": 500}
NONE = {
    "s1ap_group": "",
    "s1ap_cause": "",
    "erab_fail_group": "",
    "erab_fail_cause": "",
    "first_error_protocol": "",
    "first_error_code": "",
    "last_error_protocol": "",
    "last_error_code": "",
    "reasons": "",
}


def split(tmp_path: Path, **fields: str) -> dict[str, object]:
    loaded = load_rows(tmp_path, [example_row("call", **(NONE | fields))], s1ap_offsets=OFFSETS)
    assert loaded.bad.is_empty(), loaded.bad
    return loaded.good.row(0, named=True)


@pytest.mark.parametrize(
    ("value", "group", "number"),
    [("121", "RNL", 21), ("200", "TL", 0), ("303", "NAS", 3), ("505", "MISC", 5)],
)
@pytest.mark.parametrize(
    ("group_field", "field"), [("s1ap_group", "s1ap_cause"), ("erab_fail_group", "erab_fail_cause")]
)
def test_the_offset_is_taken_off_and_tells_the_group(
    group_field: str, field: str, value: str, group: str, number: int, tmp_path: Path
) -> None:
    for given in ("", group):
        row = split(tmp_path, **{field: value, group_field: given})
        assert (row[group_field], row[field]) == (group, number)


@pytest.mark.parametrize(
    ("field", "value", "given"),
    [("s1ap_cause", "121", "NAS"), ("s1ap_cause", "21", "RNL"), ("erab_fail_cause", "700", "")],
)
def test_a_value_that_contradicts_its_group_or_has_none_is_refused(
    field: str, value: str, given: str, tmp_path: Path
) -> None:
    group = {"s1ap_cause": "s1ap_group", "erab_fail_cause": "erab_fail_group"}[field]
    rows = [
        example_row("call", **(NONE | {"id": "good"})),
        example_row("call", **(NONE | {field: value, group: given})),
    ]
    loaded = load_rows(tmp_path, rows, s1ap_offsets=OFFSETS)
    assert loaded.bad.select("line", "field", "value").rows() == [(3, field, value)]
    assert (loaded.counts["stored"], loaded.counts["bad_rows"]) == (1, 1)


def test_first_and_last_error_are_split_when_their_protocol_is_s1ap(tmp_path: Path) -> None:
    row = split(
        tmp_path,
        first_error_protocol="S1AP-RNL",
        first_error_code="121",
        last_error_protocol="REASON-SIP",
        last_error_code="503",
    )
    assert (row["first_error_protocol"], row["first_error_code"]) == ("S1AP-RNL", 21)
    assert (row["last_error_protocol"], row["last_error_code"]) == ("REASON-SIP", 503)


def test_reasons_are_split_and_others_left_alone(tmp_path: Path) -> None:
    reasons = '[{"protocol":"S1AP-NAS","cause":303,"text":""},{"protocol":"SIP","cause":503,"text":""}]'
    assert '"cause": 3,' in str(split(tmp_path, reasons=reasons)["reasons"])
    assert '"cause": 503' in str(split(tmp_path, reasons=reasons)["reasons"])


def test_reasons_that_contradict_their_group_are_refused_without_their_text(tmp_path: Path) -> None:
    reasons = '[{"protocol":"S1AP-NAS","cause":121,"text":"13800000001"}]'
    loaded = load_rows(tmp_path, [example_row("call", **(NONE | {"reasons": reasons}))], s1ap_offsets=OFFSETS)
    assert loaded.bad.select("field", "value").rows() == [("reasons", "")]


def test_without_offsets_nothing_is_guessed_from_a_value(tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [example_row("call", **(NONE | {"s1ap_cause": "121", "s1ap_group": "RNL"}))])
    assert loaded.good["s1ap_cause"].to_list() == [121]


def test_a_group_column_that_the_file_lacks_is_filled(tmp_path: Path) -> None:
    row = example_row("call", **(NONE | {"s1ap_cause": "303"}))
    del row["s1ap_group"]
    loaded = load_rows(tmp_path, [row], s1ap_offsets=OFFSETS)
    assert loaded.good.select("s1ap_group", "s1ap_cause").row(0) == ("NAS", 3)
    assert "s1ap_group" not in loaded.good["absent"][0].to_list()


@pytest.mark.parametrize("offsets", [{"RRC": 100}, {"RNL": 100, "TL": 150}, {"RNL": -100}])
def test_offsets_that_cannot_be_are_refused(offsets: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        check_offsets(offsets)
