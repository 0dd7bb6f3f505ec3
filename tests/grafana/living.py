"""A living network for boards and rules: simulated files, a real service at work, a real Prometheus."""

from __future__ import annotations

import csv
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from service.conftest import ServiceProcess, ready, wait_until

from callcause.simulator import simulate
from callcause.simulator.period import Period
from collectors.kpi.catalogue import load_catalogue
from dashboards.alerting.rules import rule_file

PATIENCE_S = 240.0
EVENING = timedelta(hours=20)
"""Of the simulated last day that much is over: its complaints have come, and there is traffic now."""
CELLS, DAYS, TICKETS, SEED = 24, 9, 90, 7
MASS, TOLD_AGAIN = 6, 6
MERGE = {"Content-Type": "application/merge-patch+json"}
CONFIG = """
[service]
port = 0
requests_per_minute = 1000000
[state]
patience_s = 60
[metrics]
worst_cells = 10
[watch]
again_every_s = 1
[warnings]
every_s = 1
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
        (folder / "callcause.toml").write_text(CONFIG)
        self.process = ServiceProcess(folder, folder / "callcause.toml")
        self.client = self.process.start()
        self.url = ""

    @property
    def service(self) -> str:
        """Address of the service."""
        return str(self.client.base_url).rstrip("/")

    def feed(self) -> None:
        """Let everything happen that boards and rules are about."""
        made = simulated(self._folder / "made", self.now)
        happenings(made / "network", self.now)
        files = sum(path.is_file() for path in (made / "network").rglob("*"))
        (made / "network").rename(self._folder / "in/network")
        wait_until(lambda: self._files() >= files, "all files of the network are taken in", PATIENCE_S)
        self._history()
        rows = told(made / "tickets.csv", self.now)
        self._post(rows)
        self._handle([row["id"] for row in rows])
        self._alert(rows[0]["ecgi"])

    def _files(self) -> int:
        text = self.client.get("/metrics").text
        return sum(
            int(float(line.split()[-1])) for line in text.splitlines() if line.startswith("callcause_files{")
        )

    def _history(self) -> None:
        """Two weeks of quiet days, so that today is a burst."""
        day = self.now.date()
        regions = ("0871", "0874", "")
        days = [
            {"type": kind, "region": region, "day": (day - timedelta(days=n)).isoformat(), "n": 1}
            for kind in ("drop", "mos", "access") for region in regions for n in range(1, 15)
        ]  # fmt: skip
        assert self.client.post("/warnings/history", json=days).status_code == 200
        told = {"type": "drop", "region": "0871", "text": "many calls end at the ring road"}
        assert self.client.post("/warnings", json=told).status_code == 201

    def _post(self, rows: Sequence[dict[str, Any]]) -> None:
        answer = self.client.post("/tickets", json=list(rows))
        assert answer.status_code == 202, answer.text
        wait_until(
            lambda: not self._waiting([r["id"] for r in rows]), "every ticket is dispatched", PATIENCE_S
        )

    def _waiting(self, names: Sequence[str]) -> list[str]:
        lives = [self.client.get(f"/tickets/{name}/life").json() for name in names]
        return [
            life.get("id", "")
            for life in lives
            if life.get("state") in (None, "received", "entered", "diagnosed")
        ]

    def _life(self, ticket: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/tickets/{ticket}/life").json()
        return found

    def step(self, ticket: str, to: str, **more: Any) -> None:
        body = {"to": to, "version": self._life(ticket)["version"], **more}
        answer = self.client.post(f"/tickets/{ticket}/steps", json=body)
        assert answer.status_code == 200, answer.text

    def _handle(self, names: Sequence[str]) -> None:
        """People at work: tickets handed on, escalated, in progress, closed with what really was wrong."""
        again = [name for name in names if name.startswith("AGAIN-")]
        plain = [name for name in names if not name.startswith(("AGAIN-", "MASS-", "OLD-"))]
        self.step(plain[0], "entered", why="not ours")
        self.step(plain[0], "dispatched", department="Transport")
        self.step(plain[0], "accepted")
        self.step(plain[1], "escalated", why="the regulator asks", level=2)
        self.step(plain[2], "accepted")
        self.step(plain[2], "in_progress")
        for name in (*again, *plain[3:40]):
            self._close(name)

    def _close(self, ticket: str) -> None:
        causes = self.client.get(f"/tickets/{ticket}").json()["causes"]
        features = {"satisfaction": ("Integer", 5)}
        if causes:
            features["confirmedCause"] = ("String", causes[0]["id"])  # type: ignore[assignment]
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
        return httpx.get(f"{self.url}/api/v1/{path}", params=params, timeout=60)

    def end(self) -> None:
        self.client.close()
        self.process.stop()
        self.process.kill()


def simulated(folder: Path, now: datetime) -> Path:
    """A small network whose last day is on, with complaints of every category."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    start = hour - timedelta(days=DAYS - 1) - EVENING
    simulate(folder, cells=CELLS, days=DAYS, tickets=TICKETS, seed=SEED, period=Period(start, DAYS))
    return folder


def happenings(network: Path, now: datetime) -> None:
    """What goes on right now: a node with a critical alarm, and planned work at a cell."""
    with (network / "inventory/cell.csv").open(encoding="utf-8") as file:
        cell = next(csv.DictReader(file))["ecgi"]
    with (network / "inventory/node.csv").open(encoding="utf-8") as file:
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
        with (network / f"events/{name}.csv").open("w", encoding="utf-8", newline="") as file:
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
    late = [{**row, "id": f"OLD-{n}", "received_at": old} for n, row in enumerate(came[2:4])]
    for row in (*again, *mass, *late):
        row.pop("entered_at", None)
    return [*came, *again, *mass, *late]


@contextmanager
def prometheus(folder: Path, service: str) -> Iterator[str]:
    """Debian's Prometheus with the shipped rules; yields its URL."""
    rules = yaml.safe_load(rule_file(load_catalogue(), service))
    for group in rules["groups"]:
        group["interval"] = "2s"
    (folder / "callcause.rules.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    config = {
        "global": {"scrape_interval": "10s", "scrape_timeout": "10s", "evaluation_interval": "2s"},
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
    """Start everything, watch it from the beginning, feed it; ends it all."""
    network = LivingNetwork(folder)
    try:
        ready(network.client)
        with prometheus(folder, network.service) as url:
            network.url = url
            wait_until(
                lambda: network.ask("query", query="callcause_build_info").json()["data"]["result"], "scraped"
            )
            network.feed()
            yield network
    finally:
        network.end()
