"""The ledger and the segments: nothing lost, nothing doubled, leftovers swept."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import polars as pl
import pytest
from store_rows import MONDAY, cells, counter_rows, keys, record, source

from collectors.errors import BadFile, StoreError
from collectors.store import FileState, Store
from collectors.store.segment import locked

RRC = "rrc_connection_setup_success_ratio"


def test_a_file_that_was_stored_is_known_the_next_time(tmp_path: Path) -> None:
    rows = counter_rows(cells(2), MONDAY, 4)
    with Store.open(tmp_path) as store:
        assert store.add(source("a"), {"counters": rows}) is FileState.STORED
        assert store.add(source("a"), {"counters": rows}) is FileState.KNOWN
        assert store.counters().height == rows.height
        assert store.ledger.counts() == {"stored": 1}


def test_rows_are_seen_before_the_refresh_and_the_same_after_it(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows(cells(3), MONDAY, 4)})
        before = store.counters()
        store.refresh()
        assert store.counters().equals(before)


def test_a_second_store_on_the_same_folder_sees_what_the_first_wrote(tmp_path: Path) -> None:
    with Store.open(tmp_path) as first, Store.open(tmp_path) as second:
        first.add(source("a"), {"cell": record("cell", ecgi=["460-00-1-1"], tac=[5])})
        assert second.records("cell").collect()["ecgi"].to_list() == ["460-00-1-1"]
        assert second.add(source("a"), {"cell": record("cell", ecgi=["460-00-1-1"], tac=[5])}) == "known"


def test_a_bad_row_is_kept_with_its_place_and_the_file_says_so(tmp_path: Path) -> None:
    bad = pl.DataFrame({"line": [7], "field": ["tac"], "value": ["x"], "reason": ["not_an_integer"]})
    with Store.open(tmp_path) as store:
        state = store.add(source("cells.csv"), {"cell": record("cell", ecgi=["460-00-1-1"], tac=[5])}, bad)
        assert state is FileState.STORED_WITH_BAD_ROWS
        assert store.ledger.bad_rows().rows() == [("cells.csv", 7, "tac", "x", "not_an_integer")]


def test_a_quarantined_file_keeps_its_reason_line_and_field(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.refuse(source("x.csv"), BadFile("wrong_columns", "no tac", line=1, key="tac"))
        row = store.ledger.quarantined().row(0, named=True)
        assert (row["code"], row["message"], row["line"], row["field"]) == (
            "wrong_columns",
            "no tac",
            1,
            "tac",
        )
        assert store.ledger.counts() == {"quarantined": 1}


def test_a_quarantined_file_may_be_taken_in_later(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.quarantine(source("x"), "truncated", "ends early")
        assert store.add(source("x"), {"counters": counter_rows(cells(1), MONDAY, 1)}) is FileState.STORED
        assert store.ledger.counts() == {"stored": 1}


def test_files_that_a_killed_writer_left_are_swept_at_the_next_open(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"counters": counter_rows(cells(1), MONDAY, 1)})
    orphan = tmp_path / "segments" / "counters" / "orphan.parquet"
    orphan.write_bytes(b"half a file")
    dead = tmp_path / "tmp" / "dead"
    dead.mkdir()
    (dead / "half.parquet").write_bytes(b"half a file")
    with Store.open(tmp_path) as store:
        assert not orphan.exists()
        assert not dead.exists()
        assert store.counters().height == 1


def test_the_unfinished_files_of_a_living_writer_are_left_alone(tmp_path: Path) -> None:
    with Store.open(tmp_path) as writer:
        mine = writer.aside.write(counter_rows(cells(1), MONDAY, 1))
        with Store.open(tmp_path):
            assert mine.exists()


def test_a_lock_that_another_holds_is_not_given_twice(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as first, locked(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)


def test_a_batch_whose_file_another_ingest_stored_meanwhile_leaves_its_rows_out(tmp_path: Path) -> None:
    from collectors.store import Batch
    from collectors.store.batch import file_entry, marked, write_pending

    with Store.open(tmp_path) as slow, Store.open(tmp_path) as fast:
        made = Batch()
        parts = []
        for name, cell in (("a", "460-00-1-1"), ("b", "460-00-2-1")):
            rows = counter_rows([cell], MONDAY, 1)
            made.entries.append((file_entry(source(name), {"counters": rows}, None), None))
            parts.append(marked(rows, source(name), "counters"))
        made.files.append(write_pending(slow.aside, "counters", pl.concat(parts)))
        fast.add(source("a"), {"counters": counter_rows(["460-00-1-1"], MONDAY, 1)})
        states = slow.commit(made)
        assert sorted(states.values()) == ["known", "stored"]
        assert sum(s.rows for s in slow.ledger.segments("counters")) == 2
        assert slow.counters().height == 2


def test_a_store_of_another_layout_is_refused_with_its_number(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("UPDATE facts SET value='99' WHERE name='layout'")
    with pytest.raises(StoreError, match="layout 99"):
        Store.open(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.open(tmp_path / "file")


def test_a_ledger_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(os.urandom(8192))
    with pytest.raises(StoreError, match="ledger cannot be opened"):
        Store.open(tmp_path)


def test_a_reader_that_has_named_the_files_can_still_read_them_after_a_refresh(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.add(source("a"), {"cell": record("cell", ecgi=["460-00-1-1"], tac=[5])})
        store.refresh()
        before = store.records("cell")
        store.add(source("b"), {"cell": record("cell", ecgi=["460-00-2-1"], tac=[6])})
        store.refresh()
        with Store.open(tmp_path):
            assert before.collect().height == 1
        assert store.records("cell").collect().height == 2


def test_an_empty_store_answers_every_question(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        store.refresh()
        assert store.counters().is_empty()
        assert store.records("ticket").collect().is_empty()
        assert store.kpis(["x"], [RRC], MONDAY, MONDAY).is_empty()
        assert store.hourly(None, [RRC]).is_empty()
        answer = store.kpi_at(keys(("x", MONDAY)), [RRC])
        assert answer[f"{RRC}__why"].to_list() == ["no_period"]
        assert answer[RRC].to_list() == [None]
