"""The metrics: names, budget, exposed cells, KPI values from a store, text that promtool accepts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from presence import absent
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from callcause_error import UsageError
from collectors.kpi.catalogue import load_catalogue
from collectors.records import Pseudonymiser, load_key, load_rows
from collectors.store import SourceFile, Store
from dashboards.exposition import FAMILIES, CallcauseCollector, Reading
from dashboards.exposition.exposed import ExposedCells
from dashboards.exposition.kpi_source import KpiSource
from dashboards.exposition.kpi_values import SCHEMA, newest_values
from dashboards.exposition.survey import survey
from dashboards.exposition.units import UNITS, exposed_unit, value_family

NOW = datetime(2026, 3, 11, 10, 20, tzinfo=UTC)
DROP = "erab_drop_ratio_qci1_cell"
BAD, GOOD, FEW = "460-00-1-1", "460-00-1-2", "460-00-1-3"


def cell_rows(cell: str, ratio: float, attempts: int, hours: int = 8) -> pl.DataFrame:
    starts = [NOW.replace(minute=0) - timedelta(hours=h) for h in range(1, hours + 1)]
    return pl.DataFrame(
        {
            "ecgi": [cell] * hours,
            "period_start": starts,
            "period": [3600] * hours,
            "kpi_id": [DROP] * hours,
            "numerator": [ratio * attempts / 100] * hours,
            "denominator": [float(attempts)] * hours,
            "value": [ratio] * hours,
        }
    )


def put(store: Store, kind: str, rows: pl.DataFrame, name: str) -> None:
    loaded = load_rows(kind, rows, source=name, pseudonymiser=Pseudonymiser(load_key()))
    assert loaded.bad.is_empty(), loaded.bad
    store.add(SourceFile(name, name.encode().hex().ljust(64, "0")[:64]), {kind: loaded.good})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with Store.open(tmp_path / "store") as store:
        put(store, "cell_kpi", cell_rows(BAD, 9.0, 400), "a")
        put(store, "cell_kpi", cell_rows(GOOD, 0.1, 400), "b")
        put(store, "cell_kpi", cell_rows(FEW, 50.0, 4), "c")
        store.refresh()
    return tmp_path / "store"


def source(root: Path, **more: object) -> KpiSource:
    return KpiSource(lambda: Store.open(root), ExposedCells(), clock=lambda: NOW, **more)


def text(*sources: object, budget: int = 50_000) -> str:
    registry = CollectorRegistry()
    registry.register(CallcauseCollector(sources, budget))
    return generate_latest(registry).decode()


def samples(exposition: str) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found[(sample.name, *sorted(v for v in sample.labels.values() if v))] = sample.value
    return found


def test_the_worst_cell_is_exposed_with_its_value_as_a_ratio(root: Path) -> None:
    found = samples(text(source(root)))
    assert found["callcause_kpi_ratio", BAD, "cell", DROP] == pytest.approx(0.09)
    assert found["callcause_kpi_samples", BAD, "cell", DROP] == 400
    assert (
        found["callcause_kpi_period_end_timestamp_seconds", BAD, "cell"] == NOW.replace(minute=0).timestamp()
    )


def test_a_cell_within_its_limits_is_not_exposed_unless_watched_or_complained_about(root: Path) -> None:
    key = ("callcause_kpi_ratio", GOOD, "cell", DROP)
    assert key not in samples(text(source(root)))
    assert key in samples(text(source(root, watched=[GOOD])))
    assert key in samples(text(source(root, cells_of_tickets=lambda: [GOOD])))


def test_a_value_under_the_sample_guard_is_no_value_and_no_cell_over_limit(root: Path) -> None:
    found = samples(text(source(root, watched=[FEW])))
    assert ("callcause_kpi_ratio", FEW, "cell", DROP) not in found
    assert found["callcause_kpi_entities_over_limit", "cell", DROP] == 1
    assert found["callcause_kpi_entities_judged", "cell", DROP] == 2


def test_hours_over_limit_are_counted_in_all_and_in_a_row(root: Path) -> None:
    found = samples(text(source(root)))
    assert found["callcause_kpi_over_limit_seconds", BAD, "cell", DROP] == 8 * 3600
    assert found["callcause_kpi_over_limit_unbroken_seconds", BAD, "cell", DROP] == 8 * 3600
    assert found["callcause_kpi_entities_persistent", "cell", DROP] == 1


def test_a_value_older_than_two_hours_is_not_exposed(root: Path) -> None:
    late = KpiSource(
        lambda: Store.open(root), ExposedCells(), clock=lambda: NOW + timedelta(hours=5), watched=[BAD]
    )
    assert ("callcause_kpi_ratio", BAD, "cell", DROP) not in samples(text(late))


def test_a_new_row_shows_at_the_next_scrape(root: Path) -> None:
    kpis = source(root)
    assert ("callcause_kpi_ratio", "460-00-1-9", "cell", DROP) not in samples(text(kpis))
    with Store.open(root) as store:
        put(store, "cell_kpi", cell_rows("460-00-1-9", 30.0, 500), "d")
        store.refresh()
    assert ("callcause_kpi_ratio", "460-00-1-9", "cell", DROP) in samples(text(kpis))


def test_an_empty_store_gives_no_kpi_and_no_error(tmp_path: Path) -> None:
    found = samples(text(source(tmp_path / "new")))
    assert not [name for name in found if name[0] == "callcause_kpi_ratio"]
    with Store.open(tmp_path / "new") as store:
        assert newest_values(store, [], [DROP], NOW).schema == SCHEMA
        assert survey(
            store,
            pl.DataFrame(
                {"entity": [], "region": []}, schema_overrides={"entity": pl.String, "region": pl.String}
            ),
            NOW,
        ).over.is_empty()


def test_what_falls_over_the_budget_is_counted_and_never_silent() -> None:
    readings = [Reading("callcause_files", (f"s{i}",), i) for i in range(10)]
    found = samples(text(lambda: readings, budget=4))
    assert len([k for k in found if k[0] == "callcause_files"]) == 4
    assert found["callcause_dropped_series", "callcause_files"] == 6
    assert found["callcause_series",] == 4


def test_an_unknown_family_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'callcause_files'"):
        text(lambda: [Reading("callcause_file", ("stored",), 1)])


def test_promtool_finds_nothing_to_say(root: Path) -> None:
    if shutil.which("promtool") is None:
        absent("promtool is not installed (Debian package prometheus)")

    def every() -> Iterator[Reading]:
        yield from source(root)()
        for family in FAMILIES.values():
            if family.name in ("callcause_dropped_series", "callcause_series"):
                continue  # the collector writes these itself
            yield Reading(family.name, tuple(f"v{i}" for i in range(len(family.labels))), 1.0)

    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text(every), capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0


def test_every_unit_of_the_catalogue_has_a_name_for_prometheus() -> None:
    catalogue = load_catalogue()
    for kpi in catalogue.ids():
        assert value_family(catalogue.kpi(kpi).unit) in FAMILIES
    with pytest.raises(UsageError, match="did you mean 'dBm'"):
        exposed_unit("dbm")
    assert set(UNITS) >= {catalogue.kpi(kpi).unit for kpi in catalogue.ids()}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60)), max_size=20))
def test_a_cell_stays_exposed_for_a_day_after_it_last_qualified(visits: list[tuple[str, int]]) -> None:
    cells, last = ExposedCells(), {}
    for cell, hour in sorted(visits, key=lambda visit: visit[1]):
        cells.qualify([cell], NOW + timedelta(hours=hour))
        last[cell] = hour
    end = max([hour for _, hour in visits], default=0)
    cells.qualify([], NOW + timedelta(hours=end))
    assert set(cells.cells()) == {cell for cell, hour in last.items() if end - hour <= 24}
    assert ExposedCells(cells.memory()).cells() == cells.cells()
