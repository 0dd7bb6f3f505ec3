"""A refresh after a small addition to a large store: what a live collector asks for every few seconds.

`python -m bench.small_refresh [--cells N] [--days N]`. The store holds quarter-hours of all cells and
200,000 calls; each addition brings one quarter-hour of 100 cells and 100 calls. Peer of the same run: the
refresh of all of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from bench.store_read import names
from collectors.records.schema import load_schemas
from collectors.store import SourceFile, Store

START = datetime(2026, 3, 2, tzinfo=UTC)
ADDITIONS, SMALL, LIMIT_S = 20, 100, 1.0
COUNTERS = ("RRC.ConnEstabAtt.sum", "RRC.ConnEstabSucc.sum", "ERAB.RelActNbr.1", "ERAB.SessionTimeQCI.1")


def quarter_hours(cells: list[str], start: datetime, periods: int) -> pl.DataFrame:
    """Counter rows of cells from `start` on."""
    first = int(start.timestamp()) * 1_000_000
    times = np.repeat(np.arange(periods) * 900_000_000 + first, len(cells))
    frame = pl.DataFrame({
        "entity": cells * periods, "entity_kind": "cell",
        "period_start": pl.Series(times).cast(pl.Datetime("us", "UTC")),
        "period_s": pl.Series(np.full(len(times), 900, np.int32)),
    })  # fmt: skip
    random = np.random.default_rng(periods)
    return frame.with_columns(
        pl.Series(name, random.poisson(200, len(times)).astype(np.float64)) for name in COUNTERS
    )


def calls(count: int, start: datetime, number: int) -> pl.DataFrame:
    """Make calls with their key fields, each id once."""
    schema = load_schemas()["call"].polars_schema()
    given = {
        "id": [f"{number}-{i}" for i in range(count)],
        "leg": ["mo"] * count,
        "started_at": [start + timedelta(seconds=i % 3600) for i in range(count)],
    }
    frame = pl.DataFrame(given, schema_overrides={name: schema[name] for name in given}, strict=False)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in given]
    return frame.with_columns(missing).select(list(schema))


def spent_s(store: Store, number: int, frames: dict[str, pl.DataFrame]) -> float:
    """CPU seconds of adding frames and of the refresh."""
    before = time.process_time()
    store.add(SourceFile(str(number), f"{number:064x}"), frames)
    store.refresh()
    return time.process_time() - before


def main() -> None:
    """Print the median and the longest refresh of the additions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=2)
    wanted = parser.parse_args()
    network = names(wanted.cells)
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder)) as store:
        large = {
            "counters": quarter_hours(network, START, wanted.days * 96),
            "call": calls(200_000, START, 0),
        }
        whole = spent_s(store, 1, large)
        now = START + timedelta(days=wanted.days)
        spent = []
        for i in range(ADDITIONS):
            some = network[i * SMALL : (i + 1) * SMALL]
            added = {"counters": quarter_hours(some, now, 1), "call": calls(SMALL, now, i + 1)}
            spent.append(spent_s(store, i + 2, added))
        hour = store.hourly(network[: ADDITIONS * SMALL], ["rrc_connection_setup_success_ratio"], now)
        if hour.height != ADDITIONS * SMALL:
            raise SystemExit(f"{hour.height} hours stand in the store")
    median, longest = statistics.median(spent), max(spent)
    verdict = "reached" if longest < LIMIT_S else "NOT reached"
    print(f"{wanted.cells} cells, {wanted.days} days: {SMALL} cells and calls added in {median:.2f} CPU-s,")
    print(f"  longest of {ADDITIONS} {longest:.2f}, all at once {whole:.1f}; limit {LIMIT_S:.0f}: {verdict}")


if __name__ == "__main__":
    main()
