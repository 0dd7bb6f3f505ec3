"""What stands only in whole hours, and shares that are known code by code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.network import NETWORK
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.store import SourceFile, Store
from dashboards.exposition.exposed import ExposedCells
from dashboards.exposition.families import FAMILIES
from dashboards.exposition.kpi_source import KpiSource
from dashboards.exposition.kpi_values import newest_values
from dashboards.exposition.split_values import FAMILY, known_by_split, newest_splits

NOW = datetime(2026, 3, 11, 10, 20, tzinfo=UTC)
HOUR = NOW.replace(minute=0) - timedelta(hours=1)
CELL, SETUP = "460-00-1-1", "erab_add_success_ratio_qci1"


def source(name: str) -> SourceFile:
    return SourceFile(name, name.encode().hex().ljust(64, "0")[:64])


def quarters(attempts: float, succeeded: float) -> pl.DataFrame:
    """Four quarters of the last whole hour of one cell."""
    return pl.DataFrame(
        {
            "entity": [CELL] * 4, "entity_kind": ["cell"] * 4,
            "period_start": [HOUR + timedelta(minutes=15 * n) for n in range(4)], "period_s": [900] * 4,
            "ERAB.EstabAddAttNbr.1": [attempts] * 4, "ERAB.EstabAddSuccNbr.1": [succeeded] * 4,
        },
        schema_overrides={"period_start": pl.Datetime("us", "UTC"), "period_s": pl.Int32()},
    )  # fmt: skip


def test_an_hour_has_the_samples_that_its_quarters_lack(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        store.add(source("pm"), {"counters": quarters(30.0, 27.0)})
        store.refresh()
        found = newest_values(store, [CELL], [SETUP], NOW)
    assert found.select("entity", "samples").rows() == [(CELL, 120.0)]
    assert found["value"][0] == pytest.approx(90.0)
    assert found["period_end"][0] == HOUR + timedelta(hours=1)


def test_a_quarter_with_enough_samples_stands_before_its_hour(tmp_path: Path) -> None:
    rows = quarters(130.0, 130.0)
    last = pl.col("period_start") == rows["period_start"].max()
    worse = pl.when(last).then(104.0).otherwise(pl.col("ERAB.EstabAddSuccNbr.1"))
    with Store.open(tmp_path / "store") as store:
        store.add(source("pm"), {"counters": rows.with_columns(worse.alias("ERAB.EstabAddSuccNbr.1"))})
        store.refresh()
        found = newest_values(store, [CELL], [SETUP], NOW)
    assert found.select("samples").rows() == [(130.0,)]
    assert found["value"][0] == pytest.approx(80.0)


def test_an_hour_that_still_goes_on_is_no_hour(tmp_path: Path) -> None:
    rows = quarters(30.0, 27.0).with_columns(pl.col("period_start") + timedelta(hours=1)).head(1)
    with Store.open(tmp_path / "store") as store:
        store.add(source("pm"), {"counters": rows})
        store.refresh()
        assert newest_values(store, [CELL], [SETUP], NOW).is_empty()


def sample(code: str, share: float, hours_ago: int = 0, **more: Any) -> dict[str, Any]:
    start = HOUR - timedelta(hours=hours_ago)
    return {
        "node_id": NETWORK, "period_start": start, "period": 3600, "kpi_id": "sip_failure_mix",
        "numerator": share * 500, "denominator": 500.0, "value": share, "split": f"code={code}", **more,
    }  # fmt: skip


def stored(root: Path, rows: list[dict[str, Any]]) -> Path:
    loaded = load_rows("node_kpi", pl.DataFrame(rows), source="k", pseudonymiser=Pseudonymiser(load_key()))
    assert loaded.bad.is_empty(), loaded.bad
    with Store.open(root) as store:
        store.add(source("k"), {"node_kpi": loaded.good})
        store.refresh()
    return root


def test_of_each_code_the_newest_share_is_told(tmp_path: Path) -> None:
    rows = [sample("486", 0.4), sample("486", 0.9, hours_ago=1), sample("503", 0.1)]
    with Store.open(stored(tmp_path / "store", rows)) as store:
        found = newest_splits(store, NOW)
    assert found.select("split", "value").rows() == [("code=486", 0.4), ("code=503", 0.1)]


def test_a_share_of_few_failures_of_another_node_or_of_long_ago_is_none(tmp_path: Path) -> None:
    rows = [
        sample("486", 0.4, denominator=20.0, numerator=8.0),
        sample("503", 0.1, node_id="SBC-1"),
        sample("500", 0.2, hours_ago=4),
        sample("imei", 0.2, kpi_id="volte_call_drop_ratio"),
    ]
    with Store.open(stored(tmp_path / "store", rows)) as store:
        assert newest_splits(store, NOW).is_empty()


def test_the_exposition_shows_the_share_of_each_code_until_it_is_too_old(tmp_path: Path) -> None:
    root = stored(tmp_path / "store", [sample("486", 0.4), sample("503", 0.1)])
    now = [NOW]
    exposed = KpiSource(lambda: Store.open(root), ExposedCells(), clock=lambda: now[0])

    def shares() -> dict[tuple[str, ...], float]:
        return {one.labels: one.value for one in exposed() if one.family == FAMILY}

    first = shares()
    assert first == {("sip_failure_mix", "code=486"): 0.4, ("sip_failure_mix", "code=503"): 0.1}
    now[0] = NOW + timedelta(minutes=10)
    assert shares() == first
    now[0] = NOW + timedelta(hours=2)
    assert shares() == {}


def test_only_mixes_are_known_by_their_codes() -> None:
    catalogue = load_catalogue()
    mixes = {kpi for kpi in catalogue.ids() if known_by_split(catalogue.kpi(kpi))}
    assert mixes == {"sip_failure_mix", "q850_cause_mix"}
    assert FAMILIES[FAMILY].labels == ("kpi", "split")
