"""Verdicts: the rules of section 9 of the runbooks and the fault table of the IMS lab."""

from __future__ import annotations

from typing import Any

import pytest
from engine_evidence import diagnosed, first

REG = {
    "ticket.category": "registration",
    "ticket.description": "no HD icon on my phone",
    "registration.register_sent_at": None,
}
ACC = {
    "ticket.category": "access",
    "ticket.description": "电话打不出去",
    "call.leg": "mo",
    "call.csfb_flag": False,
}
DRP = {
    "ticket.category": "drop",
    "ticket.description": "通话中突然断了",
    "call.final_status": 200,
    "call.csfb_flag": False,
}
MOS = {
    "ticket.category": "mos",
    "ticket.description": "声音断断续续",
    "call.final_status": 200,
    "call.csfb_flag": False,
}
CSF = {"ticket.category": "csfb", "ticket.description": "打电话就掉到2G", "call.csfb_flag": True}
CX_OK = {
    "registration.cx_command": "UAR",
    "registration.cx_vendor": 10415,
    "registration.cx_code": 2001,
    "cx_seen": True,
    "cx_no_answer": False,
    "hss_answer_bad": False,
    "ims_dns_bad": False,
}
NETWORK_SIDE = {"call.releasing_side": "network", "abnormal_reason": True, "call.releasing_node": "enb"}
GOOD = {
    "call.t_200": None,
    "call.final_status": 200,
    "call.releasing_side": "calling",
    "abnormal_reason": False,
}

LAB: list[tuple[dict[str, Any], str]] = [
    (
        {
            **REG,
            "registration.final_status": 500,
            "registration.cx_command": "UAR",
            "cx_no_answer": True,
            "hss_answer_bad": True,
        },
        "reg-hss-unavailable-or-overloaded",
    ),
    (
        {
            **REG,
            "registration.final_status": 403,
            "registration.cx_command": "MAR",
            "registration.cx_vendor": 0,
            "registration.cx_code": 3004,
            "hss_answer_bad": True,
            "registration.challenge_count": 0,
        },
        "reg-hss-unavailable-or-overloaded",
    ),
    (
        {
            **REG,
            "registration.final_status": 504,
            "registration.cx_command": "SAR",
            "registration.cx_vendor": 0,
            "registration.cx_code": 5012,
            "hss_answer_bad": True,
            "registration.challenge_count": 1,
        },
        "reg-hss-unavailable-or-overloaded",
    ),
    (
        {
            **REG,
            "registration.final_status": 403,
            "registration.cx_command": "UAR",
            "registration.cx_vendor": 10415,
            "registration.cx_code": 5001,
            "hss_answer_bad": False,
        },
        "reg-ims-subscription-missing",
    ),
    (
        {
            **REG,
            "registration.final_status": 403,
            "registration.challenge_count": 1,
            "registration.cx_command": "MAR",
            "registration.cx_vendor": 10415,
            "registration.cx_code": 2001,
            "hss_answer_bad": False,
        },
        "reg-aka-failure",
    ),
    (
        {
            **REG,
            **CX_OK,
            "registration.final_status": 504,
            "registration.first_error_node": "scscf",
            "registration.first_error_status": 503,
        },
        "reg-scscf-unavailable",
    ),
    (
        {
            **REG,
            "registration.final_status": 500,
            "reply_time_s": 0.003,
            "cx_seen": False,
            "hss_answer_bad": False,
            "ims_dns_bad": True,
        },
        "reg-ims-dns-failure",
    ),
    (
        {**REG, "registration.final_status": 403, "must_register_first": True, "registered_before": True},
        "reg-pcscf-state-lost",
    ),
    ({**ACC, "call.final_status": 480, "callee_registered": False}, "acc-callee-not-registered"),
    (
        {
            **ACC,
            "call.final_status": 408,
            "call.paging_sent": True,
            "call.paging_answered": False,
            "called.paging_sent": True,
            "called.paging_answered": False,
        },
        "acc-paging-failure",
    ),
    (
        {
            **ACC,
            "call.final_status": 500,
            "call.first_error_node": "dns",
            "final_delay_s": 0.003,
            "as_no_user_data": False,
        },
        "acc-ims-dns-failure",
    ),
    (
        {
            **ACC,
            "call.final_status": 500,
            "call.first_error_node": "scscf",
            "final_delay_s": 2.0,
            "as_no_user_data": False,
            "cx_sh_no_answer": False,
        },
        "acc-cscf-as-fault",
    ),
    ({**MOS, "relay_bypassed": True}, "mos-media-relay-fault"),
    ({**MOS, "rtp_address_reachable": False}, "mos-one-way-sdp-nat"),
    ({**MOS, "s1u_loss": 10.0, "first_lossy_segment": "s1u"}, "mos-transport-qos"),
]


