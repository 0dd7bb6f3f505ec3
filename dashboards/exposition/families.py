"""Every metric family of callcause: name, type, help, labels. Boards and rules are checked against this list.

No label ever holds a subscriber identity. Counters keep their value over a restart of the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dashboards.exposition.units import UNITS, baseline_family, limit_family, value_family

KPI_LABELS = ("kpi", "scope", "entity", "region", "node_type")
Type = Literal["gauge", "counter", "info"]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family. A counter's name ends in `_total`, an info's in `_info`."""

    name: str
    type: Type
    help: str
    labels: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """The name as prometheus-client wants it: without the suffix of its type."""
        return self.name.removesuffix("_total").removesuffix("_info")


def _kpi_families() -> list[Family]:
    found: dict[str, Family] = {}
    for unit, exposed in UNITS.items():
        value, base = value_family(unit), baseline_family(unit)
        found[value] = Family(
            value, "gauge", f"Newest value of a KPI of the catalogue, {exposed.help}.", KPI_LABELS
        )
        found[base] = Family(
            base,
            "gauge",
            f"Median of the same hour of week over the weeks before, {exposed.help}.",
            KPI_LABELS,
        )
        limit = limit_family(unit)
        found[limit] = Family(limit, "gauge", f"Alarm limit of a KPI, {exposed.help}.", ("kpi", "op"))
    return list(found.values())


_KPI = (
    Family(
        "callcause_kpi_split_ratio",
        "gauge",
        "Newest share of one code in a KPI of the network that is known code by code, share from 0 to 1.",
        ("kpi", "split"),
    ),
    Family("callcause_kpi_samples", "gauge", "Samples behind the newest value of a KPI.", KPI_LABELS),
    Family(
        "callcause_kpi_robust_z", "gauge", "Robust z of the newest value against its baseline.", KPI_LABELS
    ),
    Family(
        "callcause_kpi_period_end_timestamp_seconds",
        "gauge",
        "End of the period that the newest KPI values of an entity belong to.",
        ("scope", "entity"),
    ),
    Family(
        "callcause_kpi_over_limit_seconds",
        "gauge",
        "Time of the last day in which a KPI was beyond its limit with enough samples.",
        KPI_LABELS,
    ),
    Family(
        "callcause_kpi_over_limit_unbroken_seconds",
        "gauge",
        "Time beyond the limit without a break up to now, each hour with over 100 attempts.",
        KPI_LABELS,
    ),
    Family(
        "callcause_kpi_entities_over_limit",
        "gauge",
        "Entities beyond the limit of a KPI in the newest full hour, over all entities of the store.",
        ("kpi", "scope", "region"),
    ),
    Family(
        "callcause_kpi_entities_judged",
        "gauge",
        "Entities with enough samples to be judged by a KPI in the newest full hour.",
        ("kpi", "scope", "region"),
    ),
    Family(
        "callcause_kpi_entities_persistent",
        "gauge",
        "Entities five or more hours in a row beyond the limit of a KPI (worst cells).",
        ("kpi", "scope", "region"),
    ),
    Family("callcause_kpi_survey_age_seconds", "gauge", "Age of the counts over all entities.", ()),
)

_TICKETS = (
    Family(
        "callcause_tickets",
        "gauge",
        "Tickets that are not closed, by state of their life.",
        ("state", "category", "department", "region"),
    ),
    Family("callcause_tickets_received_total", "counter", "Tickets taken in.", ("channel", "region")),
    Family(
        "callcause_verdicts_total",
        "counter",
        "Diagnoses by category, verdict, first cause and department.",
        ("category", "verdict", "cause", "department"),
    ),
    Family("callcause_tickets_waiting_for_diagnosis", "gauge", "Tickets taken in and not yet diagnosed.", ()),
    Family(
        "callcause_diagnosis_delay_seconds",
        "gauge",
        "Time from intake to verdict of the newest diagnoses: p50, p95, max.",
        ("statistic",),
    ),
    Family("callcause_alerts_total", "counter", "Alerts taken in, by status.", ("status",)),
    Family("callcause_alerts_active", "gauge", "Alerts that are firing.", ("region",)),
    Family(
        "callcause_alert_diagnosis_info",
        "info",
        "Answer to a firing alert: its area, first cause and department.",
        ("alert", "area", "cause", "department", "verdict"),
    ),
    Family(
        "callcause_notices_total",
        "counter",
        "Notices sent onward, by target and outcome.",
        ("target", "outcome"),
    ),
)

