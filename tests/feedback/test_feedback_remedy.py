"""The effect of a remedy is read after it, at the same place, and absent data is no remedy that helped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from callcause.loop import remedy
from callcause.loop.effect_desk import EffectDesk, due_effects
from callcause.loop.feedback import confirm
from callcause.loop.life import LoopError
from callcause.loop.settings import EffectSettings
from callcause.service import ticket_rows as rows
from callcause.state import Database
from callcause.state.feedback import Feedback
from callcause.state.ticket import Ticket
from callcause.state.vault import AuditRow

AT = datetime(2026, 3, 2, 9, 40, tzinfo=UTC)
REMEDIED = AT + timedelta(days=1)
CELL = "cell 460-00-345014-3"
WEAK = "drop-weak-coverage"


def check(ident: str, outcome: str, at: str, hours: float | None = None, start: datetime = AT) -> Any:
    period = [start.isoformat(), (start + timedelta(hours=hours)).isoformat()] if hours else None
    return {"id": ident, "outcome": outcome, "at": at, "period": period, "reading": 1.0}


def contract(*checks: Any, ticket: str = "T") -> dict[str, Any]:
    return {
        "ticket_id": ticket,
        "category": {"id": "drop"},
        "verdict": "cause",
        "causes": [{"id": WEAK, "supported_by": ["DRP-01"], "department": "RAN", "probability": 0.8}],
        "checks": list(checks),
        "runbook_version": "1",
    }


KPI = check("DRP-01", "HIT", CELL, 1)


def test_only_checks_that_may_change_are_run_again() -> None:
    told = check("G-05", "HIT", "ticket T")
    other = check("DRP-09", "HIT", "call C-1", 0.01)
    missed = check("DRP-02", "MISS", CELL, 1)
    found = contract(KPI, told, other, missed)
    assert remedy.failing(found, WEAK) == [KPI]
    assert remedy.failing(found, "not_found") == [KPI, other]


@pytest.mark.parametrize(("hours", "whole"), [(1, 1), (0.2, 1), (2.5, 3), (None, 1), (200, 1)])
def test_the_window_is_as_long_as_the_failing_checks_and_lies_after_the_remedy(
    hours: float | None, whole: int
) -> None:
    window = remedy.window_after([check("X", "HIT", CELL, hours)], REMEDIED, timedelta(hours=2))
    assert window.start == REMEDIED.replace(hour=12, minute=0)
    assert window.end - window.start == timedelta(hours=whole)
    assert window.start < window.moment < window.end


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        ([check("DRP-01", "MISS", CELL, 1, REMEDIED)], "improved"),
        ([check("DRP-01", "HIT", CELL, 1, REMEDIED)], "not_improved"),
        ([check("DRP-01", "NO_DATA", CELL)], "no_data"),
        ([check("DRP-01", "MISS", "cell 460-00-1-1", 1, REMEDIED)], "no_data"),
        ([check("DRP-01", "MISS", CELL, 1, AT)], "no_data"),
        ([], "no_data"),
    ],
)
def test_a_remedy_helped_only_where_the_same_place_says_so_afterwards(after: list[Any], outcome: str) -> None:
    assert remedy.judge([KPI], [contract(*after)], REMEDIED)["outcome"] == outcome


def test_the_failed_call_itself_does_not_answer_for_the_time_after_the_remedy() -> None:
    before = check("ACC-22", "HIT", "call C-1")
    same, other = contract(check("ACC-22", "MISS", "call C-1")), contract(check("ACC-22", "MISS", "call C-2"))
    assert remedy.judge([before], [same], REMEDIED)["outcome"] == "no_data"
    assert remedy.judge([before], [other], REMEDIED)["outcome"] == "improved"


@pytest.mark.parametrize(
    ("now", "outcome"),
    [(("MISS", "NO_DATA"), "MISS"), (("HIT", "MISS"), "HIT"), (("NO_DATA", "MISS"), "NO_DATA")],
)
def test_of_several_conditions_those_that_had_hit_are_asked_again(now: tuple[str, str], outcome: str) -> None:
    def conditions(*said: str) -> dict[str, Any]:
        names = [
            {"when": f"x > {n}", "cause": WEAK, "level": "own", "outcome": o} for n, o in enumerate(said)
        ]
        return {**check("DRP-03", "HIT", "call C-1"), "conditions": names}

    assert remedy.outcome_now(conditions("HIT", "MISS"), conditions(*now)) == outcome


def test_the_place_is_asked_without_the_person() -> None:
    told = {"id": "T", "msisdn": "num_abc", "received_at": AT.isoformat(), "category": "drop"}
    person, place = remedy.tickets_after(told, [KPI], REMEDIED)
    assert (person["msisdn"], person["occurred_at"]) == ("num_abc", REMEDIED.isoformat())
    assert (place["id"], place["ecgi"], "msisdn" in place) == ("T@place", CELL.removeprefix("cell "), False)


def remedied(state: Database, ticket: str = "T", resolved: datetime | None = REMEDIED) -> None:
    record = {"id": ticket, "received_at": AT.isoformat(), "category": "drop"}
    state.write(lambda s: rows.take_in(s, [record], "http", "test", in_store=True))
    state.write(lambda s: rows.write_results(s, [contract(KPI, ticket=ticket)], rows.Watch(0, 0)))

    def close(session: Any) -> None:
        row = session.get(Ticket, ticket)
        row.resolved_at = resolved
        confirm(session, row, WEAK, "anna")

    state.write(close)


def asks(*outcomes: str) -> Any:
    """An engine that answers each round with the next outcome."""
    left = list(outcomes)

    async def diagnose(tickets: Any) -> list[Any]:
        said = check("DRP-01", left.pop(0), CELL, 1, REMEDIED + timedelta(hours=3))
        return [contract(said, ticket=one["id"]) for one in tickets]

    return diagnose


def test_a_look_without_data_is_repeated_and_its_outcome_is_written_and_audited(state: Database) -> None:
    remedied(state)
    desk = EffectDesk(state, EffectSettings(patience_h=1e6), asks("NO_DATA", "MISS"))
    outcomes = []
    for _ in range(3):
        desk.looked_at = None
        asyncio.run(desk.work())
        outcomes.append(state.read(lambda s: s.get_one(Feedback, "T").effect["outcome"]))
    assert outcomes == ["no_data", "improved", "improved"]
    told = state.read(lambda s: [(r.action, r.detail["outcome"]) for r in s.query(AuditRow)])
    assert told == [("ticket.effect", "no_data"), ("ticket.effect", "improved")]


def test_a_ticket_is_due_when_its_window_has_passed_and_not_for_ever(state: Database) -> None:
    remedied(state)
    remedied(state, "without", None)
    settings = EffectSettings()

    def due(after: float) -> list[str]:
        now = REMEDIED + timedelta(hours=after)
        return state.read(lambda s: [one.ticket_id for one in due_effects(s, settings, now)])

    assert [due(3), due(4.5), due(20), due(28)] == [[], ["T"], ["T"], []]


def test_a_look_on_demand_says_why_there_is_none_yet(state: Database) -> None:
    remedied(state, "late", datetime.now(UTC))
    remedied(state, "without", None)
    desk = EffectDesk(state, EffectSettings(), asks())
    for ticket, code in (("late", "too_early"), ("without", "no_remedy"), ("nobody", "no_feedback")):
        with pytest.raises(LoopError) as told:
            asyncio.run(desk.look(ticket, "anna"))
        assert told.value.code == code


def test_a_value_without_a_time_that_says_the_same_is_no_word_about_the_time_after() -> None:
    """An inventory that was read before the remedy still says what it said; one that says else is newer."""
    before = [check("CSF-15", "HIT", CELL)]
    for now, outcome in (("HIT", "no_data"), ("MISS", "improved")):
        after = [contract(check("CSF-15", now, CELL))]
        assert remedy.judge(before, after, REMEDIED)["outcome"] == outcome
    measured = [contract(check("CSF-15", "HIT", CELL, 1, REMEDIED + timedelta(hours=3)))]
    assert remedy.judge(before, measured, REMEDIED)["outcome"] == "not_improved"
