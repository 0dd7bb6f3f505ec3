"""The worst cells: read by their hour alone, and kept while the store stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from callcause.web.kept import Kept
from callcause.web.worst import LOOK_BACK, USUAL, worst_list
from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.worst import columns_needed, judged_counts, worst_cells
from collectors.store import Store
from collectors.store.ledger import SourceFile

NEWEST = datetime(2024, 3, 6, 9, tzinfo=UTC)
CELLS, HOURS = 12, 24 * 30


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Twelve cells over thirty days, some of them bad for some hours before the newest."""
    random = np.random.default_rng(5)
    hours = [NEWEST - timedelta(hours=n) for n in range(HOURS)]
    tries = random.integers(20, 400, (CELLS, HOURS))
    share = np.full((CELLS, HOURS), 0.002)
    for cell in range(6):
        share[cell, : cell * 3 + 1] = 0.05 + cell * 0.01
    counters = {"ERAB.RelActNbr.1": random.binomial(tries, share), "ERAB.EstabAddSuccNbr.1": tries}
    catalogue = load_catalogue()
    frame = pl.DataFrame(
        {
            "entity": np.repeat([f"460-00-{n:06d}-1" for n in range(CELLS)], HOURS),
            "entity_kind": "cell",
            "period_start": hours * CELLS,
            "period_s": pl.Series(np.full(CELLS * HOURS, 3600, np.int32)),
        }
    ).with_columns(
        pl.Series(name, counters.get(name, np.broadcast_to(tries, (CELLS, HOURS))).ravel().astype(float))
        for name in catalogue.counters
    )
    folder = tmp_path_factory.mktemp("worst")
    with Store.open(folder / "store") as opened:
        opened.add(SourceFile("pm", "a" * 64, 0), {"counters": frame})
        opened.refresh()
        yield opened


@pytest.mark.parametrize("kpi", [USUAL, "erab_setup_success_ratio_qci1", "pdcp_loss_ratio_ul_qci1"])
@pytest.mark.parametrize("ago", [0, 5])
def test_the_list_is_that_of_the_whole_history(store: Store, kpi: str, ago: int) -> None:
    known, hour = load_catalogue(), NEWEST - timedelta(hours=ago)
    columns = columns_needed(known, kpi)
    whole = store.hourly(None, columns, hour - timedelta(weeks=4) - LOOK_BACK, hour + timedelta(hours=1))
    found = worst_list(store, kpi, hour, top=5)
    assert found["rows"] == worst_cells(whole, known, kpi, hour, 5).to_dicts()
    assert found["counts"] == judged_counts(whole, known, kpi, hour)


def test_the_newest_hour_is_told_without_reading_it(store: Store, tmp_path: Path) -> None:
    assert store.newest_hour() == NEWEST
    with Store.open(tmp_path / "empty") as empty:
        assert empty.newest_hour() is None
        assert worst_list(empty, USUAL, NEWEST)["rows"] == []


def test_hours_are_read_alone(store: Store) -> None:
    wanted = [NEWEST, NEWEST - timedelta(days=7), NEWEST + timedelta(days=1)]
    found = store.hours(wanted, [USUAL]).filter(pl.col("entity") != "network")
    assert sorted(found["period_start"].unique()) == sorted(wanted[:2])
    assert found.height == 2 * CELLS
    assert store.hours([], [USUAL]).is_empty()


def test_an_answer_is_kept_while_its_version_stays_and_the_oldest_goes_first() -> None:
    kept, made = Kept(most=2), []

    def make(name: str) -> str:
        made.append(name)
        return name

    for question, version in (("a", 1), ("a", 1), ("b", 1), ("a", 1), ("c", 1), ("a", 1), ("b", 1), ("a", 2)):
        assert kept.get(question, version, lambda q=question: make(q)) == question
    assert made == ["a", "b", "c", "b", "a"]
