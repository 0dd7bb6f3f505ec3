"""The engine's sentences in the reader's language: all that it has are known, others stay as they are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from fastapi import Request

from callcause.web.refusal import refusal_of
from callcause.web.sayings import REASONS, SENTENCES, say
from callcause.web.words import chance, percent, refused_for, span, value
from callcause.web.words import moment as written
from diagnosis.missing import _ways
from diagnosis.question import questions_data
from runbooks.loader import load_runbooks

CHINESE = re.compile("[\u4e00-\u9fff]")


def title(cause: str) -> str:
    found = load_runbooks().causes.get(cause)
    return found.title.zh if found else cause


def zh(text: str) -> str:
    return say(text, "zh", title)


def test_every_way_to_get_what_is_missing_is_known_in_chinese() -> None:
    assert set(_ways().values()) <= set(SENTENCES)
    assert all(CHINESE.search(zh(way)) for way in _ways().values())


def test_every_sentence_of_the_evidence_and_every_answer_is_known_in_chinese() -> None:
    data = Path("diagnosis/data/category_weights.yaml").read_text(encoding="utf-8")
    for flag in yaml.safe_load(data)["evidence"].values():
        assert CHINESE.search(zh(flag["says"])), flag
    for entry in questions_data()["closed"]:
        name = entry["field"].removeprefix("answer_").replace("_", " ")
        for answer, text in entry["answers"].items():
            assert zh(f"{name}: {answer}") == entry["ask"]["zh"] + text["zh"]


def test_every_reason_code_of_the_engine_is_known_in_both_languages() -> None:
    source = Path("diagnosis/evidence.py").read_text(encoding="utf-8")
    used = set(
        re.findall(r'"(no_[a-z_]+|few_samples|counter_missing|suspect|not_derivable|field_empty)"', source)
    )
    columns = {"no_change_table", "no_alarm_table"}
    assert used - columns <= set(REASONS), used - columns - set(REASONS)
    for english, chinese in REASONS.values():
        assert not CHINESE.search(english)
        assert CHINESE.search(chinese)


def test_causes_in_sentences_are_named_by_their_title() -> None:
    weak = load_runbooks().causes["drop-weak-coverage"].title
    flip = "if call.rsrp_last were < -110 (DRP-04), drop-weak-coverage would lead"
    assert zh(flip) == f"若 call.rsrp_last 为 < -110（DRP-04），则“{weak.zh}”居首"
    assert "nothing known" not in zh("if a were not 3 (X-1), nothing known would lead")
    lies = "drop-weak-coverage lies in the enb; it is the one that serves this user"
    assert zh(lies) == f"“{weak.zh}”发生在enb；该网元为此用户服务"
    assert zh("no_fault: drop-weak-coverage") == f"非网络故障：{weak.zh}"
    english = say("cause: drop-weak-coverage", "en", lambda cause: weak.en)
    assert english == f"cause found: {weak.en}"


@pytest.mark.parametrize("text", ["antenna turned", "a: b", "if so (A), what", "天线已调整", "unknown: 7"])
def test_what_people_wrote_stays_as_they_wrote_it(text: str) -> None:
    assert zh(text) == text
    assert say(text, "en", title) == text


def test_nothing_is_said_of_nothing() -> None:
    assert (zh(""), say(None, "zh", title)) == ("", "")


def test_small_shares_never_look_like_none() -> None:
    assert [percent(x) for x in (0.0, 0.0001, 0.02, 0.5)] == ["0.0 %", "< 0.1 %", "2.0 %", "50 %"]
    assert [chance(x) for x in (None, 2e-17, 0.001148, 0.5)] == ["–", "< 0.01 %", "0.11 %", "50 %"]
    assert value([85, 538], "en") == "85, 538"
    assert value("5061,5062", "en") == "5061, 5062"


@pytest.mark.parametrize(
    ("minutes", "english", "chinese"),
    [
        (90, "1 h 30 min", "1小时30分"), (-44, "0 h 44 min late", "超时0小时44分"),
        (48 * 60, "2 d 0 h", "2天0小时"), (-75 * 60, "3 d 3 h late", "超时3天3小时"),
    ],
)  # fmt: skip
def test_a_clock_says_how_long_or_how_late(minutes: int, english: str, chinese: str) -> None:
    now = datetime(2024, 3, 6, 9, tzinfo=UTC)
    due = now + timedelta(minutes=minutes)
    assert (span(due, now, "en"), span(due, now, "zh")) == (english, chinese)
    assert written(now) == "2024-03-06 09:00 UTC"


def test_a_fault_of_ours_is_a_page_with_its_kind_and_nothing_of_its_text() -> None:
    scope = {"type": "http", "method": "GET", "path": "/ui/tickets/T-1", "headers": [], "query_string": b""}
    refusal = refusal_of(Request(scope), ValueError("num_1234 of somebody"))
    assert (refusal.status, refusal.detail) == (500, "ValueError")
    for lang, said in (("en", "the log of the service"), ("zh", "服务日志")):
        assert said in refused_for(refusal.code, lang)
