"""Reads of the store: one cell's 30 KPIs over four weeks, and 100,000 moments with their baselines.

`python -m bench.store_read [--cells N] [--moments N]`.

One cell is read from a shard of the size that it has in a network of 10,000 cells (quarter-hours, 28 days).
Peer of the same run: the same rows as one Parquet file an hour, read by one scan with the same filter and
formulas. The moments are read from hourly shards of all the cells; their peer is an equi-join of the same
keys and rows.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.formula import inputs_of, kpi_columns
from collectors.store import SourceFile, Store
from collectors.store.batch import Batch
from collectors.store.placement import shard_of
from collectors.store.shards import HOURLY, write

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, RUNS, CELL_LIMIT_MS, MOMENTS_LIMIT_S = 28, 9, 10.0, 10.0
KPIS = 30


def names(count: int) -> list[str]:
    """ECGIs of a network, three cells a site."""
    return [f"460-00-{100000 + i // 3}-{i % 3 + 1}" for i in range(count)]


def kpi_ids(count: int) -> list[str]:
    """Pick the first KPIs of cells that a formula computes."""
    catalogue = load_catalogue()
    chosen = [k for k in catalogue.cell_ids if k in catalogue.computed_ids and not catalogue.kpi(k).parts]
    return chosen[:count]


def counter_rows(cells: list[str], seed: int) -> pl.DataFrame:
    """Quarter-hours of 28 days: counts as a network has them, every counter that the catalogue names."""
    random = np.random.default_rng(seed)
    periods = DAYS * 96
    starts = np.arange(periods) * 900_000_000 + int(START.timestamp()) * 1_000_000
    frame = pl.DataFrame({
        "entity": np.repeat(cells, periods),
        "entity_kind": "cell",
        "period_start": pl.Series(np.tile(starts, len(cells))).cast(pl.Datetime("us", "UTC")),
        "period_s": pl.Series(np.full(len(cells) * periods, 900, np.int32)),
    })  # fmt: skip
    load = 20 + 180 * np.abs(np.sin(np.tile(np.arange(periods) * np.pi / 96, len(cells))))
    return frame.with_columns(
        pl.Series(name, random.poisson(load).astype(np.float64)) for name in load_catalogue().counters
    )


def median_s(work: Callable[[], object]) -> float:
    """Median seconds of the runs, the first one left out."""
    spent = []
    for _ in range(RUNS + 1):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return statistics.median(spent[1:])


def one_cell(folder: Path, cells: int) -> None:
    """Measure the read of one cell against files by hour."""
    shard = shard_of(names(1)[0])
    mine = [cell for cell in names(cells) if shard_of(cell) == shard]
    rows = counter_rows(mine, 1)
    ids = kpi_ids(KPIS)
    inputs = sorted({i for kpi in ids for i in inputs_of(load_catalogue().kpi(kpi))})
    hours = folder / "hours"
    hours.mkdir()
    for (hour,), part in rows.group_by(pl.col("period_start").dt.truncate("1h")):
        part.write_parquet(hours / f"{hour:%Y%m%d%H}.parquet", compression="zstd", compression_level=1)
    with Store.open(folder / "store") as store:
        store.add(SourceFile("bench", "0" * 64), {"counters": rows})
        store.refresh()
        end = START + timedelta(days=DAYS)
        answer = store.kpis([mine[7]], ids, START, end)

        def peer() -> pl.DataFrame:
            scan = pl.scan_parquet(hours / "*.parquet").filter(pl.col("entity") == mine[7])
            keys = ["entity", "entity_kind", "period_start", "period_s"]
            return kpi_columns(scan.select(*keys, *inputs).collect(), load_catalogue(), ids)

        if not peer().sort("period_start")[ids[0]].equals(answer[ids[0]]):
            raise SystemExit("the store and the peer disagree")
        ours = median_s(lambda: store.kpis([mine[7]], ids, START, end))
        theirs = median_s(peer)
    verdict = "reached" if ours * 1000 < CELL_LIMIT_MS else "NOT reached"
    asked = f"one cell, {len(ids)} KPIs, {answer.height} periods, shard of {len(mine)} cells"
    print(f"{asked}: {ours * 1000:.1f} ms")
    peers = f"peer, a file an hour with these {len(mine)} cells"
    print(f"  {peers}: {theirs * 1000:.0f} ms, ratio {theirs / ours:.0f}")
    print(f"  limit {CELL_LIMIT_MS:.0f} ms: {verdict}")


def hourly_rows(cells: list[str], ids: list[str], seed: int) -> pl.DataFrame:
    """Hourly KPI rows as `refresh` writes them."""
    random = np.random.default_rng(seed)
    hours = DAYS * 24
    size = len(cells) * hours
    starts = np.arange(hours) * 3_600_000_000 + int(START.timestamp()) * 1_000_000
    columns = {
        "entity": pl.Series(np.repeat(sorted(cells), hours)),
        "entity_kind": pl.Series(["cell"]).new_from_index(0, size),
        "period_start": pl.Series(np.tile(starts, len(cells))).cast(pl.Datetime("us", "UTC")),
    }
    for kpi in ids:
        samples = random.poisson(800, size).astype(np.float32)
        columns[kpi] = pl.Series((100 - 100 * random.poisson(8, size) / samples).astype(np.float32))
        columns[f"{kpi}__n"] = pl.Series(samples)
    return pl.DataFrame(columns)


def moments(folder: Path, cells: int, count: int) -> None:
    """Measure `kpi_at` over all shards."""
    ids = kpi_ids(45)
    random = np.random.default_rng(3)
    by_shard: dict[str, list[str]] = {}
    for name in names(cells):
        by_shard.setdefault(shard_of(name), []).append(name)
    with Store.open(folder / "moments") as store:
        made = Batch()
        for number, (shard, mine) in enumerate(sorted(by_shard.items())):
            made.files.append(write(store.aside, HOURLY, shard, hourly_rows(mine, ids, number)))
        store.commit(made)
        at = START + timedelta(days=DAYS)
        before = pl.Series(random.integers(1, 6 * 86400, count) * 1_000_000).cast(pl.Duration("us"))
        keys = pl.DataFrame(
            {
                "row": np.arange(count),
                "entity": np.array(names(cells))[random.integers(0, cells, count)],
                "at": pl.Series([at] * count).cast(pl.Datetime("us", "UTC")) - before,
            }
        )

        def peer() -> int:
            hours = keys.select("entity", pl.col("at").dt.truncate("1h").alias("period_start"))
            wanted = pl.concat(
                [hours.with_columns(pl.col("period_start").dt.offset_by(f"-{w}w")) for w in range(5)]
            )
            scan = pl.scan_parquet(folder / "moments" / "shards" / "*" / "*.parquet")
            return wanted.lazy().join(scan, on=["entity", "period_start"]).collect().height

        peer()
        spent = statistics.median(_seconds(lambda: store.kpi_at(keys, ids)) for _ in range(5))
        theirs = statistics.median(_seconds(peer) for _ in range(5))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    asked = f"{count} moments x {len(ids)} KPIs with baselines, {cells} cells, 4 weeks"
    print(f"{asked}: {spent:.2f} s, peak {peak:.2f} GB")
    print(f"  peer, one join of the same rows without baselines: {theirs:.2f} s, ratio {theirs / spent:.1f}")
    verdict = "reached" if spent < MOMENTS_LIMIT_S else "NOT reached"
    print(f"  limit {MOMENTS_LIMIT_S:.0f} s for the whole diagnosis: {verdict}")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print both measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--moments", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one_cell(Path(folder), wanted.cells)
        moments(Path(folder), wanted.cells, wanted.moments)


if __name__ == "__main__":
    main()
