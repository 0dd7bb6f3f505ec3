"""The whole circle: files come in, Prometheus scrapes, a rule fires, the alerted cell is diagnosed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from loopback import free_port, serving
from service_process import ServiceProcess, ready
from waiting import wait_until

from collectors.kpi.catalogue import load_catalogue
from dashboards.alerting.alertmanager import alertmanager_config
from dashboards.alerting.rules import rule_file

CELL = "460-00-345678-2"
KPI = "erab_drop_ratio_qci1_cell"


def bad_cell(path: Path) -> None:
    """Seven full hours up to now in which a cell drops eight of a hundred calls, 400 calls an hour."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ecgi", "period_start", "period", "kpi_id", "numerator", "denominator", "value"])
        for back in range(1, 8):
            start = (hour - timedelta(hours=back)).isoformat()
            rows.writerow([CELL, start, 3600, KPI, 32, 400, 8.0])


@contextmanager
def ready_at(url: str, command: list[str], folder: Path) -> Iterator[str]:
    """Run a program until the block ends; yields its URL once it is ready."""
    with serving(command, f"{url}/-/ready", folder / f"{command[0]}.log"):
        yield url


def alertmanager(folder: Path, service: str) -> Any:
    """Debian's Alertmanager with the shipped configuration, only without its patience."""
    config = yaml.safe_load(alertmanager_config(service))
    config["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    return ready_at(
        url,
        ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
         f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="], folder,
    )  # fmt: skip


def prometheus(folder: Path, service: str, manager: str) -> Any:
    """Debian's Prometheus with the shipped rules, evaluated each second."""
    rules = yaml.safe_load(rule_file(load_catalogue(), service))
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "callcause.rules.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    config = {
        "global": {"scrape_interval": "10s", "scrape_timeout": "10s", "evaluation_interval": "1s"},
        "scrape_configs": [{"job_name": "callcause", "static_configs": [{"targets": [service[7:]]}]}],
        "rule_files": ["callcause.rules.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager[7:]]}]}]},
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    return ready_at(
        url,
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address={url.removeprefix('http://')}"],
        folder,
    )  # fmt: skip


def test_a_bad_cell_goes_from_a_file_to_a_diagnosed_alert(
    tmp_path: Path, needs_programs: Callable[..., None]
) -> None:
    needs_programs("prometheus", "prometheus-alertmanager")
    (tmp_path / "in").mkdir()
    (tmp_path / "callcause.toml").write_text(
        "[service]\nport = 0\n[metrics]\nworst_cells = 5\n"
        '[[collect.folder]]\nname = "inbox"\nfolder = "in"\ninterval_s = 0.3\n'
        'files = {complete = "stable", stable_s = 0.3}\n'
    )
    process = ServiceProcess(tmp_path, tmp_path / "callcause.toml")
    client = process.start()
    try:
        ready(client)
        bad_cell(tmp_path / "in" / "cell_kpi.csv")
        series = f'entity="{CELL}"'
        wait_until(lambda: series in client.get("/metrics").text, "the cell is exposed")
        service = str(client.base_url).rstrip("/")
        with alertmanager(tmp_path, service) as manager, prometheus(tmp_path, service, manager):
            answer = wait_until(lambda: _answer(client), "the alert is diagnosed")
        assert answer["alerts"][0]["labels"]["entity"] == CELL
        assert answer["status"] == "firing"
        assert answer["diagnosis"] == "done"
        assert answer["alerts"][0]["annotations"]["runbook_url"].startswith(f"{service}/ui/runbooks/")
        # The circle is closed: the answer is in the metrics that Prometheus scrapes.
        assert "callcause_alert_diagnosis_info" in client.get("/metrics").text
    finally:
        client.close()
        assert process.stop() == 0
        process.kill()


def _answer(client: httpx.Client) -> dict[str, Any] | None:
    for row in client.get("/alerts").json()["alerts"]:
        found: dict[str, Any] = client.get(f"/alerts/{row['id']}").json()
        if found["diagnosis"] == "done" and any(a["labels"].get("entity") == CELL for a in found["alerts"]):
            return found
    return None
