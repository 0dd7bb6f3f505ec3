"""Which leg of a call is judged: the customer's own, or the other party's where the fault began."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CELL, NEXT, Look, Scene, a_call, a_slice, an_attempt, minutes

from diagnosis.places import OTHER_PARTY, told_place

ANSWERED = {"t_200": minutes(0), "final_status": 200, "t_end": minutes(3)}
LOST: dict[str, Any] = {"s1ap_group": "RNL", "s1ap_cause": 21, "rsrp_last": -121.0}
FINE: dict[str, Any] = {"rsrp_last": -80.0, "releasing_side": "network"}
DROP = {"category": "drop"}
NOISE = "ul_interference_per_prb"


def own(**fields: Any) -> dict[str, Any]:
    return a_call(other_leg_id="CL-2", **{**ANSWERED, **FINE, **fields})


def other(**fields: Any) -> dict[str, Any]:
    named = {"id": "CL-2", "leg": "mt", "started_at": minutes(0.01), "first_ecgi": NEXT}
    return a_call(**{**named, **ANSWERED, **fields})


def lossy(leg: str, direction: str, point: str, percent: float) -> dict[str, Any]:
    call = "CL-1" if leg == "mo" else "CL-2"
    lost = int(10 * percent)
    return a_slice(
        call_id=call, leg=leg, direction=direction, point=point, packets_expected=1000, packets_lost=lost
    )


def heard_badly(percent: float = 9.0) -> list[dict[str, Any]]:
    """Speech lost between the other phone and its S1-U; the customer hears what is left."""
    up = [lossy("mt", "uplink", point, percent) for point in ("s1u", "sbc")]
    return up + [lossy("mo", "downlink", point, percent) for point in ("sbc", "s1u", "ue")]


def is_the_others(look: Look) -> bool:
    assert look["other_party_judged"] == (look["call_id"] == "CL-2")
    return bool(look["other_party_judged"])


def test_a_drop_is_judged_in_the_leg_that_lost_its_radio(scene: Scene) -> None:
    look = scene(DROP, call=[own(), other(**LOST)], kpi={(NEXT, NOISE): -95.0, (CELL, NOISE): -118.0})
    assert (look["call.rsrp_last"], look["call.s1ap_cause"], look[NOISE]) == (-121.0, 21, -95.0)
    assert (look["cell.ecgi"], look["call_id"]) == (NEXT, "CL-2")


def test_what_was_read_of_the_other_party_says_so_in_both_languages(scene: Scene) -> None:
    look = scene(DROP, call=[own(), other(**LOST)], kpi={(NEXT, NOISE): -95.0})
    assert look.at("call.rsrp_last") == "call CL-2 (other party 对端)"
    assert look.at(NOISE) == f"cell {NEXT} (other party 对端)"
    assert told_place(look.at(NOISE) or "") == ("cell", NEXT)


def test_the_leg_of_the_called_party_is_the_other_partys_for_a_caller(scene: Scene) -> None:
    failed = {"final_status": 408, "t_200": None}
    look = scene({"category": "access"}, call=[own(**failed), other(**failed, rsrp_last=-121.0)])
    assert look.at("called.rsrp_last") == f"call CL-2{OTHER_PARTY}"
    assert look.at("call.rsrp_last") == "call CL-1"


def test_the_customer_stays_the_customer_where_the_other_party_is_judged(scene: Scene) -> None:
    mine = own(imsi="i-mine", imei_tac="86100101", sbc_name="sbc1", mme_name="mme1", called_operator="own")
    theirs = other(imsi="i-theirs", imei_tac="86100102", sbc_name="sbc2", mme_name="mme2", **LOST)
    look = scene(DROP, call=[mine, theirs])
    assert is_the_others(look)
    assert (look["person"], look["model_tac"]) == ("i-mine", "86100101")
    assert (look["call.sbc_name"], look["serving.mme"]) == ("sbc1", "mme1")


CUT: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({}, LOST, True),
    (LOST, LOST, False),
    (LOST, {}, False),
    ({}, {}, False),
    ({}, {"s1ap_group": "NAS", "s1ap_cause": 0}, False),
    ({}, {"s1ap_group": "RNL", "s1ap_cause": 23}, False),
    ({}, {"s1ap_group": "TL", "s1ap_cause": 0}, True),
    ({}, {"srvcc_cause": 7}, True),
    ({}, {"redirected_with_qci1": True}, True),
    ({}, {"terminal_dead": True}, True),
    ({}, {"first_error_interface": "S11"}, True),
    ({}, {"first_error_interface": "Mw"}, False),
    ({}, {"rsrp_last": -121.0}, False),
    (LOST | {"first_error_at": minutes(2.0)}, LOST | {"first_error_at": minutes(1.9)}, True),
    (LOST | {"first_error_at": minutes(1.9)}, LOST | {"first_error_at": minutes(2.0)}, False),
    (LOST | {"first_error_at": minutes(2.0)}, LOST | {"first_error_at": minutes(2.0)}, False),
]


@pytest.mark.parametrize(("mine", "theirs", "expected"), CUT)
def test_the_leg_that_was_cut_first_is_judged_and_in_doubt_the_own_one(
    scene: Scene, mine: dict[str, Any], theirs: dict[str, Any], expected: bool
) -> None:
    assert is_the_others(scene(DROP, call=[own(**mine), other(**theirs)])) is expected


@pytest.mark.parametrize(
    ("category", "fell_back", "expected"),
    [("csfb", False, True), ("csfb", True, False), ("access", False, True), ("registration", False, False)],
)
def test_a_vague_complaint_about_a_lost_call_is_judged_like_a_drop(
    scene: Scene, category: str, fell_back: bool, expected: bool
) -> None:
    look = scene({"category": category}, call=[own(csfb_flag=fell_back), other(**LOST)])
    assert is_the_others(look) is expected


def test_a_call_that_nobody_answered_stays_with_the_own_leg(scene: Scene) -> None:
    failed = {"t_200": None, "final_status": 503}
    assert not is_the_others(scene(DROP, call=[own(**failed), other(**failed, **LOST)]))


def test_without_a_record_of_the_other_leg_the_own_one_is_judged(scene: Scene) -> None:
    look = scene(DROP, call=[own()])
    assert look["other_party_judged"] is False
    assert look["call.rsrp_last"] == -80.0


def test_the_core_that_cut_the_other_leg_is_named(scene: Scene) -> None:
    cut = {"releasing_node": "mme", "first_error_interface": "S11", "mme_name": "mme2"}
    look = scene(DROP, call=[own(mme_name="mme1"), other(**cut)], node=[])
    assert (look["call.mme_name"], look["call.releasing_node"]) == ("mme2", "mme")


def test_a_registration_names_no_core_of_the_other_party(scene: Scene) -> None:
    cut = {"releasing_node": "mme", "first_error_interface": "S11"}
    mine = an_attempt(mme_name="mme1", final_status=200)
    assert scene(DROP, call=[own()], registration=[mine])["serving.mme"] == "mme1"
    assert scene(DROP, call=[own(), other(**cut)], registration=[mine])["serving.mme"] is None


def test_the_place_that_the_customer_tells_is_not_where_the_other_party_was(scene: Scene) -> None:
    look = scene({**DROP, "ecgi": CELL}, call=[own(), other(first_ecgi=None, **LOST)])
    assert is_the_others(look)
    assert look["serving_ecgi"] is None


@pytest.mark.parametrize("one_way", [None, "customer_cannot_hear"])
def test_voice_is_judged_where_its_loss_begins(scene: Scene, one_way: str | None) -> None:
    look = scene(
        {"category": "mos", "one_way": one_way},
        call=[own(), other(ul_sinr_last=1.0)],
        voice_slice=heard_badly(),
        kpi={(NEXT, NOISE): -95.0, (CELL, NOISE): -118.0},
    )
    assert is_the_others(look)
    assert (look[NOISE], look["bad_direction"], look["first_lossy_segment"]) == (-95.0, "uplink", "s1u")
    assert look["s1u_loss"] == 0.0  # lost in the air, not by the transport


def test_transport_that_loses_at_the_other_end_is_seen_there(scene: Scene) -> None:
    kpi = {(NEXT, NOISE): -118.0, (NEXT, "pdcp_loss_ratio_ul_qci1"): 0.1}
    look = scene(
        {"category": "mos"}, call=[own(), other(ul_sinr_last=12.0)], voice_slice=heard_badly(6.0), kpi=kpi
    )
    assert look["s1u_loss"] == pytest.approx(6.0)


KEPT: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("the own uplink is lost", {}, [lossy("mo", "uplink", "s1u", 6.0), lossy("mt", "downlink", "ue", 6.0)]),
    ("the own downlink is lost", {}, [lossy("mt", "uplink", "s1u", 0.1), lossy("mo", "downlink", "ue", 6.0)]),
    ("it is lost behind the other S1-U", {}, [lossy("mt", "uplink", "s1u", 0.0), *heard_badly()[1:]]),
    ("both ends are as bad", {}, [*heard_badly(6.0), lossy("mo", "uplink", "s1u", 6.0)]),
    ("the other party hears badly", {"one_way": "other_cannot_hear"}, heard_badly()),
    ("nothing is lost", {}, heard_badly(0.2)),
    ("nothing was measured", {}, []),
]


@pytest.mark.parametrize(("told", "slices"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_voice_is_judged_in_the_own_leg_where(
    scene: Scene, told: dict[str, Any], slices: list[dict[str, Any]]
) -> None:
    assert not is_the_others(
        scene({"category": "mos", **told}, call=[own(), other(ul_sinr_last=-5.0)], voice_slice=slices)
    )


def test_what_the_other_party_cannot_hear_may_be_lost_in_its_own_air(scene: Scene) -> None:
    slices = [lossy("mo", "uplink", "s1u", 0.0), lossy("mt", "downlink", "sbc", 0.0)]
    slices.append(lossy("mt", "downlink", "ue", 8.0))
    told = {"category": "mos", "one_way": "other_cannot_hear"}
    look = scene(told, call=[own(), other()], voice_slice=slices)
    assert is_the_others(look)
    assert (look["bad_direction"], look["first_lossy_segment"]) == ("downlink", "ue")


def test_each_ticket_is_judged_by_its_own_call(scene: Scene) -> None:
    far = {"calling_number": "m-2", "called_number": "m-3"}
    calls = [
        own(),
        other(**LOST),
        own(id="CL-3", icid="icid-2", **far) | {"other_leg_id": "CL-4"},
        other(id="CL-4", icid="icid-2", **far),
    ]
    look = scene([{**DROP, "id": "T-1"}, {**DROP, "id": "T-2", "msisdn": "m-2"}], call=calls)
    frame = look.evidence.frame
    assert frame["call_id"].to_list() == ["CL-2", "CL-3"]
    assert frame["call.rsrp_last"].to_list() == [-121.0, -80.0]
