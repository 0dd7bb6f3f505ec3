"""Backup of a store in use, and its return."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import polars as pl
import pytest

from collectors.errors import StoreError
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.store import SourceFile, Store
from collectors.store.backup import back_up, bring_back


def put(store: Store, number: int) -> None:
    rows = pl.DataFrame(
        {"node_id": [f"N-{number}"], "node_type": ["scscf"], "names": [f"n{number}.ims.example.net"]}
    )
    loaded = load_rows("node", rows, source="test", pseudonymiser=Pseudonymiser(load_key()))
    store.add(SourceFile(f"{number}", f"{number:064x}"), {"node": loaded.good})


def names(root: Path) -> list[str]:
    with Store.open(root) as store:
        return sorted(store.records("node").collect()["node_id"].to_list())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "store") as store:
        for number in range(3):
            put(store, number)
        store.refresh()
        put(store, 3)
    return tmp_path / "store"


def test_a_store_comes_back_as_it_was(root: Path, tmp_path: Path) -> None:
    assert back_up(root, tmp_path / "copy") > 0
    bring_back(tmp_path / "copy", tmp_path / "again")
    assert names(tmp_path / "again") == names(root) == ["N-0", "N-1", "N-2", "N-3"]


def test_what_is_added_after_a_backup_is_not_in_it(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "copy")
    with Store.open(root) as store:
        put(store, 9)
        store.refresh()
    assert "N-9" not in names(tmp_path / "copy")
    assert "N-9" in names(root)


def test_a_backup_while_others_write_is_whole(root: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with Store.open(root) as store:
            number = 100
            while not stop.is_set():
                put(store, number)
                store.refresh()
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            back_up(root, tmp_path / f"copy{number}")
    finally:
        stop.set()
        writer.join()
    for number in range(5):
        found = names(tmp_path / f"copy{number}")
        assert set(found) >= {"N-0", "N-1", "N-2", "N-3"}
        added = sorted(int(name[2:]) for name in found if int(name[2:]) >= 100)
        assert added == list(range(100, 100 + len(added)))


def test_a_backup_never_goes_over_another(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "copy")
    with pytest.raises(StoreError, match="new or empty"):
        back_up(root, tmp_path / "copy")


def test_a_restore_never_goes_over_a_store(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "copy")
    with pytest.raises(StoreError, match="move it away"):
        bring_back(tmp_path / "copy", root)


def test_a_backup_that_lost_a_file_is_refused_and_the_file_named(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "copy")
    lost = next((tmp_path / "copy").rglob("*.parquet"))
    lost.unlink()
    with pytest.raises(StoreError, match=lost.stem):
        bring_back(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_without_ledger_is_no_backup_and_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no whole backup"):
        bring_back(tmp_path / "nothing", tmp_path / "again")
    with pytest.raises(StoreError, match="no store"):
        back_up(tmp_path / "nothing", tmp_path / "copy")


def test_a_damaged_ledger_is_told_and_leaves_no_backup(root: Path, tmp_path: Path) -> None:
    (root / "ledger.sqlite").write_bytes(b"not a database" * 100)
    for more in root.glob("ledger.sqlite-*"):
        more.unlink()
    with pytest.raises(StoreError, match=r"failed \(DatabaseError\)"):
        back_up(root, tmp_path / "copy")
    assert not (tmp_path / "copy" / "ledger.sqlite").exists()


def test_the_copied_ledger_is_a_whole_database_of_its_own(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "copy")
    check = sqlite3.connect(tmp_path / "copy" / "ledger.sqlite").execute("PRAGMA integrity_check").fetchone()
    assert check == ("ok",)
