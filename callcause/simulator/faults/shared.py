"""Incidents, planned work, tickets that tell too little or nothing about VoLTE, and good networks."""

from __future__ import annotations

from callcause.simulator.faults.fault import Alarm, Fault

OUTAGE = (Alarm("node", "node out of service", "critical", "processingErrorAlarm", "loss of service"),)

SHARED: tuple[Fault, ...] = (
    Fault("all-mass-fault", "access", "node", ("core_outage",), node_type="scscf", hazard=(0.5, 0.9), role="mo",
          node={"init_reg_fail": (0.3, 0.8), "session_fail": (0.3, 0.8)}, alarms=OUTAGE, before_h=(0.2, 0.7),
          lasts_h=(0.3, 0.6), weight=1.5),
    Fault("all-mass-fault", "drop", "node", ("core_outage_drop",), node_type="mme", hazard=(0.3, 0.6), alarms=OUTAGE,
          node={"attach_fail": (0.3, 0.8), "service_request_fail": (0.3, 0.8)}, before_h=(0.1, 0.4),
          lasts_h=(0.3, 0.6)),
    Fault("all-mass-fault", "access", "cell", ("site_down",), hazard=(0.5, 0.9), changes=("area_outage",),
          cell={"unavailable_s": (1500.0, 3000.0)}, role="mo", before_h=(0.2, 0.7), lasts_h=(0.3, 0.6)),
    Fault("all-planned-work", "access", "cell", ("site_down",), hazard=(0.5, 0.9), changes=("planned_cell",),
          cell={"unavailable_s": (1500.0, 3000.0)}, role="mo", before_h=(0.2, 0.7), lasts_h=(0.4, 1.0)),
    Fault("all-planned-work", "registration", "node", ("reg_silent_sbc",), "registration", node_type="sbc",
          hazard=(0.3, 0.7), changes=("planned_node",), node={"users_lost": (0.1, 0.3)}, before_h=(0.2, 0.5),
          lasts_h=(0.4, 0.8)),
    Fault("all-ticket-incomplete", "any", "none", record="none", text="incomplete", weight=1.5),
    Fault("all-out-of-scope", "other", "none", record="none", text="out_of_scope", weight=2.0),
    Fault("cannot_tell", "any", "none", record="none", text="no_record", weight=2.0),
    Fault("no_fault", "registration", "none", ("",), "registration", text="good", weight=1.5),
    Fault("no_fault", "access", "none", ("",), text="good", weight=1.5),
    Fault("no_fault", "drop", "none", ("",), text="good", weight=0.5),
    Fault("no_fault", "mos", "none", ("",), text="good", weight=1.5),
)
