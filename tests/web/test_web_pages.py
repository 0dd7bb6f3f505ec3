"""Every page over HTTP: that it opens, in both languages, keeps to its policy and shows no identity."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import polars as pl
import pytest
from web.conftest import GRAFANA

from callcause.web.board import board_url
from callcause.web.page import POLICY
from callcause.web.review import _about
from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.records import load_schemas
from collectors.store import Store
from dashboards.alerting.rules import rule_file
from dashboards.grafana.boards import all_boards
from dashboards.grafana.document import document

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
    scripts = re.findall(r"<script([^>]*)>", page)
    assert all(re.fullmatch(r' src="/ui/static/[\w./]+" defer', one) for one in scripts), scripts
    assert not re.search(rf"(?:src|href|action)=\"(?!{re.escape(GRAFANA)}/)(?:https?:)?//", page)
    assert f'src="{GRAFANA}' not in page
    assert "<style" not in page


def test_a_ticket_shows_its_diagnosis_with_hostile_words_as_text(browse: Browse, complaint: str) -> None:
    browser = browse("desk")
    page = browser.get(f"/ui/tickets/{quote(complaint)}")
    assert page.status_code == 200
    for part in (
        "drop",
        "Ranked causes</h2>",
        "Message ladder</h2>",
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


def test_a_ticket_and_its_cell_draw_the_kpis_behind_the_checks_with_band_and_mark(
    browse: Browse, complaint: str
) -> None:
    browser = browse("desk")
    for path in ("/ui/cells/460-00-345014-3?at=2024-03-06T09:30:00Z", f"/ui/tickets/{quote(complaint)}"):
        page = browser.get(path).text
        assert '<svg class="course"' in page, path
        assert '<line class="mark"' in page, path


def test_the_parts_of_a_ticket_are_one_link_away(browse: Browse, complaint: str) -> None:
    page = browse("desk").get(f"/ui/tickets/{quote(complaint)}").text
    [jump] = re.findall(r'<nav class="jump".*?</nav>', page)
    parts = re.findall(r'href="#([\w-]+)"', jump)
    assert {"part-ranked", "part-evidence", "part-ladder", "part-walk", "part-steps", "part-reply"} <= set(
        parts
    )
    for part in parts:
        assert page.count(f'id="{part}"') == 1, part


def _opened(url: str, cause: str) -> str:
    """Fill a link of a board in as Grafana does."""
    given = {
        "web": "", "__value.time": "1709715600000", "__to": "1709715600000", "cell": "460-00-345014-3",
        "entity": "460-00-345014-3", "cause": cause, "kpi": "erab_drop_ratio_qci1_cell",
        "department": "RAN optimisation", "state": "diagnosed", "runbook": "drop",
    }  # fmt: skip

    def value(found: re.Match[str]) -> str:
        return given[found[1].removeprefix("__field.labels.").removeprefix("__data.fields.")]

    return re.sub(r"\$\{?([\w.]+)\}?", value, url)


def test_every_link_of_a_board_and_every_runbook_of_an_alert_opens_a_page(
    browse: Browse, complaint: str
) -> None:
    boards = [document(board) for board in all_boards(load_catalogue())]
    links = [
        link["url"]
        for board in boards
        for link in (
            *board["links"],
            *(
                one
                for p in board["panels"]
                for one in p.get("fieldConfig", {}).get("defaults", {}).get("links", [])
            ),
        )
        if link.get("url")
    ]
    found = {_opened(url, "drop-weak-coverage") for url in links if "ticket}" not in url}
    found |= {f"/ui/tickets/{quote(complaint)}" for url in links if "ticket}" in url}
    found |= set(re.findall(r"runbook_url: http://x(\S+)", rule_file(load_catalogue(), "http://x")))
    assert len(found) > 15
    browser = browse("desk")
    assert {path: browser.get(path).status_code for path in found} == dict.fromkeys(found, 200)


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


def test_an_incident_is_opened_merged_and_closed_with_its_tickets(browse: Browse, site: str) -> None:
    header = {"Authorization": "Bearer token-of-desk"}
    body = {"key": "cell", "entity": "460-00-345014-9", "why": "power is out"}
    name = httpx.post(f"{site}/clusters", json=body, headers=header, timeout=240).json()["id"]
    page, browser = f"/ui/incidents/{name}", browse("desk")
    opened = browser.get(page).text
    assert "power is out" in opened
    assert 'href="/ui/cells/460-00-345014-9?at=' in opened
    assert f"/ui/tickets?incident={name}" in opened
    merged = browser.submit(f"{page}/merge", page, why="one outage")
    assert (merged.status_code, "Merged: 0" in merged.text) == (200, True)
    version = re.search(r'name="version" value="(\d+)"', merged.text)
    assert version
    assert browser.submit(f"{page}/close", page, version="999", why="done").status_code == 409
    assert browser.submit(f"{page}/close", page, version="x", why="done").status_code == 422
    wrong = {"version": version[1], "why": "done", "confirmed_cause": "all-mass-faul"}
    refused = browser.submit(f"{page}/close", page, **wrong)
    assert (refused.status_code, "all-mass-fault" in refused.text) == (409, True)
    assert '<option value="all-mass-fault">' in merged.text
    found = {"confirmed_cause": "all-mass-fault", "remedied_at": "2024-03-06T12:30"}
    closed = browser.submit(f"{page}/close", page, version=version[1], why="power is back", **found)
    assert "closed" in closed.text
    assert "/close" not in closed.text
    assert browser.submit(f"{page}/paint", "/ui/new").status_code == 404
    assert browse("board").get(page).text.count("/merge") == 0


def test_a_page_leads_to_the_board_of_that_time(browse: Browse, complaint: str) -> None:
    at = datetime(2024, 3, 6, 9, tzinfo=UTC)
    cell = browse("desk").get("/ui/cells/460-00-345014-3", params={"at": at.isoformat()}).text
    window = [int((at + timedelta(hours=hours)).timestamp() * 1000) for hours in (-6, 2)]
    wanted = f"{GRAFANA}/d/callcause-cell?var-cell=460-00-345014-3&amp;from={window[0]}&amp;to={window[1]}"
    assert wanted in cell
    assert (
        f"{GRAFANA}/d/callcause-network?from=" in browse("desk").get(f"/ui/tickets/{quote(complaint)}").text
    )
    assert board_url("", "cell", at, cell="x") == ""
    assert board_url("https://g/", "network", None) == "https://g/d/callcause-network"


def test_a_report_tells_its_period_and_comes_as_a_file(browse: Browse, complaint: str) -> None:
    browser = browse("desk")
    page = browser.get("/ui/reports?from=2024-03-01&to=2024-04-01").text
    assert "Indicators by region" in page
    assert ">0871<" in page
    file = browser.get("/ui/reports/file?from=2024-03-01&to=2024-04-01")
    assert file.headers["content-disposition"].startswith('attachment; filename="callcause-20240301-20240401')
    assert "0871" in file.text
    for wrong in ("from=2024-04-01&to=2024-03-01", "from=x&to=2024-03-01", "from=2000-01-01&to=2024-03-01"):
        assert browser.get(f"/ui/reports?{wrong}").status_code == 422


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


def test_an_incident_about_an_alarm_or_work_tells_what_that_is(tmp_path: Path) -> None:
    rows = {
        "alarm": {"id": "AL-1", "perceived_severity": "critical", "specific_problem": "mains failure",
                  "alarmed_object": "ENB-1", "raised_at": "2024-03-06T09:00:00Z"},
        "change": {"id": "CR-1", "title": "software upgrade", "planned_start": "2024-03-06T01:00:00Z",
                   "planned_end": "2024-03-06T03:00:00Z"},
    }  # fmt: skip
    (tmp_path / "net").mkdir()
    for kind, row in rows.items():
        lacking = [name for name in load_schemas()[kind].required_columns if name not in row]
        frame = pl.DataFrame([row]).with_columns(pl.lit(None).alias(name) for name in lacking)
        frame.write_csv(tmp_path / f"net/{kind}.csv")
    with Store.open(tmp_path / "store") as store:
        report = ingest(store, [tmp_path / "net"])
        assert not report.quarantined, report.problems()
        alarm, work = _about(store, "alarm", "AL-1"), _about(store, "change", "CR-1")
        assert (alarm["specific_problem"], alarm["alarmed_object"]) == ("mains failure", "ENB-1")
        assert "cleared_at" not in alarm
        assert work["title"] == "software upgrade"
        assert _about(store, "alarm", "AL-2") == _about(store, "cell", "460-00-1-1") == {}
