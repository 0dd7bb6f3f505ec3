"""Derived values of the call: delays, Reason headers, core faults. True, false and not known."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from evidence_scene import CELL, NOON, Scene, a_call, minutes

INF = float("inf")


def at(seconds: float) -> Any:
    return NOON + timedelta(seconds=seconds)


def why(protocol: str, cause: int | None, text: str = "") -> str:
    return json.dumps([{"protocol": protocol, "cause": cause, "text": text}])


CASES: list[tuple[str, dict[str, Any], Any]] = [
    ("t_100_delay_s", {"t_100": at(0.25)}, 0.25),
    ("t_100_delay_s", {}, INF),
    ("t_100_delay_s", {"t_183": at(2)}, 2.0),
    ("t_100_delay_s", {"final_status": 500, "t_end": at(0.004)}, 0.004),
    ("t_100_delay_s", {"absent": ["t_100"]}, None),
    ("t_100_delay_s", {"csfb_flag": True, "icid": None}, None),
    ("qci1_delay_s", {"t_qci1_requested": at(1), "t_qci1_established": at(1.5)}, 0.5),
    ("qci1_delay_s", {"t_183": at(1), "t_qci1_established": at(3)}, 2.0),
    ("qci1_delay_s", {"t_183": at(1)}, INF),
    ("qci1_delay_s", {}, None),
    ("qci1_delay_s", {"t_183": at(1), "absent": ["t_qci1_established"]}, None),
    ("update_delay_s", {"t_update_sent": at(1), "t_update_answered": at(8)}, 7.0),
    ("update_delay_s", {"t_update_sent": at(1)}, INF),
    ("update_delay_s", {}, None),
    ("final_delay_s", {"t_end": at(0.004)}, 0.004),
    ("final_delay_s", {}, INF),
    ("final_delay_s", {"absent": ["t_end"]}, None),
    ("qci1_active", {"t_qci1_established": at(1), "t_end": at(60)}, True),
    ("qci1_active", {"t_qci1_established": at(1), "t_qci1_released": at(59.5), "t_end": at(60)}, True),
    ("qci1_active", {"t_qci1_established": at(1), "t_qci1_released": at(20), "t_end": at(60)}, False),
    ("qci1_active", {}, False),
    ("qci1_active", {"absent": ["t_qci1_established"]}, None),
    ("csfb_setup_delay", {"t_esr": at(1), "t_alerting": at(10)}, 9.0),
    ("csfb_setup_delay", {"t_esr": at(1)}, INF),
    ("csfb_setup_delay", {}, None),
    ("return_to_lte_delay", {"t_channel_release": at(30), "t_tau_accept": at(33)}, 3.0),
    ("return_to_lte_delay", {"t_channel_release": at(30)}, INF),
    ("q850_cause", {"reasons": why("Q.850", 19)}, 19),
    ("q850_cause", {"reasons": why("SIP", 200)}, None),
    ("q850_cause", {"last_error_protocol": "Q.850", "last_error_code": 17}, 17),
    ("abnormal_reason", {"reasons": why("S1AP-RNL", 21)}, True),
    ("abnormal_reason", {"reasons": why("Q.850", 16)}, False),
    ("abnormal_reason", {"reasons": why("REASON-RELEASE_CAUSE", 1)}, False),
    ("abnormal_reason", {"reasons": why("RELEASE_CAUSE", 2)}, True),
    ("abnormal_reason", {"reasons": why("SIP", 200)}, False),
    ("abnormal_reason", {}, False),
    ("abnormal_reason", {"absent": ["reasons"]}, None),
    ("srvcc_text", {"reasons": why("SIP", 487, "Failure to transition to CS domain")}, True),
    ("srvcc_text", {"warning_text": "handover cancelled"}, True),
    ("srvcc_text", {"final_status": 487}, False),
    ("srvcc_text", {"absent": ["reasons", "warning_text"]}, None),
    ("forwarded", {"reasons": why("SIP", 181)}, True),
    ("forwarded", {"warning_text": "181 Call Is Being Forwarded"}, True),
    ("forwarded", {}, False),
    ("forwarded", {"absent": ["reasons", "warning_text"]}, None),
    ("as_no_user_data", {"warning_text": "Query ADB failed"}, True),
    ("as_no_user_data", {"warning_text": "overload"}, False),
    ("as_no_user_data", {"absent": ["reasons", "warning_text"]}, None),
    ("must_register_first", {"final_status": 403, "warning_text": "must register first"}, True),
    ("must_register_first", {"final_status": 403, "first_error_node": "sbc"}, True),
    ("must_register_first", {"final_status": 403, "first_error_node": "as"}, False),
    ("must_register_first", {"final_status": 403, "warning_text": "User is busy"}, False),
    ("must_register_first", {"final_status": 486}, False),
    (
        "must_register_first",
        {"final_status": 403, "absent": ["warning_text", "reasons", "first_error_node"]},
        None,
    ),
    ("cx_sh_no_answer", {"first_error_interface": "Cx"}, True),
    ("cx_sh_no_answer", {"first_error_interface": "Sh", "first_error_code": 5001}, False),
    ("cx_sh_no_answer", {"first_error_interface": "Rx"}, False),
    ("cx_sh_no_answer", {}, False),
    ("cx_sh_no_answer", {"absent": ["first_error_interface"]}, None),
    (
        "core_data_fault",
        {"first_error_interface": "Cx", "first_error_protocol": "DIAMETER", "first_error_code": 5012},
        True,
    ),
    ("core_data_fault", {"first_error_interface": "Sh"}, True),
    ("core_data_fault", {"first_error_node": "dns"}, True),
    ("core_data_fault", {"final_status": 500, "t_end": at(0.003)}, True),
    (
        "core_data_fault",
        {"final_status": 503, "t_end": at(9), "first_error_interface": "Mw", "first_error_code": 503},
        False,
    ),
    ("core_data_fault", {"final_status": 503, "absent": ["first_error_interface", "first_error_node"]}, None),
]


@pytest.mark.parametrize(("name", "fields", "expected"), CASES)
def test_a_value_of_the_call(scene: Scene, name: str, fields: dict[str, Any], expected: Any) -> None:
    value = scene(call=[a_call(**fields)])[name]
    assert value == (pytest.approx(expected) if isinstance(expected, float) else expected)


NOT_OF_THE_CALL_ALONE = {"csfb_setup_delay", "return_to_lte_delay", "must_register_first"}


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES} - NOT_OF_THE_CALL_ALONE))
def test_without_a_call_the_reason_says_so(scene: Scene, name: str) -> None:
    look = scene()
    assert look[name] is None
    assert not look.known(name)
    assert look.reason(name) == "no_call_record"


@pytest.mark.parametrize(
    "name",
    [
        "qci1_delay_s",
        "update_delay_s",
        "q850_cause",
        "call.erab_fail_cause",
        "call.final_status",
        "call.t_200",
    ],
)
def test_what_did_not_happen_is_known(scene: Scene, name: str) -> None:
    look = scene(call=[a_call()])
    assert look[name] is None
    assert look.known(name)
    assert look.reason(name) is None


@pytest.mark.parametrize("name", ["call.erab_fail_cause", "call.final_status", "call.t_200"])
def test_what_the_probe_does_not_see_is_not_known(scene: Scene, name: str) -> None:
    look = scene(call=[a_call(absent=[name.split(".")[1]])])
    assert not look.known(name)
    assert look.reason(name) == "column_absent"


@pytest.mark.parametrize("name", ["call.rsrp_last", "call.codec", "call.registered"])
def test_an_empty_measurement_is_not_known(scene: Scene, name: str) -> None:
    look = scene(call=[a_call()])
    assert not look.known(name)
    assert look.reason(name) == "field_empty"


def test_a_releasing_node_unknown_is_not_known(scene: Scene) -> None:
    look = scene(call=[a_call(first_error_node="unknown")])
    assert look["call.first_error_node"] is None
    assert not look.known("call.first_error_node")
    assert look.reason("call.first_error_node") == "value_unknown"


def test_a_column_that_the_source_frame_lacks_is_unseen(scene: Scene) -> None:
    look = scene(call=[a_call()])
    frame = look.source.tables["call"].drop("t_100")
    look.source.tables["call"] = frame
    from collectors.kpi.catalogue import load_catalogue
    from diagnosis.evidence import build

    evidence = build(look.source, look.source.tables["ticket"], load_catalogue())
    assert evidence.frame["t_100_delay_s"].to_list() == [None]


def test_the_own_fallback_delay_stands_at_the_call_else_at_the_node(scene: Scene) -> None:
    node = {"node_id": "MME-1", "node_type": "mme", "names": ["mme1"]}
    kpi = {("MME-1", "csfb_setup_delay"): 12.0}
    own = scene(call=[a_call(t_esr=at(1), t_alerting=at(9), mme_name="mme1")], node=[node], kpi=kpi)
    assert (own["csfb_setup_delay"], own.at("csfb_setup_delay")) == (8.0, "call CL-1")
    other = scene(call=[a_call(mme_name="MME1:36412")], node=[node], kpi=kpi)
    assert (other["csfb_setup_delay"], other.at("csfb_setup_delay")) == (12.0, "node MME-1")


def test_a_slow_hss_needs_both_ratios_and_a_matching_status(scene: Scene) -> None:
    node = {"node_id": "ICSCF-1", "node_type": "icscf", "names": ["i1"]}
    kpi = {("ICSCF-1", "cx_sh_rx_timeout_ratio"): 5.0, ("ICSCF-1", "cx_location_info_success_ratio"): 90.0}
    call = a_call(final_status=504, t_end=at(9), icscf_name="i1")
    assert scene(call=[call], node=[node], kpi=kpi)["core_data_fault"] is True
    assert scene(call=[{**call, "final_status": 486}], node=[node], kpi=kpi)["core_data_fault"] is False


@pytest.mark.parametrize(
    ("codes", "status", "expected"),
    [
        (["4XX"], 480, True),
        (["480"], 480, True),
        (["5XX"], 480, False),
        (["4XX"], None, False),
        (None, 480, None),
    ],
)
def test_the_trigger_list_of_the_device(
    scene: Scene, codes: Any, status: int | None, expected: bool | None
) -> None:
    models = [{"imei_tac": "1", "csfb_trigger_codes": codes}]
    look = scene(call=[a_call(imei_tac="1", final_status=status)], device_model=models)
    assert look["final_in_trigger_list"] is expected


@pytest.mark.parametrize(
    ("fields", "count", "current"),
    [
        ({"t_esr": at(1), "csfb_redirect_arfcns": [62, 74]}, 2, True),
        ({"t_esr": at(1), "csfb_redirect_arfcns": [1, 2, 62]}, 3, False),
        ({"t_esr": at(1), "t_redirect": at(2)}, 0, True),
        ({"t_esr": at(1)}, None, True),
        ({"t_esr": at(1), "absent": ["csfb_redirect_arfcns"]}, None, True),
        ({}, None, True),
    ],
)
def test_the_frequencies_of_the_redirection(
    scene: Scene, fields: Any, count: int | None, current: bool
) -> None:
    layer = [
        {"source_ecgi": CELL, "target_rat": "GERAN", "target_id": f"g{f}", "target_frequency": f}
        for f in (62, 74)
    ]
    cells = [{"ecgi": CELL, "csfb_gsm_arfcns": [62, 74]}]
    look = scene(call=[a_call(**fields)], neighbour=layer, cell=cells)
    assert (look["redirect_arfcn_count"], look["arfcns_current"]) == (count, current)


def test_no_fallback_is_known_to_have_no_frequencies(scene: Scene) -> None:
    assert scene(call=[a_call()]).known("redirect_arfcn_count")


@pytest.mark.parametrize(("lacs", "expected"), [([10, 11], True), ([11], False), (None, None)])
def test_the_mapped_area_is_one_of_the_sgs_msc(scene: Scene, lacs: Any, expected: bool | None) -> None:
    nodes = [{"node_id": "MSC-1", "node_type": "msc", "names": ["msc1"], "lacs": lacs}]
    cells = [{"ecgi": CELL, "mapped_lac": 10}]
    assert scene(call=[a_call(msc_name="msc1")], node=nodes, cell=cells)["la_on_sgs_msc"] is expected


def test_without_a_named_msc_any_msc_of_the_mapped_pool_will_do(scene: Scene) -> None:
    nodes = [
        {"node_id": f"MSC-{i}", "node_type": "msc", "names": [f"msc{i}"], "lacs": [i], "pool": "P"}
        for i in (10, 20)
    ]
    cells = [{"ecgi": CELL, "mapped_lac": 20, "mapped_msc_pool": "P"}]
    assert scene(call=[a_call()], node=nodes, cell=cells)["la_on_sgs_msc"] is True


@pytest.mark.parametrize(("real", "expected"), [(10, True), (11, False), (None, None)])
def test_the_mapped_and_the_real_area(scene: Scene, real: int | None, expected: bool | None) -> None:
    look = scene(call=[a_call()], cell=[{"ecgi": CELL, "mapped_lac": 10, "gsm_lac_at_site": real}])
    assert look["lac_equal"] is expected


@pytest.mark.parametrize(("real", "expected"), [("A", True), ("B", False), (None, None)])
def test_the_mapped_and_the_real_pool(scene: Scene, real: str | None, expected: bool | None) -> None:
    look = scene(call=[a_call()], cell=[{"ecgi": CELL, "mapped_msc_pool": "A", "gsm_msc_pool": real}])
    assert look["pool_equal"] is expected


def test_the_period_of_a_call_value_is_the_call(scene: Scene) -> None:
    look = scene(call=[a_call(t_100=at(1), t_end=minutes(2))])
    place = look.evidence.place("t_100_delay_s")
    assert place.at is not None
    assert place.start is not None
    assert place.end is not None
    assert (look[place.at], look[place.start], look[place.end]) == ("call CL-1", NOON, minutes(2))
