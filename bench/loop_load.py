"""100,000 open tickets and 1,000 new ones a minute: pages at p95, and whether the backlog grows.

`python -m bench.loop_load [--database sqlite|postgresql|both] [--open N] [--minutes M] [--rate N]
[--reads N] [--folder FOLDER]`. The real service, over HTTP, with the store of a simulated network. First the
pages are read with `--open` open tickets in the state database, nothing else going on; peer in the same run
is `/healthz`. Then tickets come at `--rate` a minute while a page is still read each second. Every five
seconds it is noted what waits: tickets to diagnose, tickets to cluster, and how old the last look of the
early warning is. The tickets are those of the simulation under new ids; their calls are when they were, so
that diagnosis has its evidence. `--folder` keeps network, store and open tickets for the next run;
`--minutes 0` reads the pages only. Beside each wall time stands the CPU time of a read, of the service and
(PostgreSQL) of the server, which says something on a busy machine too. Exit status 1: a figure is missed.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench._open_tickets import HOLDERS, fill
from bench._postgres import postgres
from callcause.state import Database
from callcause.state.settings import StateSettings

PAGE_LIMIT_S = 0.2
PATIENCE_S = 900.0
NOTED_S = 5.0
DISPATCHED = 50
Noted = tuple[float, int, int, float]
CLI = [sys.executable, "-m", "callcause.cli"]
CONFIGURATION = """[service]
port = 0
requests_per_minute = 1e6
[store]
path = "{folder}/store"
[state]
database = "{database}"
[warnings]
every_s = 30
"""
PAGES = (
    ("list", "/queue"),
    ("second page", "/queue?after={after}"),
    ("of a department", "/queue?department=IMS core"),
    ("of a category", "/queue?category=drop"),
    ("of a cause", "/queue?cause=cause-7"),
    ("of a cluster", "/queue?cluster=INC-none"),
    ("four filters", "/queue?department=IMS core&region=0871&category=drop&state=dispatched"),
    ("overdue", "/queue?overdue=true"),
    ("by id", "/queue?text=B-00777"),
    ("counts", "/queue/counts"),
    ("counts of a region", "/queue/counts?region=0871"),
    ("web list", "/ui/tickets"),
    ("web filter", "/ui/tickets?category=drop&holder=IMS core"),
    ("metrics", "/metrics"),
    ("(peer) healthz", "/healthz"),
)


def main() -> int:
    """Print the figures of each database; 1 where one misses a limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--reads", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789abcdef")
    missed = False
    with ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tickets = network(folder.resolve())
        for kind in ("sqlite", "postgresql") if given.database == "both" else (given.database,):
            missed |= measure(folder.resolve(), kind, tickets, given)
    return int(missed)


def network(folder: Path) -> list[dict[str, str]]:
    """Simulate a network and store it without its tickets, unless the folder has it; return those."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "net/tickets.csv").exists():
        sizes = ["--cells", "120", "--days", "8", "--tickets", "500", "--seed", "7"]
        subprocess.run([*CLI, "simulate", "net", *sizes], cwd=folder, check=True, capture_output=True)
        command = [*CLI, "ingest", "--store", "store", "net/network"]
        subprocess.run(command, cwd=folder, check=False, capture_output=True)
    with (folder / "net/tickets.csv").open(encoding="utf-8") as file:
        return [{name: text for name, text in row.items() if text} for row in csv.DictReader(file)]


def measure(folder: Path, kind: str, tickets: list[dict[str, str]], given: argparse.Namespace) -> bool:
    """Measure with one kind of database; returns whether a limit is missed."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        url = stack.enter_context(filled(folder, home, kind, given.open))
        config = home / "callcause.toml"
        # The service stores its tickets: the next run begins without them.
        shutil.copytree(folder / "store", home / "store")
        config.write_text(CONFIGURATION.format(folder=home, database=url))
        client, process = stack.enter_context(service(config, home))
        print(f"== {kind}, {given.open} open tickets", flush=True)
        spent = Spent(process.pid, url)
        slow = read_pages(client, given.reads, spent)
        grows = load(client, spent, tickets, given) if given.minutes > 0 else False
    return slow or grows


