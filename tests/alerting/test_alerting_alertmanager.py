"""A real Alertmanager with the shipped configuration: one message an area, large silences small."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dashboards.alerting.alertmanager import alertmanager_config

PATIENCE_S = 120.0
Group = dict[str, Any]


class Receiver(ThreadingHTTPServer):
    """Where the webhook goes: the place of callcause."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Received)
        self.groups: queue.Queue[Group] = queue.Queue()


class _Received(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.groups.put({"path": self.path, **body})
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


class Manager:
    """Alertmanager, what it is told and what it tells."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self.url, self._receiver = url, receiver

    def tell(self, *alerts: dict[str, str]) -> None:
        answer = httpx.post(f"{self.url}/api/v2/alerts", json=[{"labels": one} for one in alerts], timeout=60)
        assert answer.status_code == 200, answer.text

    def groups(self, number: int) -> list[Group]:
        """The next messages, ordered by what they are grouped by."""
        found = [self._receiver.groups.get(timeout=PATIENCE_S) for _ in range(number)]
        return sorted(found, key=lambda group: sorted(group["groupLabels"].items()))

    def states(self) -> dict[str, str]:
        """State of each alert by the entity that it is about."""
        found = httpx.get(f"{self.url}/api/v2/alerts", timeout=60).json()
        return {one["labels"]["entity"]: one["status"]["state"] for one in found}

    def wait_for(self, wanted: dict[str, str]) -> None:
        end = time.monotonic() + PATIENCE_S
        while self.states() != wanted:
            assert time.monotonic() < end, self.states()
            time.sleep(0.1)


@contextmanager
def running(folder: Path, receiver: Receiver) -> Iterator[str]:
    """Debian's Alertmanager with the shipped configuration, only less patient."""
    config = yaml.safe_load(alertmanager_config(f"http://127.0.0.1:{receiver.server_port}"))
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (folder / "am.yaml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus-alertmanager", f"--config.file={folder}/am.yaml", f"--storage.path={folder}/am",
               f"--web.listen-address={place}", "--cluster.listen-address="]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE_S
        while not _ready(f"http://{place}"):
            assert time.monotonic() < end, "Alertmanager does not become ready"
            time.sleep(0.1)
        yield f"http://{place}"
    finally:
        process.terminate()
        process.wait(60)


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def manager(tmp_path: Path, needs_programs: Callable[..., None]) -> Iterator[Manager]:
    needs_programs("prometheus-alertmanager")
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    try:
        with running(tmp_path, receiver) as url:
            yield Manager(url, receiver)
    finally:
        receiver.shutdown()
        receiver.server_close()


def alert(entity: str, scope: str, region: str, category: str = "drop") -> dict[str, str]:
    labels = {"alertname": f"Bad{scope}", "entity": entity, "scope": scope, "category": category}
    return {**labels, "region": region} if region else labels


def entities(group: Group) -> set[str]:
    return {one["labels"]["entity"] for one in group["alerts"]}


def test_alerts_of_one_area_come_as_one_message_and_other_areas_apart(manager: Manager) -> None:
    manager.tell(alert("A1", "cell", "0871"), alert("A2", "cell", "0871"), alert("B1", "cell", "0874"))
    near, far = manager.groups(2)
    assert near["path"] == "/alertmanager"
    assert near["groupLabels"] == {"region": "0871", "scope": "cell", "category": "drop"}
    assert (entities(near), entities(far)) == ({"A1", "A2"}, {"B1"})


def test_a_bad_node_silences_the_cells_of_its_area_and_nothing_else(manager: Manager) -> None:
    node, same = alert("SBC-1", "node", "0871"), alert("A1", "cell", "0871")
    other_area, other_kind = alert("B1", "cell", "0874"), alert("A1-m", "cell", "0871", "mos")
    manager.tell(node)
    assert entities(manager.groups(1)[0]) == {"SBC-1"}
    manager.tell(node, same, other_area, other_kind)
    told = manager.groups(2)
    assert {name for group in told for name in entities(group)} == {"B1", "A1-m"}
    manager.wait_for({"SBC-1": "active", "A1": "suppressed", "B1": "active", "A1-m": "active"})


def test_a_bad_network_silences_nodes_and_cells_of_every_area(manager: Manager) -> None:
    network = alert("network", "network", "")
    manager.tell(network)
    assert entities(manager.groups(1)[0]) == {"network"}
    manager.tell(network, alert("SBC-1", "node", "0871"), alert("B1", "cell", "0874"))
    manager.wait_for({"network": "active", "SBC-1": "suppressed", "B1": "suppressed"})
