"""Every file of an ingest ends in one counted state, with its reason where it was refused."""

from __future__ import annotations

import gzip
import random
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from ingest_tree import DROP, RRC, START, content, ecgi, pm_file, write_tree

from callcause_error import UsageError
from collectors import ingest_group, ingest_pm
from collectors.errors import BadFile
from collectors.found import check_unchanged, look, recognise
from collectors.ingest import ingest
from collectors.store import FileState, Store
from collectors.store.warm import Warm


def test_a_tree_of_every_sort_of_file_is_counted_whole(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree")
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "tree"])
        assert report.states == {
            FileState.STORED: 5,
            FileState.STORED_WITH_BAD_ROWS: 1,
            FileState.QUARANTINED: 1,
            FileState.SKIPPED: 2,
        }
        assert report.files == 9
        assert report.exit_status == 3
        assert report.skipped == {"ignored truth": 1, "not data": 1}
        assert [error.code for error in report.refused] == ["truncated"]
        assert (report.bad_rows[0].line, report.bad_rows[0].field) == (5, "tac")
        assert report.unmapped == {"vendorOnly.Counter": 12}
        assert "vendorOnly.Counter" in report.unmapped_map()
        assert not report.unmatched


def test_what_was_ingested_is_known_the_second_time_and_the_status_is_that_of_the_rest(
    tmp_path: Path,
) -> None:
    tree = tmp_path / "tree"
    write_tree(tree)
    (tree / "pm" / "broken.xml").unlink()
    with Store.open(tmp_path / "store") as store:
        ingest(store, [tree])
        before = content(store)
        again = ingest(store, [tree, tree / "pm"])
        assert again.states == {FileState.KNOWN: 6, FileState.SKIPPED: 2}
        assert again.exit_status == 0
        assert content(store) == before


def test_a_truth_file_never_enters_the_store(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "anything.csv").write_text("\ufeffticket_id,cause_id\nT1,drop-missing-neighbour\n")
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "tree"])
        assert report.skipped == {"ignored truth": 1}
        assert store.ledger.files().is_empty()
    stored = b"".join(p.read_bytes() for p in (tmp_path / "store").rglob("*") if p.is_file())
    assert b"drop-missing-neighbour" not in stored


def test_the_same_bytes_under_two_names_are_stored_once(tmp_path: Path) -> None:
    text = pm_file(START, range(1, 3))
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(text)
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "a.xml", tmp_path / "b.xml"])
        assert report.states == {FileState.STORED: 1, FileState.KNOWN: 1}


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.csv", b"", "empty_file"),
        ("blank.csv", b" \n\n", "empty_file"),
        ("x.json", b'{"a": 1}', "not_recognised"),
        ("x.bin", bytes(range(256)), "not_recognised"),
        ("words.txt", b"just some words\n", "not_recognised"),
        ("other.csv", b"a,b,c\n1,2,3\n", "wrong_columns"),
        ("cut.parquet", b"PAR1 half a file", None),
        ("page.xml", b"<html><body/></html>", "wrong_root"),
        ("cut.gz", gzip.compress(b"<measCollecFile/>" * 50, mtime=0)[:40], None),
    ],
)
def test_a_file_that_is_nothing_known_is_quarantined_with_its_reason(
    name: str, data: bytes, code: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / name])
        assert report.states == {FileState.QUARANTINED: 1}
        row = store.ledger.quarantined().row(0, named=True)
        assert row["path"].endswith(name)
        assert row["code"] == code if code else row["code"]
        assert row["message"]


def test_a_path_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store, pytest.raises(UsageError, match="no such file"):
        ingest(store, [tmp_path / "nowhere"])


def test_a_store_filled_with_one_key_refuses_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path / "tree")
    with Store.open(tmp_path / "store") as store:
        ingest(store, [tmp_path / "tree"])
        monkeypatch.setenv("CALLCAUSE_PSEUDONYM_KEY", "another-key-0123456789abcdef")
        with pytest.raises(UsageError, match="pseudonym key"):
            ingest(store, [tmp_path / "tree"])


def test_pm_objects_are_found_again_when_the_inventory_comes_after_them(tmp_path: Path) -> None:
    ldn = '"ENBFunction=345678,EUtranCellTDD=Market,2"'
    text = pm_file(START, range(2, 3)).replace("EUtranCellTDD=2", "EUtranCellTDD=Market,2")
    (tmp_path / "pm.xml").write_text(text)
    (tmp_path / "cells.csv").write_text(f"ecgi,tac,meas_obj_ldn\n{ecgi(2)},1,{ldn}\n")
    with Store.open(tmp_path / "store") as store:
        first = ingest(store, [tmp_path / "pm.xml"])
        assert len(first.unmatched) == 1
        second = ingest(store, [tmp_path / "cells.csv"])
        assert (second.rematched, second.unmatched) == (1, {})
        assert store.counters()["entity"].to_list() == [ecgi(2)]
        assert store.hourly([ecgi(2)], [RRC])[RRC].to_list() == pytest.approx([99.0])


