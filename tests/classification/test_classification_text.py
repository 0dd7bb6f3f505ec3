"""Text, rules, handset answers and evidence decide the category together."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.classification import CATEGORIES, classify, collect_text_flags
from diagnosis.ngrams import ngrams_of
from diagnosis.text_model import DATA, normalised, trained_model
from diagnosis.text_rules import without_denials


def frame_of(*rows: dict[str, Any]) -> pl.DataFrame:
    names = list(dict.fromkeys(["ticket.description", *(name for row in rows for name in row)]))
    frame = pl.DataFrame({n: [row.get(n) for row in rows] for n in names}, strict=False)
    frame = frame.with_columns(pl.col("ticket.description").cast(pl.String))
    return frame.with_columns(collect_text_flags(frame))


def best(*rows: dict[str, Any]) -> list[str]:
    return [CATEGORIES[n] for n in classify(frame_of(*rows)).best.tolist()]


def texts(*said: str) -> list[str]:
    return best(*({"ticket.description": text} for text in said))


def test_every_seed_phrase_gets_its_own_category() -> None:
    phrases = yaml.safe_load((DATA / "phrases.yaml").read_text("utf-8"))
    asked = [(category, text) for category, by in phrases.items() for of in by.values() for text in of]
    got = texts(*(text for _, text in asked))
    right = np.mean([category == found for (category, _), found in zip(asked, got, strict=True)])
    assert right >= 0.97


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("客户反映手机重启后高清标志还是没有出来", "registration"),
        ("Since the SIM was swapped the VoLTE sign never comes up", "registration"),
        ("拨出去一直没有声音也没有接通", "access"),
        ("my wife cannot reach me, she hears the phone is off", "access"),
        ("开会讲到一半电话又断了，请处理", "drop"),
        ("cal drops in th middle evry time", "drop"),
        ("对方说我的声音卡得像机器人", "mos"),
        ("voice is breaking up, can't understand a word", "mos"),
        ("一打电话手机就掉到2G，微信都用不了", "csfb"),
        ("my 4G falls to 2G whenever someone calls", "csfb"),
        ("客户说 no HD icon 好几天了", "registration"),
    ],
)
def test_texts_that_were_not_trained_are_understood(text: str, category: str) -> None:
    assert texts(text) == [category]


def test_rule_1_silence_with_an_ending_is_a_drop_and_without_one_is_voice_quality() -> None:
    assert texts("说到一半没声音然后断了", "通话中没声音", "声音断断续续") == ["drop", "mos", "mos"]


def test_rule_2_lost_data_is_out_of_scope_without_a_call_and_csfb_with_one() -> None:
    flags = frame_of({"ticket.description": "上网老掉线"}, {"ticket.description": "打电话微信就掉线"})
    assert flags["out_of_scope_text"].to_list() == [True, False]
    assert texts("打电话微信就掉线") == ["csfb"]


def test_rule_3_no_icon_and_calls_on_2g_is_csfb() -> None:
    assert texts("没有HD打电话变2G") == ["csfb"]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("the call does not drop but the voice keeps breaking up", "mos"),
        ("calls never drop, only the sound is robotic", "mos"),
        ("no dropped calls, but I cannot hear the other side", "mos"),
        ("电话没有掉线，就是对方声音断断续续", "mos"),
        ("两边都没声音了，电话没断", "mos"),
        ("通话不断掉线", "drop"),
        ("my calls drop all the time", "drop"),
    ],
)
def test_what_a_customer_says_did_not_happen_is_no_symptom(text: str, category: str) -> None:
    assert texts(text) == [category]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("4G切2G的时候电话断了", "drop"),
        ("call gets cut when it goes from 4G to 2G", "drop"),
        ("打电话就掉到2G", "csfb"),
        ("phone drops to 2G when I call", "csfb"),
        ("一打电话就变成2G，网络就断了", "csfb"),
    ],
)
def test_a_call_that_ends_on_the_way_to_2g_is_a_drop_and_a_phone_that_falls_there_is_csfb(
    text: str, category: str
) -> None:
    assert texts(text) == [category]


def test_a_denial_leaves_the_rest_of_the_text_as_it_is() -> None:
    said = pl.DataFrame({"t": ["没断就是没声音", "不断掉线", "no drops here", "the drop in the lift", None]})
    left = said.select(without_denials(pl.col("t")))["t"].to_list()
    assert [text and text.strip() for text in left] == [
        "就是没声音", "不断掉线", "here", "the drop in the lift", None,
    ]  # fmt: skip


def test_rules_4_and_5_set_hints() -> None:
    flags = frame_of(
        {"ticket.description": "对方说打不进来"}, {"ticket.description": "在国外漫游打固话打不通"}
    )
    assert flags["direction_hint"].to_list() == ["MT", None]
    assert flags["roaming_hint"].to_list() == [None, True]
    assert flags["off_net_hint"].to_list() == [None, True]


def test_rule_6_billing_is_out_of_scope_whatever_the_front_office_chose() -> None:
    row = {"ticket.description": "这个月话费多扣了二十元", "ticket.category": "drop"}
    assert frame_of(row)["out_of_scope_text"].to_list() == [True]
    assert best(row) == ["other"]


def test_a_trouble_with_the_call_stays_in_scope_when_money_is_mentioned() -> None:
    rows = [
        {"ticket.description": t} for t in ("交了话费还是打不通电话", "calls drop though I pay every bill")
    ]
    assert frame_of(*rows)["out_of_scope_text"].to_list() == [False, False]


def test_an_empty_text_says_nothing_and_the_ticket_decides() -> None:
    result = classify(frame_of({"ticket.description": None, "ticket.category": "mos"}))
    assert result.result(0)["id"] == "mos"
    assert result.result(0)["decided_by"] == "ticket"


def test_a_clear_text_beats_a_wrong_category() -> None:
    result = classify(
        frame_of({"ticket.description": "通话中突然断了", "ticket.category": "registration"})
    ).result(0)
    assert (result["id"], result["decided_by"]) == ("drop", "text")


def test_handset_answers_decide_where_the_text_does_not_tell() -> None:
    row = {
        "ticket.description": "电话有问题", "ticket.answer_icon_present": "yes",
        "ticket.answer_rat_while_dialling": "4G", "ticket.answer_call_outcome": "bad_voice",
    }  # fmt: skip
    result = classify(frame_of(row)).result(0)
    assert (result["id"], result["decided_by"]) == ("mos", "handset_state")
    assert "call outcome: bad_voice" in result["because"]


def test_the_answer_unknown_says_nothing() -> None:
    told, untold = classify(
        frame_of(
            {"ticket.description": "电话有问题", "ticket.answer_icon_present": "unknown"},
            {"ticket.description": "电话有问题", "ticket.answer_icon_present": None},
        )
    ).probability
    assert told == pytest.approx(untold)


def test_the_call_record_shifts_the_category() -> None:
    unsure = {"ticket.description": "电话有问题", "call.final_status": 200, "call.releasing_side": "network"}
    silent = {"ticket.description": "电话有问题"}
    drop = CATEGORIES.index("drop")
    with_record, without = classify(frame_of(unsure, silent)).probability[:, drop]
    assert with_record > without


def test_because_names_the_words_that_decided() -> None:
    because = classify(frame_of({"ticket.description": "customer says calls keep dropping at home"})).because(
        0
    )
    assert any("dropping" in reason for reason in because)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("打电话就掉到2G", "why"),
        ("internet stops while I am on the phone", "why"),
        ("打完电话很久才回4G", "stage"),
        ("stays on 2G after the call", "stage"),
        ("fallback call fails", "stage"),
        ("手机放着不用就变成2G", "stage"),
        ("电话有问题", None),
    ],
)
def test_the_wording_tells_which_part_of_csfb_is_meant(text: str, part: str | None) -> None:
    assert frame_of({"ticket.description": text})["csfb_wording"].to_list() == [part]


def test_training_gives_the_same_weights_again() -> None:
    first = trained_model().weights.copy()
    trained_model.cache_clear()
    assert np.array_equal(first, trained_model().weights)


def test_the_order_of_the_tickets_does_not_matter() -> None:
    said = ["没有HD图标", "call drops", "听不清楚", "话费扣多了"]
    assert texts(*said) == texts(*reversed(said))[::-1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_any_text_gets_probabilities_that_sum_to_one(said: list[str]) -> None:
    clean = [text.encode("utf-8", "ignore").decode() for text in said]
    probability = classify(frame_of(*({"ticket.description": text} for text in clean))).probability
    assert probability.sum(axis=1) == pytest.approx(np.ones(len(clean)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(alphabet="ab断 2", max_size=12), min_size=1, max_size=5))
def test_ngrams_are_those_that_slicing_gives(said: list[str]) -> None:
    grams = ngrams_of(said)
    got = sorted(zip(grams.row.tolist(), grams.start.tolist(), grams.length.tolist(), strict=True))
    wanted = [
        (i, at, n) for i, text in enumerate(said) for n in (1, 2, 3, 4) for at in range(len(text) - n + 1)
    ]
    assert got == sorted(wanted)
    pieces = [said[r][s : s + n] for r, s, n in zip(grams.row, grams.start, grams.length, strict=True)]
    assert len(set(pieces)) >= len(set(grams.bucket.tolist()))


def test_normalised_text_keeps_the_numbers_of_networks() -> None:
    assert pl.select(normalised(pl.lit("打 13800000001  4G变2G 15秒"))).item() == "打 0 4g变2g 00秒"
