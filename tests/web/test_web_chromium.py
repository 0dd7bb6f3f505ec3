"""People in a real Chromium: no word on its console, no request to anybody else, axe finds nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from presence import absent

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 60_000
CELL = "460-00-345014-3"
WORDS = {
    "en": {
        "sign_in": "Sign in",
        "diagnose": "Diagnose",
        "causes": "Ranked causes",
        "do": "Do it",
        "state": "dispatched",
    },
    "zh": {"sign_in": "登录", "diagnose": "诊断", "causes": "原因排序", "do": "执行", "state": "已派单"},
}
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    if not CHROMIUM.exists():
        absent("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def window(chromium: Browser, site: str) -> Iterator[Open]:
    """Open a window that watches the console and every request, signed in as the engineer."""
    wrong: list[str] = []
    contexts = []

    def watch(request: Any) -> None:
        if not request.url.startswith("data:") and urlsplit(request.url).netloc != urlsplit(site).netloc:
            wrong.append(f"asks {request.url}")

    def start(language: str = "en", width: int = 1280, theme: Any = "light") -> Page:
        context = chromium.new_context(
            base_url=site, viewport={"width": width, "height": 900}, color_scheme=theme, bypass_csp=False
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
        page.on("request", watch)
        page.goto(f"/ui/switch?language={language}&back=/ui/login")
        page.fill("input[name=token]", "token-of-desk")
        page.get_by_role("button", name=WORDS[language]["sign_in"]).click()
        page.wait_for_url("**/ui/tickets")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not wrong, wrong


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_engineer_pastes_a_complaint_and_dispatches_its_ticket(window: Open, language: str) -> None:
    page, words = window(language), WORDS[language]
    page.goto("/ui/new")
    page.fill("textarea[name=description]", "通话过程中掉线 the call dropped <b>")
    page.fill("input[name=msisdn]", "8613800000002")
    page.fill("input[name=occurred_at]", "2024-03-06T09:02")
    page.fill("input[name=ecgi]", CELL)
    page.get_by_role("button", name=words["diagnose"]).click()
    expect(page.get_by_role("heading", name=words["causes"])).to_be_visible(timeout=PATIENCE_MS)
    page.select_option("select[name=to]", "dispatched")
    page.fill("input[name=department]", "RAN optimisation")
    page.get_by_role("button", name=words["do"]).click()
    expect(page.locator("h1 .chip").first).to_have_text(words["state"], timeout=PATIENCE_MS)


def test_the_queue_is_walked_with_the_keyboard(window: Open, complaint: str) -> None:
    page = window()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("j")
    first = page.evaluate("document.activeElement.closest('tr').rowIndex")
    assert first == 1
    page.keyboard.press("x")
    assert page.locator("tr[data-row] input").first.is_checked()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "text"
    page.keyboard.type("VT/")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=VT**")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/tickets/VT/**")
    assert complaint in page.inner_text("h1")


def test_who_is_on_call_goes_from_the_alert_to_the_cause_and_the_runbook(window: Open, site: str) -> None:
    now = datetime(2024, 3, 6, 9, 5, tzinfo=UTC).isoformat()
    alert = {
        "status": "firing", "labels": {"alertname": "VoiceDropRatioHigh", "ecgi": CELL, "category": "drop"},
        "annotations": {"summary": "drops"}, "startsAt": now, "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "", "fingerprint": "f00d",
    }  # fmt: skip
    body = {
        "version": "4", "groupKey": "{}:{ecgi=x}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "callcause",
        "groupLabels": {"alertname": "VoiceDropRatioHigh"}, "commonLabels": alert["labels"],
        "commonAnnotations": {}, "externalURL": "", "alerts": [alert],
    }  # fmt: skip
    header = {"Authorization": "Bearer token-of-desk"}
    answer = httpx.post(f"{site}/alertmanager", json=body, headers=header, timeout=60)
    assert answer.status_code == 200, answer.text
    page = window()
    page.goto("/ui/alerts")
    page.locator("tr[data-row] a").first.click()
    expect(page.locator(".causes li.first")).to_contain_text(CELL, timeout=PATIENCE_MS)
    page.locator(".causes li.first a[href^='/ui/runbooks/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("width", [1280])
@pytest.mark.parametrize("theme", ["light"])
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_its_window(
    window: Open, complaint: str, width: int, theme: str
) -> None:
    if not AXE.exists():
        absent("optional: axe-core is not installed (npm ci in tests/web)")
    page = window("en" if theme == "light" else "zh", width, theme)
    ticket = f"/ui/tickets/{quote(complaint)}"
    names = ("tickets", "new", "worst", "map", "runbooks/drop", "collectors", "alerts", "reports", "vault")
    for path in (ticket, f"/ui/cells/{CELL}", *(f"/ui/{name}" for name in names)):
        page.goto(path)
        # Evaluated by the debugger, not by the page: the policy of the page stays as it is.
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        told = [(v["id"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"]) for v in serious]
        assert not told, f"{path}: {json.dumps(told, indent=1)}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
