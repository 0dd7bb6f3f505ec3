"""Inventory, alarm, change and ticket-volume tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from callcause.simulator.faults.incident import Incident
from callcause.simulator.period import Period
from callcause.simulator.subscribers import Population
from callcause.simulator.tables import frame
from callcause.simulator.topology import Network

Row = dict[str, Any]
HARMLESS = (
    ("door open", "environmentalAlarm"),
    ("fan speed high", "equipmentAlarm"),
    ("licence expires soon", "processingErrorAlarm"),
    ("battery test overdue", "environmentalAlarm"),
)


def cell_table(network: Network, period: Period) -> pl.DataFrame:
    """Record `cell`; a few elements are known by their LDN alone."""
    columns = dict(network.cells)
    dn = columns["managed_element_dn"].copy()
    dn[(network.site % 11 == 5) & (columns["vendor"] == "VendorA")] = None
    columns["managed_element_dn"] = dn
    return frame(columns, period)


def neighbour_table(network: Network, period: Period) -> pl.DataFrame:
    """Record `neighbour`."""
    return frame({k: v for k, v in network.neighbours.items() if k not in ("source", "target")}, period)


def node_table(network: Network) -> pl.DataFrame:
    """Record `node`."""
    return pl.DataFrame(
        [
            {
                "node_id": n.node_id,
                "node_type": n.node_type,
                "names": ";".join(n.names),
                "pool": n.pool or None,
                "region": n.region,
                "vendor": n.vendor,
                "version": n.version,
                "lacs": ";".join(map(str, n.lacs)) or None,
            }
            for n in network.nodes
        ],
        infer_schema_length=None,
    )


def subscriber_table(people: Population, period: Period) -> pl.DataFrame:
    """Record `subscriber`."""
    return frame(people.columns, period)


def model_table(people: Population, period: Period) -> pl.DataFrame:
    """Record `device_model`."""
    return frame(people.models, period)


def volume_table(network: Network, per_day: float) -> pl.DataFrame:
    """Record `ticket_volume`: the `per_day` tickets of the region, shared out to its parts."""
    keys: dict[str, list[str]] = {
        "cell": [str(ecgi) for ecgi in network.cells["ecgi"]],
        "site": [str(enb) for enb in np.unique(network.cells["enb_id"])],
        "tac": [str(tac) for tac in np.unique(network.cells["tac"])],
        "scscf": [network.nodes[n].node_id for n in network.of_type("scscf")],
        "region": sorted(set(network.regions)),
    }
    rows = [
        {"key_type": kind, "key": key, "tickets_per_day": round(per_day / len(members), 4)}
        for kind, members in keys.items()
        for key in members
    ]
    return pl.DataFrame(rows)


def _alarm(number: int, obj: str, kind: str, raised: float, cleared: float, problem: str, **more: Any) -> Row:
    row: Row = {
        "id": f"AL-{77000 + number}",
        "alarm_type": "equipmentAlarm",
        "perceived_severity": "minor",
        "probable_cause": "equipment malfunction",
        "specific_problem": problem,
        "alarmed_object": obj,
        "alarmed_object_type": kind,
        "raised_at": raised,
        "cleared_at": cleared,
        "service_affecting": False,
        "planned_outage": "inService",
    }
    return row | more


ALARM_TYPES = {"scscf": "cscf", "icscf": "cscf", "pcscf": "cscf"}


def _incident_alarms(incident: Incident, network: Network, number: int) -> list[Row]:
    cell = incident.cell
    rows: list[Row] = []
    for alarm in incident.fault.alarms:
        obj, kind = str(network.cells["ecgi"][cell]), "cell"
        if alarm.on in ("enb", "link"):
            obj = f"ENB-{network.cells['enb_id'][cell]}"
            kind = "enb" if alarm.on == "enb" else "transport_link"
        elif alarm.on == "node":
            node = network.nodes[incident.node]
            obj, kind = node.names[1], ALARM_TYPES.get(node.node_type, node.node_type)
        rows.append(
            _alarm(
                number + len(rows),
                obj,
                kind,
                incident.start,
                incident.end,
                alarm.problem,
                alarm_type=alarm.kind,
                perceived_severity=alarm.severity,
                probable_cause=alarm.probable,
                service_affecting=alarm.service_affecting,
            )
        )
    if "area_outage" in incident.fault.changes:
        rows += _area_outage(incident, network, number)
    return rows


def _area_outage(incident: Incident, network: Network, number: int) -> list[Row]:
    """Power fails at the site and, one after the other, at those around it."""
    near = network.neighbours
    ring = near["target"][(near["source"] == incident.cell) & (near["target_rat"] == "EUTRAN")]
    sites = sorted({int(network.cells["enb_id"][c]) for c in [incident.cell, *ring]})
    return [
        _alarm(
            number + i,
            f"ENB-{enb}",
            "enb",
            incident.start + 40.0 * i,
            incident.end,
            "power failure",
            alarm_type="environmentalAlarm",
            perceived_severity="critical",
            probable_cause="power supply failure",
            service_affecting=True,
        )
        for i, enb in enumerate(sites)
    ]


def alarm_table(
    incidents: list[Incident], network: Network, period: Period, rng: np.random.Generator
) -> pl.DataFrame:
    """Alarms that faults raise, and the everyday ones that affect nobody."""
    rows: list[Row] = []
    for incident in incidents:
        rows += _incident_alarms(incident, network, len(rows))
    for _ in range(max(12, network.size // 4)):
        rows.append(_harmless_alarm(len(rows), network, period, rng))
    for _ in range(3):
        rows.append(_cured_alarm(len(rows), network, period, rng))
    return _table(rows, period)


def _harmless_alarm(number: int, network: Network, period: Period, rng: np.random.Generator) -> Row:
    problem, kind = HARMLESS[int(rng.integers(0, len(HARMLESS)))]
    raised = float(rng.uniform(0, period.seconds))
    enb = network.cells["enb_id"][int(rng.integers(0, network.size))]
    cleared = raised + float(rng.uniform(600, 90_000))
    told = {"perceived_severity": "warning", "probable_cause": "threshold crossed", "alarm_type": kind}
    return _alarm(number, f"ENB-{enb}", "enb", raised, cleared, problem, **told)


def _cured_alarm(number: int, network: Network, period: Period, rng: np.random.Generator) -> Row:
    """Return a grave alarm that was cured long before the complaints."""
    raised = float(rng.uniform(0, max(1.0, period.seconds - 3 * 86400)))
    ecgi = str(network.cells["ecgi"][int(rng.integers(0, network.size))])
    told = {"perceived_severity": "major", "service_affecting": True}
    return _alarm(number, ecgi, "cell", raised, raised + 1500.0, "cell out of service", **told)


def _table(rows: list[Row], period: Period) -> pl.DataFrame:
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row.get(name) for row in rows]
        if isinstance(values[0], float):
            columns[name] = np.array([np.nan if v is None else v for v in values])
        else:
            columns[name] = np.array(values, dtype=object)
    return frame(columns, period)


def _change(number: int, title: str, kind: str, start: float, end: float, objects: str, **more: Any) -> Row:
    row: Row = {
        "id": f"CR-202403-{number:03d}",
        "title": title,
        "change_type": kind,
        "planned_start": start,
        "planned_end": end,
        "actual_start": start + 120.0,
        "actual_end": end - 60.0,
        "impacted_objects": objects,
        "service_affecting": False,
        "notice_sent": True,
        "status": "done",
    }
    return row | more


def change_table(
    incidents: list[Incident], network: Network, period: Period, rng: np.random.Generator
) -> pl.DataFrame:
    """Planned work that stopped service, and changes that were harmless, cancelled or never approved."""
    rows: list[Row] = []
    cells = network.cells["ecgi"]
    for incident in incidents:
        work = [c for c in incident.fault.changes if c.startswith("planned_")]
        if work:
            on_cell, node = work[0] == "planned_cell", network.nodes[incident.node]
            rows.append(
                _cut_over(len(rows), incident, str(cells[incident.cell]) if on_cell else node.node_id)
            )
    for status in ("cancelled", "planned", "done", "done", "cancelled", "planned"):
        for _ in range(max(2, network.size // 120)):
            start = float(rng.uniform(period.last_work_s, period.seconds - 7200))
            target = str(cells[int(rng.integers(0, len(cells)))])
            end = start + float(rng.uniform(3600, 14400))
            rows.append(_harmless_change(len(rows), status, start, end, target))
    return _table(rows, period)


def _cut_over(number: int, incident: Incident, target: str) -> Row:
    """Return the planned work that is the fault of an incident."""
    planned, end = incident.start - 120.0, incident.end
    told = {"service_affecting": True, "actual_start": incident.start, "actual_end": end}
    return _change(number, "cut-over", "cutover", planned, end, target, **told)


def _harmless_change(number: int, status: str, start: float, end: float, target: str) -> Row:
    """Return a change that touched nobody: an audit that ran, or an upgrade that never did."""
    ran = status == "done"
    title, kind = ("parameter audit", "parameter") if ran else ("software upgrade", "upgrade")
    ran_from, ran_to = (start + 300.0, start + 3300.0) if ran else (np.nan, np.nan)
    told = {"service_affecting": not ran, "actual_start": ran_from, "actual_end": ran_to, "status": status}
    return _change(number, title, kind, start, end, target, **told)
