"""Ladders, HSS answers and node counters of live sources fill the user's own record."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from evidence_scene import NOON, Scene, a_call, an_attempt

BLIND = ["cx_command", "cx_vendor", "cx_code"]
NODES = [
    {"node_id": "P1", "node_type": "pcscf", "names": ["p1.ims"]},
    {"node_id": "I1", "node_type": "icscf", "names": ["i1.ims"]},
    {"node_id": "S1", "node_type": "scscf", "names": ["s1.ims"]},
    {"node_id": "S2", "node_type": "scscf", "names": ["s2.ims"]},
    {"node_id": "H1", "node_type": "hss", "names": ["h1.ims"]},
    {"node_id": "H2", "node_type": "hss", "names": ["h2.ims"]},
    {"node_id": "R1", "node_type": "rtp_proxy", "names": ["r1.ims"]},
]
NAMES = {"ue": None, "P1": "p1.ims", "I1": "i1.ims", "S1": "s1.ims", "S2": "s2.ims"}
TYPES = {"ue": "ue", "P": "pcscf", "I": "icscf", "S": "scscf"}


def at(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


def hop(number: int, sender: str, receiver: str, status: int | None = None, **more: Any) -> dict[str, Any]:
    """A rung; a request without `answered` got its answer."""
    kinds = {
        f"{end}_type": TYPES.get(name, TYPES.get(name[0]))
        for end, name in (("from", sender), ("to", receiver))
    }
    base = {
        "record_id": "RG-1",
        "sequence": number,
        "at": at(number / 1000),
        "from_node": NAMES[sender],
        "to_node": NAMES[receiver],
        "message": "REGISTER",
        "protocol": "SIP",
        "is_request": status is None,
        "status": status,
        "answered": True if status is None else None,
    }
    return {**base, **kinds, **more}


def failed(**fields: Any) -> dict[str, Any]:
    base = {"impi": "p-customer", "final_status": 504, "ended_at": at(6), "absent": BLIND}
    return an_attempt(**{**base, **fields})


def answer(**fields: Any) -> dict[str, Any]:
    base = {
        "id": "DA-1",
        "at": at(0.1),
        "interface": "Cx",
        "command": "MAR",
        "impi": "p-customer",
        "vendor": 0,
        "code": 2001,
        "answered": True,
        "answered_after": 0.01,
        "server_node": "h2.ims",
        "source": "hss_log",
    }
    return {**base, **fields}


def sample(node: str, counter: str, **fields: Any) -> dict[str, Any]:
    base = {
        "node_id": node,
        "counter": counter,
        "period_start": at(1),
        "period_end": at(3),
        "increase": 1.0,
        "value": 1.0,
    }
    return {**base, **fields}


LADDER = [
    hop(0, "ue", "P1"),
    hop(1, "P1", "I1"),
    hop(2, "I1", "S2", answered=False),
    hop(6000, "I1", "P1", 504),
]
REGISTRATION = {"category": "registration"}


def test_a_ladder_names_the_node_that_never_answered_of_two_of_its_kind(scene: Scene) -> None:
    rows = [sample("S2", "up", value=0.0, increase=None, period_start=at(7), period_end=at(9))]
    look = scene(REGISTRATION, registration=[failed()], hop=LADDER, node=NODES, node_sample=rows)
    assert look["registration_silent_node"] == "scscf"
    assert look["serving.scscf"] == "S2"
    assert look["named.scscf"]


def test_a_silent_scscf_that_nobody_read_may_have_waited_for_the_hss(scene: Scene) -> None:
    rows = [answer(command="UAR", vendor=10415)]
    look = scene(REGISTRATION, registration=[failed()], hop=LADDER, node=NODES, diameter_answer=rows)
    assert look["registration_silent_node"] is None
    assert look["hss_answer_bad"] is None


def test_without_a_ladder_nothing_is_said_of_silence(scene: Scene) -> None:
    look = scene(REGISTRATION, registration=[failed()], node=NODES)
    assert look["registration_silent_node"] is None
    assert not look["registration_has_ladder"]
    assert look["serving.scscf"] is None


def test_a_ladder_in_which_all_was_answered_says_none(scene: Scene) -> None:
    look = scene(
        REGISTRATION, registration=[failed()], hop=[hop(0, "ue", "P1"), hop(1, "P1", "ue", 500)], node=NODES
    )
    assert look["registration_silent_node"] == "none"


def test_a_bad_answer_of_the_hss_becomes_the_cx_answer_of_the_record(scene: Scene) -> None:
    rows = [answer(id="DA-0", command="UAR"), answer(code=3004)]
    look = scene(REGISTRATION, registration=[failed()], diameter_answer=rows, hop=LADDER, node=NODES)
    assert (look["registration.cx_command"], look["registration.cx_vendor"]) == ("MAR", 0)
    assert look["registration.cx_code"] == 3004
    assert look["hss_answer_bad"] is True
    assert look["registration.first_error_node"] == "hss"
    assert look["serving.hss"] == "H2"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_good_answers_the_last_one_stands_whatever_their_order(
    scene: Scene, order: tuple[int, ...]
) -> None:
    rows = [
        answer(id="DA-1", command="UAR", vendor=10415, at=at(0.1)),
        answer(id="DA-2", command="MAR", at=at(0.2)),
        answer(id="DA-3", command="SAR", code=2002, at=at(0.3), server_node="h1.ims"),
    ]
    row = failed(final_status=403)
    look = scene(REGISTRATION, registration=[row], diameter_answer=[rows[n] for n in order], node=NODES)
    assert (look["registration.cx_command"], look["registration.cx_code"]) == ("SAR", 2002)
    assert look["hss_answer_bad"] is False


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_bad_answers_the_first_one_stands_whatever_their_order(
    scene: Scene, order: tuple[int, ...]
) -> None:
    rows = [
        answer(id="DA-1", command="UAR", at=at(0.1)),
        answer(id="DA-2", command="MAR", code=5012, at=at(0.2)),
        answer(id="DA-3", command="SAR", code=3002, at=at(0.3), server_node="h1.ims"),
    ]
    look = scene(REGISTRATION, registration=[failed()], diameter_answer=[rows[n] for n in order], node=NODES)
    assert (look["registration.cx_command"], look["registration.cx_code"]) == ("MAR", 5012)
    assert look["serving.hss"] == "H2"


def test_an_answer_that_came_after_the_phone_had_its_own_is_none(scene: Scene) -> None:
    look = scene(
        REGISTRATION, registration=[failed()], diameter_answer=[answer(answered_after=8.0)], node=NODES
    )
    assert look["registration.cx_command"] == "MAR"
    assert look["cx_no_answer"] is True


@pytest.mark.parametrize(
    "row",
    [{"impi": "p-other"}, {"at": at(-60)}, {"at": at(60)}, {"interface": "Sh"}],
    ids=["another user", "before", "after", "another interface"],
)
def test_answers_that_do_not_belong_to_the_attempt_say_nothing(scene: Scene, row: dict[str, Any]) -> None:
    look = scene(
        REGISTRATION, registration=[failed()], diameter_answer=[answer(code=3004, **row)], node=NODES
    )
    assert look["registration.cx_command"] is None
    assert look["hss_answer_bad"] is None


def test_what_the_record_itself_tells_of_cx_is_kept(scene: Scene) -> None:
    own = an_attempt(
        impi="p-customer", final_status=403, ended_at=at(1), cx_command="UAR", cx_vendor=10415, cx_code=5001
    )
    look = scene(REGISTRATION, registration=[own], diameter_answer=[answer(code=3004)], node=NODES)
    assert (look["registration.cx_command"], look["registration.cx_code"]) == ("UAR", 5001)


@pytest.mark.parametrize(
    ("counter", "fields", "silent"),
    [
        ("cx_uar_timeouts", {}, True),
        ("diameter_timeouts", {}, True),
        ("diameter_peers_open", {"value": 0.0, "increase": None}, True),
        ("diameter_peers_open", {"value": 1.0, "increase": None}, None),
        ("cx_uar_timeouts", {"increase": 0.0}, None),
        ("cx_uar_timeouts", {"period_start": at(600), "period_end": at(602)}, None),
        ("cx_uar_timeouts", {"node_id": "S1"}, None),
        ("requests_received", {}, None),
    ],
)
def test_time_outs_that_a_node_of_the_ladder_counted_meanwhile_mean_no_answer(
    scene: Scene, counter: str, fields: dict[str, Any], silent: bool | None
) -> None:
    rows = [{**sample("I1", counter), **fields}]
    look = scene(REGISTRATION, registration=[failed()], hop=LADDER, node_sample=rows, node=NODES)
    assert look["cx_no_answer"] is silent


def test_a_node_that_was_down_itself_says_nothing_of_its_peers(scene: Scene) -> None:
    rows = [
        sample("I1", "diameter_peers_open", value=0.0, increase=None),
        sample("I1", "up", value=0.0, increase=None, period_start=at(-1), period_end=at(1)),
    ]
    look = scene(REGISTRATION, registration=[failed()], hop=LADDER, node_sample=rows, node=NODES)
    assert look["cx_no_answer"] is None


def test_a_phrase_that_repeats_the_hss_counts_as_its_answer(scene: Scene) -> None:
    row = failed(reason_text="HSS User Unknown")
    look = scene(REGISTRATION, registration=[row], node=NODES)
    assert (look["registration.cx_vendor"], look["registration.cx_code"]) == (10415, 5001)


def test_a_name_that_the_first_failing_node_could_not_resolve_blames_dns(scene: Scene) -> None:
    row = failed(final_status=500, first_error_node="pcscf", first_error_status=500)
    ladder = [hop(0, "ue", "P1"), hop(1, "P1", "ue", 500)]
    rows = [sample("P1", "dns_failures")]
    look = scene(REGISTRATION, registration=[row], hop=ladder, node_sample=rows, node=NODES)
    assert look["registration.first_error_node"] == "dns"
    assert look["ims_dns_bad"] is True


def test_a_failed_lookup_of_another_node_blames_nobody(scene: Scene) -> None:
    row = failed(final_status=500, first_error_node="pcscf", first_error_status=500)
    ladder = [hop(0, "ue", "P1"), hop(1, "P1", "I1"), hop(2, "I1", "P1", 500)]
    rows = [sample("I1", "dns_failures")]
    look = scene(REGISTRATION, registration=[row], hop=ladder, node_sample=rows, node=NODES)
    assert look["registration.first_error_node"] == "pcscf"


CALL = {
    "final_status": 500,
    "t_end": at(3),
    "first_error_interface": "Mw",
    "first_error_protocol": "SIP",
    "first_error_code": 500,
    "first_error_node": "icscf",
}
CALL_LADDER = [
    hop(n, a, b, s, record_id="CL-1", message="INVITE")
    for n, a, b, s in (
        (0, "ue", "P1", None),
        (1, "P1", "S1", None),
        (2, "S1", "I1", None),
        (3, "I1", "S1", 500),
    )
]
ACCESS = {"category": "access"}


def test_a_fault_on_cx_is_the_first_error_of_a_call(scene: Scene) -> None:
    rows = [sample("I1", "cx_lir_timeouts")]
    look = scene(ACCESS, call=[a_call(**CALL)], hop=CALL_LADDER, node_sample=rows, node=NODES)
    assert look["call.first_error_interface"] == "Cx"
    assert look["cx_sh_no_answer"] is True
    assert look["core_data_fault"] is True


def test_a_call_whose_cx_nobody_watched_leaves_the_hss_open(scene: Scene) -> None:
    look = scene(ACCESS, call=[a_call(**CALL)], hop=CALL_LADDER, node=NODES)
    assert look["call.first_error_node"] is None
    assert look["cx_sh_no_answer"] is None
    assert look["core_data_fault"] is None


def test_a_call_whose_cx_was_watched_and_well_keeps_its_first_error(scene: Scene) -> None:
    late = {"increase": 0.0, "period_start": at(4), "period_end": at(6)}
    rows = [sample("I1", "cx_lir_timeouts", **late), sample("I1", "dns_failures", **late)]
    look = scene(ACCESS, call=[a_call(**CALL)], hop=CALL_LADDER, node_sample=rows, node=NODES)
    assert look["call.first_error_node"] == "icscf"
    assert look["core_data_fault"] is False


def test_counters_that_were_not_read_since_the_call_ended_clear_nobody(scene: Scene) -> None:
    early = {"increase": 0.0, "period_start": at(-1), "period_end": at(1)}
    rows = [sample("I1", "cx_lir_timeouts", **early), sample("I1", "dns_failures", **early)]
    look = scene(ACCESS, call=[a_call(**CALL)], hop=CALL_LADDER, node_sample=rows, node=NODES)
    assert look["core_data_fault"] is None


def test_a_node_that_calls_itself_overloaded_is_believed(scene: Scene) -> None:
    row = a_call(**{**CALL, "first_error_code": 503, "first_error_node": "scscf"})
    ladder = [*CALL_LADDER[:2], hop(3, "S1", "P1", 503, record_id="CL-1", message="INVITE")]
    look = scene(ACCESS, call=[row], hop=ladder, node=NODES)
    assert look["call.first_error_node"] == "scscf"


@pytest.mark.parametrize(
    ("values", "down"),
    [([0.0, 0.0], True), ([0.0, 1.0], False), ([], None)],
    ids=["down", "up again", "not read"],
)
def test_a_relay_that_answered_no_poll_during_the_call_was_down(
    scene: Scene, values: list[float], down: bool | None
) -> None:
    rows = [
        sample("R1", "up", value=value, increase=None, period_start=at(n), period_end=at(n + 1))
        for n, value in enumerate(values)
    ]
    look = scene({"category": "mos"}, call=[a_call(t_200=at(0), t_end=at(5))], node_sample=rows, node=NODES)
    assert look["relay_down"] is down


def test_a_session_that_the_relay_counted_as_one_way_when_the_call_ended_is_told(scene: Scene) -> None:
    rows = [sample("R1", "one_way_streams", period_start=at(6), period_end=at(8))]
    look = scene({"category": "mos"}, call=[a_call(t_200=at(0), t_end=at(5))], node_sample=rows, node=NODES)
    assert look["relay_one_way"] is True
