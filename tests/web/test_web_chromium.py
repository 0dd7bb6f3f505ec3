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
from web.conftest import NUMBER

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 240_000
CELL = "460-00-345014-3"
HEADER = {"Authorization": "Bearer token-of-desk"}
WORDS = {
    "en": {
        "sign_in": "Sign in", "diagnose": "Diagnose", "causes": "Ranked causes", "do": "Do it",
        "state": "dispatched", "closed": "closed", "open_ticket": "Open a ticket for it",
        "ask": "Ask to see the number", "approve": "Approve", "show": "Show the number once",
        "answer": "Record the answers, diagnose again", "found": "Cause that was found",
        "not_found": "Cause not found", "correct": "Record the cause",
    },
    "zh": {
        "sign_in": "登录", "diagnose": "诊断", "causes": "原因排序", "do": "执行", "state": "已派单",
        "closed": "已归档", "open_ticket": "为此建单", "ask": "申请查看号码", "approve": "通过",
        "show": "查看号码（仅一次）",
        "answer": "记录回答并重新诊断",
        "found": "确认的原因", "not_found": "未查明原因", "correct": "记录原因",
    },
}  # fmt: skip
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

    def start(language: str = "en", width: int = 1280, theme: Any = "light", who: str = "desk") -> Page:
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
        page.fill("input[name=token]", f"token-of-{who}")
        page.get_by_role("button", name=WORDS[language]["sign_in"]).click()
        page.wait_for_url("**/ui/tickets")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not wrong, wrong


def _alert(site: str, name: str) -> None:
    """Post an alert about the cell as Alertmanager does."""
    now = datetime(2024, 3, 6, 9, 5, tzinfo=UTC).isoformat()
    labels = {
        "alertname": "VoiceDropRatioHigh",
        "ecgi": CELL,
        "category": "drop",
        "kpi": "erab_drop_ratio_qci1_cell",
    }
    alert = {
        "status": "firing", "labels": labels, "annotations": {"summary": "drops"}, "startsAt": now,
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": f"f00d{name}",
    }  # fmt: skip
    body = {
        "version": "4", "groupKey": f"{{}}:{{ecgi=x}} {name}", "truncatedAlerts": 0, "status": "firing",
        "receiver": "callcause", "groupLabels": {"alertname": "VoiceDropRatioHigh"}, "commonLabels": labels,
        "commonAnnotations": {}, "externalURL": "", "alerts": [alert],
    }  # fmt: skip
    answer = httpx.post(f"{site}/alertmanager", json=body, headers=HEADER, timeout=240)
    assert answer.status_code == 200, answer.text


def _ticket(site: str, name: str, **fields: str) -> None:
    body = {"id": name, "msisdn": NUMBER, "description": "the call dropped", "ecgi": CELL, **fields}
    assert httpx.post(f"{site}/tickets", json=body, headers=HEADER, timeout=240).status_code == 202


def _step(page: Page, words: dict[str, str], to: str, **fields: str) -> None:
    """Take a step on the page of a ticket."""
    page.select_option("select[name=to]", to)
    for name, text in fields.items():
        page.fill(f"form[action^='/ui/step/'] input[name={name}]", text)
    page.get_by_role("button", name=words["do"], exact=True).click()


def _feedback(site: str, name: str) -> dict[str, Any]:
    """Return what the API tells of the confirmed cause of a ticket."""
    answer = httpx.get(f"{site}/tickets/{name}/life", headers=HEADER, timeout=240)
    found: dict[str, Any] = answer.json()["feedback"]
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_engineer_goes_from_the_queue_to_the_closed_ticket(window: Open, site: str, language: str) -> None:
    page, words, name = window(language), WORDS[language], f"T-close-{language}"
    _ticket(site, name)
    page.goto(f"/ui/tickets?text={name}")
    page.locator("tr[data-row] a").first.click()
    expect(page.get_by_role("heading", name=words["causes"])).to_be_visible(timeout=PATIENCE_MS)
    steps = ({"department": "RAN optimisation"}, {}, {}, {"why": "antenna set right"}, {"why": "called"})
    for to, fields in zip(
        ("dispatched", "accepted", "in_progress", "resolved", "replied"), steps, strict=True
    ):
        _step(page, words, to, **fields)
        expect(page.locator(f"select[name=to] option[value={to}]")).to_have_count(0, timeout=PATIENCE_MS)
    _step(page, words, "called_back", satisfaction="5")
    expect(page.locator("select[name=to] option[value=called_back]")).to_have_count(0, timeout=PATIENCE_MS)
    first = str(page.locator(".causes li.first code").text_content())
    page.select_option("select[name=to]", "closed")
    page.fill("form[action^='/ui/step/'] input[name=satisfaction]", "5")
    page.fill("form[action^='/ui/step/'] input[name=remedied_at]", "2024-03-06T12:30")
    chosen = page.get_by_label(words["found"])
    chosen.focus()
    page.keyboard.press("ArrowDown")
    assert chosen.input_value() == first, "the first ranked cause is one key away"
    page.get_by_role("button", name=words["do"], exact=True).click()
    expect(page.locator("h1 .chip").first).to_have_text(words["closed"], timeout=PATIENCE_MS)
    told = _feedback(site, name)
    assert (told["confirmed_cause"], told["who"]) == (first, "desk")
    assert told["remedied_at"].startswith("2024-03-06T12:30:00")
    page.get_by_label(words["found"]).select_option(label=words["not_found"])
    page.get_by_role("button", name=words["correct"]).click()
    expect(page.get_by_role("definition").filter(has_text="not_found")).to_be_visible(timeout=PATIENCE_MS)
    assert _feedback(site, name)["confirmed_cause"] == "not_found"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_approver_lets_somebody_else_see_a_number_once(
    window: Open, complaint: str, language: str
) -> None:
    desk, second, words = window(language), window(language, who="second"), WORDS[language]
    desk.goto("/ui/vault")
    desk.fill("input[name=ticket]", complaint)
    desk.fill("input[name=why]", f"call the customer back ({language})")
    desk.get_by_role("button", name=words["ask"]).click()
    asked = desk.locator("section.card").filter(has_text=f"back ({language})")
    expect(asked).to_have_count(1, timeout=PATIENCE_MS)
    assert asked.get_by_role("button").count() == 0, "who asked approves nothing"
    second.goto("/ui/vault")
    request = second.locator("section.card").filter(has_text=f"back ({language})")
    request.get_by_role("button", name=words["approve"]).click()
    expect(request.get_by_role("button")).to_have_count(0, timeout=PATIENCE_MS)
    desk.goto("/ui/vault")
    asked.get_by_role("button", name=words["show"]).click()
    expect(desk.get_by_role("status")).to_contain_text(NUMBER, timeout=PATIENCE_MS)
    desk.goto("/ui/vault")
    expect(asked.get_by_role("button")).to_have_count(0)
    assert NUMBER not in desk.content()