@pytest.mark.parametrize(("row", "cause"), LAB, ids=[cause for _, cause in LAB])
def test_the_faults_of_the_lab_are_named_whatever_the_phone_saw(row: dict[str, Any], cause: str) -> None:
    assert first(row) == [("cause", cause)]


def test_a_bare_504_without_cx_and_trace_cannot_tell_and_asks_for_the_cx_capture() -> None:
    result = diagnosed({**REG, "registration.final_status": 504}).results()[0]
    assert result["verdict"] == "cannot_tell"
    needs = {need["need"]: need for need in result["missing"]}
    assert "registration.cx_code" in needs
    assert "Cx" in needs["registration.cx_code"]["how"]
    assert "reg-hss-unavailable-or-overloaded" in needs["registration.cx_code"]["would_decide"]


def test_busy_is_no_fault_even_in_a_noisy_congested_cell() -> None:
    noisy = {"ul_interference_per_prb": -100.0, "prb_utilisation": 90.0, "volte_radio_connect_ratio": 90.0}
    assert first({**ACC, **noisy, "call.final_status": 486}) == [("no_fault", "acc-user-behaviour")]


def test_a_missing_record_cannot_tell_and_names_the_call() -> None:
    gone = {
        "has.call": False,
        "call_chosen_min": None,
        "nearest_record_min": 400.0,
        "has.registration": False,
    }
    result = diagnosed({"ticket.category": "drop", "ticket.description": "call dropped", **gone}).results()[0]
    assert (result["verdict"], result["causes"][0]["id"]) == ("cannot_tell", "all-no-call-record")
    assert result["missing"][0]["need"] == "call"


def test_a_weak_hit_of_the_cell_does_not_decide_without_the_own_record() -> None:
    gone = {"has.call": False, "call_chosen_min": None, "nearest_record_min": 400.0}
    row = {"ticket.category": "drop", "ticket.description": "call dropped", "ul_interference_per_prb": -100.0}
    assert first({**row, **gone})[0][0] == "cannot_tell"
    assert first({**row, **DRP, **NETWORK_SIDE}) == [("cause", "drop-uplink-interference")]


def test_attributes_decide_without_a_record() -> None:
    gone = {
        "has.registration": False,
        "has.call": False,
        "nearest_record_min": 4000.0,
        "subscriber.volte_subscribed": False,
    }
    assert first({**REG, **gone}) == [("no_fault", "reg-volte-not-subscribed")]


def test_a_switch_that_is_off_in_the_cell_decides_without_a_record() -> None:
    gone = {
        "has.registration": False,
        "has.call": False,
        "nearest_record_min": 4000.0,
        "cell.volte_enabled": False,
    }
    assert first({**REG, **gone}) == [("cause", "reg-cell-volte-disabled")]


def test_an_incident_stops_the_tree() -> None:
    alarm = {"alarm.service_affecting": True, "alarm_distance_h": 0.0, "alarm_on_core_node": True}
    assert first({**DRP, **NETWORK_SIDE, "call.rsrp_last": -120.0, **alarm}) == [("cause", "all-mass-fault")]


def test_planned_work_is_no_fault() -> None:
    work = {"change.service_affecting": True, "change_status_at": "in_progress", "change_distance_h": 0.0}
    assert first({**DRP, **NETWORK_SIDE, "call.rsrp_last": -120.0, **work}) == [
        ("no_fault", "all-planned-work")
    ]


def test_a_cause_of_the_tree_ranks_above_the_cluster_and_the_cluster_stands_alone_without_one() -> None:
    cluster = {"tickets_24h": 9, "cluster_tail_p": 1e-6}
    found = diagnosed({**DRP, **NETWORK_SIDE, **cluster, "call.terminal_dead": True}).results()[0]
    assert found["causes"][0]["id"] == "drop-terminal-defect"
    assert found["cluster"] is not None
    assert first({**DRP, **NETWORK_SIDE, **cluster}) == [("cause", "all-complaint-cluster")]


def test_out_of_scope_goes_before_incomplete_and_both_are_no_fault() -> None:
    billing = {"ticket.description": "话费扣多了", "out_of_scope_text": True}
    assert first({**billing, "missing_required": 1}) == [("no_fault", "all-out-of-scope")]
    assert first({**DRP, "missing_required": 2}) == [("no_fault", "all-ticket-incomplete")]


def test_an_incomplete_ticket_says_what_to_ask_the_customer() -> None:
    result = diagnosed(
        {**DRP, "missing_required": 1, "ticket.msisdn": None, "ticket.place_text": "market"}
    ).results()[0]
    assert [need["need"] for need in result["missing"]] == ["ticket.msisdn", "ticket.occurred_at"]
    assert all(need["how"].startswith("ask the customer") for need in result["missing"])


