"""A service with a small network and its pages, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from collectors.ingest import ingest
from collectors.records import load_schemas
from collectors.store import Store

KEY = "tests-only-key-0123456789abcdef"
PATIENCE_S = 240.0
CELL = "460-00-345014-3"
NUMBER = "8613800000001"
BEGAN = datetime(2024, 3, 6, 9, 0, tzinfo=UTC)
LEAVER, GRAFANA = "leaver.token", "https://grafana.example"
TOKENS = {"desk": "engineer", "second": "approver", "board": "viewer"}


def wait_until(holds: Callable[[], Any], what: str) -> Any:
    """Return what `holds` gives once it is true; fail after the patience."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = holds()
        if found:
            return found
        time.sleep(0.05)
    return pytest.fail(f"in {PATIENCE_S:.0f} s never: {what}")


def _network(folder: Path) -> None:
    """Put a cell with a hostile name and three calls into a store, that it dropped for weak coverage."""
    calls = [
        {
            "id": f"C-{n}",
            "icid": f"icid-{n}",
            "leg": "mo",
            "started_at": (BEGAN + timedelta(minutes=n)).isoformat(),
            "calling_number": f"861380000000{n}",
            "called_number": "8613987654321",
            "imsi": f"46000123456789{n}",
            "first_ecgi": CELL,
            "last_ecgi": CELL,
            "t_200": (BEGAN + timedelta(minutes=n, seconds=6)).isoformat(),
            "t_end": (BEGAN + timedelta(minutes=n, seconds=40)).isoformat(),
            "final_status": 200,
            "s1ap_group": "RNL",
            "s1ap_cause": 21,
            "reasons": '[{"protocol":"SIP","cause":503,"text":"Bearer lost"}]',
            "rsrp_last": -126.0,
            "sinr_last": -6.0,
            "handover_count": 0,
            "handover_failures": 0,
        }
        for n in (1, 2, 3)
    ]
    hours = [BEGAN - timedelta(hours=n) for n in range(60)]
    tables = {
        "call": calls,
        "cell": [
            {"ecgi": CELL, "cell_name": "<b onclick=x>KM</b>", "enb_id": 345014, "tac": 9801,
             "latitude": 25.04, "longitude": 102.71}
        ],
        "cell_kpi": [
            {"ecgi": CELL, "kpi_id": "erab_drop_ratio_qci1_cell", "period_start": at.isoformat(),
             "period": 3600, "numerator": 40, "denominator": 400}
            for at in hours
        ],
    }  # fmt: skip
    (folder / "net").mkdir()
    for kind, rows in tables.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
        lacking = [name for name in load_schemas()[kind].required_columns if name not in frame.columns]
        whole = frame.with_columns(pl.lit(None).alias(name) for name in lacking)
        whole.write_csv(folder / f"net/{kind}.csv")
    with pytest.MonkeyPatch.context() as patch, Store.open(folder / "data" / "store") as store:
        patch.setenv("CALLCAUSE_PSEUDONYM_KEY", KEY)
        report = ingest(store, [folder / "net"])
        store.refresh()
    assert not report.quarantined, report.problems()


def _configuration(folder: Path) -> Path:
    tokens = "".join(
        f'[[service.tokens]]\nname = "{name}"\nrole = "{role}"\nsecret = {{env = "TOKEN_{name.upper()}"}}\n'
        for name, role in TOKENS.items()
    )
    tokens += (
        f'[[service.tokens]]\nname = "leaver"\nrole = "engineer"\nsecret = {{file = "{folder / LEAVER}"}}\n'
    )
    (folder / LEAVER).write_text("token-of-leaver\n")
    (folder / "vault.key").write_text("ab" * 32)
    path = folder / "callcause.toml"
    path.write_text(
        "[service]\nport = 0\nrequests_per_minute = 100000\n[loop]\nautomatic_dispatch = false\n"
        f"[web]\ngrafana_url = '{GRAFANA}'\n"
        f"[vault]\nenabled = true\nkeys = [{{number = 1, secret = {{file = '{folder / 'vault.key'}'}}}}]\n"
        + tokens
    )
    return path


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the service."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture
def leaver(site: str, site_folder: Path) -> Iterator[Path]:
    """The file that holds the token of `leaver`; it is put back afterwards."""
    path = site_folder / LEAVER
    yield path
    path.write_text("token-of-leaver\n")


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[str]:
    """The address of a ready service that asks for tokens (`token-of-<name>`)."""
    folder = site_folder
    _network(folder)
    env = {**os.environ, "CALLCAUSE_PSEUDONYM_KEY": KEY} | {
        f"TOKEN_{n.upper()}": f"token-of-{n}" for n in TOKENS
    }
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "callcause.cli", "serve", "--config", str(_configuration(folder))],
            cwd=folder, env=env, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        found = wait_until(
            lambda: re.search(r'"listening".*"port": "(\d+)"', log.read_text()) or _dead(process, log),
            "listening",
        )
        address = f"http://127.0.0.1:{found[1]}"
        wait_until(lambda: httpx.get(f"{address}/readyz").status_code == 200, "ready")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _dead(process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        pytest.fail(f"the service ended: {log.read_text()}")


class Browser(httpx.Client):
    """A browser without a window: keeps cookies, follows redirects, sends the form token of the last page."""

    def page(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return self.get(path, headers=headers)

    def submit(self, path: str, page: str, **fields: str) -> httpx.Response:
        """Send a form that stands on a page."""
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(page).text)
        assert found, f"{page} has no form"
        return self.post(path, data={"csrf": found[1], **fields})


@pytest.fixture
def browse(site: str) -> Iterator[Callable[[str], Browser]]:
    """Make a browser that signed in as the holder of a token."""
    made: list[Browser] = []

    def start(name: str = "") -> Browser:
        browser = Browser(base_url=site, timeout=240, follow_redirects=True, headers={"Connection": "close"})
        made.append(browser)
        if name:
            answer = browser.submit("/ui/login", "/ui/login", token=f"token-of-{name}", next="/ui/tickets")
            assert answer.status_code == 200, answer.text
        return browser

    yield start
    for browser in made:
        browser.close()


@pytest.fixture(scope="session")
def complaint(site: str) -> str:
    """The id of a diagnosed ticket whose words are hostile."""
    ticket = {
        "id": "VT/<script>alert(1)</script>",
        "msisdn": NUMBER,
        "description": '<img src=x onerror=alert(1)> call dropped & "gone"',
        "occurred_at": (BEGAN + timedelta(minutes=1, seconds=40)).isoformat(),
        "received_at": (BEGAN + timedelta(hours=1)).isoformat(),
        "ecgi": CELL,
        "region": "0871",
    }
    header = {"Authorization": "Bearer token-of-desk"}
    answer = httpx.post(f"{site}/tickets", json=ticket, headers=header, timeout=240)
    assert answer.status_code == 202, answer.text
    where = answer.json()["tickets"][0]["href"]
    wait_until(lambda: httpx.get(f"{site}{where}", headers=header).status_code == 200, "the diagnosis")
    return str(ticket["id"])
