"""Free text loses numbers and addresses of people and keeps places, dates, times and codes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.records.scrub import REPLACEMENT, scrub_text


def scrubbed(text: str) -> str:
    return str(pl.DataFrame({"x": [text]}).select(scrub_text(pl.col("x"))).item())


@pytest.mark.parametrize(
    "number",
    [
        "13800000001",
        "+8613800000001",
        "+86 138 0000 0001",
        "138-0000-0001",
        "(0871) 6810 0000",
        "0871-68100000",
        "68100000",
        "1234567",
        "460001234567890",
        "460-00-1234567-890",
        "35-123456-000000-1",
        "861234567890123",
        "1.3.8.0.0.0.0.0.0.0.1",
        "１３８０００００００１",
        "一三八零零零零零零零一",
        "幺三八〇〇〇〇〇〇〇一",
        "sip:+8613800000001@ims.mnc000.mcc460.3gppnetwork.org;user=phone",
        "<sips:alice@example.net>",
        "tel:+86-138-0000-0001",
        "460001234567890@ims.mnc000.mcc460.3gppnetwork.org",
        "alice.b@example.net",
        "2024-03-1113800000001",
        "213800000001-460-00-1",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "call {} now", "请回电{}谢谢", "no.{}, soon", "\n{}\n"])
def test_an_identity_in_text_is_replaced(number: str, frame: str) -> None:
    text = scrubbed(frame.format(number))
    assert REPLACEMENT in text
    assert not any(part in text for part in ("0000", "4567", "8100", "０００", "零零", "〇〇", "alice"))


@pytest.mark.parametrize(
    "text",
    [
        "460-00-12345-1",
        "在460-00-345678-2小区掉线",
        "cell 460-00-1048575-255, 310-150-1-0",
        "CGI 460-00-10411-62001",
        "2024-03-11",
        "2024-03-11T09:15:02.250+08:00",
        "2024/3/11 09:15 断了",
        "2024年3月11日9点15分",
        "9:15-10:30 and 23:59:59",
        "sip:scscf3.ims.example.net",
        "打10086也没用，110也不行",
        "PCI 217, EARFCN 38400, RSRP -110 dBm",
        "通话中突然断了",
        "5 minutes",
        "",
    ],
)
def test_places_dates_times_and_codes_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_text_around_an_identity_stays() -> None:
    assert scrubbed("我的13800000001在460-00-12345-1从2024-03-11起打不通10086") == (
        "我的[number]在460-00-12345-1从2024-03-11起打不通10086"
    )


def test_the_marks_used_inside_cannot_be_smuggled_in() -> None:
    assert "13800000001" not in scrubbed("\ue0f1\ue0f213800000001\ue0f1460-00-1-1\ue0f2")
    assert "\ue0f1" not in scrubbed("\ue0f1460-00-1-1 13800000001")


def test_a_missing_text_stays_missing() -> None:
    assert pl.DataFrame({"x": [None]}, schema={"x": pl.String}).select(scrub_text(pl.col("x"))).item() is None


@settings(max_examples=80, deadline=None)
@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="\0"), max_size=8),
    st.text(st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="\0"), max_size=8),
)
def test_a_mobile_number_never_stays_whatever_stands_around_it(number: str, before: str, after: str) -> None:
    assert number not in scrubbed(before + number + after)


@settings(max_examples=80, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_scrubbing_twice_changes_nothing_more(text: str) -> None:
    once = scrubbed(text)
    assert scrubbed(once) == once
