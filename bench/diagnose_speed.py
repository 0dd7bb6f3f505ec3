"""100,000 tickets against 10,000 cells and four weeks of history: the limit is 10 s on 2 cores and 4 GB.

The store is built first (outside the timed part): tables go through ingest, the hourly counters are
added as a PM reader would add them, baselines are kept up by `refresh`. Peer in the same run: one join of
the same tickets with the same hourly rows in polars, the least that any diagnosis of them must do.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.store.ledger import SourceFile
from collectors.store.store import Store
from diagnosis.engine import diagnose
from diagnosis.settings import DiagnosisSettings
from runbooks.loader import load_runbooks

CELLS = int(os.environ.get("CALLCAUSE_BENCH_CELLS", "10000"))
TICKETS = int(os.environ.get("CALLCAUSE_BENCH_TICKETS", "100000"))
DAYS = int(os.environ.get("CALLCAUSE_BENCH_DAYS", "28"))
WRITTEN = 1000
RUNS = int(os.environ.get("CALLCAUSE_BENCH_RUNS", "5"))
LIMIT_S, LIMIT_GB = 10.0, 4.0
START = datetime(2024, 2, 12, tzinfo=UTC)
TEXTS = {
    "drop": "通话中突然断了",
    "access": "电话打不出去",
    "mos": "声音断断续续",
    "registration": "没有HD图标",
    "csfb": "打电话就掉到2G",
}
Names = NDArray[np.str_]


def cells() -> list[str]:
    """Return the ECGIs of the bench network, three cells a site."""
    return [f"460-00-{100000 + i // 3}-{i % 3 + 1}" for i in range(CELLS)]


def counters(day: int, names: list[str]) -> pl.DataFrame:
    """Return one day of hourly counter rows of all cells: plain Poisson traffic with few failures."""
    random = np.random.default_rng(day)
    catalogue = load_catalogue()
    rows = CELLS * 24
    midnight = int((START + timedelta(days=day)).timestamp())
    frame = pl.DataFrame(
        {
            "entity": np.repeat(np.array(names), 24),
            "entity_kind": "cell",
            "period_start": pl.Series(
                np.tile(np.arange(24), CELLS) * 3_600_000_000 + midnight * 1_000_000
            ).cast(pl.Datetime("us", "UTC")),
            "period_s": pl.Series(np.full(rows, 3600, dtype=np.int32)),
        }
    )
    return frame.with_columns(
        pl.Series(name, random.poisson(400, rows).astype(np.float64)) for name in catalogue.counters
    )


def tables(folder: Path, names: list[str]) -> None:
    """Write the record tables of the bench as Parquet, ids and numbers in clear as a source would."""
    random = np.random.default_rng(1)
    own = random.integers(0, CELLS, TICKETS)
    at = pl.Series(random.integers(0, (DAYS - 1) * 86400, TICKETS) + int(START.timestamp()) + 43200)
    when = (at * 1_000_000).cast(pl.Datetime("us", "UTC"))
    number = [f"86138{i:08d}" for i in range(TICKETS)]
    ecgi = np.array(names)[own]
    ticket_table(when, number, ecgi, random).write_parquet(folder / "tickets.parquet")
    subscribers = {"msisdn": number, "volte_subscribed": [True] * TICKETS}
    pl.DataFrame(subscribers).write_parquet(folder / "subscribers.parquet")
    cell_table(names).write_parquet(folder / "cells.parquet")
    calls = [call_table(copy, when, number, ecgi, random) for copy in range(2)]
    pl.concat(calls).write_parquet(folder / "calls.parquet")


def ticket_table(
    when: pl.Series, number: list[str], ecgi: Names, random: np.random.Generator
) -> pl.DataFrame:
    """Return one complaint a customer, of all categories."""
    category = np.array(list(TEXTS))[random.integers(0, 5, TICKETS)]
    return pl.DataFrame(
        {
            "id": [f"T-{i}" for i in range(TICKETS)],
            "received_at": when.dt.offset_by("20m"),
            "occurred_at": when,
            "msisdn": number,
            "description": [TEXTS[c] for c in category],
            "category": category,
            "ecgi": ecgi,
        }
    )


def cell_table(names: list[str]) -> pl.DataFrame:
    """Return the inventory of the cells."""
    return pl.DataFrame(
        {
            "ecgi": names,
            "tac": [9800 + i % 50 for i in range(CELLS)],
            "volte_enabled": [True] * CELLS,
        }
    )


def call_table(
    copy: int, when: pl.Series, number: list[str], ecgi: Names, random: np.random.Generator
) -> pl.DataFrame:
    """Return one call a customer before the complaint; copies lie 40 minutes apart."""
    begin = when.dt.offset_by(f"-{40 * copy + 1}m")
    return pl.DataFrame(
        {
            "id": [f"C{copy}-{i}" for i in range(TICKETS)],
            "icid": [f"I{copy}-{i}" for i in range(TICKETS)],
            "leg": ["mo"] * TICKETS,
            "started_at": begin,
            "calling_number": number,
            "called_number": number[::-1],
            "first_ecgi": ecgi,
            "final_status": pl.Series(random.choice([200, 200, 503, 486], TICKETS)),
            "rsrp_last": random.normal(-98, 8, TICKETS),
            "t_100": begin.dt.offset_by("100ms"),
            "t_200": begin.dt.offset_by("5s"),
            "t_end": begin.dt.offset_by("60s"),
            "releasing_side": random.choice(["calling", "network"], TICKETS),
        }
    )


def build(folder: Path) -> Path:
    """Build the store of the bench once; its folder may be kept over runs by CALLCAUSE_BENCH_STORE."""
    store_path = folder / "store"
    if (store_path / "ledger.sqlite").exists():
        return store_path
    names = cells()
    (folder / "files").mkdir(parents=True)
    tables(folder / "files", names)
    with Store.open(store_path) as store:
        ingest(store, [folder / "files"])
        for day in range(DAYS):
            store.add(
                SourceFile(f"pm-{day}", f"{day + 1:016x}{0:048x}", 0), {"counters": counters(day, names)}
            )
            print(f"\rday {day + 1}/{DAYS}", end="", file=sys.stderr)
        store.refresh()
    print(file=sys.stderr)
    return store_path


def peer_s(store: Store, tickets: pl.DataFrame) -> float:
    """Time the peer: one join of tickets and hourly rows for the same KPIs."""
    start = time.perf_counter()
    hours = tickets.select(
        pl.col("ecgi").alias("entity"), pl.col("occurred_at").dt.truncate("1h").alias("period_start")
    )
    for shard in sorted((store.root / "shards").glob("*/*hourly*.parquet")):
        hours.lazy().join(pl.scan_parquet(shard), on=["entity", "period_start"]).collect()
    return time.perf_counter() - start


def main() -> None:
    """Print seconds, peak memory and the ratio to the peer."""
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789")
    kept = os.environ.get("CALLCAUSE_BENCH_STORE")
    with tempfile.TemporaryDirectory() as temporary:
        path = build(Path(kept or temporary))
        with Store.open(path) as store:
            tickets = store.records("ticket").collect()
            spent, peers, cpu = [], [], []
            batch = None
            for _ in range(RUNS):
                batch = None  # a service hands its results on; two whole results at once are not measured
                start, used = time.perf_counter(), time.process_time()
                batch = diagnose(store, tickets, load_runbooks(), load_catalogue(), DiagnosisSettings())
                spent.append(time.perf_counter() - start)
                cpu.append(time.process_time() - used)
                peers.append(peer_s(store, tickets))
            start = time.perf_counter()
            if batch is not None:
                batch.results(batch.ticket_ids[:WRITTEN])
            written = time.perf_counter() - start
    median, peer = statistics.median(spent), statistics.median(peers)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"diagnose {TICKETS} tickets, {CELLS} cells, {DAYS} days: {median:.2f} s (limit {LIMIT_S} s), "
        f"CPU {statistics.median(cpu):.2f} s, "
        f"polars join {peer:.2f} s, ratio {median / peer:.1f}; "
        f"contract objects of the first {WRITTEN} {written:.1f} s; "
        f"peak {peak:.2f} GB (limit {LIMIT_GB} GB, building included)"
    )


if __name__ == "__main__":
    main()
