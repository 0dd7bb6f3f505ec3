"""A real Alertmanager tells the service of a cell; the answer is at its URL and goes onward."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from loopback import free_port, serving
from service.conftest import Receiver
from small_network import BEGAN, CELL
from waiting import wait_until


@contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[str]:
    """Debian's Alertmanager with one receiver; yields its URL."""
    config = folder / "alertmanager.yml"
    config.write_text(
        "route: {receiver: callcause, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
        f"receivers: [{{name: callcause, webhook_configs: [{{url: '{webhook}', send_resolved: true}}]}}]\n"
    )
    port = free_port()
    command = [
        "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder / 'am'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with serving(command, f"{url}/-/ready", folder / "alertmanager.log"):
        yield url


def tell(url: str, *labels: str, start: str, end: str | None = None) -> None:
    times = [f"--start={start}", *([f"--end={end}"] if end else [])]
    annotation = "--annotation=summary=customer 8613812345678 cannot call"
    subprocess.run(
        ["amtool", f"--alertmanager.url={url}", "alert", "add", annotation, *times, *labels],
        check=True, capture_output=True,
    )  # fmt: skip


def test_an_alerted_cell_is_diagnosed_told_onward_and_closed(
    served: httpx.Client, receiver: Receiver, tmp_path: Path, needs_programs: Callable[..., None]
) -> None:
    needs_programs("prometheus-alertmanager", "amtool")
    folder: Path = served.folder
    labels, start = ("CellDrops", f"ecgi={CELL}", "region=0871"), BEGAN.isoformat()

    def group() -> dict[str, object] | None:
        rows = served.get("/alerts").json()["alerts"]
        found = [row for row in rows if row["group_labels"] == {"alertname": "CellDrops"}]
        whole: dict[str, object] = served.get(f"/alerts/{found[0]['id']}").json() if found else {}
        return whole

    def titles() -> list[str]:
        return [body["title"] for body in receiver.seen if CELL in body["title"]]

    with alertmanager(tmp_path, f"{served.base_url}/alertmanager") as url:
        tell(url, *labels, start=start)
        answered = wait_until(lambda: (g := group()) and g["diagnosis"] == "done" and g, "alert answered")
        wait_until(titles, "notice arrived")
        tell(url, *labels, start=start, end=datetime.now(UTC).isoformat())
        closed = wait_until(lambda: (g := group()) and g["status"] == "resolved" and g, "alert resolved")
        wait_until(lambda: len(titles()) >= 2, "notice of the end")

    def told() -> list[tuple[str, str]]:
        rows = served.get(f"/alerts/{closed['id']}").json()["notices"]
        return [(row["target"], row["state"]) for row in rows]

    answer = answered["answer"]
    assert answer["area"] == CELL
    (element,) = answer["elements"]
    assert (element["kind"], element["known"]) == ("cell", True)
    assert element["result"]["schema"] == "callcause.diagnosis/1"
    assert element["failed_attempts"] == 3
    assert (answered["verdict"], answered["top_cause"]) == ("cause", "drop-weak-coverage")
    title = f"drop, {CELL} (0871): drop-weak-coverage"
    assert titles() == [title, f"Resolved: {title}"]
    # The service writes down what was sent once the receiver has answered.
    wait_until(lambda: told() == [("night shift", "sent")] * 2, "both notices written down as sent")
    notices = served.get(f"/alerts/{closed['id']}").json()["notices"]
    # The target refuses every notice once.
    assert [n["attempts"] for n in notices] == [2, 2]
    text = served.get(f"/alerts/{closed['id']}").text + (folder / "log").read_text()
    assert "13812345678" not in text
    assert "a-secret-of-the-target" not in text


def test_a_group_delivered_ten_times_is_answered_once(served: httpx.Client, receiver: Receiver) -> None:
    body = {
        "version": "4", "groupKey": "{}:{alertname='Ten'}", "status": "firing", "receiver": "callcause",
        "groupLabels": {"alertname": "Ten"}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "",
        "alerts": [
            {
                "status": "firing", "labels": {"alertname": "Ten", "node": "NO-SUCH-NODE"}, "annotations": {},
                "startsAt": "2024-03-06T09:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
                "fingerprint": "00000000000000aa",
            }
        ],
    }  # fmt: skip
    answers = [served.post("/alertmanager", json=body).json() for _ in range(10)]
    assert [answer["new"] for answer in answers] == [1] + [0] * 9
    assert len({answer["id"] for answer in answers}) == 1
    found = wait_until(
        lambda: (g := served.get(answers[0]["href"]).json())["diagnosis"] == "done" and g, "answered"
    )
    assert found["alerts"][0]["deliveries"] == 10
    assert found["answer"]["elements"][0]["known"] is False
    assert served.get("/alerts/none").status_code == 404


@pytest.mark.parametrize("body", [b"", b"{}", b'{"version": "4"}', b"[1]"])
def test_what_is_no_webhook_is_refused(served: httpx.Client, body: bytes) -> None:
    answer = served.post("/alertmanager", content=body)
    assert (answer.status_code, bool(answer.json()["errors"])) == (422, True)