def test_answers_of_the_customer_are_recorded_and_the_ticket_is_diagnosed_again(
    window: Open, site: str
) -> None:
    page, words = window("zh"), WORDS["zh"]
    when = "2024-03-06T09:02:00+00:00"
    _ticket(site, "T-answered", description="my phone falls to 2G on calls", occurred_at=when)
    page.goto("/ui/tickets/T-answered")
    question = page.locator("form[action^='/ui/answers/'] select").first
    field = question.get_attribute("name")
    question.select_option(index=1)
    page.get_by_role("button", name=words["answer"]).click()
    expect(page.locator(f"form[action^='/ui/answers/'] select[name={field}]")).to_have_count(
        0, timeout=PATIENCE_MS
    )
    expect(page.locator("[data-pending]")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name=words["causes"])).to_be_visible(timeout=PATIENCE_MS)


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


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_is_on_call_goes_from_the_alert_to_the_cause_and_the_dispatch(
    window: Open, site: str, language: str
) -> None:
    _alert(site, language)
    page, words = window(language), WORDS[language]
    page.goto("/ui/alerts")
    page.locator("tr[data-row] a").first.click()
    first = page.locator(".causes li.first")
    expect(first).to_contain_text(CELL, timeout=PATIENCE_MS)
    expect(first.locator("figure[data-chart]").first).to_be_visible(timeout=PATIENCE_MS)
    expect(first).to_contain_text("DRP-04")
    there = page.url
    first.locator("a[href^='/ui/runbooks/']").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(there)
    first.get_by_role("button", name=words["open_ticket"]).click()
    expect(page.get_by_role("heading", name=words["causes"])).to_be_visible(timeout=PATIENCE_MS)
    _step(page, words, "dispatched", department="RAN optimisation")
    expect(page.locator("h1 .chip").first).to_have_text(words["state"], timeout=PATIENCE_MS)


LOOKS = [("en", 1280, "light"), ("zh", 390, "light"), ("zh", 1280, "dark"), ("en", 390, "dark")]
"""Every pair of language, width and theme stands in one of these."""


@pytest.mark.parametrize(("language", "width", "theme"), LOOKS)
def test_axe_finds_nothing_serious_and_no_page_is_wider_than_its_window(
    window: Open, site: str, complaint: str, language: str, width: int, theme: str
) -> None:
    if not AXE.exists():
        absent("optional: axe-core is not installed (npm ci in tests/web)")
    _alert(site, "looks")
    incident = {"key": "cell", "entity": CELL, "why": f"{language} {width}"}
    opened = httpx.post(f"{site}/clusters", json=incident, headers=HEADER, timeout=240).json()["id"]
    page = window(language, width, theme)
    page.goto("/ui/alerts")
    alert = str(page.locator("tr[data-row] a").first.get_attribute("href"))
    page.goto(alert)
    expect(page.locator("[data-pending]")).to_have_count(0, timeout=PATIENCE_MS)
    things = (f"/ui/tickets/{quote(complaint)}", f"/ui/cells/{CELL}", alert, f"/ui/incidents/{opened}")
    names = (
        "tickets", "new", "worst", "map", "runbooks", "runbooks/drop", "collectors", "alerts", "reports",
        "vault", "incidents", "warnings", "runbooks/DRP-04", "login",
    )  # fmt: skip
    for path in (*things, *(f"/ui/{name}" for name in names)):
        page.goto(path)
        # Evaluated by the debugger, not by the page: the policy of the page stays as it is.
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [v for v in found["violations"] if v["impact"] in ("serious", "critical")]
        told = [(v["id"], v["nodes"][0]["html"], v["nodes"][0]["failureSummary"]) for v in serious]
        assert not told, f"{path}: {json.dumps(told, indent=1)}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
