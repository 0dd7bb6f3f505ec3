"""The kind of a table is known by its header alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_samples import KINDS, example_row, load_rows, required_row, write_csv

from collectors.errors import BadFile
from collectors.records.schema import load_schemas
from collectors.records.table import read_table, recognise


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_header_is_recognised(kind: str) -> None:
    assert recognise(list(example_row(kind))) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_the_required_columns_alone_are_recognised(kind: str) -> None:
    assert recognise(list(required_row(kind))) == kind


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_required_and_any_other_columns_in_any_order_are_recognised(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(KINDS))
    schema = load_schemas()[kind]
    optional = [name for name in schema.field_names if name not in schema.required_columns]
    some = data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []
    strangers = data.draw(st.sampled_from([[], ["remark"], ["remark", "备注"]]))
    header = data.draw(st.permutations([*schema.required_columns, *some, *strangers]))
    assert recognise(header) == kind


def test_case_and_blanks_of_column_names_do_not_matter() -> None:
    assert recognise([" ECGI ", "Tac", "PCI"]) == "cell"


def test_a_cell_table_with_columns_of_other_records_stays_a_cell_table() -> None:
    assert recognise(["ecgi", "tac", "region", "latitude", "longitude"]) == "cell"


def test_a_missing_required_column_is_named_with_the_column_that_looks_like_it() -> None:
    header = ["id", "received_at", "msisdn", "occured_at", "description", "ecgi", "tac", "category"]
    with pytest.raises(BadFile) as caught:
        recognise(header, file="tickets.csv")
    assert caught.value.code == "wrong_columns"
    assert caught.value.key == "occurred_at"
    assert "ticket" in str(caught.value)
    assert "occured_at" in str(caught.value)
    assert str(caught.value).startswith("tickets.csv:1")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if len(load_schemas()[kind].required_columns) > 4])
def test_every_missing_required_column_of_a_wide_table_is_named(kind: str) -> None:
    for missing in load_schemas()[kind].required_columns:
        header = [name for name in example_row(kind) if name != missing]
        with pytest.raises(BadFile) as caught:
            recognise(header)
        assert (caught.value.code, caught.value.key) == ("wrong_columns", missing)


def test_a_header_of_nothing_known_is_refused() -> None:
    with pytest.raises(BadFile) as caught:
        recognise(["name", "price", "colour"])
    assert caught.value.code == "wrong_columns"


def test_a_header_between_two_records_is_refused() -> None:
    both = [*load_schemas()["device_model"].required_columns, *load_schemas()["subscriber"].required_columns]
    with pytest.raises(BadFile, match="device_model or subscriber"):
        recognise(both)


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("ecgi,tac,TAC\n460-00-1-1,1,1\n", encoding="utf-8")
    with pytest.raises(BadFile, match="twice"):
        read_table(tmp_path / "t.csv")


def test_unknown_columns_are_kept_out_and_named(tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [required_row("cell", remark="x", 备注="y")])
    assert loaded.unknown_columns == ("remark", "备注")
    assert loaded.counts["unknown_columns"] == 2
    assert "remark" not in loaded.good.columns


def test_columns_that_the_file_did_not_have_are_listed_in_every_row(tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [required_row("cell", ecgi=f"460-00-{n}-1") for n in (1, 2)])
    expected = [name for name in load_schemas()["cell"].field_names if name not in ("ecgi", "tac")]
    assert loaded.good["absent"].to_list() == [expected, expected]


def test_a_file_without_a_header_does_not_show_its_values(tmp_path: Path) -> None:
    row = example_row("ticket", msisdn="8613899887766", imei="861234567890123")
    path = tmp_path / "t.csv"
    path.write_text(",".join(value for value in row.values() if "," not in value) + "\n", encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        read_table(path)
    assert "99887766" not in str(caught.value)
    assert "8612345678" not in str(caught.value)


def test_a_table_read_raw_keeps_the_text_and_the_lines(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", [required_row("cell", tac="007"), required_row("cell", tac="x")])
    table = read_table(path, zone="Asia/Shanghai")
    assert (table.kind, table.zone) == ("cell", "Asia/Shanghai")
    assert table.raw["tac"].to_list() == ["007", "x"]
    assert table.raw["__line"].to_list() == [2, 3]
