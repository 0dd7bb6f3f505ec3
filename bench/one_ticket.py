"""New tickets in a running service: one, ten and twenty at a time, against the store of `diagnose_speed`.

Measured after one batch that warms up. The sustained rate is what one core could take in batches of twenty;
the aim is 1,000 tickets a minute in well under one core. Peer in the same run: the same tickets through
`diagnose`, which keeps nothing between calls.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.diagnose_speed import CELLS, build
from collectors.kpi.catalogue import load_catalogue
from collectors.store.store import Store
from diagnosis.engine import Engine, diagnose
from diagnosis.result import DiagnosisBatch
from runbooks.loader import load_runbooks

RUNS = int(os.environ.get("CALLCAUSE_BENCH_RUNS", "15"))
SIZES = (1, 10, 20)
LIMIT_S = 0.5
AIM_PER_MINUTE = 1000


def timed(work: Callable[[pl.DataFrame], DiagnosisBatch], parts: list[pl.DataFrame]) -> tuple[float, float]:
    """Median wall and CPU seconds from tickets to contract objects."""
    walls, spent = [], []
    for part in parts:
        wall, cpu = time.perf_counter(), time.process_time()
        work(part).results()
        walls.append(time.perf_counter() - wall)
        spent.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(spent)


def main() -> None:
    """Print a line for each size of batch."""
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789")
    kept = os.environ.get("CALLCAUSE_BENCH_STORE")
    runbooks, catalogue = load_runbooks(), load_catalogue()
    with tempfile.TemporaryDirectory() as temporary, Store.open(build(Path(kept or temporary))) as store:
        tickets = store.records("ticket").collect()
        engine = Engine(runbooks, catalogue)
        engine.diagnose(store, tickets.head(SIZES[-1])).results()
        for size in SIZES:
            parts = [tickets.slice((run + 1) * size, size) for run in range(RUNS)]
            wall, cpu = timed(lambda part: engine.diagnose(store, part), parts)
            peer, _ = timed(lambda part: diagnose(store, part, runbooks, catalogue), parts[:3])
            share = AIM_PER_MINUTE / size * cpu / 60
            print(
                f"{size} new tickets, {CELLS} cells: {wall:.2f} s (limit {LIMIT_S} s), CPU {cpu:.2f} s, "
                f"not kept warm {peer:.2f} s; {AIM_PER_MINUTE} a minute so: {share:.2f} cores"
            )


if __name__ == "__main__":
    main()
