"""`callcause serve --demo`: a small faulty network up to now that goes on: periods, calls, tickets, people.

Its last day and a half were rehearsed (see `callcause rehearse`) with the real service, so tickets,
incidents, warnings and requests stand as they would. What comes later is written as its time comes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from callcause.commands import ingesting, serving
from callcause.commands.demo_alert import Watch
from callcause.commands.rehearsing import departments
from callcause.commands.unfolding import Unfolding, unfold
from callcause.configuration import load_configuration
from callcause.rehearsal.moment import SharedMoment
from callcause.rehearsal.month import Month, read_month
from callcause.rehearsal.running import RunningService
from callcause.rehearsal.shift import Attached, Shift
from callcause.service.desk import wait_for_any
from callcause.service.logs import start_logging
from callcause.service.service import Service
from callcause.simulator.month import simulate_month
from callcause.terminal import progress, say
from callcause_error import UsageError
from collectors.kpi.catalogue import load_catalogue

CELLS, CALM_DAYS, DAYS, TICKETS, SEED, MASS_SHARE = 60, 6, 2, 160, 7, 0.4
HOUR_OF_DAY = 15
"""Where the simulated day stands now; it ends, and the demo with it, nine hours later."""
SLOT = timedelta(hours=3)
UNSEEN = timedelta(hours=5)
"""Nobody has looked at the incidents and warnings of the last hours yet."""
WRITES_S, WORKS_S, JUDGES_S = 20.0, 10.0, 120.0
"""How often network files are written, people work, and alert rules are judged."""
MARK = "living-demo"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo that is ready to be served, with what is still to come."""

    folder: Path
    configuration: Path
    inbox: Path
    to_come: Unfolding
    people: Shift


def run(folder: Path, port: int, now: datetime | None = None) -> None:
    """Build the demo anew in `folder` and serve it until SIGTERM or SIGINT."""
    demo = prepare(folder, port, now or datetime.now(UTC))
    configuration = load_configuration(demo.configuration)
    wrong = serving.problems(demo.configuration, configuration)
    if wrong:
        raise wrong[0]
    start_logging()
    say(f"http://127.0.0.1:{port}/ui shows it; Grafana boards to mount: dashboards/grafana/provisioned")
    asyncio.run(serving.serve(configuration, lambda service: live(demo, service)))


def prepare(folder: Path, port: int, now: datetime) -> Demo:
    """Simulate the network, store what is known by now, and let people work up to now."""
    _clear(folder)
    folder = folder.resolve()
    midnight = midnight_before(now)
    first = midnight - timedelta(days=DAYS - 1)
    with progress("simulate"):
        simulate_month(
            folder / "files", CELLS, DAYS, TICKETS, SEED, calm_days=CALM_DAYS, first=first, recent=now,
            mass_share=MASS_SHARE,
        )  # fmt: skip
        (folder / MARK).touch()
        to_come = unfold(folder / "files/network", folder / "later", now)
    ingesting.run(folder / "data/store", [folder / "files/network"], None, folder / "unmapped.yaml")
    (folder / "in").mkdir()
    with progress("rehearse"):
        people = rehearsed(folder, read_month(folder / "files"), now)
    configuration = folder / "callcause.toml"
    configuration.write_text(_configuration(folder, port), encoding="utf-8")
    return Demo(folder, configuration, folder / "in", to_come, people)


def midnight_before(now: datetime) -> datetime:
    """Return the midnight at which the simulated day began that stands at HOUR_OF_DAY in this hour.

    There is a zone in which it is any hour of the day now.
    """
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    offset = (HOUR_OF_DAY - hour.hour + 12) % 24 - 12
    return hour.astimezone(timezone(timedelta(hours=offset))) - timedelta(hours=HOUR_OF_DAY)


