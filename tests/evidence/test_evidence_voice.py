"""Voice slices of the own call, the device model against its peers, on-net calls, scope."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CELL, Scene, a_call, a_slice, minutes

from diagnosis.evidence import EvidenceSettings

Slices = list[dict[str, Any]]
ANSWERED = {"t_200": minutes(0), "final_status": 200, "t_end": minutes(3)}
OWN = a_call(**ANSWERED)
OTHER = a_call(id="CL-2", leg="mt", started_at=minutes(0.01), **ANSWERED)


def lossy(direction: str, point: str, percent: float, **fields: Any) -> dict[str, Any]:
    return a_slice(
        direction=direction, point=point, packets_expected=1000, packets_lost=int(10 * percent), **fields
    )


def flow(leg: str, direction: str, arrived: int) -> dict[str, Any]:
    call = "CL-1" if leg == "mo" else "CL-2"
    return a_slice(
        call_id=call, leg=leg, direction=direction, point="sbc", packets_expected=arrived, packets_lost=0
    )


def sent(leg: str, lost: float, **fields: Any) -> dict[str, Any]:
    """What leaves the SBC, by a probe that also expects the packets of a silent relay; loss in %."""
    way = {"call_id": "CL-1" if leg == "mo" else "CL-2", "leg": leg, "direction": "downlink", "point": "sbc"}
    return a_slice(**way, packets_expected=250, packets_lost=None, loss=lost, **fields)


CASES: list[tuple[str, Slices, Any]] = [
    ("rtp_loss_ratio", [lossy("uplink", "s1u", 2.0), lossy("downlink", "ue", 5.0)], 5.0),
    ("rtp_loss_ratio", [a_slice(packets_expected=None, packets_lost=None, loss=3.0)], 3.0),
    ("rtp_jitter", [a_slice(jitter=20.0), a_slice(start=minutes(1), jitter=40.0)], 30.0),
    ("rtp_jitter", [a_slice()], None),
    ("one_way_delay", [a_slice(delay=260.0)], 260.0),
    ("one_way_delay", [a_slice()], None),
    (
        "mos_score",
        [a_slice(mos=2.0, mos_method="POLQA_SWB"), a_slice(point="ue", mos=4.0, mos_method="E_MODEL")],
        2.0,
    ),
    ("mos_score", [a_slice(mos=4.2, mos_method="E_MODEL")], 4.2),
    ("mos_score", [a_slice()], None),
    ("silence_events", [a_slice(max_gap=6.0), a_slice(start=minutes(1), max_gap=0.2)], 1),
    ("silence_events", [a_slice(max_gap=0.2)], 0),
    ("silence_events", [a_slice()], None),
    ("call.max_rtp_gap", [a_slice(max_gap=25.0)], 25.0),
    (
        "rtp_address_reachable",
        [a_slice(rtp_address_reachable=True), a_slice(point="ue", rtp_address_reachable=False)],
        False,
    ),
    ("rtp_address_reachable", [a_slice(rtp_address_reachable=True)], True),
    ("rtp_address_reachable", [a_slice()], None),
    (
        "uplink_ta_commands",
        [a_slice(similar_ta_commands=7), a_slice(start=minutes(1), similar_ta_commands=2)],
        7,
    ),
    ("uplink_ta_commands", [a_slice(direction="downlink", similar_ta_commands=7)], None),
    (
        "uplink_ta_loss",
        [a_slice(similar_ta_commands=7, loss=50.0), a_slice(start=minutes(1), similar_ta_commands=2)],
        50.0,
    ),
    ("s1u_loss", [lossy("downlink", "s1u", 3.0)], 3.0),
    ("s1u_loss", [lossy("uplink", "s1u", 3.0)], None),
    ("s1u_loss", [lossy("uplink", "s1u", 3.0), lossy("downlink", "s1u", 2.0)], 3.0),
    ("s1u_loss", [lossy("uplink", "s1u", 0.5)], 0.5),
    ("s1u_loss", [lossy("downlink", "s1u", 0.2)], 0.0),
    (
        "s1u_loss",
        [a_slice(packets_expected=None, packets_lost=None, direction="downlink", point="s1u", loss=9.0)],
        9.0,
    ),
    ("s1u_loss", [lossy("uplink", "ue", 3.0), lossy("uplink", "s1u", 3.0)], 0.0),
    ("s1u_loss", [lossy("downlink", "far_end", 3.0), lossy("downlink", "s1u", 3.0)], 0.0),
    ("s1u_loss", [lossy("uplink", "s1u", 30.0, similar_ta_commands=8)], 0.0),
    ("s1u_loss", [lossy("uplink", "ue", 3.0)], None),
    ("own_points_loss", [lossy("uplink", "sbc", 0.5), lossy("uplink", "ue", 0.2)], 0.5),
    (
        "own_points_loss",
        [lossy("downlink", "far_end", 4.0), lossy("downlink", "sbc", 4.2)],
        pytest.approx(0.2),
    ),
    ("own_points_loss", [lossy("uplink", "far_end", 4.0)], None),
    ("far_end_loss", [lossy("downlink", "far_end", 4.0)], 4.0),
    ("far_end_loss", [lossy("downlink", "sbc", 4.0)], None),
    ("far_end_mos", [a_slice(point="far_end", mos=2.5)], 2.5),
    ("far_end_mos", [a_slice(point="sbc", mos=2.5)], None),
    ("own_network_good", [lossy("uplink", "s1u", 0.2), lossy("uplink", "sbc", 0.2)], True),
    ("own_network_good", [lossy("uplink", "s1u", 0.0), lossy("uplink", "sbc", 4.0)], False),
    ("own_network_good", [lossy("downlink", "s1u", 4.0)], False),
    ("own_network_good", [lossy("uplink", "s1u", 4.0), lossy("uplink", "sbc", 4.0)], True),
    ("own_network_good", [lossy("uplink", "ue", 0.0)], None),
    (
        "first_lossy_segment",
        [lossy("uplink", "ue", 0.0), lossy("uplink", "s1u", 3.0), lossy("uplink", "sbc", 3.0)],
        "s1u",
    ),
    (
        "first_lossy_segment",
        [lossy("downlink", "far_end", 0.0), lossy("downlink", "sbc", 3.0), lossy("downlink", "ue", 3.0)],
        "sbc",
    ),
    ("first_lossy_segment", [lossy("uplink", "ue", 0.1)], "none"),
    ("first_lossy_segment", [], None),
    ("bad_direction", [lossy("uplink", "s1u", 5.0), lossy("downlink", "s1u", 0.1)], "uplink"),
    ("bad_direction", [lossy("uplink", "s1u", 0.1), lossy("downlink", "s1u", 5.0)], "downlink"),
    ("bad_direction", [lossy("uplink", "s1u", 5.0), lossy("downlink", "s1u", 5.0)], "both"),
    ("bad_direction", [lossy("uplink", "s1u", 0.1)], "none"),
    ("bad_direction", [], None),
    ("both_sides_silent", [a_slice(silence=5.0), a_slice(direction="downlink", silence=4.8)], True),
    ("both_sides_silent", [a_slice(silence=5.0), a_slice(direction="downlink", silence=0.5)], False),
    ("both_sides_silent", [a_slice(silence=5.0)], None),
    ("relay_silent", [flow("mo", "uplink", 250), flow("mt", "downlink", 0)], True),
    ("relay_silent", [flow("mo", "uplink", 250), flow("mt", "downlink", 250)], False),
    ("relay_silent", [flow("mo", "uplink", 0), flow("mt", "downlink", 0)], False),
    ("relay_silent", [flow("mo", "uplink", 250), sent("mt", lost=100.0, silence=5.0)], True),
    ("relay_silent", [flow("mo", "uplink", 250), sent("mt", lost=20.0)], False),
    ("relay_silent", [flow("mo", "uplink", 250), sent("mt", lost=0.0, silence=5.0)], False),
    ("relay_silent", [flow("mo", "uplink", 250)], None),
    ("relay_silent", [a_slice(point="ue")], None),
]


@pytest.mark.parametrize(("name", "slices", "expected"), CASES)
def test_a_value_of_the_slices(scene: Scene, name: str, slices: Slices, expected: Any) -> None:
    assert scene({"category": "mos"}, call=[OWN, OTHER], voice_slice=slices)[name] == expected


@pytest.mark.parametrize("name", sorted({case[0] for case in CASES} - {"call.max_rtp_gap"}))
def test_a_call_without_slices_says_so(scene: Scene, name: str) -> None:
    look = scene(call=[OWN])
    assert look[name] is None
    assert look.reason(name) == "no_voice_slice"


def test_without_a_call_the_slices_have_that_reason(scene: Scene) -> None:
    assert scene().reason("mos_score") == "no_call_record"


def test_a_blocked_address_is_no_silent_relay(scene: Scene) -> None:
    slices = [
        flow("mo", "uplink", 250),
        flow("mt", "downlink", 0),
        a_slice(point="ue", rtp_address_reachable=False),
    ]
    assert scene(call=[OWN, OTHER], voice_slice=slices)["relay_silent"] is False


@pytest.mark.parametrize(
    ("ul_sinr", "cell_loss", "expected"),
    [(-3.0, None, 0.0), (9.0, None, None), (9.0, 0.1, 6.0), (9.0, 4.0, 0.0)],
)
def test_uplink_loss_at_s1u_is_the_transports_where_the_air_interface_is_known_not_to_make_it(
    scene: Scene, ul_sinr: float, cell_loss: float | None, expected: float | None
) -> None:
    call = {**OWN, "ul_sinr_last": ul_sinr}
    kpi = {} if cell_loss is None else {(CELL, "pdcp_loss_ratio_ul_qci1"): cell_loss}
    look = scene(call=[call], voice_slice=[lossy("uplink", "s1u", 6.0)], kpi=kpi)
    assert look["s1u_loss"] == expected
    assert expected is not None or look.reason("s1u_loss") == "no_period"


def test_what_the_other_leg_sends_up_comes_down_to_the_customer(scene: Scene) -> None:
    slices = [lossy("uplink", "s1u", 6.0, call_id="CL-2", leg="mt"), lossy("uplink", "s1u", 0.0)]
    assert scene(call=[OWN, OTHER], voice_slice=slices)["bad_direction"] == "downlink"


PROBED = {
    "call_id": "CL-9",
    "leg": "mo",
    "direction": "uplink",
    "point": "sbc",
    "start": minutes(-300),
    "length": 5.0,
}


@pytest.mark.parametrize(
    ("own_points", "others", "expected"),
    [(["ue"], [PROBED], True), (["ue", "sbc"], [PROBED], False), (["ue"], [], None), ([], [PROBED], None)],
)
def test_a_relay_is_bypassed_where_it_is_probed_and_not_seen(
    scene: Scene, own_points: list[str], others: Slices, expected: bool | None
) -> None:
    calls = [
        {**OWN, "sbc_name": "sbc1"},
        a_call(id="CL-9", icid="z", started_at=minutes(-300), sbc_name="sbc1"),
    ]
    slices = [a_slice(point=point) for point in own_points]
    assert scene(call=calls, voice_slice=[*slices, *others])["relay_bypassed"] is expected


@pytest.mark.parametrize(
    ("kpi", "expected"),
    [
        ({}, True),
        ({(CELL, "pdcp_loss_ratio_ul_qci1"): 9.0}, False),
        ({(CELL, "prb_utilisation"): 85.0}, False),
    ],
)
def test_the_own_network_is_good_only_with_a_good_cell(scene: Scene, kpi: Any, expected: bool) -> None:
    look = scene(call=[OWN], voice_slice=[lossy("uplink", "sbc", 0.1)], kpi=kpi)
    assert look["own_network_good"] is expected


@pytest.mark.parametrize(
    ("issues", "others", "expected"),
    [
        ("weak microphone", None, True),
        ("听筒有回声", None, True),
        ("slow GPS", None, False),
        (None, "slow", False),
        (None, None, None),
    ],
)
def test_known_voice_issues_of_the_model(
    scene: Scene, issues: Any, others: Any, expected: bool | None
) -> None:
    models = [{"imei_tac": "1", "known_issues": issues}, {"imei_tac": "2", "known_issues": others}]
    assert scene({"imei_tac": "1"}, device_model=models)["known_voice_issue"] is expected


# --- populations


def calls_of(model: str, n: int, failures: int, **failed: Any) -> Slices:
    rows = []
    for i in range(n):
        fate = failed if i < failures else {**ANSWERED, "releasing_side": "calling"}
        numbers = {"calling_number": f"x{model}{i}", "called_number": "y", "icid": f"{model}{i}"}
        rows.append(a_call(id=f"{model}-{i}", imei_tac=model, started_at=minutes(-600), **numbers, **fate))
    return rows


SMALL = EvidenceSettings(model_min_calls=50)


@pytest.mark.parametrize(
    ("category", "failed", "failures", "low", "high"),
    [
        ("access", {"final_status": 503}, 24, 5.0, 20.0),
        ("access", {"final_status": 503}, 2, 0.5, 2.0),
        ("access", {"final_status": 486}, 24, 0.1, 2.0),
        ("drop", {**ANSWERED, "releasing_side": "network"}, 24, 5.0, 60.0),
        ("csfb", {"csfb_flag": True, "t_esr": minutes(-600)}, 60, 0.0, 2.0),
    ],
)
def test_a_model_against_its_peers(
    scene: Scene, category: str, failed: Any, failures: int, low: float, high: float
) -> None:
    rows = [*calls_of("1", 60, failures, **failed), *calls_of("2", 100, 3, **failed)]
    look = scene({"category": category, "imei_tac": "1"}, call=rows, settings=SMALL)
    value = look["model_vs_peer_ratio"]
    assert value == look[f"model_vs_peer_ratio.{category}"]
    assert value is None or low <= value <= high


def test_few_calls_of_a_model_say_nothing(scene: Scene) -> None:
    rows = [*calls_of("1", 20, 10, final_status=503), *calls_of("2", 100, 3, final_status=503)]
    look = scene({"category": "access", "imei_tac": "1"}, call=rows, settings=SMALL)
    assert look["model_vs_peer_ratio"] is None
    assert look.reason("model_vs_peer_ratio") == "few_samples"


def test_a_split_of_a_node_kpi_by_model_tells_where_calls_do_not(scene: Scene) -> None:
    row = {
        "node_id": "S-1",
        "period_start": minutes(0),
        "period": 900,
        "kpi_id": "session_establishment_success_ratio",
    }
    splits = [
        {**row, "split": "imei_tac=1", "numerator": 800.0, "denominator": 1000.0, "value": 80.0},
        {**row, "split": "imei_tac=2", "numerator": 9900.0, "denominator": 10000.0, "value": 99.0},
    ]
    look = scene({"category": "access", "imei_tac": "1"}, node_kpi=splits)
    assert look["model_vs_peer_ratio"] == pytest.approx(20, rel=0.05)


def test_without_a_known_model_the_reason_says_so(scene: Scene) -> None:
    assert scene({"category": "access"}).reason("model_vs_peer_ratio") == "no_device_model"


def on_net(n: int, good: int) -> Slices:
    fates = [{"t_180": minutes(1)} if i < good else {"final_status": 503} for i in range(n)]
    return [
        a_call(
            id=f"o{i}", icid=f"o{i}", calling_number=f"o{i}", called_number="p", called_operator="own", **fate
        )
        for i, fate in enumerate(fates)
    ]


@pytest.mark.parametrize(
    ("rows", "expected"), [(on_net(30, 30), True), (on_net(30, 12), False), (on_net(3, 3), None)]
)
def test_on_net_calls_of_the_hour(scene: Scene, rows: Slices, expected: bool | None) -> None:
    own = a_call(called_operator="fixed", final_status=504)
    assert scene({"category": "access"}, call=[own, *rows])["on_net_ok"] is expected


def test_an_own_on_net_call_that_worked_tells_for_the_user(scene: Scene) -> None:
    worked = a_call(id="w", icid="w", started_at=minutes(-200), called_operator="own", t_180=minutes(-199))
    own = a_call(called_operator="fixed", final_status=504)
    assert scene({"category": "access"}, call=[own, worked])["on_net_ok"] is True


FAILED = a_call(final_status=503)


@pytest.mark.parametrize(
    ("kpi", "expected"),
    [
        ({(CELL, "volte_radio_connect_ratio"): 90.0}, "cell"),
        ({(CELL, "volte_radio_connect_ratio"): 99.5}, "user"),
        (
            {("network", "volte_network_connect_ratio"): 80.0, (CELL, "volte_radio_connect_ratio"): 90.0},
            "network",
        ),
        ({}, None),
    ],
)
def test_the_scope_of_the_problem(scene: Scene, kpi: Any, expected: str | None) -> None:
    assert scene({"category": "access"}, call=[FAILED], kpi=kpi)["problem_scope"] == expected


def test_a_good_call_in_a_good_network_is_a_problem_nowhere(scene: Scene) -> None:
    kpi = {("network", "volte_network_connect_ratio"): 99.0, (CELL, "volte_radio_connect_ratio"): 99.5}
    assert scene({"category": "access"}, call=[OWN], kpi=kpi)["problem_scope"] == "nowhere"
