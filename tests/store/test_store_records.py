"""Record tables in the store: each record once, KPI samples beside counters, nodes under their names."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from store_rows import MONDAY, RRC, counter_rows, keys, record, source

from collectors.records.schema import load_schemas
from collectors.store import Store, tables

pytestmark = pytest.mark.usefixtures("tier")
HOUR, WEEK = timedelta(hours=1), timedelta(weeks=1)
CELL = "460-00-100-1"
REREG = "ims_reregistration_success_ratio"
INITIAL = "ims_initial_registration_success_ratio"


def samples(kind: str, entity: str, kpi: str, **columns: object) -> pl.DataFrame:
    name = "ecgi" if kind == "cell_kpi" else "node_id"
    given: dict[str, object] = {
        name: entity,
        "kpi_id": kpi,
        "period_start": MONDAY,
        "period": 3600,
        **columns,
    }
    return record(kind, **{key: [value] for key, value in given.items()})


@pytest.mark.parametrize("kind", sorted(load_schemas()))
def test_an_empty_table_has_every_column_of_its_schema(kind: str, tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert dict(store.records(kind).collect_schema()) == load_schemas()[kind].polars_schema()


@pytest.mark.parametrize("refreshed", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_of_one_ticket_in_three_files_the_latest_state_wins_in_any_order(
    order: tuple[int, ...], refreshed: bool, tmp_path: Path
) -> None:
    states = ["received", "dispatched", "closed"]
    with Store.open(tmp_path) as store:
        for i in order:
            at = MONDAY + i * HOUR
            rows = record(
                "ticket", id=["T1"], received_at=[MONDAY], status=[states[i]], status_changed_at=[at]
            )
            store.add(source(states[i]), {"ticket": rows})
            if refreshed:
                store.refresh()
        assert store.records("ticket").collect()["status"].to_list() == ["closed"]


def test_two_versions_without_a_time_end_the_same_in_either_order(tmp_path: Path) -> None:
    found = []
    for order in ("ab", "ba"):
        with Store.open(tmp_path / order) as store:
            for name in order:
                store.add(source(name), {"cell": record("cell", ecgi=[CELL], tac=[ord(name)])})
            store.refresh()
            found.append(store.records("cell").collect()["tac"].to_list())
    assert found[0] == found[1]


def test_an_alarm_that_was_cleared_later_is_cleared(tmp_path: Path) -> None:
    base = {"id": ["A"], "alarmed_object": [CELL], "raised_at": [MONDAY]}
    with Store.open(tmp_path) as store:
        store.add(source("cleared"), {"alarm": record("alarm", **base, cleared_at=[MONDAY + HOUR])})
        store.refresh()
        store.add(source("raised"), {"alarm": record("alarm", **base)})
        store.refresh()
        assert store.records("alarm").collect()["cleared_at"].to_list() == [MONDAY + HOUR]


def test_a_call_told_again_with_another_time_is_still_one_call(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for name, at in (("a", MONDAY), ("b", MONDAY + 3 * WEEK), ("c", MONDAY + WEEK)):
            store.add(source(name), {"call": record("call", id=["C"], leg=["mo"], started_at=[at])})
            store.refresh()
        assert store.records("call").collect()["started_at"].to_list() == [MONDAY + 3 * WEEK]


def test_rows_remember_the_columns_that_their_file_did_not_have(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        rows = record("call", id=["C"], leg=["mo"], started_at=[MONDAY], absent=[["t_183", "t_180"]])
        store.add(source("a"), {"call": rows})
        store.refresh()
        assert store.records("call").collect()["absent"].to_list() == [["t_183", "t_180"]]


def test_many_calls_stay_lazy_and_are_parted_by_week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MERGE_ROWS", 0)
    with Store.open(tmp_path) as store:
        times = [MONDAY + i * WEEK for i in range(4)]
        rows = record("call", id=[str(i) for i in range(4)], leg=["mo"] * 4, started_at=times)
        store.add(source("a"), {"call": rows})
        store.refresh()
        table = store.records("call")
        assert isinstance(table, pl.LazyFrame)
        assert len(store.ledger.segments("call")) == 4
        found = table.filter(pl.col("started_at") >= times[2]).select("id").collect()
        assert found["id"].to_list() == ["2", "3"]


def test_a_sample_of_a_record_is_read_like_one_of_counters_and_counters_come_first(tmp_path: Path) -> None:
    other = "460-00-200-1"
    with Store.open(tmp_path) as store:
        for i, cell in enumerate((CELL, other)):
            given = samples("cell_kpi", cell, RRC, numerator=450.0, denominator=500.0, value=90.0)
            store.add(source(f"k{i}"), {"cell_kpi": given})
        store.add(source("pm"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        answer = store.kpi_at(keys((CELL, MONDAY), (other, MONDAY)), [RRC])
        assert answer[RRC].to_list() == pytest.approx([98.0, 90.0])
        assert answer[f"{RRC}__n"].to_list() == [800.0, 500.0]
        rows = store.kpis([other], [RRC], MONDAY, MONDAY + HOUR)
        assert rows.select("period_s", RRC, f"{RRC}__n").rows() == [(3600, 90.0, 500.0)]


def test_a_record_that_comes_after_the_counters_fills_only_what_they_leave_open(tmp_path: Path) -> None:
    drop = "erab_drop_ratio_qci1_cell"
    with Store.open(tmp_path) as store:
        store.add(source("pm"), {"counters": counter_rows([CELL], MONDAY, 4)})
        store.refresh()
        store.add(source("a"), {"cell_kpi": samples("cell_kpi", CELL, drop, denominator=400.0, value=2.0)})
        store.add(source("b"), {"cell_kpi": samples("cell_kpi", CELL, RRC, denominator=400.0, value=2.0)})
        store.refresh()
        answer = store.kpi_at(keys((CELL, MONDAY)), [drop, RRC]).row(0, named=True)
        assert (answer[drop], answer[RRC]) == (pytest.approx(2.0), pytest.approx(98.0))


def test_a_split_is_never_mixed_with_the_whole(tmp_path: Path) -> None:
    split = "imei_tac=35123456"
    with Store.open(tmp_path) as store:
        whole = samples("node_kpi", "SCSCF-1", REREG, denominator=1000.0, value=99.0)
        part = samples("node_kpi", "SCSCF-1", REREG, denominator=200.0, value=40.0, split=split)
        store.add(source("a"), {"node_kpi": pl.concat([whole, part])})
        store.refresh()
        answer = store.kpi_at(keys(("SCSCF-1", MONDAY)), [REREG, f"{REREG}[{split}]"]).row(0, named=True)
        assert answer[REREG] == pytest.approx(99.0)
        assert answer[f"{REREG}[{split}]"] == pytest.approx(40.0)


@pytest.mark.parametrize("inventory_first", [True, False])
def test_samples_of_a_node_carry_its_id_whatever_name_they_use(inventory_first: bool, tmp_path: Path) -> None:
    node = record(
        "node", node_id=["SCSCF-3"], node_type=["scscf"], names=[["sip:scscf3.ims.example.net", "S3"]]
    )
    written = "SIP:SCSCF3.ims.example.net:5060;lr"
    given = samples("node_kpi", written, REREG, denominator=1000.0, value=97.0)
    files = [("node", {"node": node}), ("kpi", {"node_kpi": given})]
    with Store.open(tmp_path) as store:
        for name, frames in files if inventory_first else reversed(files):
            store.add(source(name), frames)
            store.refresh()
        answer = store.kpi_at(keys(("SCSCF-3", MONDAY), (written, MONDAY)), [REREG])
        assert answer[REREG].to_list() == [pytest.approx(97.0), None]
        assert store.kpis(["SCSCF-3"], [REREG], MONDAY, MONDAY + HOUR)[REREG].to_list() == [97.0]


def test_a_network_kpi_sums_the_nodes_of_its_type_and_no_others(tmp_path: Path) -> None:
    nodes = record(
        "node",
        node_id=["S1", "S2", "P1"],
        node_type=["scscf", "scscf", "pcscf"],
        names=[["S1"], ["S2"], ["P1"]],
    )
    given = [
        samples("node_kpi", name, INITIAL, numerator=good, denominator=total, value=100 * good / total)
        for name, good, total in (("S1", 90.0, 100.0), ("S2", 900.0, 900.0), ("P1", 0.0, 5000.0))
    ]
    with Store.open(tmp_path) as store:
        store.add(source("n"), {"node": nodes})
        store.add(source("k"), {"node_kpi": pl.concat([given[0], given[2]])})
        store.refresh()
        assert store.hourly(["network"], [INITIAL])[INITIAL].to_list() == pytest.approx([90.0])
        store.add(source("late"), {"node_kpi": given[1]})
        store.refresh()
        rows = store.hourly(["network"], [INITIAL])
        assert rows[INITIAL].to_list() == pytest.approx([99.0])
        assert rows[f"{INITIAL}__n"].to_list() == [1000.0]


def test_reading_a_store_gives_the_same_rows_whatever_the_order_of_its_files(tmp_path: Path) -> None:
    files = {
        "a": {"counters": counter_rows([CELL], MONDAY, 4)},
        "b": {"cell_kpi": samples("cell_kpi", CELL, RRC, denominator=500.0, value=90.0)},
        "c": {"counters": counter_rows(["460-00-200-1"], MONDAY + HOUR, 4)},
        "d": {"cell": record("cell", ecgi=[CELL], tac=[1])},
    }
    contents = []
    for i, order in enumerate(("abcd", "dcba")):
        with Store.open(tmp_path / str(i)) as store:
            for name in order:
                store.add(source(name), files[name])
                if i:
                    store.refresh()
            store.refresh()
            frames = [store.counters(), store.hourly(None, [RRC]), store.records("cell").collect()]
            contents.append([frame.write_json() for frame in frames])
    assert contents[0] == contents[1]
