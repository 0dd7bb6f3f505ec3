"""`kill -9` at random moments of an ingest: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from ingest_tree import content, write_tree

from collectors.store import Store

KILLS = 100
HERE = Path(__file__).parent


class Host:
    """The process that forks ingests."""

    def __init__(self) -> None:
        env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
        command = [sys.executable, str(HERE / "kill_host.py")]
        env["PYTHONPATH"] = os.pathsep.join([str(HERE.parents[1]), env.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=env)
        assert self._read() == {"ready": True}

    def _read(self) -> dict[str, bool | int]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ingest(self, store: Path, tree: Path, **how: float) -> bool:
        """Run one ingest; returns whether it was killed."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"store": str(store), "tree": str(tree), **how}) + "\n")
        self.process.stdin.flush()
        answer = self._read()
        assert answer["killed"] or answer["status"] == 0, answer
        return bool(answer["killed"])


@pytest.fixture
def host() -> Iterator[Host]:
    found = Host()
    yield found
    assert found.process.stdin is not None
    found.process.stdin.close()
    found.process.wait()


def check_whole(folder: Path) -> None:
    """What the ledger names is there and whole; no source file has its rows twice."""
    with Store.open(folder) as store:
        files = store.ledger.files()
        assert files["hash"].is_unique().all()
        for kind in store.ledger.kinds():
            for segment in store.ledger.segments(kind):
                rows = pl.scan_parquet(folder / segment.name).select(pl.len()).collect().item()
                assert rows == segment.rows
        stored = files.filter(pl.col("kind") == "cell_kpi")["rows"].sum()
        assert store.records("cell_kpi").collect().height == stored


@pytest.mark.slow
def test_an_ingest_that_is_killed_at_any_moment_and_run_again_ends_like_an_undisturbed_one(
    tmp_path: Path, host: Host
) -> None:
    tree = tmp_path / "tree"
    write_tree(tree)
    start = time.monotonic()
    assert not host.ingest(tmp_path / "calm", tree)
    whole_s = time.monotonic() - start
    with Store.open(tmp_path / "calm") as store:
        expected = content(store)
    chance = random.Random(20260302)
    kills = stores = 0
    while kills < KILLS:
        folder = tmp_path / f"store-{stores}"
        stores += 1
        for _ in range(12):
            by_time = chance.random() < 0.4
            how = (
                {"after_s": chance.random() * whole_s} if by_time else {"at_event": chance.randrange(1, 320)}
            )
            if not host.ingest(folder, tree, **how):
                break
            kills += 1
            check_whole(folder)
        host.ingest(folder, tree)
        with Store.open(folder) as store:
            assert content(store) == expected
    assert kills >= KILLS


def test_two_ingests_of_the_same_files_at_once_store_everything_once(tmp_path: Path, host: Host) -> None:
    tree = tmp_path / "tree"
    write_tree(tree)
    hosts = [Host(), Host()]
    order = json.dumps({"store": str(tmp_path / "both"), "tree": str(tree)}) + "\n"
    for one in hosts:
        assert one.process.stdin is not None
        one.process.stdin.write(order)
        one.process.stdin.flush()
    for one in hosts:
        assert one._read() == {"killed": False, "status": 0}
        assert one.process.stdin is not None
        one.process.stdin.close()
        one.process.wait()
    assert not host.ingest(tmp_path / "calm", tree)
    with Store.open(tmp_path / "both") as both, Store.open(tmp_path / "calm") as once:
        assert content(both) == content(once)
