"""The files that the simulator writes are such as the collectors take in."""

from __future__ import annotations

import csv
import hashlib
import re
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from callcause.simulator import simulate
from callcause.simulator.faults import ALL
from callcause_error import UsageError
from collectors.errors import BadFile
from collectors.pm.scan import scan_blocks
from collectors.records.schema import load_schemas
from collectors.records.table import read_table
from collectors.records.validation import validate

REFERENCE = (
    "ticket",
    "subscriber",
    "device_model",
    "cell",
    "neighbour",
    "node",
    "alarm",
    "change",
    "registration",
    "call",
    "voice_slice",
    "node_kpi",
    "cell_kpi",
    "ticket_volume",
)
SPOILED = {"call.csv": "final_status", "registration.csv": "rsrp"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("network"), cells=24, days=3, tickets=40, seed=11)


def tables(folder: Path) -> list[Path]:
    return sorted(
        [*folder.glob("network/*/*.csv"), *folder.glob("network/*/*.parquet"), folder / "tickets.csv"]
    )


def pm_files(folder: Path) -> list[Path]:
    return sorted(p for p in (folder / "network" / "pm").rglob("*.xml*"))


def test_every_record_kind_of_the_reference_is_written(small: Path) -> None:
    written = {read_table(path, "UTC").kind for path in tables(small)}
    assert written == set(REFERENCE) <= set(load_schemas())


def test_tables_have_no_bad_rows_besides_the_ones_of_the_broken_probes(small: Path) -> None:
    schemas = load_schemas()
    for path in tables(small):
        table = read_table(path, "UTC")
        bad = validate(table, schemas[table.kind]).bad
        assert set(bad["field"].to_list()) <= {SPOILED.get(path.name)}, path.name
        assert bad.height == (2 if path.name in SPOILED else 0), path.name


def test_tables_use_only_fields_of_the_reference(small: Path) -> None:
    schemas = load_schemas()
    for path in tables(small):
        table = read_table(path, "UTC")
        names = {field.name for field in schemas[table.kind].fields}
        columns = (
            pl.read_parquet(path).columns if path.suffix == ".parquet" else next(csv.reader(path.open()))
        )
        assert set(columns) <= names, path.name


def test_pm_files_parse_and_only_the_cut_file_is_refused(small: Path) -> None:
    refused = []
    for path in pm_files(small):
        try:
            blocks = list(scan_blocks(path))
        except BadFile:
            refused.append(path)
            continue
        assert blocks
        assert all(b.objects and b.counters for b in blocks)
    assert len(refused) == 1


def test_pm_files_use_both_value_forms_both_roots_and_gzip(small: Path) -> None:
    plain = [p.read_text() for p in pm_files(small) if p.suffix == ".xml"]
    assert any("<measResults>" in text and "<measCollecFile" in text for text in plain)
    packed = [p for p in pm_files(small) if p.suffix == ".gz"]
    assert packed
    vendors = {b.vendor for p in packed[:6] + packed[-6:] for b in scan_blocks(p)}
    assert "VendorA" in vendors or "VendorB" in vendors


def test_pm_objects_are_those_of_the_cell_table(small: Path) -> None:
    cells = pl.read_csv(small / "network/inventory/cell.csv", infer_schema_length=None)
    known = set(cells["meas_obj_ldn"].to_list())
    for path in [p for p in pm_files(small) if "Vendor" in p.name][::17]:
        try:
            for block in scan_blocks(path):
                assert set(block.objects) <= known
        except BadFile:
            continue


def test_history_is_hourly_and_the_last_day_quarter_hourly(small: Path) -> None:
    periods: dict[str, set[int]] = {}
    for path in [p for p in pm_files(small) if "Vendor" in p.name and "late" not in p.parts]:
        if path.parent.name in ("01", "02"):
            periods.setdefault(path.parent.name, set()).update(b.period_s for b in scan_blocks(path))
    assert periods == {"01": {3600}, "02": {900}}


def test_some_values_are_suspect_and_one_counter_is_unknown_to_the_standard(small: Path) -> None:
    suspects, counters = 0, set()
    for path in pm_files(small):
        try:
            for block in scan_blocks(path):
                suspects += int(block.suspect.sum())
                counters |= set(block.counters)
        except BadFile:
            continue
    assert suspects > 0
    assert any(name.startswith("VS.") for name in counters)


def test_the_truth_lies_apart_and_covers_every_ticket(small: Path) -> None:
    truth = pl.read_csv(small / "truth.csv", infer_schema_length=0)
    tickets = pl.read_csv(small / "tickets.csv", infer_schema_length=0)
    assert sorted(truth["ticket_id"]) == sorted(tickets["id"])
    assert not list((small / "network").rglob("truth*"))
    known = {f.cause for f in ALL} | {"cannot_tell", "no_fault"}
    assert set(truth["cause_id"]) <= known


def test_no_file_for_ingest_names_a_cause(small: Path) -> None:
    causes = {f.cause for f in ALL if "-" in f.cause}
    for path in [*tables(small)]:
        text = path.read_bytes()
        assert not any(cause.encode() in text for cause in causes), path.name


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    def digest(folder: Path) -> dict[str, str]:
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    first = digest(simulate(tmp_path / "a", cells=9, days=2, tickets=12, seed=5))
    second = digest(simulate(tmp_path / "b", cells=9, days=2, tickets=12, seed=5))
    other = digest(simulate(tmp_path / "c", cells=9, days=2, tickets=12, seed=6))
    assert first == second
    assert first != other


@pytest.mark.parametrize(("name", "value"), [("cells", 2), ("days", 1), ("tickets", 0), ("seed", -1)])
def test_a_network_that_cannot_be_is_refused_by_name(tmp_path: Path, name: str, value: int) -> None:
    with pytest.raises(UsageError, match=name):
        simulate(tmp_path, **{name: value})


def test_times_carry_the_local_offset(small: Path) -> None:
    tickets = pl.read_csv(small / "tickets.csv", infer_schema_length=0)
    for text in tickets["received_at"].drop_nulls():
        assert re.search(r"\+08:00$", text)
        assert datetime.fromisoformat(text).utcoffset() is not None


def test_node_names_in_records_are_names_of_the_inventory(small: Path) -> None:
    nodes = pl.read_csv(small / "network/inventory/node.csv", infer_schema_length=0)
    known = {name.lower() for names in nodes["names"] for name in names.split(";")}
    calls = pl.read_csv(small / "network/records/call.csv", infer_schema_length=0)
    for column in ("sbc_name", "pcscf_name", "scscf_name", "mme_name", "pgw_name", "as_name", "msc_name"):
        plain = {re.sub(r"^sip:|:\d+$", "", v.lower()) for v in calls[column].drop_nulls()}
        assert plain <= known, column


def test_incomplete_tickets_lack_number_time_or_place(tmp_path: Path) -> None:
    folder = simulate(tmp_path, cells=12, days=2, tickets=150, seed=3)
    tickets = pl.read_csv(folder / "tickets.csv", infer_schema_length=0)
    truth = pl.read_csv(folder / "truth.csv", infer_schema_length=0)
    lacking = tickets.filter(
        pl.col("msisdn").is_null()
        | pl.col("occurred_at").is_null()
        | (pl.col("place_text").is_null() & pl.col("ecgi").is_null())
    )
    injected = truth.filter(pl.col("injected") == "all-ticket-incomplete")
    assert injected.height > 0
    assert sorted(lacking["id"]) == sorted(injected["ticket_id"])