def rehearsed(folder: Path, month: Month, now: datetime) -> Shift:
    """Let the real service and its people go through the days up to now."""
    key = folder / "vault.key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32))
    moment = SharedMoment(folder / "data/moment")
    service = RunningService(folder / "data", moment, "")
    service.configure()
    service.config.write_text(service.config.read_text() + _vault(folder))
    people = Shift(service, month, departments(), SLOT, SEED, now - UNSEEN)
    service.start()
    try:
        people.before()
        people.until(now)
        _ask_for_numbers(service)
    finally:
        service.stop()
    return people


def _ask_for_numbers(service: RunningService) -> None:
    """Ask for the numbers of two open tickets; one of the requests is approved."""
    waiting = service.get("/queue", limit=2)["tickets"]
    for place, ticket in enumerate(waiting):
        body = {"ticket_id": ticket["id"], "reason": "call the customer back about the place"}
        asked = service.post("/vault/requests", body)
        if place:
            decision = {"approve": True, "why": "the ticket needs it"}
            service.post(f"/vault/requests/{asked['id']}/decision", decision, "approver")


async def live(demo: Demo, service: Service) -> None:
    """Let the network, its people and its alert rules go on until the service stops."""
    port = service.configuration.service.port
    address = f"http://127.0.0.1:{port}"
    attached = Attached(demo.folder / "data", SharedMoment(demo.folder / "data/moment"), address)
    demo.people.move_to(attached)
    watch = Watch(load_catalogue(), address)
    try:
        await _every(service, 0.5, lambda: _until_ready(attached))
        await asyncio.gather(
            _every(service, WRITES_S, lambda: _write(demo)),
            _every(service, WORKS_S, lambda: asyncio.to_thread(_work, demo.people)),
            _every(service, JUDGES_S, lambda: _judge(service, attached, watch)),
        )
    finally:
        attached.close()


async def _every(service: Service, seconds: float, do: Callable[[], Awaitable[bool]]) -> None:
    """Do something again and again until it says that it is over, or the service stops."""
    while not service.stopping.is_set():
        try:
            if await do():
                return
        except Exception:  # the boundary of the task: the demo goes on without this round
            LOG.exception("a round of the demo failed")
        await wait_for_any(seconds, service.stopping)


async def _until_ready(attached: Attached) -> bool:
    return await asyncio.to_thread(attached.ready)


async def _write(demo: Demo) -> bool:
    """Write what the network tells by now; over when its simulated day is."""
    await asyncio.to_thread(demo.to_come.due, datetime.now(UTC), demo.inbox)
    if demo.to_come.left:
        return False
    LOG.info("the simulated day is over; start the demo again for another one")
    return True


def _work(people: Shift) -> bool:
    people.go_on(datetime.now(UTC))
    return False


async def _judge(service: Service, attached: Attached, watch: Watch) -> bool:
    """Post what the alert rules say now, as Alertmanager does."""
    groups = await service.sink.read(lambda store: watch.groups(store, datetime.now(UTC)))
    for group in groups:
        await asyncio.to_thread(attached.post, "/alertmanager", group)
    return False


def _clear(folder: Path) -> None:
    """Remove an earlier demo; any other folder with something in it is not ours to remove."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file())):
        raise UsageError("is no earlier demo and would be removed; name another folder", file=str(folder))
    if folder.exists():
        shutil.rmtree(folder)


def _vault(folder: Path) -> str:
    key = (folder / "vault.key").as_posix()
    return f'''
[vault]
enabled = true
keys = [{{number = 1, secret = {{file = "{key}"}}}}]
'''


def _configuration(folder: Path, port: int) -> str:
    return f"""# Written by `callcause serve --demo`: everybody on this machine may do anything.
[service]
port = {port}

[store]
path = "{folder.as_posix()}/data/store"

[state]
database = "sqlite:///{folder.as_posix()}/data/state.sqlite"
{_vault(folder)}
[[collect.folder]]
name = "network"
folder = "{folder.as_posix()}/in"
interval_s = 5
files = {{complete = "stable", stable_s = 1}}
"""
