"""Registrations over P-, I- and S-CSCF: outcome, challenge, the node that failed first."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import polars as pl
import pytest
from ims_network import (
    AS,
    CHALLENGE,
    ICSCF,
    IMSI_A,
    PCSCF,
    PHONE_A,
    SCSCF,
    START,
    Network,
    Request,
    charging,
    impu,
    register,
    registered,
    settings,
    to_scscf,
)

from collectors.signalling.sip import SipPart


def told(network: Network, *, later_s: float = 60.0, part: SipPart | None = None) -> dict[str, pl.DataFrame]:
    part = part or SipPart(settings())
    for sighting in sorted(network.sightings(), key=lambda one: one.at):
        part.take(sighting)
    return part.ripe(network.now + timedelta(seconds=later_s))


def one(frames: dict[str, pl.DataFrame], kind: str = "registration") -> dict[str, object]:
    assert frames[kind].height == 1
    return frames[kind].row(0, named=True)


def challenged(network: Network, response: str = "0123", auts: str = "") -> Request:
    first = register(IMSI_A, 1)
    to_scscf(network, first)
    network.answer(first, SCSCF, "401 Unauthorized", CHALLENGE, tag="s1")
    second = register(IMSI_A, 2, nonce="bm9uY2U=", response=response, auts=auts)
    to_scscf(network, second)
    return second


def test_a_registration_with_its_challenge_is_one_row() -> None:
    network = Network()
    registered(network)
    row = one(told(network))
    assert (row["final_status"], row["challenge_count"], row["registration_type"]) == (200, 1, "initial")
    assert (row["auts_present"], row["second_response_empty"]) == (False, False)
    assert (row["imsi"], row["impu"]) == (IMSI_A, impu(IMSI_A))
    assert row["expires"] == 3600
    assert row["started_at"] == row["register_sent_at"] == START
    assert row["first_reply_at"] == START + timedelta(milliseconds=25)
    assert row["ended_at"] == START + timedelta(milliseconds=55)
    assert row["first_error_node"] is None
    assert (row["pcscf_name"], row["icscf_name"], row["scscf_name"]) == (
        "pcscf1.ims.example",
        "icscf1.ims.example",
        "scscf1.ims.example",
    )


def test_third_party_registrations_stand_in_the_row_with_the_name_of_the_server() -> None:
    network = Network()
    registered(network)
    assert json.loads(str(one(told(network))["third_party_results"])) == [
        {"as": "mmtel1.ims.example", "status": 200}
    ]


def test_a_server_that_never_answers_its_third_party_register_counts_as_408_once_its_timer_is_over() -> None:
    network = Network()
    registered(network)
    network.packets.pop()
    part = SipPart(settings())
    first = told(network, later_s=2.0, part=part)
    assert one(first)["third_party_results"] is None
    assert one(first)["final_status"] == 200
    last = part.ripe(network.now + timedelta(seconds=40))
    assert json.loads(str(one(last)["third_party_results"]))[0]["status"] == 408
    assert one(last)["id"] == one(first)["id"]


def test_every_message_of_both_ends_is_one_rung_and_knows_its_answer() -> None:
    network = Network()
    registered(network)
    frames = told(network)
    hops = frames["hop"]
    assert hops.height == len(network.packets)
    assert hops["sequence"].to_list() == list(range(hops.height))
    assert set(hops["sightings"]) == {2}
    assert set(hops["record_id"]) == {one(frames)["id"]}
    requests = hops.filter(pl.col("is_request"))
    assert requests["answered"].all()
    assert hops.filter(~pl.col("is_request"))["answered"].is_null().all()
    first = hops.row(0, named=True)
    assert (first["from_type"], first["to_type"], first["interface"]) == ("ue", "pcscf", "Gm")
    assert first["answered_after"] == pytest.approx(0.025)


def test_a_failed_registration_is_told_right_after_its_outcome_and_not_before() -> None:
    network = Network()
    second = challenged(network)
    network.answer(second, SCSCF, "403 Authentication Failed", tag="s1")
    part = SipPart(settings())
    assert told(network, later_s=1.0, part=part) == {}
    row = one(part.ripe(network.now + timedelta(seconds=1.6)))
    assert (row["final_status"], row["reason_text"], row["challenge_count"]) == (
        403,
        "Authentication Failed",
        1,
    )
    assert (row["first_error_node"], row["first_error_status"]) == ("scscf", 403)


def test_resynchronisation_shows_auts_and_two_challenges() -> None:
    network = Network()
    second = challenged(network, response="", auts="YXV0cw==")
    network.answer(second, SCSCF, "401 Unauthorized", CHALLENGE, tag="s1")
    third = register(IMSI_A, 3, nonce="bm9uY2Uy", response="ab")
    to_scscf(network, third)
    network.answer(third, SCSCF, "200 OK", "Contact: <sip:a@b>;expires=600", tag="s1")
    row = one(told(network))
    assert (row["challenge_count"], row["auts_present"], row["second_response_empty"]) == (2, True, False)
    assert (row["final_status"], row["expires"]) == (200, 600)


def test_an_empty_response_after_the_challenge_is_told() -> None:
    network = Network()
    second = challenged(network, response="")
    network.answer(second, SCSCF, "403 Forbidden", tag="s1")
    row = one(told(network))
    assert (row["second_response_empty"], row["auts_present"]) == (True, False)


def test_a_phone_that_stays_silent_after_the_challenge_ends_with_401() -> None:
    network = Network()
    first = register(IMSI_A, 1)
    to_scscf(network, first)
    network.answer(first, SCSCF, "401 Unauthorized", CHALLENGE, tag="s1")
    row = one(told(network))
    assert (row["final_status"], row["challenge_count"], row["auts_present"]) == (401, 1, None)


def test_the_overloaded_s_cscf_is_named_though_the_phone_sees_504_of_the_i_cscf() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    to_scscf(network, request)
    network.answer(request, SCSCF, "503 Service Unavailable", tag="s1", hops=1)
    network.answer(request, ICSCF, "504 No S-CSCF available", tag="i1")
    row = one(told(network))
    assert (row["final_status"], row["reason_text"]) == (504, "No S-CSCF available")
    assert (row["first_error_node"], row["first_error_status"]) == ("scscf", 503)


def test_a_silent_s_cscf_is_named_when_the_p_cscf_gave_up() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    to_scscf(network, request)
    for _ in range(3):
        network.wait(1.0)
        network.again(request, SCSCF)
    network.wait(6.0)
    request.vias, request.path = request.vias[2:], request.path[:1]
    network.answer(request, PCSCF, "504 Server Time-Out", tag="p1")
    frames = told(network)
    row = one(frames)
    assert (row["final_status"], row["first_error_node"], row["first_error_status"]) == (504, "scscf", None)
    unanswered = frames["hop"].filter(pl.col("is_request") & ~pl.col("answered"))
    assert unanswered["to_type"].to_list() == ["icscf", "scscf"]
    assert unanswered.filter(pl.col("to_type") == "scscf")["sightings"].item() == 8


def test_the_i_cscf_is_named_when_it_fails_by_itself() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, ICSCF)
    network.answer(request, ICSCF, "500 UAR failed", tag="i1")
    row = one(told(network))
    assert (row["first_error_node"], row["first_error_status"]) == ("icscf", 500)
    assert row["scscf_name"] is None


def test_another_s_cscf_that_takes_over_leaves_no_error() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    to_scscf(network, request)
    network.answer(request, SCSCF, "503 Service Unavailable", tag="s1", hops=1)
    network.send(request, ICSCF, AS)
    network.answer(request, AS, "200 OK", "Contact: <sip:a@b>;expires=600", tag="s2")
    row = one(told(network))
    assert (row["final_status"], row["first_error_node"]) == (200, None)


def test_a_register_without_any_answer_is_told_early_and_again_when_its_timer_is_over() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    network.send(request, PHONE_A, PCSCF)
    part = SipPart(settings())
    early = one(told(network, later_s=11.0, part=part))
    assert (early["final_status"], early["first_reply_at"], early["ended_at"]) == (None, None, None)
    last = one(part.ripe(network.now + timedelta(seconds=36)))
    assert (last["id"], last["first_error_node"]) == (early["id"], "pcscf")
    assert part.held == 0


def test_a_renewal_under_the_same_call_id_is_a_reregistration_and_is_noted_in_the_one_before() -> None:
    network = Network()
    registered(network)
    network.wait(1800)
    again = register(IMSI_A, 3, "reg-1@10.9.0.1", "bm9uY2U=", "cd")
    began = network.now
    to_scscf(network, again)
    network.answer(again, SCSCF, "200 OK", "Contact: <sip:a@b>;expires=3600", tag="s1")
    part = SipPart(settings())
    sightings = sorted(network.sightings(), key=lambda one: one.at)
    for sighting in sightings:
        part.ripe(sighting.at)
        part.take(sighting)
    rows = part.ripe(network.now + timedelta(seconds=5))["registration"].sort("started_at")
    assert rows["registration_type"].to_list() == ["initial", "reregistration"]
    assert rows["next_register_at"].to_list() == [began, None]


def test_a_challenge_that_came_late_does_not_make_the_assembly_look_without_end() -> None:
    network = Network()
    request = register(IMSI_A, 1)
    network.send(request, PHONE_A, PCSCF)
    network.wait(8.0)
    network.answer(request, PCSCF, "401 Unauthorized", CHALLENGE, tag="p")
    part = SipPart(settings())
    assert told(network, later_s=3.0, part=part) == {}
    assert one(part.ripe(network.now + timedelta(seconds=6)))["final_status"] == 401


def test_expires_zero_is_a_deregistration_by_the_phone() -> None:
    network = Network()
    request = register(IMSI_A, 5, expires=0)
    to_scscf(network, request)
    network.answer(request, SCSCF, "200 OK", tag="s1")
    row = one(told(network))
    assert (row["registration_type"], row["deregistered_by"], row["expires"]) == (
        "user_deregistration",
        "ue",
        None,
    )


def test_an_identity_without_an_imsi_makes_no_row_but_is_counted() -> None:
    network = Network()
    request = register("alice", 1)
    to_scscf(network, request)
    network.answer(request, SCSCF, "403 Forbidden", tag="s")
    part = SipPart(settings())
    assert told(network, part=part) == {}
    assert part.counts["registration_without_imsi"] == 1


def test_the_order_of_arrival_within_the_window_changes_nothing() -> None:
    network = Network()
    registered(network)
    straight = told(network)
    part = SipPart(settings())
    shuffled = network.sightings()
    random.Random(7).shuffle(shuffled)
    for sighting in shuffled:
        part.take(sighting)
    mixed = part.ripe(network.now + timedelta(seconds=60))
    for kind, frame in straight.items():
        assert frame.equals(mixed[kind]), kind


def test_every_message_ends_in_one_counted_state() -> None:
    network = Network()
    registered(network)
    part = SipPart(settings())
    told(network, part=part)
    assert part.counts == {"message": 14, "duplicate": 14}
    late = network.packets[0].sighting("3", 900.0)
    part.take(late)
    assert part.counts["late"] == 1
    assert part.held == 0


def test_third_party_registers_of_an_unknown_user_are_counted() -> None:
    network = Network()
    request = Request("REGISTER", "sip:as", "t@x", 1, "<sip:scscf1.ims.example>;tag=1", f"<{impu(IMSI_A)}>")
    network.send(request, SCSCF, AS, charging(request))
    part = SipPart(settings())
    told(network, part=part)
    assert part.counts == {"no_registration": 2}


def test_memory_stays_bounded_and_what_makes_room_is_counted() -> None:
    part = SipPart(settings(max_messages=300))
    network = Network(step_ms=1.0)
    for number in range(400):
        request = register(IMSI_A, 1, f"many-{number}@x")
        network.send(request, PHONE_A, PCSCF)
    for sighting in network.sightings(twice=False):
        part.take(sighting)
        assert part.held <= 300
    assert part.counts["evicted"] == 250
    assert part.counts["message"] == 400
