"""A ticket posted to a running service: how long until its verdict can be read, at p95.

`python -m bench.posted_ticket [--tickets N]`. A real process with the store of a simulated network; tickets
come one by one over HTTP. Peer in the same run: the same tickets through a warm engine without a service.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import numpy as np

from callcause.service.ticket_record import check, frame_of
from collectors.kpi.catalogue import load_catalogue
from collectors.records import Pseudonymiser, load_key
from collectors.store import Store
from diagnosis.engine import Engine
from runbooks.loader import load_runbooks

T = TypeVar("T")
LIMIT_S = 2.0
PATIENCE_S = 1800.0
"""For each step; a machine with much else to do starts the service and simulates slowly."""
CLI = [sys.executable, "-m", "callcause.cli"]


def main() -> int:
    """Print both figures; 1 where the service misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=40)
    count = parser.parse_args().tickets
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tickets = network(folder, count)
        peer = engine_alone(folder, tickets)
        posted = through_service(folder, tickets)
    p50, p95 = np.percentile(posted, [50, 95])
    alone50, alone95 = np.percentile(peer, [50, 95])
    print(
        f"posted ticket to readable verdict: p50 {p50:.2f} s, p95 {p95:.2f} s (limit {LIMIT_S:g} s); "
        f"engine alone p50 {alone50:.2f} s, p95 {alone95:.2f} s"
    )
    return int(p95 >= LIMIT_S)


def network(folder: Path, count: int) -> list[dict[str, str]]:
    """Simulate a network, store it without its tickets, return those."""
    command = [*CLI, "simulate", "net", "--cells", "60", "--days", "8", "--tickets", str(count)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    ingest = [*CLI, "ingest", "--store", "data/store", "net/network"]
    done = subprocess.run(ingest, cwd=folder, check=False, capture_output=True, text=True)
    if not (folder / "data/store").exists():
        raise RuntimeError(f"nothing was stored: {done.stderr[-500:]}")
    with (folder / "net/tickets.csv").open(encoding="utf-8") as file:
        return [{name: text for name, text in row.items() if text} for row in csv.DictReader(file)]


def engine_alone(folder: Path, tickets: list[dict[str, str]]) -> list[float]:
    """Seconds from ticket to contract object, one ticket at a time, after one that warms up."""
    engine, spent = Engine(load_runbooks(), load_catalogue()), []
    frame = frame_of(check(tickets, Pseudonymiser(load_key()), "UTC", "86").records)
    with Store.open(folder / "data/store") as store:
        engine.diagnose(store, frame.head(1)).results()
        for row in range(frame.height):
            began = time.perf_counter()
            engine.diagnose(store, frame.slice(row, 1)).results()
            spent.append(time.perf_counter() - began)
    return spent


def through_service(folder: Path, tickets: list[dict[str, str]]) -> list[float]:
    """Seconds from the post to the verdict, one ticket at a time, after one that warms up."""
    (folder / "callcause.toml").write_text("[service]\nport = 0\nrequests_per_minute = 1000000\n")
    log = folder / "log"
    with log.open("wb") as out:
        command = [*CLI, "serve", "--config", "callcause.toml"]
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
    try:
        service = Running(process, log)
        found = waited(lambda: re.search(r'"port": "(\d+)"', log.read_text()), service)
        with httpx.Client(base_url=f"http://127.0.0.1:{found[1]}", timeout=PATIENCE_S) as client:
            waited(lambda: client.get("/readyz").status_code == 200, service)
            posted(client, {**tickets[0], "id": "warming-up"}, service)
            return [posted(client, ticket, service) for ticket in tickets]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


@dataclass(frozen=True, slots=True)
class Running:
    """The process that is waited for; what it wrote last is told where it ends or stays silent."""

    process: subprocess.Popen[bytes]
    log: Path

    def check(self, end: float) -> None:
        """Raise where waiting is in vain."""
        code = self.process.poll()
        if code is not None or time.monotonic() > end:
            what = "is silent" if code is None else f"ended with {code}"
            raise RuntimeError(f"the service {what}: {self.log.read_text()[-1500:]}")


def posted(client: httpx.Client, ticket: dict[str, str], service: Running) -> float:
    """Post one ticket; seconds until its verdict is there."""
    began = time.perf_counter()
    client.post("/tickets", json=ticket).raise_for_status()
    waited(lambda: read(client, ticket["id"]), service)  # more often, and the questions slow the answer down
    return time.perf_counter() - began


def read(client: httpx.Client, ticket: str) -> bool:
    """Tell whether the verdict of a ticket can be read."""
    answer = client.get(f"/tickets/{ticket}")
    if answer.status_code == 202:
        return False
    if answer.status_code != 200 or "verdict" not in answer.json():
        raise RuntimeError(f"ticket {ticket}: {answer.status_code} {answer.text[:500]}")
    return True


def waited(look: Callable[[], T | None], service: Running, pause_s: float = 0.1) -> T:
    """Return what `look` gives once it is true."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        service.check(end)
        time.sleep(pause_s)
    return found


if __name__ == "__main__":
    sys.exit(main())
