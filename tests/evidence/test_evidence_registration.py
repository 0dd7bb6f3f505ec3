"""Derived values of the registration attempt and its history: true, false and not known."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from evidence_scene import NOON, Scene, a_call, an_attempt, minutes

INF = float("inf")
SENT = {"register_sent_at": NOON}


def at(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "attempt", "expected"),
    [
        ("reply_time_s", {**SENT, "first_reply_at": at(0.5)}, 0.5),
        ("reply_time_s", SENT, INF),
        ("reply_time_s", {**SENT, "absent": ["first_reply_at"]}, None),
        ("reply_time_s", {**SENT, "final_status": 200}, None),
        ("reply_time_s", {}, None),
        ("pcscf_address_count", {"pdn_result": "accept", "pcscf_addresses": ["a", "b"]}, 2),
        ("pcscf_address_count", {"pdn_result": "accept"}, 0),
        ("pcscf_address_count", {"pdn_result": "accept", "absent": ["pcscf_addresses"]}, None),
        ("pcscf_address_count", {}, None),
        ("cx_seen", {"cx_command": "UAR"}, True),
        ("cx_seen", {}, False),
        ("cx_seen", {"absent": ["cx_command"]}, None),
        ("cx_no_answer", {"cx_command": "MAR"}, True),
        ("cx_no_answer", {"cx_command": "MAR", "cx_code": 2001}, False),
        ("cx_no_answer", {}, False),
        ("cx_no_answer", {"cx_command": "MAR", "absent": ["cx_code"]}, None),
        ("hss_answer_bad", {"cx_command": "MAR"}, True),
        ("hss_answer_bad", {"cx_command": "UAR", "cx_code": 3004, "cx_vendor": 0}, True),
        ("hss_answer_bad", {"cx_command": "UAR", "cx_code": 5001, "cx_vendor": 10415}, False),
        ("hss_answer_bad", {"cx_command": "UAR", "cx_code": 5012, "cx_vendor": 10415}, False),
        ("hss_answer_bad", {}, False),
        ("hss_answer_bad", {"absent": ["cx_command", "cx_code"]}, None),
        (
            "third_party_failed",
            {"third_party_results": '[{"as":"A","status":200},{"as":"B","status":503}]'},
            1,
        ),
        ("third_party_failed", {"third_party_results": '[{"as":"A","status":null}]'}, 1),
        ("third_party_failed", {"third_party_results": '[{"as":"A","status":200}]'}, 0),
        ("third_party_failed", {"third_party_results": '[{"as":"IP-SM-GW","status":504}]'}, 0),
        ("third_party_failed", {}, 0),
        ("third_party_failed", {"absent": ["third_party_results"]}, None),
        ("ims_dns_bad", {"first_error_node": "dns"}, True),
        ("ims_dns_bad", {**SENT, "first_reply_at": at(0.003), "final_status": 500}, True),
        ("ims_dns_bad", {**SENT, "first_reply_at": at(2.8), "final_status": 500}, False),
        ("ims_dns_bad", {"final_status": 504, "absent": ["first_error_node"]}, False),
        (
            "ims_dns_bad",
            {**SENT, "final_status": 500, "cx_command": "UAR", "first_reply_at": at(0.003)},
            False,
        ),
        ("ims_dns_bad", {"absent": ["first_error_node", "final_status"]}, None),
        (
            "must_register_first",
            {"final_status": 403, "reason_text": "Forbidden - must register first"},
            True,
        ),
        ("must_register_first", {"final_status": 403, "first_error_node": "pcscf"}, True),
        (
            "must_register_first",
            {"final_status": 403, "first_error_node": "pcscf", "cx_command": "UAR"},
            False,
        ),
        ("must_register_first", {"final_status": 403, "reason_text": "HSS User Unknown"}, False),
        ("must_register_first", {"final_status": 200}, False),
        ("must_register_first", {"final_status": 403, "absent": ["reason_text", "first_error_node"]}, None),
    ],
)
def test_a_value_of_the_attempt(scene: Scene, name: str, attempt: dict[str, Any], expected: Any) -> None:
    assert scene({"category": "registration"}, registration=[an_attempt(**attempt)])[name] == expected


@pytest.mark.parametrize(
    "name", ["reply_time_s", "cx_seen", "cx_no_answer", "hss_answer_bad", "third_party_failed"]
)
def test_without_a_registration_record_the_reason_says_so(scene: Scene, name: str) -> None:
    look = scene()
    assert look[name] is None
    assert look.reason(name) == "no_registration_record"


def test_a_register_that_was_never_sent_is_known_to_have_no_reply_time(scene: Scene) -> None:
    look = scene(registration=[an_attempt(attach_result="reject")])
    assert look["reply_time_s"] is None
    assert look.known("reply_time_s")


def test_an_unseen_reply_column_is_not_known(scene: Scene) -> None:
    look = scene(registration=[an_attempt(**SENT, absent=["first_reply_at"])])
    assert not look.known("reply_time_s")
    assert look.reason("reply_time_s") == "column_absent"


def test_a_failing_dns_of_a_serving_node_counts_with_a_500(scene: Scene) -> None:
    node = {"node_id": "SCSCF-1", "node_type": "scscf", "names": ["sip:s1.net"]}
    attempt = an_attempt(final_status=500, scscf_name="sip:S1.net:5060;lr")
    readings = {("SCSCF-1", "ims_dns_failure_ratio"): 7.0}
    look = scene({"category": "registration"}, registration=[attempt], node=[node], kpi=readings)
    assert look["ims_dns_bad"] is True
    assert look.at("ims_dns_failure_ratio") == "node SCSCF-1"


# --- history

EARLY = an_attempt(id="other", imsi="i-other", msisdn="m-other", started_at=minutes(-600), final_status=200)


def good(**fields: Any) -> dict[str, Any]:
    return an_attempt(id="good", started_at=minutes(-20), final_status=200, expires=3600, **fields)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([good()], True),
        ([good(deregistered_by="none")], True),
        ([good(deregistered_by="hss")], False),
        ([{**good(), "expires": 600}], False),
        ([{**good(), "expires": None}], None),
        (
            [
                good(),
                an_attempt(
                    id="bye",
                    started_at=minutes(-5),
                    registration_type="user_deregistration",
                    final_status=200,
                ),
            ],
            False,
        ),
        ([EARLY], False),
        ([], None),
    ],
)
def test_registered_before_the_call(
    scene: Scene, history: list[dict[str, Any]], expected: bool | None
) -> None:
    look = scene({"category": "access"}, call=[a_call(imsi="i-customer")], registration=history)
    assert look["registered_before"] is expected


def test_the_failing_attempt_itself_is_not_the_registration_before(scene: Scene) -> None:
    history = [good(), an_attempt(final_status=403)]
    assert scene({"category": "registration"}, registration=history)["registered_before"] is True


def test_no_history_at_all_says_that_there_is_no_registration_record(scene: Scene) -> None:
    look = scene({"category": "access"}, call=[a_call(imsi="i-customer")])
    assert look.reason("registered_before") == "no_registration_record"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"next_register_at": minutes(10)}, 1800.0),
        ({"expires": 60, "next_register_at": minutes(-18)}, -60.0),
        ({"expires": 60}, -INF),
        ({"expires": 60, "absent": ["next_register_at"]}, None),
        ({"expires": None}, None),
        ({"expires": 86400}, INF),
    ],
)
def test_the_margin_of_the_renewal(scene: Scene, fields: dict[str, Any], expected: float | None) -> None:
    later = {**EARLY, "id": "later", "started_at": minutes(30)}
    look = scene({"category": "registration"}, registration=[{**good(), **fields}, later])
    assert look["renewal_margin_s"] == expected


def test_a_registration_that_ran_out_after_the_complaint_was_not_lost(scene: Scene) -> None:
    later = {**EARLY, "id": "later", "started_at": minutes(120)}
    ticket = {"category": "registration", "received_at": minutes(180)}
    look = scene(ticket, registration=[{**good(), "expires": 5400}, later])
    assert look["renewal_margin_s"] == INF


def test_who_ended_the_registration_is_read_from_the_one_that_ended(scene: Scene) -> None:
    history = [good(deregistered_by="cscf")]
    look = scene({"category": "registration", "occurred_at": minutes(40)}, registration=history)
    assert look["registration.deregistered_by"] == "cscf"


EDGE = {"node_id": "PCSCF-1", "node_type": "pcscf", "names": ["p1.net"]}
RESTART = {
    "id": "AL-1",
    "perceived_severity": "major",
    "alarmed_object": "p1.net",
    "probable_cause": "node restart",
}


def restarted(scene: Scene, **records: Any) -> Any:
    attempt = an_attempt(final_status=403, pcscf_name="sip:p1.net")
    return scene({"category": "registration"}, registration=[good(), attempt], node=[EDGE], **records)[
        "pcscf_restarted"
    ]


@pytest.mark.parametrize(("raised", "expected"), [(-10, True), (-60, False), (10, False)])
def test_a_restart_alarm_counts_between_registration_and_failure(
    scene: Scene, raised: int, expected: bool
) -> None:
    assert restarted(scene, alarm=[{**RESTART, "raised_at": minutes(raised)}]) is expected


def test_a_change_of_the_edge_node_counts_as_a_restart(scene: Scene) -> None:
    change = {
        "id": "CR",
        "planned_start": minutes(-15),
        "planned_end": minutes(-5),
        "impacted_objects": ["PCSCF-1"],
    }
    assert restarted(scene, change=[{**change, "status": "done"}]) is True
    assert restarted(scene, change=[{**change, "status": "cancelled"}]) is False


def test_a_change_that_lost_no_users_is_no_restart(scene: Scene) -> None:
    change = {
        "id": "CR",
        "planned_start": minutes(-15),
        "planned_end": minutes(-5),
        "impacted_objects": ["PCSCF-1"],
    }
    kpi = {("PCSCF-1", "ims_registered_users"): {"": 990.0, "__base": 1000.0, "why": ""}}
    assert restarted(scene, change=[{**change, "status": "done"}], kpi=kpi) is False


@pytest.mark.parametrize(("users", "expected"), [(600.0, True), (950.0, False)])
def test_a_fall_of_the_registered_users_counts_as_a_restart(
    scene: Scene, users: float, expected: bool
) -> None:
    reading = {"": users, "__base": 1000.0, "why": ""}
    assert restarted(scene, kpi={("PCSCF-1", "ims_registered_users"): reading}) is expected


def test_without_alarms_changes_and_users_a_restart_is_not_known(scene: Scene) -> None:
    assert restarted(scene) is None


def test_without_a_known_edge_node_a_restart_is_not_known(scene: Scene) -> None:
    look = scene(registration=[an_attempt()], alarm=[{**RESTART, "raised_at": minutes(-10)}])
    assert look["pcscf_restarted"] is None
    assert look.reason("pcscf_restarted") == "no_node"


# --- the called party

CALLEE = {
    "imsi": "i-friend",
    "msisdn": "m-friend",
    "id": "RG-F",
    "final_status": 200,
    "started_at": minutes(-90),
}


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ({"registration": [{**CALLEE, "expires": 3600}]}, False),
        ({"registration": [{**CALLEE, "expires": 36000}]}, True),
        ({"registration": [{**CALLEE, "expires": 36000, "deregistered_by": "ue"}]}, False),
        ({}, None),
    ],
)
def test_the_last_registration_of_the_called_number(
    scene: Scene, records: Any, expected: bool | None
) -> None:
    assert scene(call=[a_call(final_status=480)], **records)["callee_registered"] is expected


def test_the_called_leg_tells_before_the_registrations_do(scene: Scene) -> None:
    mt = a_call(id="CL-2", leg="mt", started_at=minutes(0.01), registered=False)
    history = [{**CALLEE, "expires": 36000}]
    assert scene(call=[a_call(), mt], registration=history)["callee_registered"] is False
