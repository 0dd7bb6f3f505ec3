"""Which of an incident and planned work comes first, and how sure counters alone make an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engine_evidence import diagnosed, first

from diagnosis.calibration import load_calibration

ACC = {
    "ticket.category": "access",
    "ticket.description": "电话打不出去",
    "call.leg": "mo",
    "call.csfb_flag": False,
}
REG = {"ticket.category": "registration", "ticket.description": "no HD icon on my phone"}
SILENT_SBC = {**REG, "registration.pdn_result": "accept", "reply_time_s": 99.0, "radio_beyond_limit": False}
WORK = {"change.service_affecting": True, "change_status_at": "in_progress", "change_distance_h": 0.0}
ALARM = {"alarm.service_affecting": True, "alarm_distance_h": 0.0}
SITES = {**ALARM, "alarm_sites": 3, "alarm_on_core_node": False, "cluster_on_element": False}
CORE = {
    **ALARM,
    "alarm_sites": 0,
    "alarm_on_core_node": True,
    "cluster_on_element": False,
    "mass_relation": "node",
    "alarm.alarmed_object_type": "mme",
}
PLANNED = [("no_fault", "all-planned-work")]
INCIDENT = [("cause", "all-mass-fault")]


@pytest.mark.parametrize(
    ("work_at", "incident_at", "expected"),
    [
        ("own", "ring", PLANNED),
        ("node", "ring", PLANNED),
        ("own", "own", INCIDENT),
        ("ring", "ring", INCIDENT),
        ("area", "ring", INCIDENT),
    ],
)
def test_work_on_the_users_element_goes_before_an_incident_beside_it(
    work_at: str, incident_at: str, expected: list[tuple[str, str]]
) -> None:
    places = {"change_relation": work_at, "mass_relation": incident_at}
    assert first({**ACC, **WORK, **SITES, **places}) == expected


@pytest.mark.parametrize(
    ("work_on", "alarm_on", "expected"),
    [("sbc", "mme", PLANNED), ("pcscf", "mme", PLANNED), ("mme", "sbc", INCIDENT), ("hss", "mme", INCIDENT)],
)
def test_of_two_core_nodes_the_own_record_tells_which_one_failed(
    work_on: str, alarm_on: str, expected: list[tuple[str, str]]
) -> None:
    places = {"change_relation": "node", "change_node_type": work_on, "alarm.alarmed_object_type": alarm_on}
    assert first({**SILENT_SBC, **WORK, **CORE, **places}) == expected


def test_without_own_evidence_an_incident_of_a_core_node_stays_first() -> None:
    places = {"change_relation": "node", "change_node_type": "sbc"}
    assert first({**REG, **WORK, **CORE, **places}) == INCIDENT


def test_an_incident_without_any_planned_work_stays_first() -> None:
    idle = {"change.service_affecting": False, "change_status_at": None, "change_relation": "own"}
    assert first({**ACC, **SITES, **idle, "mass_relation": "ring"}) == INCIDENT


def test_voice_quality_without_own_evidence_is_less_sure() -> None:
    calibration = load_calibration()
    category = np.array(["mos", "mos", "drop", "drop"])
    own, wide, drop, drop_wide = calibration.temperatures(category, np.array([True, False, True, False]))
    assert wide > own > drop
    assert drop == drop_wide


def test_a_call_that_never_alerts_is_no_slow_fallback() -> None:
    never: dict[str, Any] = {
        "ticket.category": "csfb",
        "ticket.description": "电话打不通，回落2G失败",
        "call.csfb_flag": True,
        "csfb_setup_delay": float("inf"),
    }
    states = {e["id"]: e["outcome"] for e in diagnosed(never).results()[0]["checks"]}
    assert states["CSF-14"] != "HIT"
