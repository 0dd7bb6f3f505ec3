"""callcause beside the lab: its configuration, the operator's records, `callcause serve`, and its answers."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from lab_core import LabError, wait_for
from lab_network import CSCFS, ECGI, HEP_PORT, NODES, RELAY, TAC, WATCHER, Node, Plan, Subscriber

KEY = "a-key-for-the-lab-only-0123456789"
RUN = "import sys; from callcause.cli import main; sys.argv[0] = 'callcause'; main()"
# What the PM of a cell without trouble says.
CLEAN_RADIO = {
    "pdcp_air_loss_ratio_dl_qci1": 0.05,
    "pdcp_loss_ratio_ul_qci1": 0.05,
    "prb_utilisation": 20.0,
    "ul_interference_per_prb": -118.0,
}
MAPS = {
    "pcscf": "kamailio-pcscf",
    "icscf": "kamailio-icscf",
    "scscf": "kamailio-scscf",
    "rtp_proxy": "rtpengine",
}


def _table(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _names(node: Node) -> str:
    return ";".join((node.name, node.host, f"sip:{node.name}:{node.port}"))


def write_records(plan: Plan, folder: Path) -> None:
    """Write what an operator's systems know beforehand: nodes, subscribers, the cell, its KPIs."""
    folder.mkdir(parents=True, exist_ok=True)
    nodes = [{"node_id": n.node_id, "node_type": n.node_type, "names": _names(n)} for n in NODES]
    _table(folder / "node.csv", nodes)
    _table(folder / "subscriber.csv", [_subscriber(one) for one in plan.subscribers])
    switches = dict.fromkeys(("volte_enabled", "volte_licence", "rohc_enabled"), "true")
    _table(folder / "cell.csv", [{"ecgi": ECGI, "tac": TAC, **switches}])
    hour = int(time.time()) // 3600 * 3600
    _table(folder / "cell_kpi.csv", _clean_radio(range(hour - 7200, hour + 7200, 3600)))


def _subscriber(one: Subscriber) -> dict[str, Any]:
    """A subscriber with everything that VoLTE needs."""
    numbers = {"msisdn": one.msisdn, "imsi": one.imsi, "impi": one.impi, "impu": one.impu}
    switches = dict.fromkeys(("volte_subscribed", "eps_subscribed", "ims_apn_subscribed"), "true")
    return {**numbers, "card_type": "USIM", "account_state": "normal", **switches}


def _clean_radio(hours: range) -> list[dict[str, Any]]:
    """KPIs of the cell in hours (seconds since 1970) without anything wrong."""
    return [
        {
            "ecgi": ECGI,
            "kpi_id": kpi,
            "period_start": datetime.fromtimestamp(start, UTC).isoformat(),
            "period": 3600,
            "value": value,
            "denominator": 100_000,
        }
        for start in hours
        for kpi, value in CLEAN_RADIO.items()
    ]


def _toml(plan: Plan, port: int) -> str:
    root = plan.root
    lines = [
        f'[service]\nhost = "127.0.0.1"\nport = {port}',
        f'[store]\npath = "{root / "store"}"\nflush_s = 0.5',
        f'[state]\ndatabase = "sqlite:///{root / "state.sqlite"}"',
        "[watch]\nagain_every_s = 1.0",
        '[[collect.hss_log]]\nname = "hss"\n' + f'path = "{plan.hss_log}"',
        '[[collect.prometheus]]\nname = "core"\ninterval_s = 2.0\ndeadline_s = 1.8',
    ]
    for node in (*CSCFS, RELAY):
        url = f"http://{node.host}:{node.metrics_port}/metrics"
        lines.append(
            f'[[collect.prometheus.targets]]\nnode = "{node.node_id}"\nurl = "{url}"\n'
            f'map = "{MAPS[node.node_type]}"'
        )
    lines.append(f'[[collect.hep]]\nname = "taps"\nhost = "{WATCHER}"\nudp_port = {HEP_PORT}')
    for node in NODES:
        ids = f"\ncapture_ids = [{node.capture_id}]" if node in CSCFS else ""
        lines.append(
            f'[[collect.hep.signalling.nodes]]\nname = "{node.name}"\ntype = "{node.node_type}"\n'
            f'addresses = ["{node.host}"]{ids}'
        )
    return "\n".join(lines) + "\n"


class Service:
    """`callcause serve` in the lab's namespace."""

    def __init__(self, plan: Plan, port: int = 8470) -> None:
        self.plan, self.port = plan, port
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
        self._environment = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY}

    def _callcause(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", RUN, *arguments]

    def start(self) -> None:
        """Put the operator's records into the store, then serve."""
        records = self.plan.root / "records"
        write_records(self.plan, records)
        self.plan.hss_log.touch()
        ingest = self._callcause("ingest", "--store", str(self.plan.root / "store"), str(records))
        done = subprocess.run(ingest, env=self._environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"the records were not ingested: {done.stderr[-500:]}")
        configuration = self.plan.root / "callcause.toml"
        configuration.write_text(_toml(self.plan, self.port))
        with self.plan.log("callcause").open("wb") as log:
            self._process = subprocess.Popen(
                self._callcause("serve", "--config", str(configuration)),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._ready, 600, "callcause serves")

    def _ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise LabError(f"callcause ended: {self.plan.log('callcause').read_text()[-800:]}")
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def complain(self, ticket: dict[str, Any]) -> None:
        """Post a ticket."""
        answer = self._http.post("/tickets", json=ticket)
        if answer.status_code != 202:
            raise LabError(f"the ticket was refused: {answer.status_code} {answer.text[:300]}")

    def verdict(self, ticket_id: str) -> dict[str, Any] | None:
        """Return the diagnosis of a ticket, None while it is to come."""
        answer = self._http.get(f"/tickets/{ticket_id}")
        found: dict[str, Any] = answer.json()
        return found if answer.status_code == 200 and "verdict" in found else None

    def settled(self, ticket_id: str, right: Any, seconds: float) -> tuple[dict[str, Any] | None, float]:
        """Return the verdict as soon as `right` holds for it, else the last one, and how long that took."""
        began = time.monotonic()
        found: dict[str, Any] | None = None
        while time.monotonic() - began < seconds:
            found = self.verdict(ticket_id) or found
            if found is not None and right(found):
                break
            time.sleep(0.25)
        return found, time.monotonic() - began

    def stop(self) -> int:
        """Stop with SIGTERM; returns the exit status."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
