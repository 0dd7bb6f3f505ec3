"""Which conversation a message belongs to: indexes that forget nothing and keep nothing of what is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.signalling.conversation import Conversation
from collectors.signalling.correlation import Correlation, icid_of, session_id_of
from collectors.signalling.message import SipMessage, parse_sip

NUMBER = "+8613800000001"


def message(*headers: str, method: str = "INVITE", to: str = f"<sip:{NUMBER}@h.example>") -> SipMessage:
    lines = [
        f"{method} sip:b@h.example SIP/2.0", "Via: SIP/2.0/UDP a;branch=z9hG4bK1", "From: <sip:a@h>;tag=1",
        f"To: {to}", "Call-ID: new@a", f"CSeq: 1 {method}", *headers, "", "",
    ]  # fmt: skip
    found = parse_sip("\r\n".join(lines).encode())
    assert isinstance(found, SipMessage)
    return found


@pytest.mark.parametrize(
    ("header", "icid"),
    [
        ("P-Charging-Vector: icid-value=abc;icid-generated-at=h", "abc"),
        ('P-Charging-Vector: orig-ioi=x; icid-value="a b"', "a b"),
        ("P-Charging-Vector: orig-ioi=x", ""),
        ("Subject: icid-value=abc", ""),
    ],
)
def test_the_icid_is_a_parameter_of_the_charging_vector(header: str, icid: str) -> None:
    assert icid_of(message(header)) == icid


@pytest.mark.parametrize(
    ("header", "local"),
    [
        (
            "Session-ID: AB30317f1a784dc48ff824d0d3715d86;remote=" + "0" * 32,
            "ab30317f1a784dc48ff824d0d3715d86",
        ),
        ("Session-ID: " + "0" * 32, ""),
        ("Subject: none", ""),
    ],
)
def test_the_session_id_is_its_local_half_and_the_nil_one_is_none(header: str, local: str) -> None:
    assert session_id_of(message(header)) == local


def test_an_invite_of_another_leg_finds_its_call_by_icid_or_session_id() -> None:
    index, call = Correlation(), Conversation("INVITE", 1)
    index.note(call, "abc", "s1")
    assert index.same_call(message("P-Charging-Vector: icid-value=abc")) is call
    assert index.same_call(message("Session-ID: S1")) is call
    assert index.same_call(message("P-Charging-Vector: icid-value=other")) is None


def test_a_registration_is_no_call_and_is_found_by_icid_else_by_its_user() -> None:
    index, own, other = Correlation(), Conversation("REGISTER", 1), Conversation("REGISTER", 2)
    index.note(own, "abc", "")
    index.add_identity(other, f"sip:{NUMBER}@h.example")
    asked = message("P-Charging-Vector: icid-value=abc", method="REGISTER")
    assert index.same_call(asked) is None
    assert index.registration_of(asked) is own
    assert index.registration_of(message(method="REGISTER")) is other
    assert index.registration_of(message(method="REGISTER", to="<sip:else@h>")) is None


def test_two_calls_with_one_icid_are_told_once_and_two_registrations_never() -> None:
    index, first, second = Correlation(), Conversation("INVITE", 1), Conversation("INVITE", 2)
    assert index.note(first, "abc", "") is None
    assert index.note(second, "abc", "") is first
    assert index.note(second, "abc", "") is None
    register = Conversation("REGISTER", 3)
    assert index.note(register, "abc", "") is None


def test_what_was_merged_is_found_under_all_its_names() -> None:
    index, into, away = Correlation(), Conversation("INVITE", 1), Conversation("INVITE", 2)
    index.add_call_id(into, "one")
    index.add_call_id(away, "two")
    index.note(away, "abc", "s1")
    away.seen.add(7)
    away.told["C-2"] = 3
    into.edge, away.edge = 4, 2
    index.merge(into, away)
    assert index.by_call_id("two") is into
    assert index.same_call(message("Session-ID: s1")) is into
    assert (into.seen, into.told, into.edge) == ({7}, {"C-2": 3}, 2)
    index.remove(into)
    assert index.by_call_id("one") is index.by_call_id("two") is None


NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(st.tuples(st.sampled_from(["call", "icid", "session", "remove"]), NAMES, st.integers(0, 3)))


@given(STEPS)
def test_nothing_of_a_removed_conversation_is_found_and_nothing_open_is_lost(
    steps: list[tuple[str, str, int]],
) -> None:
    index, made = Correlation(), [Conversation("INVITE", n) for n in range(4)]
    gone: set[int] = set()
    for what, name, at in steps:
        if at in gone:
            continue
        if what == "call":
            index.add_call_id(made[at], name)
        elif what == "remove":
            index.remove(made[at])
            gone.add(at)
        else:
            index.note(made[at], name if what == "icid" else "", name if what == "session" else "")
        for lookup in (index.by_call_id, index._icids.get, index._session_ids.get):
            for wanted in "abcd":
                found = lookup(wanted)
                assert found is None or found.number not in gone
    for one in made:
        last = [n for what, n, at in steps if what == "call" and at == one.number]
        if one.number not in gone and last:
            holder = index.by_call_id(last[-1])
            others = [at for what, n, at in steps if what == "call" and n == last[-1]]
            assert holder is not None or any(at in gone for at in others)