def test_the_order_of_the_files_changes_nothing(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    write_tree(tree)
    files = sorted(p for p in tree.rglob("*") if p.is_file())
    contents = []
    for seed in range(3):
        random.Random(seed).shuffle(files)
        with Store.open(tmp_path / f"store-{seed}") as store:
            for file in files:
                ingest(store, [file])
            contents.append(content(store))
    assert contents[0] == contents[1] == contents[2]


def test_worker_processes_store_what_one_process_stores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    write_tree(tree, periods=6)
    contents = []
    for processes in (1, 2):
        monkeypatch.setattr(ingest_pm, "MANY_FILES", 2)
        monkeypatch.setattr(ingest_pm, "BATCH_FILES", 2)
        with Store.open(tmp_path / str(processes)) as store:
            ingest(store, [tree], processes=processes)
            contents.append(content(store))
    assert contents[0] == contents[1]


def test_a_file_whose_later_part_is_broken_leaves_none_of_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_group, "LARGE_VALUES", 1)
    whole = pm_file(START, range(1, 20))
    (tmp_path / "a.xml").write_text(
        whole.replace("</measInfo>", "</measInfo><measInfo><nonsense></measInfo>")
    )
    (tmp_path / "b.xml").write_text(pm_file(START + timedelta(hours=1), range(1, 3)))
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path])
        assert report.states == {FileState.STORED: 1, FileState.QUARANTINED: 1}
        assert store.counters()["period_start"].to_list() == [START + timedelta(hours=1)] * 2


def test_a_suspect_value_of_a_file_is_the_reason_of_its_missing_kpi(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(pm_file(START, range(1, 2), suspect=True))
    (tmp_path / "cells.csv").write_text(f"ecgi,tac\n{ecgi(1)},1\n")
    with Store.open(tmp_path / "store") as store:
        ingest(store, [tmp_path])
        asked = pl.DataFrame({"row": [0], "entity": [ecgi(1)], "at": [START]})
        answer = store.kpi_at(asked.cast({"at": pl.Datetime("us", "UTC")}), [RRC, DROP])
        assert answer.select(f"{RRC}__why", f"{DROP}__why").row(0)[0] == "suspect"
        assert answer[RRC].to_list() == [None]


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(pm_file(START, range(1, 2)))
    _, found = look(path)
    path.write_text("<measCollecFile/>")
    with pytest.raises(BadFile, match="changed while it was read"):
        check_unchanged(path, found.stamp)


def test_progress_hears_of_every_file_once(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree")
    heard: list[tuple[int, int]] = []
    with Store.open(tmp_path / "store") as store:
        ingest(store, [tmp_path / "tree"], progress=lambda done, all_, _: heard.append((done, all_)))
    assert heard == [(i, 9) for i in range(1, 10)]


def test_hidden_files_are_no_data() -> None:
    assert recognise(Path("/x/.swp"), b"whatever") == "skip:not data"


def test_all_third_party_files_end_in_one_counted_state(third_party_data: Path, tmp_path: Path) -> None:
    files = [p for p in (third_party_data / "pm_xml").rglob("*") if p.is_file()]
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [third_party_data / "pm_xml"])
        assert report.files == len(files)
        assert report.states[FileState.STORED] >= 30
        assert all(error.code and error.file for error in report.refused)


def test_counters_that_no_map_knows_are_kept_and_found_under_their_entity(tmp_path: Path) -> None:
    text = pm_file(START, range(1, 4)).replace("RRC.ConnEstabAtt.sum", "vendorThing")
    (tmp_path / "a.xml").write_text(text)
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "a.xml"])
        assert report.unmapped["vendorThing"] == 3
        (tmp_path / "cells.csv").write_text("ecgi,tac\n" + "".join(f"{ecgi(c)},1\n" for c in range(1, 4)))
        ingest(store, [tmp_path / "cells.csv"])
        kept = store.records("counters_kept").filter(pl.col("counter") == "vendorThing").collect()
        assert sorted(kept["entity"]) == [ecgi(c) for c in range(1, 4)]
        assert kept["suspect"].to_list() == [False] * 3


def test_hourly_kpis_are_the_same_whether_rows_are_handed_over_or_read_again(tmp_path: Path) -> None:
    write_tree(tmp_path / "tree")
    found = []
    for room in (0, 1 << 30):
        with Store.open(tmp_path / f"store{room}") as store:
            store.warm = Warm(room)
            ingest(store, [tmp_path / "tree"])
            assert not list(store.warm.items())
            found.append((content(store), store.hourly(None, [RRC, DROP])))
    assert found[0][0] == found[1][0]
    assert found[0][1].height
    assert found[0][1].equals(found[1][1])
