"""A disk that takes no more bytes: what was handed over is stored once there is room, and not doubled."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from collectors.store import Store

HANDED_OVER = """
import asyncio, resource, sys
from pathlib import Path
import polars as pl
from collectors.records import Pseudonymiser, load_key
from collectors.sink import SinkSettings, StoreSink

FULL, ROOM = 512, resource.getrlimit(resource.RLIMIT_FSIZE)

def rows(*names):
    return pl.DataFrame({"id": names, "at": ["2026-11-22T01:00:00Z"] * len(names)}).with_columns(
        interface=pl.lit("Cx"), command=pl.lit("MAR"), code=3004, source=pl.lit("hss_log"))

async def main():
    sink = StoreSink(Path(sys.argv[1]), Pseudonymiser(load_key()), SinkSettings(flush_s=3600))
    await sink.open()
    await sink.rows("hss log", "diameter_answer", rows("DA-1"))
    await sink.flush()
    await sink.rows("hss log", "diameter_answer", rows("DA-2"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, ROOM[1]))
    for _ in range(2):
        try:
            await sink.flush()
        except Exception as error:
            print("failed", type(error).__name__, flush=True)
    await sink.rows("hss log", "diameter_answer", rows("DA-3"))
    resource.setrlimit(resource.RLIMIT_FSIZE, ROOM)
    await sink.flush()
    await sink.rows("hss log", "diameter_answer", rows("DA-2"))
    await sink.close()
    print(dict(sink.counts))

asyncio.run(main())
"""


def test_rows_that_a_full_disk_refused_are_stored_once_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANDED_OVER, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("failed") == 2, done.stdout
    with Store.open(tmp_path) as store:
        assert sorted(store.records("diameter_answer").collect()["id"]) == ["DA-1", "DA-2", "DA-3"]
        assert store.ledger.counts() == {"stored": 3}
    left = [path for path in (tmp_path / "tmp").iterdir() if path.is_dir()]
    assert left == [], "nothing half written stays"
