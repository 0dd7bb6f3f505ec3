"""`callcause serve --demo`: a small faulty network up to now, whose last complaints come in as you look."""

from __future__ import annotations

import asyncio
import csv
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from callcause.commands import ingesting, serving
from callcause.configuration import load_configuration
from callcause.service.logs import start_logging
from callcause.simulator import simulate
from callcause.simulator.period import Period
from callcause.terminal import progress, say
from callcause_error import UsageError

CELLS, DAYS, TICKETS, SEED = 60, 8, 80, 7
THERE = 50
"""Complaints that are there at the start; the others come in one by one."""
BETWEEN_S = 20.0
MARK = "living-demo"
Row = dict[str, str]
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Demo:
    """The files of a living demo: where complaints are put, and those that are still to come."""

    configuration: Path
    inbox: Path
    to_come: Sequence[Row]


def run(folder: Path, port: int, now: datetime | None = None) -> None:
    """Build the demo anew in `folder` and serve it until SIGTERM or SIGINT."""
    demo = prepare(folder, port, now or datetime.now(UTC))
    configuration = load_configuration(demo.configuration)
    wrong = serving.problems(demo.configuration, configuration)
    if wrong:
        raise wrong[0]
    start_logging()
    say(f"http://127.0.0.1:{port}/ui shows it; Grafana boards to mount: dashboards/grafana/provisioned")

    async def alive() -> None:
        feeding = asyncio.create_task(feed(demo))
        try:
            await serving.serve(configuration)
        finally:
            feeding.cancel()

    asyncio.run(alive())


def prepare(folder: Path, port: int, now: datetime) -> Demo:
    """Simulate the network, store it, put the first complaints into the watched folder."""
    _clear(folder)
    with progress("simulate"):
        simulate(folder / "files", CELLS, DAYS, TICKETS, SEED, period_until(now, DAYS))
    (folder / MARK).touch()
    ingesting.run(folder / "data/store", [folder / "files/network"], None, folder / "unmapped.yaml")
    first, to_come = parted(read(folder / "files/tickets.csv"), THERE)
    inbox = folder / "in"
    inbox.mkdir()
    put(inbox, "first", first)
    configuration = folder / "callcause.toml"
    configuration.write_text(_configuration(folder.resolve(), port), encoding="utf-8")
    return Demo(configuration, inbox, to_come)


def period_until(now: datetime, days: int) -> Period:
    """Return whole days that end with the present hour.

    A simulated day begins at a local midnight; there is a zone in which it is midnight at any full hour.
    """
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    offset = -end.hour if end.hour < 12 else 24 - end.hour
    return Period(end.astimezone(timezone(timedelta(hours=offset))) - timedelta(days=days), days)


def read(path: Path) -> list[Row]:
    """Read the complaints."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def parted(rows: Sequence[Row], first: int) -> tuple[list[Row], list[Row]]:
    """Split complaints: the earliest, and those that are still to come."""
    ordered = sorted(rows, key=lambda row: (datetime.fromisoformat(row["received_at"]), row["id"]))
    return ordered[:first], ordered[first:]


def put(inbox: Path, name: str, rows: Sequence[Row]) -> Path:
    """Write complaints as a file of the watched folder, whole from the first moment."""
    made = inbox.parent / f"{name}.part"
    with made.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return made.replace(inbox / f"tickets-{name}.csv")


async def feed(demo: Demo, between_s: float = BETWEEN_S) -> None:
    """Let the other complaints come in, one after another, each received in the moment it is put there."""
    for row in demo.to_come:
        await asyncio.sleep(between_s)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        put(demo.inbox, row["id"], [{**row, "received_at": now, "entered_at": now}])
    LOG.info("the last complaint of the demo came in")


def _clear(folder: Path) -> None:
    """Remove an earlier demo; any other folder with something in it is not ours to remove."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file())):
        raise UsageError("is no earlier demo and would be removed; name another folder", file=str(folder))
    if folder.exists():
        shutil.rmtree(folder)


def _configuration(folder: Path, port: int) -> str:
    return f"""# Written by `callcause serve --demo`: everybody on this machine may do anything.
[service]
port = {port}

[store]
path = "{folder.as_posix()}/data/store"

[state]
database = "sqlite:///{folder.as_posix()}/data/state.sqlite"

[[collect.folder]]
name = "complaints"
folder = "{folder.as_posix()}/in"
interval_s = 1
files = {{complete = "stable", stable_s = 1}}
"""
