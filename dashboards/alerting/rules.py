"""Recording and alerting rules: severity, department, texts in both languages, a runbook address.

Rule files: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.model import Kpi
from dashboards.exposition.survey import alarm_limits, limited
from dashboards.exposition.units import exposed_unit, limit_family, value_family
from dashboards.grafana.spec import Title

Severity = Literal["critical", "warning", "info"]
Z_LIMIT = 3
"""Robust z from which a KPI is beyond its baseline, as in the worst-cell list (default-unverified)."""
PERSISTENT_S = 5 * 3600
"""Five hours in a row beyond the limit with more than 100 attempts each (S30)."""
DESK, OPERATION = "Front office", "Network operations centre"
_DEPARTMENTS = {
    "cell": "RAN optimisation",
    "gsm_cell": "RAN optimisation",
    "node": "IMS core",
    "network": OPERATION,
}
_EPC = {"mme", "sgw", "pgw", "pcrf"}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule. `scope` and `region` labels steer grouping and inhibition."""

    name: str
    expr: str
    severity: Severity
    department: str
    summary: Title
    description: Title
    runbook: str
    hold: str = "0m"
    scope: str = "service"
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self, web: str) -> dict[str, Any]:
        """Return the rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.hold,
            "labels": {
                "severity": self.severity,
                "department": self.department,
                "scope": self.scope,
                **self.labels,
            },
            "annotations": {
                "summary": self.summary.en,
                "summary_zh": self.summary.zh,
                "description": self.description.en,
                "description_zh": self.description.zh,
                "runbook_url": f"{web}/ui/runbooks/{self.runbook}",
            },
        }


def camel(kpi_id: str) -> str:
    """Turn a KPI id into the middle of an alert name: `erab_drop_ratio` gives `ErabDropRatio`."""
    return "".join(part.capitalize() for part in kpi_id.replace(".", "_").split("_"))


def kpi_alerts(catalogue: Catalogue) -> list[Alert]:
    """For every KPI with an alarm limit: beyond limit and baseline now, and beyond the limit for five hours.

    The exposition holds no value under its sample guard; the sample guard is asked again so that a rule read
    alone is safe.
    """
    found = []
    for kpi in limited(catalogue):
        found.append(_beyond(kpi))
        if kpi.scope in ("cell", "gsm_cell"):
            found.append(_lasting(kpi))
    return found


def _bad(kpi: Kpi) -> str:
    family, limit = value_family(kpi.unit), limit_family(kpi.unit)
    parts = [
        f'{family}{{kpi="{kpi.id}"}} {x.op} on (kpi) group_left () {limit}{{kpi="{kpi.id}", op="{x.op}"}}'
        for x in alarm_limits(kpi)
    ]
    return " or ".join(parts)


def _department(kpi: Kpi) -> str:
    """EPC nodes belong to another department than IMS nodes; the KPI says at which node it is read."""
    if kpi.scope == "node" and _EPC.intersection(kpi.read_at):
        return "EPC core"
    return _DEPARTMENTS[kpi.scope]


def _guarded(kpi: Kpi, expr: str) -> str:
    if not kpi.min_samples:
        return expr
    return f'({expr}) and callcause_kpi_samples{{kpi="{kpi.id}"}} >= {kpi.min_samples}'


def _beyond(kpi: Kpi) -> Alert:
    z = {"up": f"<= -{Z_LIMIT}", "down": f">= {Z_LIMIT}"}.get(kpi.better)
    drift = f'callcause_kpi_robust_z{{kpi="{kpi.id}"}}'
    judged = f"{drift} {z}" if z else f"abs({drift}) >= {Z_LIMIT}"
    limits = ", ".join(f"{x.op} {x.limit:g} {kpi.unit}" for x in alarm_limits(kpi))
    name_en, name_zh = kpi.name.en, kpi.name.zh
    return Alert(
        f"Callcause{camel(kpi.id)}",
        f"({_guarded(kpi, _bad(kpi))}) and {judged}",
        "critical" if kpi.scope == "network" else "warning",
        _department(kpi),
        Title(f"{name_en} of {{{{ $labels.entity }}}} is bad", f"{{{{ $labels.entity }}}} 的{name_zh}异常"),
        Title(
            f"{reading(kpi)} is beyond the limit ({limits}) and the baseline of the same hour of week.",
            f"当前值 {reading(kpi)}，超出门限（{limits}），且偏离同期基线。",
        ),
        kpi.categories[0],
        hold="5m",
        scope=kpi.scope,
        labels={"kpi": kpi.id, "category": kpi.categories[0]},
    )


def reading(kpi: Kpi) -> str:
    """Return the template that writes the value of a KPI with its unit, to be read beside its limit."""
    suffix = exposed_unit(kpi.unit).suffix
    written = {"ratio": "humanizePercentage", "seconds": "humanizeDuration"}.get(suffix)
    return f"{{{{ $value | {written} }}}}" if written else f"{{{{ $value | humanize }}}} {kpi.unit}"


def _lasting(kpi: Kpi) -> Alert:
    return Alert(
        f"Callcause{camel(kpi.id)}Lasting",
        f'callcause_kpi_over_limit_unbroken_seconds{{kpi="{kpi.id}"}} >= {PERSISTENT_S}',
        "warning",
        _department(kpi),
        Title(
            f"Worst cell: {kpi.name.en} of {{{{ $labels.entity }}}}",
            f"质差小区：{{{{ $labels.entity }}}} 的{kpi.name.zh}",
        ),
        Title(
            "Five hours in a row beyond the limit, each with more than 100 attempts.",
            "连续五小时超出门限，且每小时尝试次数均超过100次。",
        ),
        kpi.categories[0],
        scope=kpi.scope,
        labels={"kpi": kpi.id, "category": kpi.categories[0]},
    )


def loop_alerts() -> list[Alert]:
    """Mass complaints, early warning, overdue tickets, calibration drift."""
    return [*_many_complaints(), *_late_or_wrong()]


def _many_complaints() -> list[Alert]:
    return [
        Alert(
            "CallcauseMassComplaints",
            "callcause_cluster_tickets >= 5",
            "critical",
            OPERATION,
            Title(
                "Mass complaints on {{ $labels.key }} {{ $labels.entity }}",
                "{{ $labels.entity }} 出现集中投诉",
            ),
            Title(
                "{{ $value }} open tickets share it, more than chance.",
                "{{ $value }} 张未归档工单集中于此，超出偶然水平。",
            ),
            "all",
            scope="network",
        ),
        Alert(
            "CallcauseComplaintBurst",
            "callcause_complaints_recent >= 10",
            "critical",
            DESK,
            Title(
                "Burst of {{ $labels.category }} complaints in {{ $labels.region }}",
                "{{ $labels.region }} 区域 {{ $labels.category }} 类投诉突增",
            ),
            Title("{{ $value }} complaints in five minutes.", "五分钟内 {{ $value }} 起投诉。"),
            "all",
            scope="network",
        ),
        Alert(
            "CallcauseEarlyWarning",
            'sum by (type, region) (callcause_warnings{state=~"raised|published"}) > 0',
            "warning",
            DESK,
            Title(
                "Early warning: {{ $labels.type }} in {{ $labels.region }}",
                "投诉预警：{{ $labels.region }} {{ $labels.type }}",
            ),
            Title(
                "The complaint volume is above base value, coefficient and protection value.",
                "投诉量超过基数值、系数与保护值之和。",
            ),
            "all",
            scope="network",
        ),
    ]


def _late_or_wrong() -> list[Alert]:
    return [
        Alert(
            "CallcauseTicketsOverdue",
            # The label `department` is whom the alert is for: who holds the tickets needs another one.
            "label_replace(sum by (clock, department, region) (callcause_tickets_overdue),"
            ' "holder", "$1", "department", "(.*)") > 0',
            "warning",
            DESK,
            Title("Overdue tickets at {{ $labels.holder }}", "{{ $labels.holder }} 存在超时工单"),
            Title(
                "{{ $value }} tickets are past the {{ $labels.clock }} clock.",
                "{{ $value }} 张工单超过 {{ $labels.clock }} 时限。",
            ),
            "all",
            hold="5m",
        ),
        Alert(
            "CallcauseCalibrationDrift",
            "callcause_calibration_error_ratio > 0.1 and on (category) callcause_feedback_tickets >= 100",
            "warning",
            OPERATION,
            Title(
                "Probabilities of {{ $labels.category }} have drifted",
                "{{ $labels.category }} 类概率校准漂移",
            ),
            Title(
                "The calibration error over closed tickets is {{ $value | humanizePercentage }}.",
                "已归档工单的校准误差为 {{ $value | humanizePercentage }}。",
            ),
            "all",
            hold="1h",
        ),
    ]


def service_alerts() -> list[Alert]:
    """Silent source, missing periods, ingest lag, dropped series."""
    return [*_silent(), *_behind()]


def _silent() -> list[Alert]:
    return [
        Alert(
            "CallcauseSourceSilent",
            "callcause_collector_up == 0",
            "warning",
            OPERATION,
            Title(
                "{{ $labels.source }}: {{ $labels.target }} is silent",
                "数据源 {{ $labels.source }} 的 {{ $labels.target }} 无响应",
            ),
            Title(
                "No run on the target succeeds; checks that need it end in NO_DATA.",
                "采集持续失败，依赖它的检查结果为无数据。",
            ),
            "all",
            hold="10m",
        ),
        Alert(
            "CallcausePeriodsMissing",
            "callcause_missing_periods > 0",
            "warning",
            OPERATION,
            Title("{{ $labels.element }} delivers no PM periods", "{{ $labels.element }} 缺少性能数据"),
            Title("{{ $value }} periods are missing.", "缺少 {{ $value }} 个周期。"),
            "all",
            hold="5m",
        ),
    ]


def _behind() -> list[Alert]:
    return [
        Alert(
            "CallcauseIngestLag",
            'callcause_ingest_lag_seconds{kind=~"cell_kpi|node_kpi|counters"} > 7200',
            "warning",
            OPERATION,
            Title("KPIs lag behind", "指标入库延迟"),
            Title(
                "The newest {{ $labels.kind }} row is {{ $value | humanizeDuration }} old.",
                "最新 {{ $labels.kind }} 数据距今 {{ $value | humanizeDuration }}。",
            ),
            "all",
            hold="15m",
        ),
        Alert(
            "CallcauseSeriesDropped",
            "sum(callcause_dropped_series) > 0",
            "info",
            OPERATION,
            Title("Series fall over the budget", "监控序列超出预算"),
            Title("{{ $value }} series are left out of /metrics.", "有 {{ $value }} 条序列未输出。"),
            "all",
            hold="15m",
        ),
    ]


def recordings() -> list[dict[str, str]]:
    """Give the recording rules that boards and alerts read."""
    timely = (
        'sum by (department) (increase(callcause_tickets_closed_total{timely="true"}[7d]))'
        " / sum by (department) (increase(callcause_tickets_closed_total[7d]))"
    )
    return [
        {"record": "department:callcause_timely_handling:ratio_7d", "expr": timely},
        {
            "record": "category:callcause_verdicts:increase_1h",
            "expr": "sum by (category, verdict) (increase(callcause_verdicts_total[1h]))",
        },
        {
            "record": "kpi:callcause_kpi_entities_over_limit:ratio",
            "expr": "sum by (kpi, scope) (callcause_kpi_entities_over_limit)"
            " / sum by (kpi, scope) (callcause_kpi_entities_judged)",
        },
        {
            "record": "source:callcause_collector_up:avg",
            "expr": "avg by (kind, source) (callcause_collector_up)",
        },
    ]


def alerts(catalogue: Catalogue) -> list[Alert]:
    """Return every alerting rule."""
    return [*kpi_alerts(catalogue), *loop_alerts(), *service_alerts()]


def rule_file(catalogue: Catalogue, web: str = "http://127.0.0.1:8470") -> str:
    """Write the rule file; `web` is the address that the runbook links open."""
    groups = [
        {"name": "callcause recordings", "interval": "1m", "rules": recordings()},
        _group("callcause kpi", kpi_alerts(catalogue), web),
        _group("callcause tickets", loop_alerts(), web),
        _group("callcause service", service_alerts(), web),
    ]
    return yaml.safe_dump({"groups": groups}, sort_keys=False, allow_unicode=True, width=1000)


def _group(name: str, rules: Sequence[Alert], web: str) -> dict[str, Any]:
    return {"name": name, "interval": "1m", "rules": [rule.rule(web) for rule in rules]}
