"""The parts of a rehearsal: the shared moment, what departments and customers do, tables of the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callcause.rehearsal.actor import Deed, Handling, handling
from callcause.rehearsal.findings import Judged
from callcause.rehearsal.moment import SharedMoment
from callcause.rehearsal.month import Truth
from callcause.rehearsal.report import table

NOW = datetime(2024, 4, 3, 2, 0, tzinfo=UTC)


def truth(**more: Any) -> Truth:
    usual: dict[str, Any] = {
        "cause": "drop-weak-coverage", "mass": "", "remedied_at": NOW, "effect": "cured", "satisfaction": 4,
        "escalates_to": 0, "repeat_of": "",
    }  # fmt: skip
    return Truth(**{**usual, **more})


def life(**more: Any) -> dict[str, Any]:
    usual = {
        "state": "dispatched", "verdict": "cause", "holder": "RAN optimisation", "waiting_since": None,
        "satisfaction": None, "replied_at": NOW.isoformat(), "reopened_at": None,
        "received_at": (NOW - timedelta(hours=5)).isoformat(),
    }  # fmt: skip
    return {**usual, **more}


def course(one: Handling, holder: str, most: int = 40) -> list[str]:
    """Play the service: every deed is done, and the next state is what it asks for."""
    asked = {"reply": "replied", "call-back": "called_back", "close": "closed", "dispatch": "dispatched"}
    now, found = life(holder=holder), []
    at = NOW + timedelta(hours=1)
    for _ in range(most):
        deed = one.deed(now, at)
        if deed is None:
            return found
        if isinstance(deed, timedelta):
            at += deed
            continue
        found.append(deed.body.get("to") or deed.path)
        _play(now, deed, asked)
    raise AssertionError(f"it never ended: {found}")


def _play(now: dict[str, Any], deed: Deed, asked: dict[str, str]) -> None:
    if deed.path in ("wait", "resume", "exchanges"):
        now["waiting_since"] = NOW.isoformat() if deed.path == "wait" else None
        return
    now["state"] = deed.body.get("to") or asked[deed.path]
    if deed.path == "dispatch":
        now["holder"] = deed.body["department"]
    if "satisfaction" in deed.body:
        now["satisfaction"] = deed.body["satisfaction"]
    if now["state"] == "reopened":
        now["satisfaction"], now["reopened_at"] = None, NOW.isoformat()


def make(name: str, **more: Any) -> Handling:
    return handling(name, truth(**more), ("RAN optimisation",), 1)


def test_the_moment_is_shared_and_never_goes_back(tmp_path: Path) -> None:
    first = SharedMoment(tmp_path / "moment")
    first.move_to(NOW)
    second = SharedMoment(tmp_path / "moment")
    assert second.read() == NOW
    first.move_to(NOW - timedelta(days=1))
    assert second.read() == NOW
    first.move_to(NOW + timedelta(microseconds=1))
    assert second.read() == NOW + timedelta(microseconds=1)


def test_every_ticket_comes_to_its_end_whoever_got_it_first() -> None:
    for number in range(60):
        for holder in ("RAN optimisation", "IMS core", "Front office"):
            one = make(f"T-{number}", satisfaction=1 + number % 5, escalates_to=number % 3)
            assert course(one, holder)[-1] == "close"


def test_a_wrong_department_gives_the_ticket_back_and_it_goes_to_the_right_one() -> None:
    courses = [course(make(f"T-{number}"), "IMS core") for number in range(40)]
    returned = [one for one in courses if one[0] == "entered"]
    assert len(returned) > 25
    assert all(one[1] == "dispatch" for one in returned)


def test_a_dissatisfied_customer_is_handled_once_more() -> None:
    found = course(make("T-1", satisfaction=1), "RAN optimisation")
    assert found.count("reopened") == 1
    assert found.count("reply") == 2


def test_a_customer_who_turns_to_the_next_line_is_escalated() -> None:
    assert "escalated" in course(make("T-1", satisfaction=1, escalates_to=2), "RAN optimisation")


def test_closing_tells_the_confirmed_cause_and_why_a_reply_was_late() -> None:
    one = make("T-1")
    late = life(state="called_back", satisfaction=5, received_at=(NOW - timedelta(hours=60)).isoformat())
    deed = one.deed(late, NOW)
    assert isinstance(deed, Deed)
    assert deed.path == "close"
    assert deed.body["confirmed_cause"] == "drop-weak-coverage"
    assert deed.body["overdue_reason"]
    assert "overdue_reason" not in one.deed(life(state="called_back", satisfaction=5), NOW).body


def test_what_nobody_can_tell_is_confirmed_as_not_found() -> None:
    assert truth(cause="cannot_tell").confirmed == "not_found"
    assert truth(cause="no_fault").confirmed == "not_found"
    assert truth().confirmed == "drop-weak-coverage"


def test_the_same_seed_does_the_same() -> None:
    assert course(make("T-7", satisfaction=2), "IMS core") == course(make("T-7", satisfaction=2), "IMS core")


def test_shares_of_nothing_are_not_told() -> None:
    nothing = Judged([], 0, 0, 0, 0)
    assert nothing.precision is None
    assert nothing.recall is None
    assert Judged([], 4, 3, 5, 3).precision == 0.75


def test_a_table_is_aligned() -> None:
    assert table(("a", "bb"), [("xxx", "y")]) == "  a    bb\n  xxx  y"
