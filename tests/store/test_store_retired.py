"""A service that merges every few seconds for months leaves no files behind."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from store_rows import MONDAY, record, source

from collectors.store import Store, segment

ROUNDS = 30


def _fill(store: Store) -> None:
    for number in range(ROUNDS):
        at = MONDAY + timedelta(seconds=number)
        rows = record("call", id=[f"C-{number}"], leg=["mo"], started_at=[at])
        store.add(source(f"probe {number}"), {"call": rows})
        store.refresh()


def _files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*.parquet")}


def test_what_merging_replaced_is_removed_after_its_grace_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "RETIRED_GRACE_S", -1.0)
    with Store.open(tmp_path) as store:
        _fill(store)
        live = {one.name for kind in store.ledger.kinds() for one in store.ledger.segments(kind)}
        assert _files(tmp_path) == live == store.ledger.names()
        assert store.records("call").collect().height == ROUNDS


def test_within_its_grace_a_reader_still_finds_the_files_that_it_was_told(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        _fill(store)
        live = {one.name for kind in store.ledger.kinds() for one in store.ledger.segments(kind)}
        assert live < store.ledger.names()
        assert _files(tmp_path) >= store.ledger.names()
