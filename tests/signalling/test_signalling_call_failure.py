"""Calls over P-, I- and S-CSCF that fail: who failed first, who fell silent."""

from __future__ import annotations

import json

from assembled import leg, told
from ims_network import (
    AS,
    PCSCF,
    PHONE_A,
    PHONE_B,
    SCSCF,
    Network,
    Request,
    charging,
    invite,
    settings,
    to_phone_b,
    to_terminating_scscf,
)

from collectors.signalling.sip import SipPart


def test_the_s_cscf_is_named_though_the_p_cscf_turns_its_503_into_500() -> None:
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, SCSCF, charging(request))
    network.answer(request, SCSCF, "503 Service Unavailable", tag="s", hops=1)
    network.answer(request, PCSCF, "500 Server Internal Error", tag="p")
    frames = told(network)
    row = leg(frames, "mo")
    assert frames["call"].height == 1
    assert (row["final_status"], row["first_error_node"]) == (500, "scscf")
    assert (row["releasing_side"], row["releasing_node"]) == ("network", "cscf")
    assert (row["last_error_protocol"], row["last_error_code"]) == ("SIP-INVITE", 500)
    assert row["warning_text"] == "Server Internal Error"


def test_an_error_of_a_network_node_leaves_open_which_interface_failed_first() -> None:
    """Behind the 500 of an I-CSCF may stand Diameter, which this tap does not see."""
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.answer(request, PCSCF, "500 Server Internal Error", tag="p")
    row = leg(told(network), "mo")
    assert row["first_error_node"] == "pcscf"
    assert not {"first_error_interface", "first_error_code", "first_error_protocol"} & row.keys()


def test_a_busy_phone_is_the_first_error_with_its_code() -> None:
    network = Network()
    request = invite()
    to_phone_b(network, request)
    network.answer(request, PHONE_B, "486 Busy Here", tag="b")
    frames = told(network)
    mo, mt = leg(frames, "mo"), leg(frames, "mt")
    assert (mo["final_status"], mt["final_status"], mo["first_error_node"]) == (486, 486, "ue")
    assert (mo["first_error_interface"], mo["first_error_protocol"]) == ("Gm", "SIP-INVITE")
    assert mo["first_error_code"] == 486
    assert (mo["releasing_side"], mo["releasing_node"]) == ("called", "ue")


def test_a_called_phone_that_never_answers_is_the_silent_one() -> None:
    network = Network()
    request = invite()
    to_phone_b(network, request)
    for _ in range(4):
        network.wait(2)
        network.again(request, PHONE_B)
    request.vias, request.path = request.vias[-1:], request.path[:1]
    network.answer(request, PCSCF, "408 Request Timeout", tag="p")
    frames = told(network)
    mo, mt = leg(frames, "mo"), leg(frames, "mt")
    assert (mo["final_status"], mo["first_error_node"]) == (408, "ue")
    assert (mt["final_status"], mt["t_100"], mt["t_180"]) == (None, None, None)


def test_a_caller_who_gives_up_while_it_rings_is_nobodys_fault() -> None:
    network = Network()
    request = invite()
    to_phone_b(network, request)
    ringing = Request(**{**request.__dict__, "vias": list(request.vias), "path": list(request.path)})
    network.answer(ringing, PHONE_B, "180 Ringing", tag="b")
    network.wait(8)
    gave_up = network.now
    cancel = network.cancel(request, PCSCF, 'Reason: SIP;cause=487;text="gave up", Q.850 ;cause=16')
    network.answer(cancel, PCSCF, "200 OK")
    network.answer(request, PHONE_B, "487 Request Terminated", tag="b")
    row = leg(told(network), "mo")
    assert (row["final_status"], row["t_end"]) == (487, gave_up)
    assert (row["releasing_side"], row["releasing_node"], row["first_error_node"]) == ("calling", "ue", "ue")
    assert json.loads(str(row["reasons"])) == [
        {"cause": 487, "protocol": "SIP", "text": "gave up"},
        {"cause": 16, "protocol": "Q.850", "text": ""},
    ]


def test_a_silent_s_cscf_is_named_though_the_caller_cancels_first() -> None:
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, SCSCF, charging(request))
    network.wait(6)
    cancel = network.cancel(request, PCSCF)
    network.answer(cancel, PCSCF, "200 OK")
    request.vias, request.path = request.vias[-1:], request.path[:1]
    network.answer(request, PCSCF, "487 Request Terminated", tag="p")
    row = leg(told(network), "mo")
    assert (row["final_status"], row["releasing_side"]) == (487, "calling")
    assert row["first_error_node"] == "scscf"


def test_an_application_server_that_refuses_is_told_as_such() -> None:
    network = Network()
    request = invite()
    network.send(request, PHONE_A, PCSCF)
    network.send(request, PCSCF, SCSCF, charging(request))
    network.send(request, SCSCF, AS)
    network.answer(request, AS, "403 Forbidden", 'Warning: 399 mmtel1 "Blocked by anti-fraud"', tag="as")
    row = leg(told(network), "mo")
    assert (row["session_rejected_by_as"], row["first_error_node"]) == (True, "as")
    assert row["warning_text"] == "Blocked by anti-fraud"
    assert row["as_name"] == "mmtel1.ims.example"


def test_what_is_open_at_the_end_is_told_without_blaming_anybody() -> None:
    network = Network()
    to_terminating_scscf(network, invite())
    part = SipPart(settings())
    for sighting in network.sightings():
        part.take(sighting)
    rows = part.rest()["call"]
    assert rows["final_status"].to_list() == [None]
    assert "first_error_node" not in rows.columns
    assert part.held == 0
    assert part.rest() == {}
