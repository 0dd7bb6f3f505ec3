"""What blocks become: wide counter rows under 3GPP names, and kept rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pm_samples import END, compact, document, info, keyed, saved

from collectors.pm import read_blocks
from collectors.pm.counter_map import CounterMaps, load_maps
from collectors.pm.counters import KEPT_SCHEMA, WIDE_SCHEMA, CounterRows, counter_row_batches, counter_rows
from collectors.pm.objects import ObjectMatcher, no_inventory

ADD_ATT, ADD_SUCC, CONN = "ERAB.EstabAddAttNbr.1", "ERAB.EstabAddSuccNbr.1", "RRC.ConnEstabAtt.sum"
WANTED = (ADD_ATT, ADD_SUCC, CONN, "DRB.PdcpSduLossRateUl.1", "ERAB.RelActNbr.1", "RRU.CellUnavailableTime",
          "ERAB.EstabInitFailNbr.*")  # fmt: skip
ERICSSON = '<fileHeader vendorName="Ericsson AB"/>'


@pytest.fixture(scope="module")
def maps() -> CounterMaps:
    return load_maps()


def rows_of(folder: Path, maps: CounterMaps, text: str, matcher: ObjectMatcher | None = None) -> CounterRows:
    return counter_rows(read_blocks(saved(folder, text)), maps, matcher or no_inventory(maps), WANTED)


def job(name: str, end: str = END) -> str:
    return f'<job jobId="{name}"/><granPeriod duration="PT900S" endTime="{end}"/>'


def test_wanted_counters_stand_in_wide_rows_and_others_are_kept(tmp_path: Path, maps: CounterMaps) -> None:
    rows = rows_of(tmp_path, maps, document(info(keyed([ADD_ATT, "Vendor.X"], {"C=1": ["10", "7"]}))))
    assert rows.wide.schema == {**WIDE_SCHEMA, ADD_ATT: pl.Float64}
    assert rows.wide.row(0) == (
        "unmatched:ManagedElement=1/C=1",
        "other",
        datetime(2024, 3, 11, 1, tzinfo=UTC),
        900,
        10.0,
    )
    assert rows.kept.schema == KEPT_SCHEMA
    assert rows.kept.select("job", "counter", "value", "suspect").row(0) == ("j1", "Vendor.X", 7.0, False)
    assert rows.unmapped_counts == {"Vendor.X": 1}
    assert rows.vendors == ("VendorA",)


@pytest.mark.parametrize(
    "written", ["ERAB.EstabAddAttNbr.QCI1", "erab.EstabAddAttNbr.1", "ERAB.EstabAddAttNbr_QCI_1"]
)
def test_spellings_of_a_wanted_name_are_that_counter(tmp_path: Path, maps: CounterMaps, written: str) -> None:
    rows = rows_of(tmp_path, maps, document(info(keyed([written], {"C=1": ["3"]}))))
    assert rows.wide[ADD_ATT].to_list() == [3]


def test_patterns_take_the_counters_of_a_family(tmp_path: Path, maps: CounterMaps) -> None:
    rows = rows_of(
        tmp_path, maps, document(info(keyed(["ERAB.EstabInitFailNbr.Transport", "X"], {"C": ["3", "1"]})))
    )
    assert rows.wide["ERAB.EstabInitFailNbr.Transport"].to_list() == [3]


def test_meas_infos_of_one_object_and_period_become_one_row(tmp_path: Path, maps: CounterMaps) -> None:
    text = document(
        info(keyed([ADD_ATT], {"C=1": ["10"], "C=2": ["20"]}), job("a")),
        info(compact([ADD_SUCC], {"C=2": ["19"], "C=1": ["9"]}), job("b")),
        info(keyed([CONN], {"C=1": ["5"]}), job("a", "2024-03-11T09:30:00+08:00")),
    )
    wide = rows_of(tmp_path, maps, text).wide
    assert wide.select(ADD_ATT, ADD_SUCC, CONN).rows() == [(10, 9, None), (None, None, 5), (20, 19, None)]
    assert wide["period_start"].dt.minute().to_list() == [0, 15, 0]


def test_of_two_jobs_the_first_by_name_that_has_a_value_stands_and_conflicts_are_counted(
    tmp_path: Path, maps: CounterMaps
) -> None:
    text = document(
        info(keyed([ADD_ATT], {"C=1": ["2"], "C=2": ["7"], "C=3": ["1"]}), job("z")),
        info(keyed([ADD_ATT], {"C=1": ["1"], "C=2": ["NIL"], "C=3": ["1"]}), job("a")),
    )
    rows = rows_of(tmp_path, maps, text)
    assert rows.wide[ADD_ATT].to_list() == [1, 7, 1]
    assert rows.stats["conflicting_values"] == 1


def test_an_object_written_twice_in_one_meas_info_is_one_row(tmp_path: Path, maps: CounterMaps) -> None:
    text = document(
        info(keyed([ADD_ATT, ADD_SUCC], {"C=1": ["1", ""], "C=2": ["", "5"]})).replace("C=2", "C=1")
    )
    rows = rows_of(tmp_path, maps, text)
    assert rows.wide.select(ADD_ATT, ADD_SUCC).rows() == [(1, 5)]


def test_suspect_values_are_kept_and_stand_in_no_wide_row(tmp_path: Path, maps: CounterMaps) -> None:
    text = document(info(keyed([ADD_ATT, CONN], {"C=1": ["1", "2"], "C=2": ["3", "4"]}, ["C=2"])))
    text = text.replace('<r p="1">1</r>', '<r p="1" suspect="true">1</r>')
    rows = rows_of(tmp_path, maps, text)
    assert rows.wide.select("entity", CONN).rows() == [("unmatched:ManagedElement=1/C=1", 2)]
    kept = rows.kept.select("counter", "value", "suspect").rows()
    assert sorted(kept) == [(ADD_ATT, 1, True), (ADD_ATT, 3, True), (CONN, 4, True)]
    assert rows.stats["suspect_values"] == 3


# -- vendor counters -----------------------------------------------------------------------------------------


def ericsson(folder: Path, maps: CounterMaps, counters: list[str], values: list[str]) -> CounterRows:
    return rows_of(folder, maps, document(info(keyed(counters, {"C=1": values})), header=ERICSSON))


def test_a_list_per_qci_gives_the_counter_of_each_qci_and_keeps_the_rest(
    tmp_path: Path, maps: CounterMaps
) -> None:
    rows = ericsson(
        tmp_path, maps, ["pmErabEstabSuccAddedQci", "pmErabEstabAttAddedQci"], ["0,12,3", "0,14,,4"]
    )
    assert rows.wide.select(ADD_ATT, ADD_SUCC).rows() == [(14, 12)]
    assert rows.kept.select("counter", "value").rows() == [
        ("pmErabEstabSuccAddedQci[0]", 0), ("pmErabEstabSuccAddedQci[2]", 3),
        ("pmErabEstabAttAddedQci[0]", 0), ("pmErabEstabAttAddedQci[3]", 4),
    ]  # fmt: skip
    assert not rows.unmapped_counts


@pytest.mark.parametrize(
    ("written", "value"),
    [("0", 0), ("1,1,12", 12), ("2,1,12,5,40", 12), ("1,5,40", 0), ("0,12", 12), ("0.5,12", 12)],
)
def test_a_compressed_list_is_unpacked(tmp_path: Path, maps: CounterMaps, written: str, value: float) -> None:
    rows = ericsson(tmp_path, maps, ["pmErabEstabAttAddedQci"], [written])
    assert rows.wide[ADD_ATT].to_list() == [value]


def test_a_lone_number_for_a_list_is_its_first_place_and_is_kept(tmp_path: Path, maps: CounterMaps) -> None:
    rows = ericsson(tmp_path, maps, ["pmErabEstabAttAddedQci", "pmRrcConnEstabAtt"], ["5", "1"])
    assert ADD_ATT not in rows.wide.columns
    assert rows.kept.select("counter", "value").rows() == [("pmErabEstabAttAddedQci", 5)]


def test_a_suspect_list_is_kept_whole(tmp_path: Path, maps: CounterMaps) -> None:
    text = document(info(keyed(["pmErabEstabAttAddedQci"], {"C=1": ["0,7"]}, ["C=1"])), header=ERICSSON)
    rows = rows_of(tmp_path, maps, text)
    assert rows.wide.height == 0
    assert rows.kept.select("counter", "value", "suspect").rows() == [
        ("pmErabEstabAttAddedQci[0]", 0, True), ("pmErabEstabAttAddedQci[1]", 7, True),
    ]  # fmt: skip
    assert rows.kept["target"].to_list() == [None, ADD_ATT]


def test_a_suspect_value_names_the_wanted_counter_that_it_leaves_empty(
    tmp_path: Path, maps: CounterMaps
) -> None:
    names = ["pmCellDowntimeMan", "ERAB.EstabAddAttNbr.QCI1", "x"]
    text = document(info(keyed(names, {"C=1": ["1", "2", "3"]}, ["C=1"])), header=ERICSSON)
    kept = rows_of(tmp_path, maps, text).kept
    assert kept.select("counter", "target").rows() == [
        ("pmCellDowntimeMan", "RRU.CellUnavailableTime"), ("ERAB.EstabAddAttNbr.QCI1", ADD_ATT), ("x", None),
    ]  # fmt: skip


def test_formulas_take_the_first_way_whose_counters_are_there(tmp_path: Path, maps: CounterMaps) -> None:
    both = ericsson(tmp_path, maps, ["pmRrcConnEstabAtt", "pmRrcConnEstabAttReatt"], ["10", "3"])
    assert both.wide[CONN].to_list() == [7]
    assert ericsson(tmp_path, maps, ["pmRrcConnEstabAtt"], ["10"]).wide[CONN].to_list() == [10]


def test_parts_of_a_formula_may_stand_in_different_meas_infos(tmp_path: Path, maps: CounterMaps) -> None:
    text = document(
        info(keyed(["pmCellDowntimeMan"], {"C=1": ["60"], "C=2": ["1"]}), job("a")),
        info(keyed(["pmCellDowntimeAuto"], {"C=1": ["30"]}), job("b")),
        header=ERICSSON,
    )
    assert rows_of(tmp_path, maps, text).wide["RRU.CellUnavailableTime"].to_list() == [90]


def test_a_ratio_is_parts_per_million_and_unknown_over_nothing(tmp_path: Path, maps: CounterMaps) -> None:
    names = ["pmPdcpPktLostUlQci", "pmPdcpPktReceivedUlQci", "pmPagReceived"]
    loss = "DRB.PdcpSduLossRateUl.1"
    assert ericsson(tmp_path, maps, names, ["0,1", "0,99", "1"]).wide[loss].to_list() == [10_000]
    assert loss not in ericsson(tmp_path, maps, names, ["0,0", "0,0", "1"]).wide.columns


def test_numbers_that_a_map_calls_no_value_are_none(tmp_path: Path) -> None:
    folder = tmp_path / "maps"
    folder.mkdir()
    (folder / "v.yaml").write_text(
        "name: v\nvendors: [VendorA]\nno_values: [-1]\n"
        f"counters: {{a: {ADD_ATT}, 'l[*]': ERAB.RelActNbr.*}}\n"
    )
    text = document(info(keyed(["a", "b", "l"], {"C=1": ["-1", "-1", "0,-1"], "C=2": ["4", "5", "-1,6"]})))
    rows = rows_of(tmp_path, load_maps(folder), text)
    assert rows.wide.select("entity", ADD_ATT, "ERAB.RelActNbr.1").rows() == [
        ("unmatched:ManagedElement=1/C=2", 4, 6)
    ]
    assert rows.kept.select("counter", "value").rows() == [("b", 5), ("l[0]", 0)]


# -- entities ------------------------------------------------------------------------------------------------


def test_two_objects_of_one_cell_become_one_row(tmp_path: Path, maps: CounterMaps) -> None:
    cells = pl.DataFrame({"ecgi": ["460-00-1-1"], "cell_name": ["n"], "meas_obj_ldn": ["Old=1"]})
    text = document(info(keyed([ADD_ATT], {"Old=1": ["1"]})), info(keyed([CONN], {"EUtranCellTDD=n": ["2"]})))
    rows = rows_of(tmp_path, maps, text, ObjectMatcher(cells, pl.DataFrame(), maps))
    assert rows.wide.select("entity", "entity_kind", ADD_ATT, CONN).rows() == [("460-00-1-1", "cell", 1, 2)]
    assert rows.stats["rows_of_one_entity"] == 2
    assert (rows.stats["objects_by_ldn"], rows.stats["objects_by_pattern"]) == (1, 1)


def test_objects_without_any_wanted_counter_have_no_wide_row(tmp_path: Path, maps: CounterMaps) -> None:
    rows = rows_of(
        tmp_path, maps, document(info(keyed([ADD_ATT], {"C=1": ["1"]})), info(keyed(["x"], {"C=2": ["1"]})))
    )
    assert rows.wide.height == 1
    assert rows.stats["objects_by_none"] == 2


def test_no_blocks_give_empty_frames(maps: CounterMaps) -> None:
    rows = counter_rows([], maps, no_inventory(maps), WANTED)
    assert (rows.wide.schema, rows.kept.schema) == (WIDE_SCHEMA, KEPT_SCHEMA)
    assert not rows.unmapped_counts


def test_notes_of_the_parser_are_counted(tmp_path: Path, maps: CounterMaps) -> None:
    rows = rows_of(tmp_path, maps, document(info(keyed([ADD_ATT, CONN], {"C=1": ["1", "junk"]})), header=""))
    assert (rows.stats["no_header"], rows.stats["unreadable_value"], rows.stats["values"]) == (1, 1, 1)


RESULT = st.sampled_from(["1", "0", "2.5", "", "0,3,4", "1,1,9"])
NAME = st.sampled_from([ADD_ATT, ADD_SUCC, CONN, "x", "y", "pmErabEstabAttAddedQci", "pmRrcConnEstabAtt"])
INFO = st.tuples(
    st.lists(NAME, min_size=1, max_size=4, unique=True),
    st.sets(st.sampled_from("1234"), min_size=1),
    st.sampled_from("ab"),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(INFO, min_size=1, max_size=5), st.data())
def test_every_value_ends_in_a_wide_row_or_a_kept_row(
    tmp_path_factory: pytest.TempPathFactory, infos: list, data
) -> None:
    maps = load_maps()
    parts = []
    for names, objects, job_name, suspect in infos:
        rows = {f"C={o}": [data.draw(RESULT) for _ in names] for o in sorted(objects)}
        parts.append(info(keyed(names, rows, list(rows) if suspect else ()), job(job_name)))
    text = document(*parts, info(keyed(["z"], {"Z=1": ["1"]})), header=ERICSSON)
    path = saved(tmp_path_factory.mktemp("all"), text)
    blocks = list(read_blocks(path))
    rows = counter_rows(blocks, maps, no_inventory(maps), (*WANTED, "x"))
    assert not rows.wide.select("entity", "period_start", "period_s").is_duplicated().any()
    known = {name for name in rows.wide.columns if name not in WIDE_SCHEMA}
    kept = set(rows.kept.select("entity", "counter").rows())
    for block in blocks:
        for (at, column), value in np.ndenumerate(block.values):
            entity, name = f"unmatched:{block.managed_element}/{block.objects[at]}", block.counters[column]
            if value == value and name in ("y", "z"):
                assert (entity, name) in kept
            if value == value and name == "x" and not block.suspect[at, column]:
                assert "x" in known
                assert rows.wide.filter(pl.col("entity") == entity)["x"].null_count() == 0
            if value == value and block.suspect[at, column] and "Qci" not in name:
                assert (entity, name) in kept


def test_batches_say_the_same_as_the_whole_where_objects_do_not_return(
    tmp_path: Path, maps: CounterMaps
) -> None:
    infos = [
        info(keyed([ADD_ATT, "x"], {f"C={at}-{n}": [str(n), "1"] for n in range(20)})) for at in range(6)
    ]
    path = saved(tmp_path, document(*infos))
    whole = counter_rows(read_blocks(path), maps, no_inventory(maps), WANTED)
    batches = list(counter_row_batches(read_blocks(path), maps, no_inventory(maps), WANTED, batch_values=15))
    assert len(batches) > 1
    assert pl.concat([batch.wide for batch in batches]).sort("entity").equals(whole.wide)
    assert pl.concat([batch.kept for batch in batches]).equals(whole.kept)


def test_a_batch_does_not_part_a_managed_element_while_it_is_small(tmp_path: Path, maps: CounterMaps) -> None:
    infos = [info(keyed([name], {"C=1": ["1"]})) for name in (ADD_ATT, ADD_SUCC, CONN)]
    path = saved(tmp_path, document(*infos))
    (batch,) = counter_row_batches(read_blocks(path), maps, no_inventory(maps), WANTED, batch_values=1)
    assert batch.wide.select(ADD_ATT, ADD_SUCC, CONN).rows() == [(1, 1, 1)]
