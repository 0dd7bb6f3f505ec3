"""`python -m bench.screenshots ADDRESS FOLDER`: every page of a running service, in pictures.

Both widths, both themes, both languages. Pages that are about one thing (a ticket, a cell, an alert) show the
first that the lists lead to. The browser is Debian's Chromium. A message on its console or a request to
another host ends the command with an error.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
LISTS = (
    "tickets", "new", "alerts", "incidents", "warnings", "worst", "map", "runbooks", "runbooks/drop",
    "collectors", "reports", "vault",
)  # fmt: skip
FIRST = {
    "ticket": ("tickets", "tr[data-row] a"),
    "cell": ("map", "tr[data-row] a"),
    "alert": ("alerts", "tr[data-row] a"),
    "incident": ("incidents", "tr[data-row] a"),
}
LOOKS: dict[str, tuple[int, str, Literal["light", "dark"]]] = {
    "wide": (1280, "en", "light"),
    "phone": (390, "zh", "dark"),
    "wide-dark": (1280, "zh", "dark"),
    "phone-light": (390, "en", "light"),
}
"""Width, language and theme of each set of pictures."""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="such as http://127.0.0.1:8470")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        wrong = [
            line for look in LOOKS for line in _take(browser, given.address.rstrip("/"), given.folder, look)
        ]
        browser.close()
    print("\n".join(wrong) if wrong else f"pictures in {given.folder}")
    sys.exit(bool(wrong))


def _take(browser: Browser, address: str, folder: Path, look: str) -> Iterator[str]:
    width, language, theme = LOOKS[look]
    size: ViewportSize = {"width": width, "height": 900}
    page = browser.new_page(viewport=size, color_scheme=theme)
    wrong: list[str] = []
    host = urlsplit(address).netloc
    page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on(
        "request",
        lambda r: (
            wrong.append(f"asks {r.url}")
            if not r.url.startswith("data:") and urlsplit(r.url).netloc != host
            else None
        ),
    )
    _sign_in(page, address)
    page.goto(f"{address}/ui/switch?language={language}")
    for name, path in _pages(page, address):
        page.goto(f"{address}{path}", wait_until="networkidle")
        page.screenshot(path=folder / f"{name.replace('/', '-')}-{look}.png", full_page=True)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wrong.append(f"{path}: {over} pixels wider than the window ({look})")
    page.close()
    yield from wrong


def _pages(page: Page, address: str) -> Iterator[tuple[str, str]]:
    yield from ((name, f"/ui/{name}") for name in LISTS)
    for name, (listing, selector) in FIRST.items():
        page.goto(f"{address}/ui/{listing}")
        link = page.query_selector(selector)
        if link is not None:
            yield name, str(link.get_attribute("href"))


def _sign_in(page: Page, address: str) -> None:
    token = os.environ.get("CALLCAUSE_TOKEN")
    if token:
        page.goto(f"{address}/ui/login")
        page.fill("input[name=token]", token)
        page.click("main button")


if __name__ == "__main__":
    main()