_EVENTS = (
    Family(
        "callcause_planned_work_active",
        "gauge",
        "Planned work in progress, from the change calendar.",
        ("change", "type", "region"),
    ),
    Family(
        "callcause_network_alarms_active",
        "gauge",
        "Alarms of the network that are not cleared.",
        ("severity", "entity", "region"),
    ),
    Family(
        "callcause_ticket_info",
        "info",
        "Open tickets of the highest priority, with their first cause.",
        ("ticket", "priority", "category", "cause", "department", "state"),
    ),
)

_LOOP = (
    Family(
        "callcause_tickets_overdue",
        "gauge",
        "Open tickets past the end of a clock.",
        ("clock", "department", "region"),
    ),
    Family(
        "callcause_ticket_oldest_age_seconds",
        "gauge",
        "Age of the oldest open ticket of a department.",
        ("department",),
    ),
    Family(
        "callcause_tickets_closed_total",
        "counter",
        "Tickets closed, in time or late.",
        ("category", "department", "timely"),
    ),
    Family("callcause_ticket_handoffs_total", "counter", "Hand-offs between departments.", ("outcome",)),
    Family(
        "callcause_clusters_open", "gauge", "Open clusters by what their tickets share.", ("key", "region")
    ),
    Family(
        "callcause_cluster_tickets",
        "gauge",
        "Tickets of an open cluster.",
        ("cluster", "key", "entity", "region"),
    ),
    Family(
        "callcause_complaints_recent",
        "gauge",
        "Complaints received in the last whole five minutes.",
        ("category", "region"),
    ),
    Family(
        "callcause_warnings", "gauge", "Early warnings that are not recovered.", ("state", "type", "region")
    ),
    Family(
        "callcause_runbook_precision_ratio",
        "gauge",
        "Share of closed tickets whose confirmed cause was the first one.",
        ("runbook",),
    ),
    Family(
        "callcause_cause_precision_ratio", "gauge", "Share of first causes that were confirmed.", ("cause",)
    ),
    Family(
        "callcause_runbook_advisory",
        "gauge",
        "Whether the precision of a runbook is under its floor: its verdicts only advise.",
        ("runbook",),
    ),
    Family(
        "callcause_cause_advisory",
        "gauge",
        "Whether the precision of a cause is under its floor: verdicts that name it first only advise.",
        ("cause",),
    ),
    Family(
        "callcause_remedies",
        "gauge",
        "Remedied tickets by what the checks that had failed say now: improved, not_improved, no_data, open.",
        ("outcome",),
    ),
    Family(
        "callcause_calibration_error_ratio",
        "gauge",
        "Expected calibration error over closed tickets.",
        ("category",),
    ),
    Family("callcause_feedback_tickets", "gauge", "Closed tickets with a confirmed cause.", ("category",)),
)

_SOURCE = ("kind", "source", "target")
_SERVICE = (
    Family("callcause_collector_up", "gauge", "Whether the last run on a target succeeded.", _SOURCE),
    Family("callcause_collector_last_run_duration_seconds", "gauge", "Duration of the last run.", _SOURCE),
    Family(
        "callcause_collector_last_success_timestamp_seconds",
        "gauge",
        "When a run on the target last succeeded.",
        _SOURCE,
    ),
    Family("callcause_collector_runs_total", "counter", "Runs by outcome.", (*_SOURCE, "outcome")),
    Family(
        "callcause_collector_overruns_total", "counter", "Runs skipped: the one before was not done.", _SOURCE
    ),
    Family(
        "callcause_collector_items_total",
        "counter",
        "What sources delivered, by the state it ended in.",
        ("kind", "source", "state"),
    ),
    Family(
        "callcause_records_total",
        "counter",
        "Rows handed to the store, by kind and state.",
        ("kind", "state"),
    ),
    Family("callcause_files", "gauge", "Files in the store's ledger, by state.", ("state",)),
    Family(
        "callcause_missing_periods",
        "gauge",
        "Periods that an element should have delivered and has not.",
        ("element",),
    ),
    Family(
        "callcause_ingest_lag_seconds", "gauge", "Age of the newest stored row of a record kind.", ("kind",)
    ),
    Family(
        "callcause_dropped_series", "gauge", "Series left out of this exposition by the budget.", ("family",)
    ),
    Family("callcause_series", "gauge", "Series in this exposition.", ()),
    Family(
        "callcause_build_info",
        "info",
        "Version of callcause and of its runbooks.",
        ("version", "runbook_version"),
    ),
)

FAMILIES: dict[str, Family] = {
    family.name: family for family in (*_SERVICE, *_TICKETS, *_EVENTS, *_LOOP, *_KPI, *_kpi_families())
}
"""All families by name, in the order in which the series budget is spent."""
