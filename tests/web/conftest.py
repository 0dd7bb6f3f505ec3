"""A service with a small network and its pages, in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from service_process import ServiceProcess, ready
from small_network import BEGAN, CELL, dropped_calls, store_tables
from waiting import wait_until

NUMBER = "8613800000001"
LEAVER, GRAFANA = "leaver.token", "https://grafana.example"
TOKENS = {"desk": "engineer", "second": "approver", "board": "viewer"}


def _network(folder: Path) -> None:
    """Put a cell with a hostile name and three calls into a store, that it dropped for weak coverage."""
    place = {"enb_id": 345014, "tac": 9801, "latitude": 25.04, "longitude": 102.71}
    drops = {"kpi_id": "erab_drop_ratio_qci1_cell", "period": 3600, "numerator": 40, "denominator": 400}
    hours = [BEGAN - timedelta(hours=n) for n in range(60)]
    store_tables(
        folder,
        {
            "call": dropped_calls(),
            "cell": [{"ecgi": CELL, "cell_name": "<b onclick=x>KM</b>", **place}],
            "cell_kpi": [{"ecgi": CELL, "period_start": at.isoformat(), **drops} for at in hours],
        },
    )


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
    _network(site_folder)
    env = {f"TOKEN_{name.upper()}": f"token-of-{name}" for name in TOKENS}
    process = ServiceProcess(site_folder, _configuration(site_folder), **env)
    try:
        with process.start() as client:
            ready(client)
            address = str(client.base_url)
        yield address.rstrip("/")
        process.stop()
    finally:
        process.kill()


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
