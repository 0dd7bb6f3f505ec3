"""Indicators by their definitions, replies without network names, questions by expected information."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp, log, log2
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcause.loop.indicator import LIFE, indicators, with_repeats
from callcause.loop.reply import notice_text, reply_text
from collectors.records.schema import load_schemas
from diagnosis.question import (
    category_bits,
    closed_questions,
    hit_probabilities,
    missing_questions,
    open_question,
    questions_data,
)
from runbooks.loader import load_runbooks

START = datetime(2026, 3, 11, 1, 0, tzinfo=UTC)
RUNBOOKS = load_runbooks()
NOBODY = pl.DataFrame(schema={"month": pl.String(), "region": pl.String(), "customers": pl.Int64()})


def life(*rows: dict[str, Any]) -> pl.DataFrame:
    usual = {
        "customer": None,
        "region": "0871",
        "department": "IMS core",
        "category": "drop",
        "level": 0,
        "received_at": START,
        "entered_at": START,
        "closed_at": START + timedelta(hours=3),
        "first_response_at": START + timedelta(hours=1),
        "solved": True,
        "timely": True,
        "handoffs": 0,
        "exchanges": 1,
        "entry_late": False,
    }
    made = [{**usual, "ticket_id": f"T{i}", **row} for i, row in enumerate(rows)]
    return pl.DataFrame(made, schema=LIFE)


def one(tickets: pl.DataFrame, customers: pl.DataFrame = NOBODY) -> dict[str, Any]:
    [row] = indicators(tickets, customers).to_dicts()
    return row


def test_the_timely_rate_counts_closed_tickets_only() -> None:
    row = one(life({}, {"timely": False}, {"closed_at": None, "timely": None}))
    assert (row["closed"], row["timely_rate"]) == (2, 0.5)


def test_a_share_of_nothing_is_null_and_not_zero() -> None:
    row = one(life({"closed_at": None, "timely": None, "satisfaction": None}))
    assert row["timely_rate"] is None
    assert row["satisfaction"] is None
    assert row["direct_completion_share"] == 0.0, "of all tickets, closed or not"
    assert row["repeat_rate"] is None


def test_a_repeat_is_the_same_customer_and_category_within_thirty_days() -> None:
    later = {"received_at": START + timedelta(days=29), "customer": "num_1"}
    rows = life(
        {"customer": "num_1"},
        later,
        {**later, "category": "mos"},
        {**later, "customer": "num_2"},
        {**later, "customer": None},
    )
    assert with_repeats(rows)["repeat"].to_list() == [False, True, False, False, None]
    far = life({"customer": "num_1"}, {**later, "received_at": START + timedelta(days=31)})
    assert with_repeats(far)["repeat"].to_list() == [False, False]


def test_times_are_means_in_hours_from_the_moments_that_the_table_names() -> None:
    row = one(life({}, {"closed_at": START + timedelta(hours=5), "first_response_at": None}))
    assert row["handling_h"] == pytest.approx(4.0)
    assert row["response_h"] == pytest.approx(1.0)


def test_direct_completion_hand_offs_and_exchanges() -> None:
    row = one(life({}, {"handoffs": 2, "exchanges": 3}))
    assert (row["direct_completion_share"], row["handoffs_per_ticket"], row["exchanges_per_ticket"]) == (
        0.5,
        1.0,
        2.0,
    )


def test_appeals_per_million_count_the_regulator_level_against_the_customers() -> None:
    customers = pl.DataFrame({"month": ["2026-03"], "region": ["0871"], "customers": [500_000]})
    row = one(life({"level": 2}, {"level": 1}, {}), customers)
    assert row["appeals_per_million"] == pytest.approx(2.0)
    assert row["complaints_per_10k"] == pytest.approx(0.06)
    assert one(life({"level": 2}))["appeals_per_million"] is None


def test_customers_of_a_region_say_nothing_of_a_department() -> None:
    customers = pl.DataFrame({"month": ["2026-03"], "region": ["0871"], "customers": [500_000]})
    rows = indicators(life({}), customers, by=("department",))
    assert rows["appeals_per_million"].to_list() == [None]


def test_the_month_is_that_of_the_region_and_not_of_greenwich() -> None:
    late = datetime(2026, 3, 31, 17, 0, tzinfo=UTC)  # 1 April in Shanghai
    assert one(life({"received_at": late}))["month"] == "2026-04"


# --- replies


def result(verdict: str = "cause", department: str = "IMS core", category: str = "drop") -> dict[str, Any]:
    cause = {"id": "x", "department": department, "remedy": {"en": "Switch VoLTE on", "zh": "打开VoLTE开关"}}
    return {"category": {"id": category}, "verdict": verdict, "causes": [cause]}


@pytest.mark.parametrize("verdict", ["cause", "no_fault", "cannot_tell"])
@pytest.mark.parametrize("category", ["registration", "access", "drop", "mos", "csfb", "other"])
def test_every_verdict_has_a_reply_with_the_promised_time_in_both_languages(
    verdict: str, category: str
) -> None:
    for language, by in (("en", "2026-03-11 09:00"), ("zh", "03月11日09:00")):
        text = reply_text(result(verdict, category=category), language, START, "Asia/Shanghai")
        assert by in text
        assert "{" not in text


def test_a_cause_on_the_phone_tells_the_customer_what_to_do() -> None:
    assert "Switch VoLTE on" in reply_text(result(department="User"), "en", None, "UTC")
    assert "Switch VoLTE on" not in reply_text(result(), "en", None, "UTC")


def test_a_solved_ticket_promises_nothing_more() -> None:
    text = reply_text(result(), "en", START, "UTC", solved=True)
    assert "dealt with" in text
    assert "2026" not in text


def test_the_notice_of_planned_work_names_its_time_in_both_languages() -> None:
    change = {"planned_start": START, "planned_end": START + timedelta(hours=2)}
    assert "09:00" in notice_text(change, "zh", "Asia/Shanghai")
    assert "11:00" in notice_text(change, "en", "Asia/Shanghai")


# --- questions


def test_every_question_fills_a_field_of_the_ticket_with_values_that_it_may_have() -> None:
    ticket = load_schemas()["ticket"]
    for entry in questions_data()["closed"]:
        allowed = set(ticket.field(entry["field"]).allowed) - {"unknown"}
        assert set(map(str, entry["answers"])) == allowed, entry["field"]
        for text in (entry["ask"], *entry["answers"].values()):
            assert text["en"]
            assert text["zh"]


CAUSES = [
    {"id": "reg-handset-switch-or-mode", "probability": 0.4},
    {"id": "reg-device-not-capable", "probability": 0.3},
]


def ids() -> list[dict[str, Any]]:
    """Two causes that a question separates, whatever they are called."""
    found = [
        condition.cause
        for check in RUNBOOKS.checks.values()
        for condition in check.conditions
        if condition.when and condition.when.startswith("ticket.answer_") and check.category == "registration"
    ]
    return [{"id": cause, "probability": 0.4} for cause in dict.fromkeys(found)][:2]


def test_the_question_that_separates_the_leading_causes_comes_first() -> None:
    asked = closed_questions(ids(), RUNBOOKS, {})
    assert asked
    assert [q.bits for q in asked] == sorted((q.bits for q in asked), reverse=True)
    assert asked[0].bits > 0.05


def test_what_is_known_is_not_asked_again_and_unknown_is() -> None:
    first = closed_questions(ids(), RUNBOOKS, {})[0].field
    assert first not in [q.field for q in closed_questions(ids(), RUNBOOKS, {first: "yes"})]
    assert first in [q.field for q in closed_questions(ids(), RUNBOOKS, {first: "unknown"})]


def test_nothing_is_asked_where_no_answer_could_change_anything() -> None:
    assert closed_questions([{"id": "drop-enb-fault", "probability": 0.9}], RUNBOOKS, {}) == []


@pytest.mark.parametrize("category", ["registration", "access", "drop", "mos", "csfb", "other"])
def test_a_category_that_is_not_sure_is_asked_for_first_and_a_sure_one_hardly(category: str) -> None:
    unsure = closed_questions(ids(), RUNBOOKS, {}, {"id": category, "probability": 0.5})
    asked = {q.field: q.bits for q in unsure}
    of_category = {"answer_icon_present", "answer_rat_while_dialling", "answer_call_outcome"}
    assert of_category <= asked.keys()
    assert max(of_category, key=lambda field: asked[field]) == "answer_call_outcome"
    assert category == "other" or unsure[0].field == "answer_call_outcome"
    sure = closed_questions(ids(), RUNBOOKS, {}, {"id": category, "probability": 0.99})
    assert all(q.bits < asked[q.field] for q in sure if q.field == "answer_call_outcome")
    plain = [q.field for q in closed_questions(ids(), RUNBOOKS, {})]
    assert next(q.field for q in sure if q.field in plain) == plain[0], "the causes decide again"


@given(
    st.sampled_from(["registration", "access", "drop", "mos", "csfb", "other"]),
    st.floats(0.0, 1.0),
    st.sampled_from(["answer_icon_present", "answer_rat_while_dialling", "answer_call_outcome"]),
)
def test_an_answer_never_tells_less_than_nothing_nor_more_than_is_open(
    category: str, probability: float, field: str
) -> None:
    bits = category_bits(field, {"id": category, "probability": probability})
    rest = (1 - probability) / 5
    shares = [probability, *[rest] * 5]
    assert -1e-9 <= bits <= -sum(p * log2(p) for p in shares if p > 0) + 1e-9


def test_a_category_that_is_all_but_sure_leaves_nothing_to_tell() -> None:
    for field in ("answer_icon_present", "answer_rat_while_dialling", "answer_call_outcome"):
        for rest in (1e-3, 1e-6, 1e-9):
            assert category_bits(field, {"id": "csfb", "probability": 1 - rest}) >= 0


def test_what_says_nothing_of_the_category_has_no_bits() -> None:
    assert category_bits("answer_sim_slot", {"id": "drop", "probability": 0.5}) == 0.0
    assert category_bits("answer_call_outcome", {"id": "no such", "probability": 0.5}) == 0.0


def test_what_a_ticket_lacks_is_asked_and_one_place_is_enough() -> None:
    assert [q.field for q in missing_questions({})] == ["occurred_at", "place_text"]
    assert [q.field for q in missing_questions({"occurred_at": "2024-03-06T09:00:00Z"})] == ["place_text"]
    assert [q.field for q in missing_questions({"ecgi": "460-00-1-1", "place_text": ""})] == ["occurred_at"]
    assert missing_questions({"occurred_at": "2024-03-06T09:00:00Z", "latitude": 25.0}) == []
    assert all(q.text["en"] and q.text["zh"] and not q.answers for q in missing_questions({}))


def lacking(need: str, *decides: str) -> dict[str, Any]:
    causes = [{"id": "mos-one-way-sdp-nat", "probability": 0.3}]
    return {"causes": causes, "missing": [{"need": need, "would_decide": list(decides), "how": ""}]}


@pytest.mark.parametrize(
    ("need", "fields"),
    [
        ("call", ["direction", "other_party_number"]),
        ("called.codecs", ["direction", "other_party_number"]),
        ("device_model.volte_supported", ["imei_tac"]),
        ("cell_kpi", []),
    ],
)
def test_what_leads_to_a_record_that_would_decide_is_asked(need: str, fields: list[str]) -> None:
    known = {"occurred_at": "2024-03-06T09:00:00Z", "ecgi": "460-00-1-1"}
    found = missing_questions(known, lacking(need, "mos-one-way-sdp-nat"))
    assert [q.field for q in found] == fields
    assert missing_questions(known, lacking(need, "another-cause")) == [], "it decides none of the causes"
    told = {**known, "direction": "MO", "other_party_number": "num_b", "imei": "imei_a"}
    assert missing_questions(told, lacking(need, "mos-one-way-sdp-nat")) == [], "it is known"


def test_answers_that_lead_to_a_record_are_values_that_the_field_may_have() -> None:
    ticket = load_schemas()["ticket"]
    for entry in questions_data()["missing"]:
        allowed = set(ticket.field(entry["field"]).allowed or ()) - {"unknown"}
        assert set(entry.get("answers", {})) in (set(), allowed)


def test_who_could_not_hear_decides_between_causes_of_bad_voice() -> None:
    """Only a route reads this field: it shifts weight between causes and supports none alone."""
    causes = [
        {"id": "mos-one-way-sdp-nat", "probability": 0.4},
        {"id": "mos-downlink-quality", "probability": 0.4},
    ]
    asked = closed_questions(causes, RUNBOOKS, {})
    assert [q.field for q in asked] == ["one_way"]
    assert closed_questions(causes, RUNBOOKS, {"one_way": "none"}) == []


def test_every_category_has_an_open_question() -> None:
    for category in ("registration", "access", "drop", "mos", "csfb", "other"):
        assert open_question(category).text["zh"]


@given(st.floats(0.05, 6), st.floats(-6, -0.05))
def test_the_two_probabilities_give_the_two_log_odds_back(hit: float, miss: float) -> None:
    given_, other = hit_probabilities(hit, miss)
    assert 0 <= other <= given_ <= 1
    assert log(given_ / other) == pytest.approx(hit, rel=1e-6)
    assert np.isclose((1 - given_) / (1 - other), exp(miss), atol=1e-6)
    against, usual = hit_probabilities(-hit, -miss)
    assert 0 <= against <= usual <= 1
    assert np.isclose(against, usual * exp(-hit), atol=1e-6)
    assert hit_probabilities(hit, hit) == (0.5, 0.5)
