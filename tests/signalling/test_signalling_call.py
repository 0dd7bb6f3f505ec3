"""Calls over P-, I- and S-CSCF: two legs, their times, who released."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from assembled import leg, told
from ims_network import (
    AS,
    ICSCF,
    IMSI_A,
    IMSI_B,
    NUMBER_A,
    NUMBER_B,
    PCSCF,
    PHONE_A,
    PHONE_B,
    SCSCF,
    SDP_OFFER,
    START,
    Network,
    Request,
    answered_call,
    charging,
    in_dialog,
    invite,
    registered,
    settings,
    talking,
    through,
    to_phone_b,
)

from collectors.records import Pseudonymiser, load_rows
from collectors.signalling.frames import by_seen_columns
from collectors.signalling.settings import SignallingSettings
from collectors.signalling.sip import SipPart


def test_an_answered_call_has_two_legs_with_the_times_of_their_own_phones() -> None:
    network = Network()
    request = answered_call(network)
    frames = told(network)
    mo, mt = leg(frames, "mo"), leg(frames, "mt")
    assert (mo["other_leg_id"], mt["other_leg_id"]) == (mt["id"], mo["id"])
    assert mo["icid"] == mt["icid"] == f"icid-{request.call_id}"
    assert mo["started_at"] == START
    assert mt["started_at"] == START + timedelta(milliseconds=30)
    assert mo["t_100"] == START + timedelta(milliseconds=5)
    assert mt["t_180"] < mo["t_180"]
    assert mo["t_200"] - mt["t_200"] == timedelta(milliseconds=25)
    assert (mo["final_status"], mt["final_status"]) == (200, 200)
    assert (mo["sdp_offered_codecs"], mo["codec"]) == (["AMR-WB", "AMR"], "AMR")
    assert (mo["calling_number"], mo["called_number"]) == (f"tel:+{NUMBER_A}", f"tel:+{NUMBER_B}")
    assert (mt["pcscf_name"], mt["scscf_name"]) == ("pcscf1.ims.example", "scscf1.ims.example")


def test_a_long_call_is_told_when_it_is_answered_and_again_when_it_ends() -> None:
    network = Network()
    talking(network)
    part = SipPart(settings())
    first = told(network, later_s=2.0, part=part)
    assert first["call"].height == 2
    assert "t_end" not in first["call"].columns
    network.packets.clear()
    network.wait(3600)
    ended = network.now
    through(network, in_dialog(invite(), "BYE", 3, by_b=True), PHONE_B, PCSCF, SCSCF, PCSCF, PHONE_A)
    last = told(network, part=part)
    assert last["call"]["id"].to_list() == first["call"]["id"].unique(maintain_order=True).to_list()
    row = leg(last, "mo")
    assert (row["t_end"], row["releasing_side"], row["releasing_node"]) == (ended, "called", "ue")
    assert row["t_200"] == leg(first, "mo")["t_200"]
    assert last["hop"]["sequence"].min() == first["hop"]["sequence"].max() + 1
    assert part.held == 0


def test_the_legs_know_whether_their_users_were_registered() -> None:
    network = Network()
    registered(network)
    network.wait(5)
    registered(network, IMSI_B, PHONE_B)
    network.wait(5)
    answered_call(network)
    frames = told(network)
    assert [(leg(frames, side)["imsi"], leg(frames, side)["registered"]) for side in ("mo", "mt")] == [
        (IMSI_A, True),
        (IMSI_B, True),
    ]


def test_a_user_whose_registration_was_never_seen_is_not_called_unregistered() -> None:
    network = Network()
    answered_call(network)
    assert leg(told(network), "mo")["registered"] is None


def test_a_registration_that_ran_out_before_the_call_counts_as_not_registered() -> None:
    network = Network()
    registered(network)
    network.wait(4000)
    answered_call(network)
    assert leg(told(network), "mo")["registered"] is False


def test_the_hops_of_a_back_to_back_server_with_a_call_id_of_its_own_belong_to_one_call() -> None:
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, SCSCF, charging(request))
    network.send(request, SCSCF, AS)
    other = Request(
        "INVITE", request.uri, "b2b@10.0.0.4", 1, "<sip:as>;tag=x", request.to, [charging(request)], SDP_OFFER
    )
    network.send(other, AS, SCSCF)
    network.answer(other, SCSCF, "503 Service Unavailable", tag="s", hops=1)
    network.answer(request, AS, "500 Server Internal Error", tag="as")
    frames = told(network)
    assert frames["call"].height == 1
    row = leg(frames, "mo")
    assert (row["final_status"], row["first_error_node"], row["session_rejected_by_as"]) == (
        500,
        "scscf",
        False,
    )
    assert frames["hop"].height == len(network.packets)


@pytest.mark.parametrize("session_id", [True, False])
def test_without_icid_the_session_id_joins_the_hops(session_id: bool) -> None:
    network = Network()
    header = ["Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=" + "0" * 32] * session_id
    request = invite()
    request.headers += header
    network.send(request, PHONE_A, PCSCF)
    other = Request("INVITE", request.uri, "b2b@10.0.0.1", 1, "<sip:p>;tag=x", request.to, header, SDP_OFFER)
    network.send(other, PCSCF, SCSCF)
    network.answer(other, SCSCF, "404 Not Found", tag="s")
    network.answer(request, PCSCF, "404 Not Found", tag="p")
    assert told(network)["call"].height == (1 if session_id else 2)


def test_two_conversations_that_turn_out_to_share_an_icid_become_one() -> None:
    """The INVITE with a Call-ID of its own overtakes the one that says which ICID the first has."""
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    other = Request(
        "INVITE", request.uri, "b2b@10.0.0.4", 1, "<sip:as>;tag=x", request.to, [charging(request)]
    )
    network.send(other, AS, SCSCF)
    network.send(request, PCSCF, SCSCF, charging(request))
    network.send(request, SCSCF, AS)
    network.answer(other, SCSCF, "486 Busy Here", tag="s")
    network.answer(request, AS, "486 Busy Here", tag="as")
    part = SipPart(settings())
    frames = told(network, part=part)
    assert frames["call"].height == 1
    assert frames["hop"].height == len(network.packets)
    assert part.held == 0


def test_a_drop_told_by_the_network_carries_every_reason_and_the_cause_of_the_radio() -> None:
    network = Network()
    request = talking(network)
    network.wait(20)
    bye = in_dialog(request, "BYE", 9, by_b=True)
    bye.headers = ['Reason: S1AP-RNL;cause=21;text="radio lost"', "Reason: Q.850;cause=38"]
    network.send(bye, PCSCF, SCSCF)
    network.answer(bye, SCSCF, "200 OK")
    frames = told(network)
    row = leg(frames, "mo")
    assert (row["releasing_side"], row["releasing_node"]) == ("network", "cscf")
    assert [reason["cause"] for reason in json.loads(str(row["reasons"]))] == [21, 38]
    assert (row["first_error_protocol"], row["first_error_code"]) == ("S1AP-RNL", 21)
    assert (row["s1ap_group"], row["s1ap_cause"]) == ("RNL", 21)
    assert (row["last_error_protocol"], row["last_error_code"]) == ("Q.850", 38)


def test_an_update_towards_a_phone_has_its_times() -> None:
    network = Network()
    request = invite()
    to_phone_b(network, request)
    vias, path = list(request.vias), list(request.path)
    network.answer(request, PHONE_B, "183 Session Progress", tag="b", body=SDP_OFFER)
    at = network.now
    through(network, in_dialog(request, "UPDATE", 2), PHONE_A, PCSCF, SCSCF, PCSCF, PHONE_B)
    request.vias, request.path = vias, path
    network.answer(request, PHONE_B, "480 Temporarily Unavailable", tag="b")
    frames = told(network)
    assert leg(frames, "mo")["t_update_sent"] is None
    assert leg(frames, "mt")["t_update_sent"] == at + timedelta(milliseconds=15)
    assert leg(frames, "mt")["t_update_answered"] == at + timedelta(milliseconds=20)


def test_without_any_settings_names_in_the_messages_tell_the_nodes() -> None:
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, SCSCF)
    request.vias[0] = request.vias[0].replace("10.0.0.1:5060", "pcscf9.ims.example")
    network.packets[-1].data = network.packets[-1].data.replace(b"10.0.0.1:5060", b"pcscf9.ims.example")
    network.answer(request, SCSCF, "404 Not Found", tag="s")
    row = leg(told(network, part=SipPart(SignallingSettings())), "mo")
    assert row["pcscf_name"] == "pcscf9.ims.example"


def test_a_call_of_another_network_has_only_its_terminating_leg() -> None:
    network = Network()
    request = invite()
    gateway = PHONE_A._replace(host="10.77.0.1")
    network.send(request, gateway, ICSCF, charging(request))
    network.send(request, ICSCF, SCSCF)
    network.send(request, SCSCF, PCSCF)
    network.send(request, PCSCF, PHONE_B)
    network.answer(request, PHONE_B, "603 Decline", tag="b")
    frames = told(network)
    assert frames["call"]["leg"].to_list() == ["mt"]
    assert leg(frames, "mt")["called_number"] == f"tel:+{NUMBER_B}"


def test_messages_of_a_call_that_began_before_are_counted() -> None:
    network = Network()
    through(network, in_dialog(invite(), "BYE", 3), PHONE_A, PCSCF, SCSCF)
    through(network, Request("OPTIONS", "sip:x", "o@x", 1, "<sip:a>;tag=1", "<sip:x>"), PCSCF, SCSCF)
    part = SipPart(settings())
    assert told(network, part=part) == {}
    assert part.counts == {"no_dialog": 8, "not_kept": 4}


def test_a_flood_under_one_call_id_is_cut_off_and_counted() -> None:
    network = Network(step_ms=0.1)
    for number in range(2_100):
        network.send(invite(cseq=number), PHONE_A, PCSCF)
    part = SipPart(settings())
    for sighting in network.sightings(twice=False):
        part.take(sighting)
    assert part.counts == {"message": 2_000, "conversation_full": 100}


def test_the_rows_pass_the_checks_of_the_records_and_hide_every_identity() -> None:
    network = Network()
    registered(network)
    network.wait(1)
    answered_call(network)
    network.wait(1)
    request = invite("failed@x")
    network.send(request, PHONE_A, PCSCF)
    network.answer(request, PCSCF, "500 Server Internal Error", tag="p")
    part = SipPart(settings())
    for sighting in network.sightings():
        part.take(sighting)
    frames = part.ripe(network.now + timedelta(seconds=60))
    key = Pseudonymiser(b"k" * 32)
    kinds = []
    for kind, frame in by_seen_columns(frames):
        loaded = load_rows(kind, frame, source="hep", pseudonymiser=key)
        kinds.append(kind)
        assert loaded.bad.height == 0, loaded.bad
        assert loaded.good.height == frame.height
        text = loaded.good.write_ndjson()
        for identity in (IMSI_A, NUMBER_A, NUMBER_B):
            assert identity not in text, kind
    assert sorted(set(kinds)) == ["call", "hop", "registration"]


def test_rows_that_saw_different_columns_come_apart() -> None:
    network = Network()
    answered_call(network)
    failed = invite("failed@x")
    network.send(failed, PHONE_A, PCSCF)
    network.answer(failed, PCSCF, "500 Server Internal Error", tag="p")
    part = SipPart(settings())
    for sighting in network.sightings():
        part.take(sighting)
    frames = part.ripe(network.now + timedelta(seconds=60))
    parts = [frame for kind, frame in by_seen_columns(frames) if kind == "call"]
    assert sum(frame.height for frame in parts) == frames["call"].height
    assert [("t_end" in frame.columns, "warning_text" in frame.columns) for frame in parts] == [
        (False, False),
        (True, False),
        (True, True),
    ]
