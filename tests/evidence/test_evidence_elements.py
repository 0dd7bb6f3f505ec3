"""Serving elements, alarms, changes, neighbours, radio, clusters: what surrounds the call."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from evidence_scene import CELL, NEXT, NOON, SISTER, Scene, a_call, an_attempt, minutes

from diagnosis.derived.cluster import poisson_tail
from diagnosis.serving import node_name, site

INF = float("inf")
THIRD = "460-00-3-1"
RING = [
    {"source_ecgi": CELL, "target_rat": "EUTRAN", "target_id": t, "is_first_ring": True}
    for t in (NEXT, THIRD)
]
CALL = a_call(t_end=minutes(2))


@pytest.mark.parametrize(
    "text",
    [
        "SCSCF3.ims.net",
        "sip:scscf3.ims.net",
        "sip:scscf3.ims.net:5060;lr",
        "<sips:scscf3.ims.net>",
        " scscf3.ims.net:36412",
    ],
)
def test_names_of_nodes_compare_without_case_scheme_port_and_parameters(text: str) -> None:
    assert pl.select(node_name(pl.lit(text))).item() == "scscf3.ims.net"


def test_the_site_is_the_enb_id_of_the_ecgi() -> None:
    assert pl.select(site(pl.lit("460-00-345678-2"))).item() == "345678"
    assert pl.select(site(pl.lit("not an ecgi"))).item() is None


# --- serving cell and nodes


@pytest.mark.parametrize(
    ("ticket", "records", "cell", "told_by"),
    [
        (
            {"ecgi": THIRD},
            {"call": [a_call(last_ecgi=NEXT)], "registration": [an_attempt(ecgi=SISTER)]},
            NEXT,
            "call",
        ),
        ({"ecgi": THIRD}, {"call": [a_call()], "registration": [an_attempt(ecgi=SISTER)]}, CELL, "call"),
        ({"ecgi": THIRD}, {"registration": [an_attempt(ecgi=SISTER)]}, SISTER, "registration"),
        (
            {"category": "registration"},
            {"call": [a_call()], "registration": [an_attempt(ecgi=SISTER)]},
            SISTER,
            "registration",
        ),
        ({"ecgi": THIRD}, {}, THIRD, "ticket"),
        ({}, {}, None, None),
    ],
)
def test_the_serving_cell(
    scene: Scene, ticket: Any, records: Any, cell: str | None, told_by: str | None
) -> None:
    look = scene(ticket, **records)
    assert (look["cell.ecgi"], look["cell_told_by"]) == (cell, told_by)


@pytest.mark.parametrize(("north_km", "found"), [(0.5, True), (1.5, False)])
def test_the_nearest_cell_within_a_kilometre_is_a_last_resort(
    scene: Scene, north_km: float, found: bool
) -> None:
    cells = [
        {"ecgi": CELL, "latitude": 25.0 + north_km / 111.2, "longitude": 102.0},
        {"ecgi": NEXT, "latitude": 25.05, "longitude": 102.0},
    ]
    look = scene({"latitude": 25.0, "longitude": 102.0}, cell=cells)
    assert look["cell.ecgi"] == (CELL if found else None)
    assert look["cell_told_by"] == ("position" if found else None)


def test_a_cell_that_no_inventory_holds_is_known_by_its_id_only(scene: Scene) -> None:
    look = scene(call=[CALL])
    assert look["has.cell"]
    assert look.reason("cell.volte_enabled") == "no_cell_record"


def test_without_any_cell_the_reason_says_so(scene: Scene) -> None:
    assert scene().reason("cell.volte_enabled") == "no_cell"


NODES = [
    {"node_id": "SCSCF-3", "node_type": "scscf", "names": ["scscf3.ims.net"], "region": "0871"},
    {"node_id": "SCSCF-4", "node_type": "scscf", "names": ["scscf4.ims.net"], "region": "0871"},
    {"node_id": "SBC-1", "node_type": "sbc", "names": ["pcscf-in-sbc.net"]},
    {"node_id": "HSS-1", "node_type": "hss", "names": ["hss1"]},
    {"node_id": "MME-1", "node_type": "mme", "names": ["mme1"], "pool": "A"},
    {"node_id": "MME-2", "node_type": "mme", "names": ["mme2"], "pool": "B"},
]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scscf", "SCSCF-3"),
        ("sbc", "SBC-1"),
        ("pcscf", None),
        ("hss", "HSS-1"),
        ("mme", "MME-2"),
        ("dns", None),
    ],
)
def test_nodes_are_named_by_the_call_or_are_the_only_ones_of_pool_or_network(
    scene: Scene, name: str, expected: str | None
) -> None:
    call = a_call(scscf_name="sip:SCSCF3.ims.net:5060", pcscf_name="sip:pcscf-in-sbc.net")
    look = scene(call=[call], node=NODES, cell=[{"ecgi": CELL, "mme_pool": "B"}])
    assert look[f"serving.{name}"] == expected


def test_a_node_that_no_row_names_keeps_its_name(scene: Scene) -> None:
    assert scene(call=[a_call(as_name="sip:MMTEL9.net;lr")])["serving.as"] == "mmtel9.net"


def test_several_nodes_of_a_region_name_none(scene: Scene) -> None:
    assert scene({"region": "0871"}, node=NODES)["serving.scscf"] is None


# --- alarms


def alarm(**fields: Any) -> dict[str, Any]:
    base = {"id": "AL-1", "perceived_severity": "major", "alarmed_object": CELL, "raised_at": minutes(-30)}
    return {**base, "service_affecting": True, **fields}


@pytest.mark.parametrize(
    ("fields", "distance"),
    [
        ({}, 0.0),
        ({"cleared_at": minutes(10)}, 0.0),
        ({"cleared_at": minutes(-15)}, 0.25),
        ({"raised_at": minutes(90)}, 1.5),
        ({"alarmed_object": "1"}, 0.0),
        ({"alarmed_object": NEXT}, 0.0),
        ({"alarmed_object": "2"}, 0.0),
        ({"alarmed_object": "460-00-99-1"}, INF),
        ({"cleared_at": minutes(-20), "raised_at": minutes(-60 * 60)}, 20 / 60),
        ({"raised_at": minutes(-60 * 60), "cleared_at": minutes(-50 * 60)}, INF),
    ],
)
def test_the_distance_of_the_alarm(scene: Scene, fields: dict[str, Any], distance: float) -> None:
    look = scene(call=[CALL], neighbour=RING, alarm=[alarm(**fields)])
    assert look["alarm_distance_h"] == pytest.approx(distance)


def test_a_service_affecting_alarm_goes_before_a_nearer_harmless_one(scene: Scene) -> None:
    near = alarm(id="near", service_affecting=False)
    look = scene(call=[CALL], alarm=[near, alarm(id="far", cleared_at=minutes(-10))])
    assert (look["alarm.id"], look["alarm.service_affecting"]) == ("far", True)
    assert look.at("alarm_distance_h") == "alarm far"


def test_alarms_elsewhere_say_that_there_is_none_here(scene: Scene) -> None:
    look = scene(call=[CALL], alarm=[alarm(alarmed_object="460-00-99-1")])
    assert look["alarm.service_affecting"] is False
    assert (look["alarm_on_core_node"], look["alarm_sites"], look["cluster_on_element"]) == (False, 0, False)


@pytest.mark.parametrize(
    "name",
    [
        "alarm.service_affecting",
        "alarm_distance_h",
        "alarm_on_core_node",
        "alarm_sites",
        "enb_alarm_in_call",
        "equipment_alarm_near",
    ],
)
def test_without_any_alarm_record_nothing_is_known_about_alarms(scene: Scene, name: str) -> None:
    look = scene(call=[CALL])
    assert look[name] is None
    assert look.reason(name) == "no_alarm_records"


@pytest.mark.parametrize(
    ("name", "expected"), [("scscf3.ims.net", True), ("SCSCF-3", True), ("SCSCF-4", False), ("1", False)]
)
def test_an_alarm_is_on_a_core_node_that_served(scene: Scene, name: str, expected: bool) -> None:
    look = scene(
        call=[a_call(scscf_name="sip:scscf3.ims.net")], node=NODES, alarm=[alarm(alarmed_object=name)]
    )
    assert look["alarm_on_core_node"] is expected


def test_all_nodes_of_the_pool_count_where_none_is_named(scene: Scene) -> None:
    nodes = [{"node_id": f"MME-{i}", "node_type": "mme", "names": [f"mme{i}"], "pool": "A"} for i in (1, 2)]
    look = scene(
        call=[CALL], cell=[{"ecgi": CELL, "mme_pool": "A"}], node=nodes, alarm=[alarm(alarmed_object="MME-2")]
    )
    assert look["serving.mme"] is None
    assert look["alarm_on_core_node"] is True


@pytest.mark.parametrize(
    ("objects", "raised", "sites"),
    [
        ((CELL, NEXT, THIRD), (0, 5, 10), 3),
        ((CELL, NEXT, THIRD), (0, 10, 40), 2),
        ((CELL, SISTER), (0, 1), 1),
        ((NEXT, "460-00-99-1"), (0, 1), 1),
    ],
)
def test_sites_with_alarms_raised_together(scene: Scene, objects: Any, raised: Any, sites: int) -> None:
    rows = [
        alarm(id=f"AL-{i}", alarmed_object=o, raised_at=minutes(at - 50))
        for i, (o, at) in enumerate(zip(objects, raised, strict=True))
    ]
    assert scene(call=[CALL], neighbour=RING, alarm=rows)["alarm_sites"] == sites


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"raised_at": minutes(1)}, True),
        ({"raised_at": minutes(-60)}, True),
        ({"raised_at": minutes(-60), "cleared_at": minutes(-30)}, False),
        ({"raised_at": minutes(1), "alarmed_object": NEXT}, True),
        ({"raised_at": minutes(-60), "alarmed_object": NEXT}, False),
        ({"raised_at": minutes(1), "service_affecting": False, "perceived_severity": "warning"}, False),
        ({"raised_at": minutes(1), "alarmed_object_type": "transport_link"}, False),
    ],
)
def test_an_enb_alarm_in_the_call(scene: Scene, fields: dict[str, Any], expected: bool) -> None:
    assert scene(call=[CALL], neighbour=RING, alarm=[alarm(**fields)])["enb_alarm_in_call"] is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"raised_at": minutes(1), "alarmed_object_type": "transport_link", "alarmed_object": "1"}, True),
        (
            {
                "raised_at": minutes(1),
                "specific_problem": "S1 link down",
                "alarm_type": "communicationsAlarm",
            },
            True,
        ),
        ({"raised_at": minutes(-60), "specific_problem": "S1 link down"}, False),
        ({"raised_at": minutes(1), "specific_problem": "VSWR over limit"}, False),
    ],
)
def test_a_link_flap_in_the_call(scene: Scene, fields: dict[str, Any], expected: bool) -> None:
    assert scene(call=[CALL], alarm=[alarm(**fields)])["link_flap_in_call"] is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"specific_problem": "VSWR over limit", "service_affecting": False}, True),
        ({"alarm_type": "equipmentAlarm"}, True),
        ({"specific_problem": "door open"}, False),
        ({"specific_problem": "VSWR over limit", "alarmed_object": NEXT}, False),
        ({"specific_problem": "VSWR over limit", "cleared_at": minutes(-25)}, False),
    ],
)
def test_an_equipment_alarm_near(scene: Scene, fields: dict[str, Any], expected: bool) -> None:
    assert scene(call=[CALL], neighbour=RING, alarm=[alarm(**fields)])["equipment_alarm_near"] is expected


def test_the_alarms_of_the_elements_are_listed_for_the_report(scene: Scene) -> None:
    look = scene(call=[CALL], neighbour=RING, alarm=[alarm(id="b"), alarm(id="a", alarmed_object=NEXT)])
    assert look.evidence.related["alarm"].rows() == [(0, "a"), (0, "b")]


# --- changes


def change(**fields: Any) -> dict[str, Any]:
    base = {
        "id": "CR-1",
        "planned_start": minutes(-60),
        "planned_end": minutes(60),
        "impacted_objects": [CELL],
    }
    return {**base, "service_affecting": True, "status": "approved", **fields}


@pytest.mark.parametrize(
    ("fields", "status", "distance"),
    [
        ({}, "approved", 0.0),
        ({"status": "in_progress"}, "in_progress", 0.0),
        ({"status": "planned"}, "planned", 0.0),
        ({"status": "cancelled"}, "cancelled", 0.0),
        ({"status": "done", "actual_start": minutes(-30), "actual_end": minutes(10)}, "in_progress", 0.0),
        (
            {"status": "rolled_back", "actual_start": minutes(-30), "actual_end": minutes(10)},
            "in_progress",
            0.0,
        ),
        ({"status": "done", "actual_start": minutes(-90), "actual_end": minutes(-45)}, "done", 0.5),
        ({"status": "done", "actual_start": minutes(45), "actual_end": minutes(50)}, "approved", 0.5),
        ({"planned_start": minutes(10), "planned_end": minutes(60)}, "approved", 0.0),
        ({"planned_start": minutes(75), "planned_end": minutes(90)}, "approved", 1.0),
        (
            {"status": "in_progress", "actual_start": minutes(-50), "planned_end": minutes(-30)},
            "in_progress",
            0.0,
        ),
    ],
)
def test_status_and_distance_of_a_change_at_the_complaint_time(
    scene: Scene, fields: dict[str, Any], status: str, distance: float
) -> None:
    look = scene(call=[CALL], change=[change(**fields)])
    assert (look["change_status_at"], look["change_distance_h"]) == (status, pytest.approx(distance))


@pytest.mark.parametrize(
    ("objects", "related"),
    [(["1"], True), ([NEXT], True), (["9811"], True), (["SCSCF-3"], True), (["SCSCF-4"], False), ([], False)],
)
def test_a_change_names_cells_sites_areas_or_nodes(scene: Scene, objects: list[str], related: bool) -> None:
    call = a_call(scscf_name="scscf3.ims.net")
    cells = [{"ecgi": CELL, "tac": 9811}]
    look = scene(
        call=[call], neighbour=RING, node=NODES, cell=cells, change=[change(impacted_objects=objects)]
    )
    assert look["change.id"] == ("CR-1" if related else None)


def test_an_affecting_active_change_goes_before_others(scene: Scene) -> None:
    rows = [change(id="a", service_affecting=False), change(id="b", status="cancelled"), change(id="c")]
    assert scene(call=[CALL], change=rows)["change.id"] == "c"


def test_changes_elsewhere_say_that_there_is_none_here(scene: Scene) -> None:
    look = scene(call=[CALL], change=[change(impacted_objects=["MME-9"])])
    assert (look["change.service_affecting"], look["change_distance_h"]) == (False, INF)
    assert look.known("change_status_at")


def test_without_any_change_record_nothing_is_known_about_changes(scene: Scene) -> None:
    look = scene(call=[CALL])
    assert look["change_distance_h"] is None
    assert look.reason("change_distance_h") == "no_change_records"


# --- neighbours


def relation(**fields: Any) -> dict[str, Any]:
    base = {
        "source_ecgi": CELL,
        "target_rat": "EUTRAN",
        "target_id": NEXT,
        "target_pci": 10,
        "target_real_pci": 10,
    }
    return {**base, "is_defined": True, **fields}


MY_CELL = [{"ecgi": CELL, "pci": 4, "earfcn_dl": 38400}]


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("neighbour.is_defined", {}, True),
        ("neighbour.is_defined", {"is_defined": False, "reported_count": 128}, False),
        ("neighbour.is_defined", {"is_defined": False, "reported_count": 1}, True),
        ("neighbour.is_defined", {"is_defined": False}, False),
        ("neighbour.is_defined", {"is_defined": None}, None),
        ("pci_equal", {}, True),
        ("pci_equal", {"target_real_pci": 11}, False),
        ("pci_equal", {"target_real_pci": None}, None),
        ("gsm_lac_equal", {"target_rat": "GERAN", "target_lac": 1, "target_real_lac": 1}, True),
        ("gsm_lac_equal", {"target_rat": "GERAN", "target_lac": 1, "target_real_lac": 2}, False),
        ("gsm_lac_equal", {}, None),
        ("pci_mod3_equal", {"target_pci": 7, "target_real_pci": 7}, True),
        ("pci_mod3_equal", {"target_pci": 8, "target_real_pci": 8}, False),
        ("pci_mod3_equal", {"target_pci": None, "target_real_pci": None}, None),
        ("pci_mod3_equal", {"target_pci": 7, "target_real_pci": 7, "target_frequency": 1300}, None),
        ("overlap", {"overlap_share": 12.0}, True),
        ("overlap", {"overlap_share": 4.0}, False),
        ("overlap", {"reported_rsrp": -90.0}, True),
        ("overlap", {"reported_rsrp": -104.0}, False),
        ("overlap", {}, None),
        ("overlap_neighbours", {"overlap_share": 12.0}, 1),
        ("overlap_neighbours", {"overlap_share": 1.0}, 0),
        ("overlap_neighbours", {}, None),
    ],
)
def test_a_value_of_the_neighbours(scene: Scene, name: str, fields: dict[str, Any], expected: Any) -> None:
    look = scene(call=[a_call(rsrp_last=-92.0)], cell=MY_CELL, neighbour=[relation(**fields)])
    assert look[name] == expected


def test_without_neighbour_records_the_reason_says_so(scene: Scene) -> None:
    look = scene(call=[CALL])
    assert look["neighbour.is_defined"] is None
    assert look.reason("neighbour.is_defined") == "no_neighbour_record"


def test_modulo_three_and_overlap_are_asked_of_the_same_neighbour(scene: Scene) -> None:
    rows = [
        relation(target_id=NEXT, target_pci=7, target_real_pci=7, overlap_share=1.0),
        relation(target_id=THIRD, target_pci=8, target_real_pci=8, overlap_share=40.0),
    ]
    look = scene(call=[CALL], cell=MY_CELL, neighbour=rows)
    assert (look["pci_mod3_equal"], look["overlap"], look["overlap_neighbours"]) == (True, False, 1)


def test_the_worst_missing_neighbour_is_named(scene: Scene) -> None:
    rows = [
        relation(target_id=NEXT, is_defined=False, reported_count=20, reported_rsrp=-104.0),
        relation(target_id=THIRD, is_defined=False, reported_count=90, reported_rsrp=-99.0),
    ]
    look = scene(call=[CALL], neighbour=rows)
    assert (look["neighbour.target_id"], look["neighbour.reported_count"]) == (THIRD, 90)
    assert look["neighbour.reported_rsrp"] == -99.0


# --- radio and network readings


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


# --- clusters


def crowd(n: int, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"id": f"T-{i}", "msisdn": f"m-{i}", "ecgi": CELL, "received_at": minutes(60 + i), **fields}
        for i in range(n)
    ]


VOLUME = [{"key_type": "cell", "key": CELL, "tickets_per_day": 0.05}]


@pytest.mark.parametrize(("n", "proven"), [(1, False), (2, False), (3, True), (6, True)])
def test_a_cluster_is_more_tickets_than_chance_gives(scene: Scene, n: int, proven: bool) -> None:
    look = scene(crowd(n), ticket_volume=VOLUME)
    assert look["tickets_24h"] == n
    assert (look["tickets_24h"] >= 3 and look["cluster_tail_p"] < 0.001) is proven


def test_many_tickets_where_many_are_normal_are_no_cluster(scene: Scene) -> None:
    look = scene(crowd(3), ticket_volume=[{**VOLUME[0], "tickets_per_day": 5.0}])
    assert look["cluster_tail_p"] > 0.5


def test_without_a_normal_volume_the_tail_is_not_known(scene: Scene) -> None:
    look = scene(crowd(4))
    assert look["tickets_24h"] == 4
    assert look["cluster_tail_p"] is None
    assert look.reason("cluster_tail_p") == "no_normal_volume"


def test_tickets_of_another_day_do_not_count(scene: Scene) -> None:
    rows = crowd(3)
    rows[1]["received_at"] = minutes(60 + 48 * 60)
    rows[2]["received_at"] = minutes(60 + 96 * 60)
    assert scene(rows, ticket_volume=VOLUME)["tickets_24h"] == 1


def test_a_repeated_complaint_counts_once(scene: Scene) -> None:
    rows = crowd(3)
    rows[1]["repeat_of"] = rows[2]["repeat_of"] = "T-0"
    assert scene(rows, ticket_volume=VOLUME)["tickets_24h"] == 1


def test_the_region_gives_the_volume_of_a_cell_that_has_none(scene: Scene) -> None:
    cells = [{"ecgi": f"460-00-{i}-1"} for i in range(1, 101)]
    volume = [{"key_type": "region", "key": "0871", "tickets_per_day": 10.0}]
    look = scene(crowd(3), cell=cells, ticket_volume=volume)
    assert look["cluster_tail_p"] == pytest.approx(0.1**3 / 6, rel=0.1)


def test_an_alarmed_element_with_a_cluster_is_named(scene: Scene) -> None:
    look = scene(crowd(4), ticket_volume=VOLUME, alarm=[alarm()])
    assert look["cluster_on_element"] is True
    alone = scene(crowd(1), ticket_volume=VOLUME, alarm=[alarm()])
    assert alone["cluster_on_element"] is False


def test_the_poisson_tail_agrees_with_the_sum_of_the_terms() -> None:
    import math

    import numpy as np

    for k in (0, 1, 3, 10, 40):
        for rate in (0.01, 0.5, 3.0, 30.0):
            below = sum(math.exp(-rate) * rate**i / math.factorial(i) for i in range(k))
            got = float(poisson_tail(np.array([k]), np.array([rate]))[0])
            assert got == pytest.approx(1 - below, abs=1e-9)


# --- the ticket itself


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, 0),
        ({"msisdn": None}, 1),
        ({"place_text": None}, 1),
        ({"place_text": None, "ecgi": CELL}, 0),
        ({"place_text": "  "}, 1),
        ({"msisdn": None, "occurred_at": None, "place_text": None}, 3),
    ],
)
def test_required_fields_that_are_missing(scene: Scene, fields: dict[str, Any], missing: int) -> None:
    assert scene(fields)["missing_required"] == missing


@pytest.mark.parametrize(
    ("text", "expected"), [("这个月话费多扣了", True), ("通话中突然断了", False), (None, None)]
)
def test_a_text_out_of_scope(scene: Scene, text: str | None, expected: bool | None) -> None:
    assert scene({"description": text})["out_of_scope_text"] is expected


def test_the_window_of_the_state_is_a_setting_of_hours(scene: Scene) -> None:
    attempt = an_attempt(started_at=NOON - timedelta(hours=23), scscf_name="s1")
    assert scene(registration=[attempt])["serving.scscf"] == "s1"


@pytest.mark.parametrize(
    ("objects", "relation"), [([CELL], "own"), ([NEXT], "ring"), (["SCSCF-3"], "node"), (["9811"], "area")]
)
def test_a_change_tells_where_the_work_is(scene: Scene, objects: list[str], relation: str) -> None:
    call = a_call(scscf_name="scscf3.ims.net")
    cells = [{"ecgi": CELL, "tac": 9811}]
    look = scene(
        call=[call], neighbour=RING, node=NODES, cell=cells, change=[change(impacted_objects=objects)]
    )
    assert look["change_relation"] == relation