def test_a_good_call_at_the_complaint_time_with_nothing_found_is_no_fault() -> None:
    good = {
        **ACC,
        **GOOD,
        "call.registered": True,
        "t_100_delay_s": 0.2,
        "qci1_delay_s": 0.4,
        "update_delay_s": 0.1,
        "call.rsrp_last": -80.0,
        "call.sinr_last": 15.0,
        "call.rrc_released_in_setup": False,
        "callee_registered": True,
        "call.session_rejected_by_as": False,
        "call.first_error_node": None,
        "cx_sh_no_answer": False,
        "ul_interference_per_prb": -117.0,
        "prb_utilisation": 30.0,
        "registered_before": True,
        "must_register_first": False,
        "radio_beyond_limit": False,
        "final_delay_s": 60.0,
    }
    verdict, cause = first(good)[0]
    assert verdict == "no_fault"
    assert cause != "acc-undetermined"


def test_the_normal_end_of_a_call_does_not_answer_a_complaint_about_its_voice() -> None:
    normal = {**GOOD, "call.releasing_side": "calling", "mos_score": 2.3, "final_delay_s": 60.0}
    words = {"ticket.category": "drop", "ticket.description": "I hear every second word, the voice breaks up"}
    result = diagnosed({**normal, **words}).results()[0]
    assert result["category"]["id"] == "mos"
    chance = {cause["id"]: cause["probability"] for cause in result["causes"]}
    assert chance.get("drop-normal-release-or-cs-handover", 0.0) < 0.3


def test_a_good_call_of_another_time_is_no_evidence() -> None:
    other_time = {**ACC, **GOOD, "call_chosen_min": 25.0}
    assert first(other_time)[0][0] == "cannot_tell"


def test_a_good_call_outweighs_a_weak_hit_of_its_cell() -> None:
    verdict, _ = first({**ACC, **GOOD, "volte_radio_connect_ratio": 97.0})[0]
    assert verdict == "no_fault"


def test_the_wording_decides_which_part_of_the_csfb_answer_is_first() -> None:
    both = {
        "call.csfb_flag": True,
        "registration.ue_voice_domain": "cs_preferred",
        "return_to_lte_delay": 60.0,
    }
    falls = {**both, "ticket.category": "csfb", "ticket.description": "一打电话4G就没了"}
    back = {**both, "ticket.category": "csfb", "ticket.description": "打完电话很久才回4G"}
    assert [cause for _, cause in first(falls, back)] == ["csfb-ue-domain-preference", "csfb-no-fast-return"]


def test_not_registered_gives_way_to_the_result_of_the_registration_tree() -> None:
    row = {**CSF, "ticket.answer_icon_present": "no", "call.registered": False}
    failed = {
        "registration.final_status": 403,
        "registration.cx_command": "UAR",
        "registration.cx_code": 5001,
    }
    results = diagnosed(row, {**row, **failed}).results()
    assert [r["causes"][0]["id"] for r in results] == ["csfb-not-registered", "reg-ims-subscription-missing"]
    assert results[1]["causes"][0]["department"].startswith("HSS user data")


def test_a_deeper_cause_ranks_above_the_high_loss_cell() -> None:
    lossy = {**MOS, "pdcp_loss_ratio_ul_qci1": 9.0, "bad_direction": "uplink"}
    causes = [cause for _, cause in first(lossy, {**lossy, "ul_interference_per_prb": -100.0})]
    assert causes == ["mos-high-uplink-loss-cell", "mos-uplink-interference"]


def test_nothing_found_in_a_bad_call_is_undetermined_and_cannot_tell() -> None:
    assert first({**DRP, **NETWORK_SIDE, "call.rsrp_last": -80.0})[0][0] == "cannot_tell"


REFUSED = {**ACC, "call.final_status": 503, "as_no_user_data": False, "volte_radio_connect_ratio": 86.0}


@pytest.mark.parametrize(
    ("interface", "cause"),
    [("S1-MME", "acc-poor-access-cell"), ("ISC", "acc-cscf-as-fault"), (None, "acc-cscf-as-fault")],
)
def test_a_first_error_at_the_radio_wins_over_the_5xx_that_follows(interface: str | None, cause: str) -> None:
    assert first({**REFUSED, "call.first_error_interface": interface})[0] == ("cause", cause)


@pytest.mark.parametrize(
    ("answered", "cause"),
    [
        ({"cx_seen": False, "hss_answer_bad": False}, "reg-hss-unavailable-or-overloaded"),
        ({**CX_OK, "cx_seen": True, "hss_answer_bad": False}, "reg-scscf-unavailable"),
    ],
    ids=["no exchange with the HSS", "the HSS answered"],
)
def test_time_outs_on_cx_explain_a_504_unless_the_hss_answered(answered: dict[str, Any], cause: str) -> None:
    row = {**REG, "registration.final_status": 504, "cx_sh_rx_timeout_ratio": 6.0, "ims_dns_bad": False}
    assert first({**row, **answered})[0] == ("cause", cause)
