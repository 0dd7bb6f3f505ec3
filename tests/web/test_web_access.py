"""Who may do what at the browser: signing in, roles, forms of others, steps and second persons."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from waiting import wait_until
from web.conftest import NUMBER

from callcause.loop.life import State, next_states
from callcause.service.authentication import Principal
from callcause.service.settings import Role
from callcause.web.session import LASTS_S, Seal
from callcause.web.ticket import offered

Browse = Callable[..., Any]
WHO = Principal("desk", Role.engineer)


def test_who_is_not_signed_in_is_asked_for_a_token_and_then_led_on(browse: Browse, site: str) -> None:
    answer = httpx.get(f"{site}/ui/worst?kpi=x")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/login?next=%2Fui%2Fworst%3Fkpi%3Dx")
    browser = browse()
    wrong = browser.submit("/ui/login", "/ui/login", token="guess", next="/ui/runbooks")
    assert (wrong.status_code, "not known" in wrong.text) == (401, True)
    right = browser.submit("/ui/login", "/ui/login", token="token-of-desk", next="/ui/runbooks")
    assert (right.status_code, right.url.path) == (200, "/ui/runbooks")
    assert "desk (engineer)" in right.text


def test_the_session_is_kept_from_scripts_and_other_sites_and_ends(browse: Browse) -> None:
    browser = browse()
    answer = browser.submit("/ui/login", "/ui/login", token="token-of-desk", next="/ui/tickets")
    cookie = answer.history[0].headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/ui", f"Max-Age={LASTS_S}"))
    assert "token-of-desk" not in cookie
    browser.submit("/ui/logout", "/ui/tickets")
    assert browser.get("/ui/tickets").url.path == "/ui/login"


def test_a_session_that_is_forged_or_old_is_nobody() -> None:
    seal, now = Seal(), 1000.0
    cookie = seal.session(WHO, b"digest", now)
    held = {"desk": (WHO, b"digest")}.get
    assert seal.principal(cookie, now + 1, held) == WHO
    assert seal.principal(cookie, now + LASTS_S, held) is None
    assert Seal().principal(cookie, now, held) is None
    body, _, signature = cookie.partition(".")
    for forged in ("", ".", body, f"{body}.", f"{body[:-2]}AA.{signature}", f"x{cookie}", "ä.ü"):
        assert seal.principal(forged, now, held) is None


def test_a_session_has_the_role_that_its_token_has_now_and_ends_with_the_token() -> None:
    seal = Seal()
    cookie = seal.session(WHO, b"digest", 0.0)
    less = Principal("desk", Role.viewer)
    assert seal.principal(cookie, 1.0, {"desk": (less, b"digest")}.get) == less
    assert seal.principal(cookie, 1.0, {"desk": (WHO, b"another")}.get) is None
    assert seal.principal(cookie, 1.0, {"other": (WHO, b"digest")}.get) is None


def test_a_token_taken_out_of_its_file_ends_the_session_of_the_browser_at_once(
    browse: Browse, leaver: Path
) -> None:
    browser = browse("leaver")
    assert browser.get("/ui/tickets").url.path == "/ui/tickets"
    leaver.write_text("token-of-another\n")
    assert browser.get("/ui/tickets").url.path == "/ui/login"
    leaver.write_text("token-of-leaver\n")
    assert browser.get("/ui/tickets").url.path == "/ui/tickets"
    leaver.unlink()
    assert browser.get("/ui/tickets").url.path == "/ui/login"
    refused = browser.submit("/ui/login", "/ui/login", token="token-of-leaver", next="/ui/tickets")
    assert refused.status_code == 401


@pytest.mark.parametrize(
    "path", ["/ui/tickets", "/ui/new", "/ui/step/x", "/ui/logout", "/ui/vault", "/ui/login"]
)
def test_a_form_of_another_site_is_refused(browse: Browse, path: str) -> None:
    browser = browse("desk")
    for token in ("", "0" * 64, "ä"):
        assert browser.post(path, data={"csrf": token}).status_code == 403


def test_a_viewer_sees_and_changes_nothing(browse: Browse, complaint: str) -> None:
    browser = browse("board")
    page = browser.get(f"/ui/tickets/{quote(complaint)}").text
    assert "/ui/step/" not in page
    assert browser.get("/ui/new").status_code == 403
    assert browser.submit("/ui/tickets", "/ui/tickets", ticket=f"{complaint}@1").status_code == 403
    assert browser.submit("/ui/warnings/x", "/ui/tickets", to="approved", version="1").status_code == 403


def test_a_pasted_complaint_becomes_a_diagnosed_ticket(browse: Browse) -> None:
    browser = browse("desk")
    fields = {"description": "my call was cut", "msisdn": "8613800000002", "occurred_at": "2024-03-06T09:02"}
    answer = browser.submit("/ui/new", "/ui/new", **fields)
    assert answer.status_code == 200, re.findall("wrong.*", answer.text)
    assert answer.url.path.startswith("/ui/tickets/CC-")
    assert "8613800000002" not in answer.text


def test_a_wrong_field_is_told_beside_it_and_the_number_not_repeated(browse: Browse) -> None:
    browser = browse("desk")
    fields = {"description": "cut <b>off</b>", "msisdn": "8613800000009", "occurred_at": "yesterday"}
    answer = browser.submit("/ui/new", "/ui/new", **fields)
    assert answer.status_code == 422
    assert 'id="wrong-occurred_at"' in answer.text
    assert "cut &lt;b&gt;off&lt;/b&gt;" in answer.text
    assert "8613800000009" not in answer.text
    assert browser.submit("/ui/new", "/ui/new", description=" ").status_code == 422


def _ticket(site: str, name: str) -> None:
    body = {"id": name, "msisdn": "8613800000003", "description": "the call dropped"}
    header = {"Authorization": "Bearer token-of-desk"}
    assert httpx.post(f"{site}/tickets", json=body, headers=header, timeout=240).status_code == 202


def _diagnosed(browser: Any, name: str) -> str:
    def page() -> str | None:
        text: str = browser.get(f"/ui/tickets/{name}").text
        return None if "data-pending" in text else text

    found: str = wait_until(page, f"diagnosis of {name}")
    return found


def test_a_ticket_is_dispatched_by_hand_and_an_old_version_refused(browse: Browse, site: str) -> None:
    _ticket(site, "T-step")
    browser = browse("desk")
    found = re.search(r'name="version" value="(\d+)"', _diagnosed(browser, "T-step"))
    assert found, _diagnosed(browser, "T-step")[-4000:]
    step = {"to": "dispatched", "department": "RAN optimisation", "version": found[1], "why": "seen"}
    done = browser.submit("/ui/step/T-step", "/ui/tickets/T-step", **step)
    assert (done.status_code, done.url.path) == (200, "/ui/tickets/T-step")
    assert "RAN optimisation" in done.text
    late = browser.submit("/ui/step/T-step", "/ui/tickets/T-step", **{**step, "why": "I saw it <too>"})
    assert late.status_code == 409
    assert 'value="I saw it &lt;too&gt;"' in late.text, "what was typed stands in the form"
    assert re.search(r'role="alert".*Somebody else was quicker.*Last change: desk', late.text, re.DOTALL)
    fresh = re.search(r'name="version" value="(\d+)"', late.text)
    assert fresh
    assert fresh[1] != found[1], "the form may be sent once more"
    skipped = {"to": "closed", "version": ""}
    assert browser.submit("/ui/step/T-step", "/ui/tickets/T-step", **skipped).status_code == 409


@pytest.mark.parametrize(("language", "said"), [("en", "needs a reason"), ("zh", "须填写原因说明")])
def test_a_step_that_a_rule_forbids_comes_back_filled_in_and_explained(
    browse: Browse, site: str, language: str, said: str
) -> None:
    name = f"T-rule-{language}"
    _ticket(site, name)
    browser = browse("desk")
    version = re.search(r'name="version" value="(\d+)"', _diagnosed(browser, name))
    assert version
    browser.get(f"/ui/switch?language={language}&back=/ui/login")
    step = {"to": "escalated", "department": "Transport <1>", "version": version[1], "why": ""}
    refused = browser.submit(f"/ui/step/{name}", f"/ui/tickets/{name}", **step)
    assert (refused.status_code, said in refused.text) == (409, True)
    assert 'value="Transport &lt;1&gt;"' in refused.text
    assert '<option value="escalated" selected>' in refused.text
    assert 'value="merged"' not in refused.text, "no incident, no merge"


def test_a_form_without_its_page_shows_what_was_typed_but_no_identity(browse: Browse) -> None:
    browser = browse("desk")
    given = {"why": "antenna <turned>", "msisdn": "8613800000009", "to": "resolved"}
    lost = browser.submit("/ui/step/T-nowhere", "/ui/new", **given)
    assert lost.status_code == 404
    assert "antenna &lt;turned&gt;" in lost.text
    assert "8613800000009" not in lost.text
    assert 'href="/ui/tickets/T-nowhere"' in lost.text


def test_the_usual_next_step_is_offered_first() -> None:
    first = {state: offered(state, None)[0] for state in State if offered(state, None)}
    assert first[State.DIAGNOSED] is State.DISPATCHED
    assert first[State.DISPATCHED] is State.ACCEPTED
    assert first[State.IN_PROGRESS] is State.RESOLVED
    assert first[State.CALLED_BACK] is State.CLOSED
    assert first[State.REOPENED] is State.DISPATCHED
    assert first[State.ESCALATED] is State.ACCEPTED
    for state in State:
        assert set(offered(state, "INC-1")) == set(next_states(state))
        assert State.MERGED not in offered(state, None)


def test_a_cause_that_does_not_exist_or_is_not_told_is_refused_with_the_way_on(
    browse: Browse, site: str
) -> None:
    _ticket(site, "T-found")
    browser = browse("desk")
    _diagnosed(browser, "T-found")
    path, page = "/ui/confirm/T-found", "/ui/tickets/T-found"
    wrong = browser.submit(path, page, confirmed_cause="drop-weak-coverag")
    assert (wrong.status_code, "drop-weak-coverage" in wrong.text) == (409, True)
    assert browser.submit(path, page, confirmed_cause="").status_code == 422
    late = browser.submit(path, page, confirmed_cause="drop-weak-coverage", remedied_at="soon")
    assert (late.status_code, "remedied_at" in late.text) == (422, True)
    told = browser.submit(path, page, confirmed_cause="drop-weak-coverage", remedied_at="2024-03-06T12:30")
    assert (told.status_code, told.url.path) == (200, page)
    assert "2024-03-06 12:30 UTC" in told.text
    assert browse("board").submit(path, "/ui/tickets", confirmed_cause="not_found").status_code == 403


def test_who_lacks_time_and_place_is_asked_for_them_first_and_the_answers_are_taken(
    browse: Browse, site: str
) -> None:
    _ticket(site, "T-lacks")
    browser = browse("desk")
    text = _diagnosed(browser, "T-lacks")
    asked = re.findall(r'<(?:input|select) name="(occurred_at|place_text|answer_\w+)"', text)
    assert asked[:2] == ["occurred_at", "place_text"]
    assert asked[2:], "closed questions come after"
    version = re.search(r'name="version" value="(\d+)"', text)
    assert version
    answers = {"version": version[1], "occurred_at": "2024-03-06T09:02", "place_text": "Green Lake, tower 3"}
    taken = browser.submit("/ui/answers/T-lacks", "/ui/tickets/T-lacks", **answers)
    assert taken.status_code == 200, taken.text
    again = _diagnosed(browser, "T-lacks")
    assert "Green Lake, tower 3" in again
    assert 'name="occurred_at"' not in again
    assert 'name="place_text"' not in again


def test_many_tickets_are_dispatched_together_each_for_itself(browse: Browse, site: str) -> None:
    _ticket(site, "T-many")
    browser = browse("desk")
    _diagnosed(browser, "T-many")
    page = browser.get("/ui/tickets?text=T-many").text
    found = re.search(r'value="(T-many@\d+)"', page)
    assert found
    answer = browser.submit("/ui/tickets", "/ui/tickets", ticket=found[1], department="Front office")
    assert "Dispatched: 1. Refused: 0." in answer.text, answer.text[1500:3500]
    again = browser.submit("/ui/tickets", "/ui/tickets", ticket=found[1])
    assert "Dispatched: 0. Refused: 1." in again.text
    here = "/ui/tickets?category=drop&text=T-many&done=9"
    nothing = browser.submit("/ui/tickets", "/ui/tickets", back=here)
    assert dict(nothing.url.params) == {"category": "drop", "text": "T-many", "nothing": "1"}
    assert "Select the tickets to dispatch first." in nothing.text
    assert (
        browser.submit("/ui/tickets", "/ui/tickets", ticket=found[1], back=here).url.params["text"]
        == "T-many"
    )
    assert browser.submit("/ui/tickets", "/ui/tickets", ticket="no version").status_code == 422


def test_a_number_is_shown_once_to_who_asked_after_somebody_else_approved(
    browse: Browse, complaint: str
) -> None:
    desk, second = browse("desk"), browse("second")
    assert desk.submit("/ui/vault", "/ui/vault", ticket="none", why="call back").status_code == 409
    asked = desk.submit("/ui/vault", "/ui/vault", ticket=complaint, why="call the customer back")
    assert NUMBER not in asked.text
    name = re.findall(r"VR-[0-9a-f]+", second.get("/ui/vault").text)[0]
    assert desk.submit(f"/ui/vault/{name}", "/ui/vault", word="approve").status_code == 403
    second.submit(f"/ui/vault/{name}", "/ui/vault", word="approve", why="justified")
    assert second.submit(f"/ui/vault/{name}/show", "/ui/vault").status_code == 409
    shown = desk.submit(f"/ui/vault/{name}/show", "/ui/vault")
    assert NUMBER in shown.text
    again = desk.submit(f"/ui/vault/{name}/show", "/ui/vault")
    assert (again.status_code, NUMBER in again.text) == (409, False)
