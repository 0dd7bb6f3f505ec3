"""A runbook or cause that is right too seldom only advises: it is marked, shown, and sends nothing on."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from callcause.loop.desk import LoopDesk, make_step
from callcause.loop.feedback_report import feedback_figures
from callcause.loop.life import LoopError
from callcause.loop.precision import Standing, precisions, without_mark
from callcause.loop.service_report import lives, make_report, markdown
from callcause.loop.settings import AdvisorySettings, LoopSettings
from callcause.service import ticket_rows as rows
from callcause.service.quality_metrics import quality_readings
from callcause.state import Database
from callcause.state.feedback import NOT_FOUND, Feedback
from callcause.state.ticket import Ticket, TicketEvent
from runbooks.loader import load_runbooks

NOW = datetime.now(UTC)
WEAK, OTHER = "drop-weak-coverage", "drop-missing-neighbour"
SETTINGS = AdvisorySettings(floor=0.6, least=10)


class Silent:
    def add(self, name: str, labels: Any, by: float = 1) -> None:
        """Count nothing."""


def confirmed(state: Database, right: int, wrong: int, at: datetime = NOW, verdict: str = "cause") -> None:
    """Write closed tickets whose verdict named weak coverage first."""

    def write(session: Any) -> None:
        before = session.query(Ticket).count()
        for number in range(right + wrong):
            name, told = f"F{before + number}", WEAK if number < right else OTHER
            session.add(
                Ticket(id=name, record={}, source="t", state="closed", received_at=at, taken_in_at=at)
            )
            session.flush()
            session.add(
                Feedback(
                    ticket_id=name, at=at, who="w", confirmed_cause=told, category="drop", verdict=verdict,
                    first_cause=WEAK, first_probability=0.8, remedied_at=at,
                    effect={"outcome": "improved"} if number < right else None,
                )
            )  # fmt: skip

    state.write(write)


def contract(category: str = "drop", cause: str = WEAK, verdict: str = "cause") -> dict[str, Any]:
    return {
        "ticket_id": "T", "category": {"id": category}, "verdict": verdict, "runbook_version": "1",
        "causes": [{"id": cause, "department": "RAN optimisation"}], "checks": [],
    }  # fmt: skip


def standing_of(state: Database, settings: AdvisorySettings = SETTINGS) -> Standing:
    found = Standing(state, settings)
    found.load()
    return found


def advisory(state: Database, settings: AdvisorySettings = SETTINGS) -> list[str]:
    found = state.read(lambda s: precisions(s, settings, datetime.now(UTC)))
    return [one.id for one in found if one.advisory]


def test_too_few_closed_tickets_judge_nothing(state: Database) -> None:
    confirmed(state, 0, 9)
    assert advisory(state) == []
    confirmed(state, 0, 1)
    assert advisory(state) == [WEAK, "drop"]


@pytest.mark.parametrize(("right", "wrong", "found"), [(6, 4, []), (5, 5, [WEAK, "drop"])])
def test_the_floor_decides(state: Database, right: int, wrong: int, found: list[str]) -> None:
    confirmed(state, right, wrong)
    assert advisory(state) == found


def test_a_runbook_or_cause_may_have_a_floor_of_its_own(state: Database) -> None:
    confirmed(state, 5, 5)
    assert advisory(state, SETTINGS.model_copy(update={"floors": {"drop": 0.4}})) == [WEAK]


def test_old_feedback_unknown_causes_and_undecided_verdicts_judge_nothing(state: Database) -> None:
    confirmed(state, 0, 10, NOW - timedelta(days=200))
    confirmed(state, 0, 10, verdict="cannot_tell")
    assert advisory(state) == []
    state.write(
        lambda s: s.query(Feedback).update({"confirmed_cause": NOT_FOUND, "verdict": "cause", "at": NOW})
    )
    assert advisory(state) == []


def test_a_verdict_says_itself_that_it_only_advises(state: Database) -> None:
    confirmed(state, 0, 10)
    weak, plain, other = contract(), contract("mos", OTHER), contract("mos", WEAK)
    open_one = contract(verdict="cannot_tell")
    standing_of(state).mark([weak, plain, other, open_one])
    assert weak["advisory"] == [{"of": "runbook", "id": "drop"}, {"of": "cause", "id": WEAK}]
    assert other["advisory"] == [{"of": "cause", "id": WEAK}]
    assert list(weak)[-1] == "advisory", "added after the keys of the outside contract"
    assert "advisory" not in plain | open_one
    assert without_mark(weak) == contract()


@pytest.mark.parametrize(("wrong", "state_then"), [(10, "diagnosed"), (0, "dispatched")])
def test_an_advisory_verdict_waits_for_a_person(state: Database, wrong: int, state_then: str) -> None:
    confirmed(state, 10 - wrong, wrong)
    desk = LoopDesk(state, LoopSettings(), Silent(), load_runbooks)
    record = {"id": "T", "received_at": NOW.isoformat(), "category": "drop"}
    state.write(lambda s: rows.take_in(s, [record], "http", "t", in_store=True, hear=[desk.on_taken]))
    said = contract()
    standing_of(state).mark([said])
    state.write(lambda s: rows.write_results(s, [said], rows.Watch(0, 0), [desk.on_diagnosis]))

    def found(session: Any) -> tuple[str, list[str]]:
        events = session.query(TicketEvent).where(TicketEvent.ticket_id == "T").all()
        return session.get_one(Ticket, "T").state, [event.why for event in events]

    now, why = state.read(found)
    assert now == state_then
    assert any("right too seldom" in text for text in why) == (wrong == 10)


def test_metrics_and_report_show_what_only_advises_and_what_remedies_did(state: Database) -> None:
    confirmed(state, 4, 6)
    told = {(r.family, *r.labels): r.value for r in state.read(lambda s: quality_readings(s, SETTINGS))}
    assert told["callcause_runbook_advisory", "drop"] == 1
    assert told["callcause_cause_precision_ratio", WEAK] == pytest.approx(0.4)
    assert (told["callcause_remedies", "improved"], told["callcause_remedies", "open"]) == (4, 6)
    start, end = NOW - timedelta(days=1), NOW + timedelta(days=1)
    figures = state.read(lambda s: feedback_figures(s, start, end, SETTINGS))
    tickets = state.read(lambda s: lives(s, start, end))
    customers = pl.DataFrame(schema={"month": pl.String(), "region": pl.String(), "customers": pl.Int64()})
    report = make_report(tickets, customers, start, end, goal=0.9, zone="UTC", feedback=figures)
    text = markdown(report)
    named = f"{WEAK} ({load_runbooks().causes[WEAK].title.en})"
    assert f"| cause | {named} | 10 | 40.0 % | 60.0 % | advisory" in text
    assert f"| {named} | 4 | 4 | 0 | 0 | 0 |" in text
    assert "整改效果" in markdown(report, "zh")


def test_a_cause_of_the_operators_own_runbooks_is_confirmed_and_an_unknown_one_refused(
    state: Database,
) -> None:
    own = SimpleNamespace(causes={WEAK: None, "own-antenna-theft": None})
    runbooks: Any = own
    desk = LoopDesk(state, LoopSettings(), Silent(), lambda: runbooks)
    heard: list[str] = []
    desk.on_confirmed.append(lambda: heard.append("told"))
    record = {"id": "T", "received_at": NOW.isoformat(), "category": "drop"}
    state.write(lambda s: rows.take_in(s, [record], "http", "t", in_store=True, hear=[desk.on_taken]))
    with pytest.raises(LoopError, match="no such cause"):
        asyncio.run(desk.confirm("T", "anna", "own-antenna", None))
    told = asyncio.run(desk.confirm("T", "anna", "own-antenna-theft", NOW))
    assert (told["confirmed_cause"], told["effect"], heard) == ("own-antenna-theft", None, ["told"])


def test_where_closing_needs_a_cause_a_ticket_stays_open_without_one(state: Database) -> None:
    desk = LoopDesk(state, LoopSettings(closing_needs_cause=True), Silent(), load_runbooks)
    record = {"id": "T", "received_at": NOW.isoformat(), "category": "drop"}
    state.write(lambda s: rows.take_in(s, [record], "http", "t", in_store=True, hear=[desk.on_taken]))

    def answered(session: Any) -> None:
        row = session.get(Ticket, "T")
        row.state, row.replied_at = "called_back", NOW

    state.write(answered)
    with pytest.raises(LoopError) as told:
        asyncio.run(desk.step("T", make_step("closed", "anna", satisfaction=5), None))
    assert told.value.code == "cause_missing"
    assert state.read(lambda s: s.get_one(Ticket, "T").state) == "called_back"
    step = make_step("closed", "anna", satisfaction=5, confirmed_cause=NOT_FOUND)
    assert asyncio.run(desk.step("T", step, None))["state"] == "closed"
