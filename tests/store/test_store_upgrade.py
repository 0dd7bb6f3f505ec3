"""A store of an earlier layout is brought up when it is opened.

Nothing is lost, whenever the process dies.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from collectors.errors import StoreError
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.store import SourceFile, Store, upgrade
from collectors.store.ledger import LAYOUT, Ledger
from collectors.store.segment import Aside


def filled(root: Path) -> pl.DataFrame:
    """A store with rows that are pending and rows that a refresh has merged."""
    with Store.open(root) as store:
        for number in range(2):
            rows = pl.DataFrame(
                {
                    "id": [f"DA-{number}"],
                    "at": ["2026-11-22T01:00:00Z"],
                    "interface": ["Cx"],
                    "command": ["UAR"],
                    "source": ["hss_log"],
                }
            )
            loaded = load_rows("diameter_answer", rows, source="t", pseudonymiser=Pseudonymiser(load_key()))
            store.add(SourceFile(str(number), f"{number:064x}"), {"diameter_answer": loaded.good})
            if number == 0:
                store.refresh()
        return read(store)


def read(store: Store) -> pl.DataFrame:
    return store.records("diameter_answer").sort("id").collect()


def set_layout(root: Path, layout: int) -> None:
    with closing(sqlite3.connect(root / "ledger.sqlite")) as database, database:
        database.execute("UPDATE facts SET value=? WHERE name='layout'", (str(layout),))


def age(root: Path) -> None:
    """Write the data files as layout 1 had them: absent columns as a list."""
    for path in root.rglob("*.parquet"):
        rows = pl.read_parquet(path)
        if rows.schema.get("absent") == pl.String:
            rows.with_columns(pl.col("absent").str.split("|")).write_parquet(path)
    set_layout(root, 1)


def columns(root: Path) -> set[pl.DataType]:
    with closing(Ledger(root / "ledger.sqlite")) as ledger:
        names = [s.name for kind in ledger.kinds() for s in ledger.segments(kind)]
    return {pl.read_parquet_schema(root / name)["absent"] for name in names}


def test_an_old_store_is_brought_up_when_it_is_opened(tmp_path: Path) -> None:
    before = filled(tmp_path)
    age(tmp_path)
    assert columns(tmp_path) == {pl.List(pl.String)}
    with Store.open(tmp_path) as store:
        assert store.ledger.layout == LAYOUT
        assert read(store).equals(before)
    assert columns(tmp_path) == {pl.String()}


def test_an_upgraded_store_takes_more_rows_and_refreshes(tmp_path: Path) -> None:
    filled(tmp_path)
    age(tmp_path)
    with Store.open(tmp_path) as store:
        store.refresh()
        assert read(store)["id"].to_list() == ["DA-0", "DA-1"]


def test_opening_twice_upgrades_once(tmp_path: Path) -> None:
    filled(tmp_path)
    age(tmp_path)
    Store.open(tmp_path).close()
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        assert upgrade.bring_up(tmp_path, ledger) == 0


def test_a_process_that_dies_before_the_transaction_leaves_the_old_layout_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled(tmp_path)
    age(tmp_path)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "write_segments", dies)
        with pytest.raises(KeyboardInterrupt):
            Store.open(tmp_path)
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        assert ledger.layout == 1
    with Store.open(tmp_path) as store:
        assert read(store).equals(before)


def test_a_step_that_fails_leaves_no_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    age(tmp_path)

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Aside, "write", fails)
        with pytest.raises(StoreError, match="No space left"):
            Store.open(tmp_path)
    Store.open(tmp_path).close()
    assert not list((tmp_path / "tmp").rglob("*.parquet"))


def test_a_store_of_a_later_layout_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    filled(tmp_path)
    set_layout(tmp_path, LAYOUT + 1)
    with pytest.raises(StoreError, match=f"layout {LAYOUT + 1}, this version reads layout {LAYOUT}"):
        Store.open(tmp_path)


def test_every_layout_has_a_step_that_leads_on() -> None:
    assert sorted(upgrade.STEPS) == list(range(1, LAYOUT))
