"""Radio and network KPIs at the hour of the failure."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CALL, CELL, NOON, Scene, a_call, minutes


@pytest.mark.parametrize(
    ("call", "kpi", "expected"),
    [
        ({"rsrp_last": -115.0}, {}, True),
        ({"rsrp_last": -100.0}, {}, False),
        ({}, {(CELL, "ul_interference_per_prb"): -105.0}, True),
        ({}, {(CELL, "rrc_connection_setup_success_ratio"): 90.0}, True),
        ({"rsrp_last": -100.0}, {(CELL, "rrc_connection_setup_success_ratio"): 99.0}, False),
        ({}, {}, False),
    ],
)
def test_radio_beyond_its_limit(scene: Scene, call: Any, kpi: Any, expected: bool) -> None:
    assert scene(call=[a_call(**call)], kpi=kpi)["radio_beyond_limit"] is expected


@pytest.mark.parametrize(
    ("name", "cell", "kpi", "expected"),
    [
        ("rrc_limit_use", {"rrc_user_limit": 400}, {(CELL, "rrc_connected_max"): 400.0}, 100.0),
        ("rrc_limit_use", {}, {(CELL, "rrc_connected_max"): 400.0}, None),
        ("gbr_limit_use", {"gbr_limit": 60.0}, {(CELL, "gbr_prb_share"): 30.0}, 50.0),
        ("gbr_limit_use", {"gbr_limit": 60.0}, {}, None),
        (
            "qci5_attempts",
            {},
            {(CELL, "erab_setup_success_ratio_qci5"): {"__n": 0.0, "why": "few_samples"}},
            0.0,
        ),
        ("qci5_attempts", {}, {}, None),
        ("low_cqi_share", {}, {(CELL, "dl_sinr_and_low_cqi_share.low_cqi_share"): 25.0}, 25.0),
        ("low_cqi_share", {}, {}, None),
    ],
)
def test_a_value_of_the_cell(scene: Scene, name: str, cell: Any, kpi: Any, expected: float | None) -> None:
    assert scene(call=[CALL], cell=[{"ecgi": CELL, **cell}], kpi=kpi)[name] == expected


RATIO = ("network", "ims_initial_registration_success_ratio")


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ({"": 90.0, "__n": 1e6, "__base": 98.0, "__mad": 1.0, "why": ""}, 8 / 1.4826),
        ({"": 97.0, "__n": 100.0, "__base": 98.0, "__mad": 0.0, "why": ""}, 1 / 1.4),
        ({"": 90.0, "__n": 1e6, "why": ""}, None),
    ],
)
def test_the_drop_of_the_registration_ratio_in_sigma(
    scene: Scene, reading: Any, expected: float | None
) -> None:
    value = scene(kpi={RATIO: reading})["sigma_drop"]
    assert value == (None if expected is None else pytest.approx(expected))


def test_a_reading_tells_entity_hour_and_why_it_is_missing(scene: Scene) -> None:
    look = scene(
        call=[CALL], kpi={(CELL, "prb_utilisation"): 88.0, (CELL, "rsrp_mean"): {"why": "few_samples"}}
    )
    place = look.evidence.place("prb_utilisation")
    assert place.start is not None
    assert place.end is not None
    assert (look.at("prb_utilisation"), look[place.start], look[place.end]) == (
        f"cell {CELL}",
        NOON,
        minutes(60),
    )
    assert look.reason("rsrp_mean") == "few_samples"
    assert look.reason("mr_coverage_ratio") == "no_period"
    assert look.reason("gx_rx_success_ratio") == "no_node"
    assert look.reason("tch_block_ratio") == "no_2g_cell"


def test_without_a_cell_the_reading_has_that_reason(scene: Scene) -> None:
    assert scene().reason("prb_utilisation") == "no_cell"


def test_readings_are_asked_for_the_hour_of_the_failure(scene: Scene) -> None:
    late = minutes(-30)
    look = scene({"category": "access"}, call=[a_call(started_at=late)])
    assert {at for entity, at in look.source.asked if entity == CELL} == {minutes(-60)}


def test_of_several_nodes_the_worst_reading_stands(scene: Scene) -> None:
    nodes = [{"node_id": n, "node_type": t, "names": [n]} for n, t in (("I-1", "icscf"), ("S-1", "scscf"))]
    kpi = {("I-1", "ims_dns_failure_ratio"): 0.1, ("S-1", "ims_dns_failure_ratio"): 9.0}
    look = scene(call=[a_call(icscf_name="I-1", scscf_name="S-1")], node=nodes, kpi=kpi)
    assert look["ims_dns_failure_ratio"] == 9.0
    assert look.at("ims_dns_failure_ratio") == "node S-1"
