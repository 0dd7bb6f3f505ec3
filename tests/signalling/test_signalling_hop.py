"""What of a message names its transaction and its sender."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.signalling.hop import branch_of, hop_key, make_hop, sent_by
from collectors.signalling.message import SipMessage, parse_sip
from collectors.signalling.sighting import Endpoint, Sighting

VIA = "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1"


def message(
    start: str, *headers: str, via: str = VIA, to: str = "<sip:b@h>", cseq: str = "1 INVITE"
) -> SipMessage:
    lines = [
        start,
        f"Via: {via}",
        "From: <sip:a@h>;tag=1",
        f"To: {to}",
        "Call-ID: c",
        f"CSeq: {cseq}",
        *headers,
    ]
    found = parse_sip("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(found, SipMessage)
    return found


@pytest.mark.parametrize(
    ("via", "host"),
    [
        (VIA, "10.0.0.1"),
        ("SIP/2.0/TCP P1.ims.example:5060;branch=x", "p1.ims.example"),
        ("SIP / 2.0 / UDP  p1.ims.example : 5060 ;branch=x", "p1.ims.example"),
        ("SIP/2.0/TLS [2001:DB8::1]:5061;branch=x", "2001:db8::1"),
        ("SIP/2.0/UDP p1;received=10.0.0.9", "p1"),
        ("SIP/2.0/UDP", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_host_of_its_via(via: str, host: str) -> None:
    assert sent_by(via) == host


def test_a_branch_names_its_transaction_and_before_rfc_3261_all_of_the_via_does() -> None:
    assert branch_of(VIA) == "z9hG4bK1"
    old = {branch_of(f"SIP/2.0/UDP {host};branch=1") for host in ("a", "b")}
    assert len(old) == 2
    assert branch_of("SIP/2.0/UDP a") == "SIP/2.0/UDP a"


@given(st.text("SIP/2.0 UDP:;[]branch=z9hG4bK,", max_size=40))
def test_any_via_has_a_name_and_a_sender_or_none(via: str) -> None:
    assert isinstance(branch_of(via), str)
    assert sent_by(via) == sent_by(via).lower()


def test_a_copy_has_the_key_of_its_message_and_every_answer_its_own() -> None:
    invite = message("INVITE sip:b@h SIP/2.0")
    ringing = message("SIP/2.0 180 Ringing", to="<sip:b@h>;tag=x")
    keys = [hop_key(one, "b") for one in (invite, message("INVITE sip:b@h SIP/2.0"), ringing)]
    assert keys[0] == keys[1] != keys[2]


def test_forks_that_ring_stay_apart_and_final_answers_of_one_branch_are_one() -> None:
    def key(status: str, tag: str) -> object:
        return hop_key(message(f"SIP/2.0 {status}", to=f"<sip:b@h>;tag={tag}"), "b")

    assert key("180 Ringing", "x") != key("180 Ringing", "y")
    assert key("100 Trying", "x") == key("100 Trying", "y")
    assert key("486 Busy", "x") == key("486 Busy", "y")


def test_only_headers_that_records_are_made_of_are_kept() -> None:
    made = message("INVITE sip:b@h SIP/2.0", "Reason: SIP;cause=503", "Subject: private", "Expires: 60")
    seen = Sighting(datetime(2026, 3, 2, tzinfo=UTC), Endpoint("a", 1), Endpoint("b", 2), "udp", "1", made)
    hop = make_hop(seen, made, [VIA, "SIP/2.0/UDP ue;branch=z9hG4bK0"], "z9hG4bK1")
    assert hop.headers == {"reason": ["SIP;cause=503"], "expires": ["60"]}
    assert (hop.parent, hop.vias, hop.sent_by) == ("z9hG4bK0", 2, "10.0.0.1")
    assert (hop.is_request, hop.get("expires"), hop.get("subject")) == (True, "60", "")
