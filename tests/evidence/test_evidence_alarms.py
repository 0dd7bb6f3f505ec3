"""Alarms of the elements that served, and of those around them."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CALL, CELL, NEXT, NODES, RING, SISTER, THIRD, Scene, a_call, alarm, minutes

INF = float("inf")


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
