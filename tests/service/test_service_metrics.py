"""`/metrics` of a real service, scraped by a real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from presence import absent
from prometheus_client.parser import text_string_to_metric_families
from service_process import verdict_of
from waiting import wait_until

CANARY = "13899990001"


def samples(client: httpx.Client) -> dict[str, list[Any]]:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    found: dict[str, list[Any]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample)
    return found


def post(client: httpx.Client) -> str:
    ticket = {
        "id": f"M-{uuid4().hex}",
        "received_at": "2026-11-22T09:42:00+08:00",
        "occurred_at": "2026-11-22T09:15:00+08:00",
        "msisdn": f"86{CANARY}",
        "channel": "app",
        "description": f"通话中突然断了，请回电{CANARY}",
    }
    assert client.post("/tickets", json=ticket).status_code == 202
    verdict_of(client, ticket["id"])
    return str(ticket["id"])


def received(client: httpx.Client) -> float:
    found = samples(client).get("callcause_tickets_received_total", [])
    return sum(s.value for s in found if s.labels["channel"] == "app")


def test_a_ticket_moves_the_counters_of_tickets_and_verdicts(served: httpx.Client) -> None:
    before = received(served)
    post(served)
    wait_until(lambda: received(served) > before, "the ticket is counted")
    verdicts = samples(served)["callcause_verdicts_total"]
    assert {"category", "verdict", "cause", "department"} == set(verdicts[0].labels)


def test_the_store_and_the_build_are_told(served: httpx.Client) -> None:
    found = samples(served)
    assert sum(s.value for s in found["callcause_files"]) > 0
    assert found["callcause_build_info"][0].labels["runbook_version"]
    assert found["callcause_series"][0].value > 10


def test_no_identity_is_in_any_metric(served: httpx.Client) -> None:
    post(served)
    text = served.get("/metrics").text
    assert CANARY not in text
    assert "num_" not in text


def test_promtool_has_nothing_to_say_about_a_living_service(served: httpx.Client) -> None:
    if shutil.which("promtool") is None:
        absent("promtool is not installed (Debian package prometheus)")
    text = served.get("/metrics").text
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


def test_a_real_prometheus_scrapes_the_service(served: httpx.Client, tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        absent("prometheus is not installed (Debian package prometheus)")
    target = f"{served.base_url.host}:{served.base_url.port}"
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 3s, scrape_timeout: 3s}\n"
        f"scrape_configs: [{{job_name: callcause, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    log = (tmp_path / "log").open("wb")
    command = [
        "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
        "--web.listen-address=127.0.0.1:0", "--log.format=json",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: b"Server is ready" in (tmp_path / "log").read_bytes(), "Prometheus is ready")
        address = wait_until(lambda: listening(process.pid), "Prometheus listens")

        def answers() -> bool:
            asked = httpx.get(f"http://{address}/api/v1/query", params={"query": "callcause_build_info"})
            return bool(asked.json()["data"]["result"])

        wait_until(answers, "Prometheus has scraped")
    finally:
        process.terminate()
        process.wait(120)
        log.close()


def listening(pid: int) -> str | None:
    """Address of the first listening socket of a process, from /proc."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            name = str(link.readlink())
        except OSError:
            continue
        if name.startswith("socket:["):
            inodes.add(name[8:-1])
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            return f"127.0.0.1:{int(fields[1].split(':')[1], 16)}"
    return None
