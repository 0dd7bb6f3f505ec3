"""Relations of the serving cell to its neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from evidence_scene import CALL, CELL, NEXT, THIRD, Scene, a_call


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
