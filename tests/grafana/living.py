"""A living network for boards and rules: simulated files, a real service at work, a real Prometheus."""

from __future__ import annotations

import csv
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from service_process import KEY, ServiceProcess, ready
from waiting import wait_until

from callcause.simulator import simulate
from callcause.simulator.period import Period
from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store
from dashboards.alerting.rules import rule_file

PATIENCE_S = 240.0
EVENING = timedelta(hours=20)
"""Of the simulated last day that much is over: its complaints have come, and there is traffic now."""
CELLS, DAYS, TICKETS, SEED = 24, 9, 60, 7
UNUSED_DAYS = range(2, DAYS - 2)
"""Days that are neither the last nor those that the same hour of the week before lies in."""
PERIODS = 10
"""Quarters of an hour that come while the service watches; the second of them is missing."""
MASS, TOLD_AGAIN, OLD = 6, 6, 2
MERGE = {"Content-Type": "application/merge-patch+json"}
CONFIG = """
[service]
port = 0
requests_per_minute = 1000000
[state]
patience_s = 60
[metrics]
worst_cells = 40
[watch]
again_every_s = 1
[warnings]
every_s = 1
[loop.advisory]
least = 5
[[notices]]
name = "night shift"
url = {env = "NIGHT_SHIFT"}
attempts = 1
[[collect.folder]]
name = "network"
folder = "in"
make = true
interval_s = 0.5
deadline_s = 240
files = {complete = "stable", stable_s = 0.5}
[[collect.prometheus]]
name = "exporters"
interval_s = 2
deadline_s = 1
targets = [{node = "SCSCF-1", map = "kamailio-scscf", url = "http://127.0.0.1:9/metrics"}]
"""


