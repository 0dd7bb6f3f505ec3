"""Every page over HTTP: that it opens, in both languages, keeps to its policy and shows no identity."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

from callcause.web.page import POLICY

Browse = Callable[..., httpx.Client]
PAGES = (
    "/ui/tickets", "/ui/new", "/ui/runbooks", "/ui/runbooks/drop", "/ui/runbooks/all", "/ui/runbooks/DRP-04",
    "/ui/runbooks/drop-weak-coverage", "/ui/cells/460-00-345014-3",
    "/ui/cells/460-00-345014-3?at=1709715600000",
    "/ui/worst", "/ui/map", "/ui/collectors", "/ui/alerts", "/ui/incidents", "/ui/warnings", "/ui/vault",
    "/ui/reports", "/ui/login",
)  # fmt: skip
HEADINGS = {"en": "Tickets</h1>", "zh": "工单队列</h1>"}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_in_both_languages_under_a_closed_policy(browse: Browse, path: str) -> None:
    browser = browse("desk")
    for language, tag in (("en", 'lang="en"'), ("zh", 'lang="zh-CN"')):
        browser.get(f"/ui/switch?language={language}&back=/ui/login")
        answer = browser.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert f"<html {tag}" in answer.text
        assert ("跳到正文" in answer.text) == (language == "zh")
        _keeps_to_the_policy(answer.text)


def _keeps_to_the_policy(page: str) -> None:
    assert not re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", page)
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/ui/static/keys.js" defer>']
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", page)
    assert "<style" not in page


def test_a_ticket_shows_its_diagnosis_with_hostile_words_as_text(browse: Browse, complaint: str) -> None:
    browser = browse("desk")
    page = browser.get(f"/ui/tickets/{quote(complaint)}")
    assert page.status_code == 200
    for part in (
        "drop",
        "<h2>Ranked causes",
        "<h2>Message ladder",
        "Questions for the customer",
        "Dear customer",
    ):
        assert part in page.text, part
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;img src=x onerror=alert(1)&gt; call dropped &amp;" in page.text
    _keeps_to_the_policy(page.text)
    cell = browser.get("/ui/cells/460-00-345014-3").text
    assert "&lt;b onclick=x&gt;KM" in cell


def test_no_page_holds_a_number_or_its_pseudonym(browse: Browse, complaint: str, site: str) -> None:
    browser = browse("desk")
    for path in (*PAGES, f"/ui/tickets/{quote(complaint)}"):
        text = browser.get(path).text
        shown = text.replace('placeholder="8613800000001"', "")
        assert not re.search(r"86138\d{8}|4600012345\d+", shown), path


def test_a_ticket_lists_the_courses_of_the_kpis_behind_its_checks(browse: Browse, complaint: str) -> None:
    cell = browse("desk").get("/ui/cells/460-00-345014-3?at=2024-03-06T09:30:00Z").text
    assert '<svg class="course"' in cell
    assert '<line class="mark"' in cell


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ui/nothing", 404), ("/ui/tickets/none", 404), ("/ui/cells/none", 404), ("/ui/runbooks/dorp", 404),
        ("/ui/alerts/none", 404), ("/ui/incidents/none", 404), ("/ui/worst?kpi=none", 404),
        ("/ui/static/none", 404),
        ("/ui/worst?at=noon", 422), ("/ui/cells/460-00-345014-3?at=noon", 422), ("/ui/tickets?after=x", 409),
        ("/ui/tickets?state=none", 409), ("/ui/alerts?after=x", 400),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_on_a_page(browse: Browse, path: str, status: int) -> None:
    answer = browse("desk").get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert 'role="alert"' in answer.text
    assert answer.headers["content-security-policy"] == POLICY


def test_an_unknown_runbook_suggests_the_nearest(browse: Browse) -> None:
    assert "drop" in browse("desk").get("/ui/runbooks/dorp").text.split("Hint")[1]


def test_the_queue_filters_by_what_is_asked(browse: Browse, complaint: str) -> None:
    browser = browse("desk")
    row = f'value="{complaint}@'.replace("<", "&lt;").replace(">", "&gt;")
    assert row in browser.get("/ui/tickets?category=drop&region=0871").text
    assert row not in browser.get("/ui/tickets?category=mos").text
    assert row in browser.get("/ui/tickets?text=VT%2F").text
    assert row not in browser.get("/ui/tickets?text=%25").text


def test_language_follows_the_browser_until_it_is_switched(browse: Browse) -> None:
    browser = browse()
    assert "令牌" in browser.get("/ui/login", headers={"Accept-Language": "zh-CN,zh"}).text
    assert "Token" in browser.get("/ui/login", headers={"Accept-Language": "de"}).text
    browser.get("/ui/switch?language=zh&back=/ui/login")
    assert "令牌" in browser.get("/ui/login", headers={"Accept-Language": "de"}).text
    browser.get("/ui/switch?language=<b>&theme=dark&back=/ui/login")
    assert 'lang="zh-CN" data-theme="dark"' in browser.get("/ui/login").text


@pytest.mark.parametrize(
    "goal", ["https://elsewhere.example/", "//elsewhere.example", "/ui/\\elsewhere", "/uix", "/tickets"]
)
def test_a_switch_leads_nowhere_else(site: str, goal: str) -> None:
    answer = httpx.get(f"{site}/ui/switch", params={"back": goal})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/tickets")