@contextmanager
def filled(folder: Path, home: Path, kind: str, number: int) -> Iterator[str]:
    """Give the URL of a database with so many open tickets; that of SQLite is made once for a folder."""
    with ExitStack() as stack:
        kept = folder / f"open-{number}.sqlite"
        url = f"sqlite:///{kept}" if kind == "sqlite" else stack.enter_context(postgres())
        if kind == "postgresql" or not kept.exists():
            database = Database.open(StateSettings(database=url))
            fill(database, number)
            database.close()
        if kind == "sqlite":
            shutil.copy(kept, home / "state.sqlite")
            url = f"sqlite:///{home}/state.sqlite"
        yield url


class Spent:
    """CPU seconds of the service with its threads, and of the server of its database where it is another."""

    def __init__(self, service: int, url: str) -> None:
        self._service, self._port = service, url.rpartition(":")[2].partition("/")[0]
        self._server = _postmaster(self._port) if url.startswith("postgresql") else None

    def read(self) -> tuple[float, float]:
        """Return the seconds of the service and of the server so far."""
        server = sum(map(_cpu_s, [self._server, *_children(self._server)])) if self._server else 0.0
        return _cpu_s(self._service), server

    def memory_mb(self) -> float:
        """Return the resident memory of the service."""
        pages = int(Path(f"/proc/{self._service}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def service(config: Path, home: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Run `callcause serve` and give a client that is let in."""
    with (home / "log").open("wb") as log:
        command = [*CLI, "serve", "--config", str(config)]
        process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
    try:
        port = waited(lambda: _port(process, home / "log"))
        with httpx.Client(base_url=f"http://127.0.0.1:{port[1]}", timeout=PATIENCE_S) as client:
            waited(lambda: client.get("/readyz").status_code == 200)
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def _port(process: subprocess.Popen[bytes], log: Path) -> re.Match[str] | None:
    if process.poll() is not None:
        raise RuntimeError(f"the service ended: {log.read_text()[-500:]}")
    return re.search(r'"port": "(\d+)"', log.read_text())


def waited(look: Any, pause_s: float = 0.1) -> Any:
    """Return what `look` gives once it is true."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except httpx.TransportError:
            pass
        time.sleep(pause_s)
    raise TimeoutError("the service did not answer")


def read_pages(client: httpx.Client, reads: int, spent: Spent) -> bool:
    """Read each page and dispatch pages of tickets; print p50 and p95; returns whether one is too slow."""
    following = client.get("/queue").json()["next"]
    slow = False
    for name, path in PAGES:
        url = path.format(after=following)
        client.get(url).raise_for_status()
        before = spent.read()
        took = [_timed(lambda url=url: client.get(url)) for _ in range(reads)]
        limit_s = None if name in ("metrics", "(peer) healthz") else PAGE_LIMIT_S
        slow |= _told(name, took, limit_s, before, spent.read())
    before = spent.read()
    took = [t for t in (_dispatch(client, n) for n in range(reads)) if t is not None]
    return slow | _told(f"dispatch of {DISPATCHED}", took, PAGE_LIMIT_S, before, spent.read())


def _dispatch(client: httpx.Client, number: int) -> float | None:
    """Dispatch a page of diagnosed tickets; seconds, None where there are none left."""
    page = client.get("/queue", params={"state": "diagnosed", "limit": DISPATCHED}).json()["tickets"]
    if len(page) < DISPATCHED:
        return None
    body = {"tickets": [{"id": t["id"], "version": t["version"]} for t in page],
            "department": HOLDERS[number % len(HOLDERS)], "why": "bench"}  # fmt: skip
    return _timed(lambda: client.post("/queue/dispatch", json=body))


def _timed(ask: Any) -> float:
    began = time.perf_counter()
    ask().raise_for_status()
    return time.perf_counter() - began


def _told(
    name: str,
    took: list[float],
    limit_s: float | None,
    before: tuple[float, float],
    after: tuple[float, float],
) -> bool:
    p50, p95 = (1000 * float(v) for v in np.percentile(took, [50, 95]))
    late = limit_s is not None and p95 > 1000 * limit_s
    service, server = (1000 * (b - a) / len(took) for a, b in zip(before, after, strict=True))
    cpu = f"CPU {service:5.0f} ms" + (f" + {server:5.0f} ms" if server else "")
    print(f"  {name:<20} p50 {p50:6.0f} ms  p95 {p95:6.0f} ms  {cpu}{'  MISSED' if late else ''}", flush=True)
    return late


def load(
    client: httpx.Client,
    spent: Spent,
    tickets: list[dict[str, str]],
    given: argparse.Namespace,
) -> bool:
    """Post tickets at the wanted rate and note what waits; returns whether the backlog grew."""
    stop, pages = threading.Event(), []
    reader = threading.Thread(target=_read_meanwhile, args=(str(client.base_url), stop, pages))
    reader.start()
    began, before = time.monotonic(), spent.read()
    noted: list[Noted] = []
    posted, end = 0, 60.0 * given.minutes
    while (now := time.monotonic() - began) < end:
        due = int(now * given.rate / 60.0)
        if due > posted:
            fresh = [_again(tickets[n % len(tickets)], n) for n in range(posted, due)]
            client.post("/tickets", json=fresh).raise_for_status()
            posted = due
        if not noted or now - noted[-1][0] >= NOTED_S:
            noted.append(_note(client, now))
        time.sleep(0.2)
    lasted, after = time.monotonic() - began, spent.read()
    stop.set()
    reader.join()
    drained = _drained(client)
    cores = sum(after) - sum(before)
    print(f"  {posted} tickets in {lasted:.0f} s; {cores / lasted:.2f} cores,", end=" ")
    print(f"{1000 * (spent.read()[0] - before[0]) / posted:.1f} ms of CPU of the service a ticket", end=", ")
    print(f"it holds {spent.memory_mb():.0f} MB")
    return _judged(noted, drained, pages, given)


def _judged(noted: list[Noted], drained_s: float, pages: list[float], given: argparse.Namespace) -> bool:
    """Print the course of the backlog; it grows where its last third lies above its middle third."""
    third = max(1, len(noted) // 3)
    worst = []
    for place, name in ((1, "to diagnose"), (2, "to cluster"), (3, "last look of the early warning, s ago")):
        values = [float(one[place]) for one in noted]
        middle, last = np.mean(values[third : 2 * third] or values), np.mean(values[-third:])
        worst.append(last - middle)
        print(f"  {name:<38} mean {np.mean(values):6.0f}  max {max(values):6.0f}  end {values[-1]:6.0f}")
    grows = max(worst[:2]) > given.rate / 6
    page95 = 1000 * float(np.percentile(pages, 95)) if pages else float("nan")
    print(f"  empty {drained_s:.1f} s after the last; list meanwhile p95 {page95:.0f} ms", flush=True)
    print(f"  backlog {'GROWS' if grows else 'does not grow'}", flush=True)
    return bool(grows)


def _again(ticket: dict[str, str], number: int) -> dict[str, str]:
    """Return the ticket under a new id, received now; its call was when it was."""
    received = datetime.now(UTC)
    return {
        **ticket, "id": f"L-{number:06d}", "status": "entered", "received_at": received.isoformat(),
        "entered_at": (received + timedelta(seconds=1)).isoformat(),
    }  # fmt: skip


def _note(client: httpx.Client, now: float) -> Noted:
    work = client.get("/work").json()
    looked = work["warnings_judged_at"]
    ago = (datetime.now(UTC) - datetime.fromisoformat(looked)).total_seconds() if looked else float("nan")
    return now, work["undiagnosed"], work["unclustered"], ago


def _drained(client: httpx.Client) -> float:
    """Return the seconds until nothing waits any more."""
    began = time.monotonic()
    waited(lambda: not any(_note(client, 0.0)[1:3]))
    return time.monotonic() - began


def _read_meanwhile(base: str, stop: threading.Event, took: list[float]) -> None:
    with httpx.Client(base_url=base, timeout=PATIENCE_S) as client:
        while not stop.wait(1.0):
            took.append(_timed(lambda: client.get("/queue?department=IMS core")))


def _cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process with its threads and the children that ended; 0 once it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _postmaster(port: str) -> int:
    """Return the process of the PostgreSQL that listens on a port."""
    for found in Path("/proc").glob("[0-9]*/cmdline"):
        words = found.read_bytes().split(b"\0")
        if words[0].endswith(b"/postgres") and port.encode() in words:
            return int(found.parts[2])
    raise RuntimeError(f"no PostgreSQL listens on {port}")


def _children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main())
