"""`/metrics` with 10,000 cells and 50,000 series: seconds a scrape, beside gauges kept in prometheus-client.

The peer is the same number of series held as ordinary gauges and written by the same library.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from collectors.kpi.catalogue import load_catalogue
from collectors.store import SourceFile, Store
from dashboards.exposition import CallcauseCollector
from dashboards.exposition.exposed import ExposedCells
from dashboards.exposition.kpi_source import KpiSource
from dashboards.exposition.kpi_values import exposed_kpis

CELLS = int(os.environ.get("CALLCAUSE_BENCH_CELLS", "10000"))
HOURS = int(os.environ.get("CALLCAUSE_BENCH_HOURS", "26"))
SERIES = 50_000
RUNS = 5
NOW = datetime(2026, 3, 11, 10, 20, tzinfo=UTC)


def fill(root: Path) -> None:
    """Make a store of hourly samples of 30 cell KPIs for every cell."""
    catalogue = load_catalogue()
    kpis = [k for k in exposed_kpis(catalogue, ("cell",)) if catalogue.kpi(k).is_ratio][:30]
    cells = [f"460-00-{i // 3}-{i % 3}" for i in range(CELLS)]
    numbers = np.random.default_rng(1)
    with Store.open(root) as store:
        for hour in range(HOURS):
            start = NOW.replace(minute=0) - timedelta(hours=hour + 1)
            share = numbers.beta(1, 60, (len(kpis), CELLS))
            rows = pl.concat(
                pl.DataFrame(
                    {
                        "ecgi": cells,
                        "kpi_id": kpi,
                        "value": 100 * (1 - share[i] if catalogue.kpi(kpi).better == "up" else share[i]),
                        "denominator": 400.0,
                    }
                )
                for i, kpi in enumerate(kpis)
            ).with_columns(
                pl.lit(start).dt.cast_time_unit("us").alias("period_start"),
                pl.lit(3600, pl.Int64).alias("period"),
                (pl.col("value") * 4.0).alias("numerator"),
                pl.lit(None, pl.String).alias("split"),
                pl.lit(None, pl.Int64).alias("qci"),
                pl.lit([], pl.List(pl.String)).alias("absent"),
            )
            store.add(SourceFile(f"hour {hour}", f"{hour:064x}"), {"cell_kpi": rows})
        store.refresh()


def seconds(work: Callable[[], object]) -> float:
    """Return the median wall seconds of five runs."""
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def peer(series: int) -> CollectorRegistry:
    """Hold as many gauges as prometheus-client can keep by itself."""
    registry = CollectorRegistry()
    gauge = Gauge("callcause_kpi_ratio", "Peer.", ["kpi", "entity"], registry=registry)
    for i in range(series):
        gauge.labels(str(i % 50), str(i // 50)).set(i)
    return registry


def main() -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fill(root)
        worst = 600
        source = KpiSource(lambda: Store.open(root), ExposedCells(), worst=worst, clock=lambda: NOW)
        registry = CollectorRegistry()
        registry.register(CallcauseCollector([source], SERIES))
        start = time.perf_counter()
        text = generate_latest(registry)
        first = time.perf_counter() - start
        series = sum(not line.startswith(b"#") for line in text.splitlines())
        mine = seconds(lambda: generate_latest(registry))
        kept = peer(series)
        other = seconds(lambda: generate_latest(kept))
    print(f"{CELLS} cells, {series} series, {len(text) / 1e6:.1f} MB")
    print(f"first scrape (survey of the day over all cells)  {first:6.2f} s")
    print(f"scrape, built from the store                     {mine:6.2f} s")
    print(f"peer: the same number of gauges in prometheus-client  {other:6.2f} s   ratio {mine / other:.2f}")


if __name__ == "__main__":
    main()