class LivingNetwork:
    """The service with its clients; `url` of Prometheus."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC)
        self._folder = folder
        self._made = simulated(folder / "made", self.now)
        newest_periods(self._made / "network/pm", folder / "in", self.now)
        stored(folder / "data/store", self._made / "network")
        (folder / "callcause.toml").write_text(CONFIG)
        nobody = "json://127.0.0.1:9/"
        self.process = ServiceProcess(folder, folder / "callcause.toml", NIGHT_SHIFT=nobody)
        self.client = self.process.start()
        self._rows: list[dict[str, Any]] = []
        self.url = ""

    @property
    def service(self) -> str:
        """Address of the service."""
        return str(self.client.base_url).rstrip("/")

    def feed(self) -> None:
        """Let everything happen that boards and rules are about, as far as the diagnosis of its tickets."""
        happenings(self._made / "network/inventory", self._folder / "in", self.now)
        wait_until(
            lambda: self._value("callcause_missing_periods"), "a missing period is noticed", PATIENCE_S
        )
        self._history()
        self._rows = told(self._made / "tickets.csv", self.now)
        self._post(self._rows)
        self._alert(next(row["ecgi"] for row in self._rows if "ecgi" in row))

    def _value(self, family: str) -> float:
        """Sum of a family in `/metrics`."""
        text = self.client.get("/metrics").text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(family))

    def _history(self) -> None:
        """A month of quiet days, so that today is a burst; and a warning that a person raises."""
        day = self.now.date()
        regions = ("0871", "0874", "")
        days = [
            {"type": kind, "region": region, "day": (day - timedelta(days=n)).isoformat(), "n": 1}
            for kind in ("drop", "mos", "access") for region in regions for n in range(1, 31)
        ]  # fmt: skip
        assert self.client.post("/warnings/history", json=days).status_code == 200
        told = {"type": "mos", "region": "0871", "text": "many hear nothing at the ring road"}
        assert self.client.post("/warnings", json=told).status_code == 201

    def _post(self, rows: Sequence[dict[str, Any]]) -> None:
        answer = self.client.post("/tickets", json=list(rows))
        assert answer.status_code == 202, answer.text
        wait_until(
            lambda: not self._waiting([r["id"] for r in rows]), "every ticket is dispatched", PATIENCE_S
        )

    def _waiting(self, names: Sequence[str]) -> list[str]:
        """Names of those that were not dispatched; the first one that waits is enough to know."""
        early = (None, "received", "entered", "diagnosed")
        return next(([name] for name in reversed(names) if self._life(name).get("state") in early), [])

    def _life(self, ticket: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/tickets/{ticket}/life").json()
        return found

    def step(self, ticket: str, to: str, **more: Any) -> None:
        """Take one step of a ticket's life."""
        body = {"to": to, "version": self._life(ticket)["version"], **more}
        answer = self.client.post(f"/tickets/{ticket}/steps", json=body)
        assert answer.status_code == 200, answer.text

    def work(self) -> None:
        """People at work: tickets handed on, escalated, in progress, closed with what really was wrong."""
        names = [row["id"] for row in self._rows]
        again = [name for name in names if name.startswith("AGAIN-")]
        plain = [name for name in names if not name.startswith(("AGAIN-", "MASS-", "OLD-"))]
        self.step(plain[0], "entered", why="not ours")
        self.step(plain[0], "dispatched", department="Transport")
        self.step(plain[0], "accepted")
        self.step(plain[1], "escalated", why="the regulator asks", level=2)
        self.step(plain[2], "accepted")
        self.step(plain[2], "in_progress")
        for name in (*again, *plain[3 : len(plain) * 2 // 3]):
            self._close(name)
        self._remedied(again[0])

    def _close(self, ticket: str) -> None:
        causes = self.client.get(f"/tickets/{ticket}").json()["causes"]
        features = {"satisfaction": ("Integer", 5)}
        if causes:
            features["confirmedCause"] = ("String", causes[0]["id"])
        body = {
            "@type": "TroubleTicket", "status": "closed",
            "troubleTicketCharacteristic": [
                {"@type": f"{kind}Characteristic", "name": name, "value": value}
                for name, (kind, value) in features.items()
            ],
        }  # fmt: skip
        place = f"/tmf-api/troubleTicket/v5/troubleTicket/{ticket}"

        def closed() -> bool:
            """Close it; a state database that is busy for too long is asked again."""
            answer = self.client.patch(place, json=body, headers=MERGE)
            assert answer.status_code in (200, httpx.codes.SERVICE_UNAVAILABLE), answer.text
            return answer.status_code == httpx.codes.OK

        wait_until(closed, f"{ticket} is closed", PATIENCE_S)

    def _remedied(self, ticket: str) -> None:
        """Say when the cause was removed: its checks will be run again."""
        cause = self.client.get(f"/tickets/{ticket}").json()["causes"][0]["id"]
        body = {"confirmed_cause": cause, "remedied_at": self.now.isoformat()}
        answer = self.client.post(f"/tickets/{ticket}/feedback", json=body)
        assert answer.status_code == 200, answer.text

    def _alert(self, cell: str) -> None:
        labels = {
            "alertname": "CallcauseErabDropRatioQci1Cell",
            "entity": cell,
            "region": "0871",
            "scope": "cell",
        }
        body = {
            "version": "4", "groupKey": "{}", "status": "firing", "receiver": "callcause",
            "groupLabels": {"region": "0871"}, "commonLabels": labels, "commonAnnotations": {},
            "externalURL": "",
            "alerts": [{
                "status": "firing", "labels": labels, "annotations": {}, "startsAt": self.now.isoformat(),
                "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "00000000000000ab",
            }],
        }  # fmt: skip
        made = self.client.post("/alertmanager", json=body).json()
        wait_until(
            lambda: self.client.get(made["href"]).json()["diagnosis"] == "done", "the alert is answered"
        )

    def ask(self, path: str, **params: str) -> httpx.Response:
        """Ask Prometheus."""
        return self._prometheus.get(f"/api/v1/{path}", params=params)

    def watched(self, url: str) -> None:
        """Let a Prometheus scrape before people begin to work, so that their work is an increase."""
        self.url = url
        self._prometheus = httpx.Client(base_url=url, timeout=60)
        known = "callcause_tickets_closed_total"
        wait_until(lambda: self.ask("query", query=known).json()["data"]["result"], "scraped", PATIENCE_S)

    def end(self) -> None:
        """End the service and the clients."""
        if self.url:
            self._prometheus.close()
        self.client.close()
        self.process.stop()
        self.process.kill()


def simulated(folder: Path, now: datetime) -> Path:
    """A small network whose last day is on, with complaints of every category; only the days that count."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    start = hour - timedelta(days=DAYS - 1) - EVENING
    period = Period(start, DAYS)
    simulate(folder, CELLS, DAYS, TICKETS, SEED, period, variant="strained")
    for day in UNUSED_DAYS:
        for unread in (folder / "network/pm").glob(f"*/{day:02d}"):
            shutil.rmtree(unread)
        for table in (folder / "network/samples").glob(f"cell_kpi*_{day:02d}.parquet"):
            table.unlink()
    return folder


def newest_periods(made: Path, inbox: Path, now: datetime) -> None:
    """Put the newest PM files of one vendor into the watched folder; those of the hours to come nowhere."""
    inbox.mkdir()
    newest = []
    for path in sorted(made.glob(f"Vendor*/{DAYS - 1:02d}/*")):
        began = datetime.strptime(path.name[:19], "A%Y%m%d.%H%M%z")
        if began + timedelta(minutes=15) > now:
            path.unlink()
        elif "VendorA" in path.name:
            newest.append(path)
    for number, path in enumerate(newest[-PERIODS:]):
        if number == 1:
            path.unlink()
        else:
            path.rename(inbox / path.name)


def stored(store: Path, network: Path) -> None:
    """Put the network into the store, as `callcause ingest` does before a service is started."""
    with pytest.MonkeyPatch.context() as patch, Store.open(store) as opened:
        patch.setenv("CALLCAUSE_PSEUDONYM_KEY", KEY)
        ingest(opened, [network], processes=1)


def happenings(inventory: Path, inbox: Path, now: datetime) -> None:
    """What goes on right now: a node with a critical alarm, and planned work at a cell."""
    with (inventory / "cell.csv").open(encoding="utf-8") as file:
        cell = next(csv.DictReader(file))["ecgi"]
    with (inventory / "node.csv").open(encoding="utf-8") as file:
        node = next(csv.DictReader(file))["node_id"]
    began, ends = ((now + timedelta(hours=h)).isoformat() for h in (-1, 5))
    alarm = {
        "id": "AL-NOW", "alarm_type": "equipmentAlarm", "perceived_severity": "critical",
        "alarmed_object": node, "alarmed_object_type": "node", "raised_at": began,
        "probable_cause": "power supply failure", "specific_problem": "fan failure", "cleared_at": "",
        "service_affecting": "true", "planned_outage": "inService",
    }  # fmt: skip
    change = {
        "id": "CR-NOW", "title": "software upgrade", "change_type": "upgrade", "planned_start": began,
        "planned_end": ends, "actual_start": began, "actual_end": "", "impacted_objects": cell,
        "service_affecting": "true", "notice_sent": "true", "status": "in_progress",
    }  # fmt: skip
    for name, row in (("alarm_now", alarm), ("change_now", change)):
        with (inbox / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            written = csv.DictWriter(file, list(row))
            written.writeheader()
            written.writerow(row)


def told(path: Path, now: datetime) -> list[dict[str, Any]]:
    """Tickets that have come by now; some told again, a few that are days old, and many of one cell."""
    with path.open(encoding="utf-8") as file:
        rows = [{k: v for k, v in row.items() if v and k != "status"} for row in csv.DictReader(file)]
    came = [row for row in rows if datetime.fromisoformat(row["received_at"]) <= now]
    located = [row for row in came if "ecgi" in row]
    just, old = (now - timedelta(minutes=3)).isoformat(), (now - timedelta(days=3)).isoformat()
    again = [{**located[0], "id": f"AGAIN-{n}"} for n in range(TOLD_AGAIN)]
    mass = [
        {**located[1], "id": f"MASS-{n}", "msisdn": f"861395550000{n}", "received_at": just}
        for n in range(MASS)
    ]
    late = [{**row, "id": f"OLD-{n}", "received_at": old} for n, row in enumerate(came[2 : 2 + OLD])]
    for row in (*again, *mass, *late):
        row.pop("entered_at", None)
    return [*came, *again, *mass, *late]


@contextmanager
def prometheus(folder: Path, service: str) -> Iterator[str]:
    """Debian's Prometheus with the shipped rules; yields its URL."""
    rules = yaml.safe_load(rule_file(load_catalogue(), service))
    for group in rules["groups"]:
        group["interval"] = "4s"
    (folder / "callcause.rules.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    config = {
        "global": {"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "4s"},
        "scrape_configs": [{"job_name": "callcause", "static_configs": [{"targets": [service[7:]]}]}],
        "rule_files": ["callcause.rules.yaml"],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
               f"--web.listen-address={place}"]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: _answers(f"http://{place}/-/ready"), "Prometheus is ready")
        yield f"http://{place}"
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def living_network(folder: Path) -> Iterator[LivingNetwork]:
    """Start everything, feed it, watch what people do; ends it all."""
    network = LivingNetwork(folder)
    try:
        ready(network.client)
        network.feed()
        with prometheus(folder, network.service) as url:
            network.watched(url)
            network.work()
            yield network
    finally:
        network.end()
