"""What is read from a store beside cells: sums of the network, planned work that goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from collectors.kpi.network import NETWORK
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.store import SourceFile, Store
from dashboards.exposition.kpi_values import newest_values
from dashboards.exposition.store_source import StoreSource

NOW = datetime(2026, 3, 11, 10, 20, tzinfo=UTC)
DROP = "erab_drop_ratio_qci1_network"


def counted(cell: str, dropped: float, hour: int) -> pl.DataFrame:
    """One hour of one cell with 400 bearers, `hour` whole hours ago."""
    start = NOW.replace(minute=0) - timedelta(hours=hour)
    return pl.DataFrame(
        {
            "entity": [cell], "entity_kind": ["cell"], "period_start": [start], "period_s": [3600],
            "ERAB.RelActNbr.1": [dropped], "ERAB.EstabInitSuccNbr.1": [400.0],
            "ERAB.EstabAddSuccNbr.1": [0.0],
        },
        schema_overrides={"period_start": pl.Datetime("us", "UTC"), "period_s": pl.Int32()},
    )  # fmt: skip


def source(name: str) -> SourceFile:
    return SourceFile(name, name.encode().hex().ljust(64, "0")[:64])


def test_a_sum_over_the_network_is_the_one_of_the_newest_whole_hour(tmp_path: Path) -> None:
    rows = [
        counted(cell, drops, hour) for hour, drops in ((0, 90.0), (1, 4.0), (2, 40.0)) for cell in ("A", "B")
    ]
    with Store.open(tmp_path / "store") as store:
        store.add(source("pm"), {"counters": pl.concat(rows)})
        store.refresh()
        found = newest_values(store, [NETWORK], [DROP], NOW)
    assert found.select("entity", "kpi", "samples").rows() == [(NETWORK, DROP, 800.0)]
    assert found["value"][0] == pytest.approx(1.0)
    assert found["period_end"][0] == NOW.replace(minute=0)


def test_a_sum_that_ended_long_ago_is_not_the_value_of_now(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        store.add(source("pm"), {"counters": counted("A", 4.0, 5)})
        store.refresh()
        assert newest_values(store, [NETWORK], [DROP], NOW).is_empty()


def test_planned_work_that_was_cancelled_does_not_go_on(tmp_path: Path) -> None:
    status = {"CR-1": "in_progress", "CR-2": "cancelled", "CR-3": "planned"}
    rows = pl.DataFrame(
        [
            {
                "id": name, "title": "upgrade", "change_type": "upgrade", "status": state,
                "planned_start": NOW - timedelta(hours=1), "planned_end": NOW + timedelta(hours=1),
                "impacted_objects": "SBC-1",
            }
            for name, state in status.items()
        ]
    )  # fmt: skip
    loaded = load_rows("change", rows, source="c", pseudonymiser=Pseudonymiser(load_key()))
    assert loaded.bad.is_empty(), loaded.bad
    root = tmp_path / "store"
    with Store.open(root) as store:
        store.add(source("change"), {"change": loaded.good})
    found = StoreSource(lambda: Store.open(root), clock=lambda: NOW)()
    going_on = {one.labels[0] for one in found if one.family == "callcause_planned_work_active"}
    assert going_on == {"CR-1", "CR-3"}
