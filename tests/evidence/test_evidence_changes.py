"""Planned work on the elements that served."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CALL, CELL, NEXT, NODES, RING, Scene, a_call, minutes

INF = float("inf")


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
