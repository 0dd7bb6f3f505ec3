"""Serving cell and nodes: where the user was, and who served."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from evidence_scene import CALL, CELL, NEXT, NODES, NOON, SISTER, THIRD, Scene, a_call, an_attempt

from diagnosis.serving import node_name, site


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


def test_the_window_of_the_state_is_a_setting_of_hours(scene: Scene) -> None:
    attempt = an_attempt(started_at=NOON - timedelta(hours=23), scscf_name="s1")
    assert scene(registration=[attempt])["serving.scscf"] == "s1"
