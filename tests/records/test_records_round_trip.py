"""Every record, every field filled, is read the same from CSV, gzip, string and typed Parquet."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from record_samples import KINDS, example_row, load, load_rows, required_row, write_csv

from collectors.errors import BadFile
from collectors.records.identity import Pseudonymiser
from collectors.records.pipeline import load_records
from collectors.records.schema import load_schemas
from collectors.records.table import read_table
from collectors.records.validation import validate


def typed(kind: str, row: dict[str, str]) -> pl.DataFrame:
    """The row in the types that a typed Parquet file would have."""
    columns = []
    for field in load_schemas()[kind].fields:
        text = pl.Series(field.name, [row[field.name] or None], pl.String)
        match field.type:
            case "datetime":
                columns.append(text.str.to_datetime("%+", time_unit="ns", time_zone="UTC", strict=False))
            case "integer" | "float":
                columns.append(text.cast(pl.Float64 if field.type == "float" else pl.Int32))
            case "boolean":
                columns.append(text.replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean))
            case "enum":
                columns.append(text.cast(pl.Categorical))
            case "list_string":
                columns.append(text.str.split(";"))
            case "list_integer":
                columns.append(text.str.split(";").cast(pl.List(pl.Int64)))
            case "list_object":
                items = json.loads(text[0]) if text[0] else None
                columns.append(pl.Series(field.name, [items]) if items else text)
            case _:
                columns.append(text)
    return pl.DataFrame(columns)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_row_of_csv_is_stored_in_the_types_of_the_schema(kind: str, tmp_path: Path) -> None:
    row = example_row(kind)
    loaded = load_rows(tmp_path, [row])
    assert loaded.kind == kind
    assert loaded.bad.is_empty()
    assert dict(loaded.good.schema) == load_schemas()[kind].polars_schema()
    filled = {name for name, value in row.items() if value}
    found = {name for name, value in loaded.good.row(0, named=True).items() if value is not None}
    assert filled <= found
    assert loaded.counts["rows"] == loaded.counts["stored"] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_required_columns_alone_are_enough(kind: str, tmp_path: Path) -> None:
    loaded = load_rows(tmp_path, [required_row(kind)])
    assert loaded.counts["stored"] == 1
    assert dict(loaded.good.schema) == load_schemas()[kind].polars_schema()


@pytest.mark.parametrize("kind", KINDS)
def test_gzip_and_parquet_give_the_same_rows_as_csv(kind: str, tmp_path: Path) -> None:
    row = example_row(kind)
    plain = write_csv(tmp_path / "plain", [row])
    (tmp_path / "zipped").write_bytes(gzip.compress(plain.read_bytes()))
    pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).write_parquet(tmp_path / "strings")
    typed(kind, row).write_parquet(tmp_path / "typed")
    expected = load(plain).good
    for name in ("zipped", "strings", "typed"):
        assert_frame_equal(load(tmp_path / name).good, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_alone_is_zero_rows_stored_and_counted(kind: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(",".join(example_row(kind)) + "\n", encoding="utf-8")
    loaded = load(tmp_path / "t")
    assert (loaded.counts["rows"], loaded.counts["stored"], loaded.good.height) == (0, 0, 0)
    assert dict(loaded.good.schema) == load_schemas()[kind].polars_schema()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_parquet_table_is_zero_rows(kind: str, tmp_path: Path) -> None:
    pl.DataFrame(schema=dict.fromkeys(example_row(kind), pl.String)).write_parquet(tmp_path / "t")
    loaded = load(tmp_path / "t")
    assert (loaded.kind, loaded.counts["rows"]) == (kind, 0)
    assert dict(loaded.good.schema) == load_schemas()[kind].polars_schema()


@pytest.mark.parametrize("kind", KINDS)
def test_validate_gives_all_schema_columns_and_the_absent_list(kind: str, tmp_path: Path) -> None:
    table = read_table(write_csv(tmp_path / "t", [required_row(kind)]))
    checked = validate(table, load_schemas()[kind])
    assert set(load_schemas()[kind].polars_schema()) <= set(checked.good.columns)
    assert checked.good["absent"].to_list() == [list(table.absent_columns)]


def test_bad_rows_of_parquet_carry_their_row_number(tmp_path: Path) -> None:
    rows = [required_row("cell", ecgi=f"460-00-{n}-1", tac="x" if n == 3 else "1") for n in range(1, 6)]
    pl.DataFrame(rows).write_parquet(tmp_path / "t")
    loaded = load(tmp_path / "t")
    assert loaded.bad.select("line", "field", "value").rows() == [(3, "tac", "x")]
    assert loaded.counts["stored"] == 4


def test_naive_parquet_times_use_the_zone_and_are_counted(tmp_path: Path) -> None:
    row = required_row("alarm", raised_at="2024-03-11T08:00:00", cleared_at="")
    frame = pl.DataFrame([row]).with_columns(pl.col("raised_at").str.to_datetime())
    frame.write_parquet(tmp_path / "t")
    loaded = load(tmp_path / "t", zone="Asia/Shanghai")
    assert loaded.good["raised_at"][0].isoformat() == "2024-03-11T00:00:00+00:00"
    assert loaded.counts["naive_times"] == 1


@pytest.mark.parametrize("keep", [0, 4, 11, 200, -1])
def test_a_cut_parquet_file_is_refused(keep: int, tmp_path: Path) -> None:
    pl.DataFrame([example_row("cell")]).write_parquet(tmp_path / "t")
    whole = (tmp_path / "t").read_bytes()
    (tmp_path / "t").write_bytes(whole[:keep])
    with pytest.raises(BadFile) as caught:
        load(tmp_path / "t")
    assert caught.value.code in {"damaged_parquet", "empty_file"}


def test_a_long_table_is_the_same_whatever_the_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [example_row("call", id=f"C{n}", rsrp_last=str(-60 - n % 90)) for n in range(400)]
    path = write_csv(tmp_path / "t", rows)
    whole = load(path)
    monkeypatch.setattr(
        "collectors.records.csv_source.CsvSource.__init__.__kwdefaults__", {"piece_bytes": 5000}
    )
    pieces = load(path)
    assert whole.counts["bad_rows"] > 0
    assert pieces.counts == whole.counts
    assert_frame_equal(pieces.good, whole.good)
    assert_frame_equal(pieces.bad, whole.bad)


def test_the_same_file_and_key_give_the_same_rows_and_another_key_others(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t", [example_row("call")])
    assert_frame_equal(load(path).good, load(path).good)
    other = load_records(path, pseudonymiser=Pseudonymiser(b"another key of some length")).good
    assert other["imsi"][0] != load(path).good["imsi"][0]
