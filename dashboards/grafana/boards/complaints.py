"""Complaints and diagnoses."""

from __future__ import annotations

from dashboards.grafana.kpi_panels import cause_titles
from dashboards.grafana.spec import (
    CAUSE_LINK,
    DEPARTMENT_LINK,
    TICKET_LINK,
    Board,
    Panel,
    Query,
    Row,
    Title,
    page_link,
)


def board() -> Board:
    """Build the board."""
    return Board(
        "complaints",
        Title("Complaints and diagnoses", "投诉与诊断"),
        (
            Row(Title("Complaints", "投诉"), _complaints()),
            Row(Title("Diagnoses", "诊断"), (*_verdicts(), *_whom())),
            Row(Title("Alerts", "告警通知"), _alerts()),
        ),
    )


def most_urgent(width: int = 12) -> Panel:
    """List the open tickets of the highest priority; a row opens its ticket."""
    return Panel(
        Title("Most urgent tickets", "最紧急工单"),
        (Query("callcause_ticket_info", instant=True),),
        Title(
            "Open tickets of the highest priority, with their first cause and the department that has them.",
            "优先级最高的在途工单及其首要原因和当前部门。",
        ),
        kind="table",
        width=width,
        links=(TICKET_LINK,),
    )


def _complaints() -> tuple[Panel, ...]:
    recent = "sum by (category) (callcause_complaints_recent)"
    received = "sum by (channel) (increase(callcause_tickets_received_total[1h]))"
    return (
        Panel(
            Title("In five minutes", "五分钟投诉数"),
            (Query(recent, "{{category}}"),),
            Title(
                "Complaints that came in the last whole five minutes, by category.",
                "最近一个完整五分钟内的投诉数，按类别。",
            ),
        ),
        Panel(
            Title("In an hour, by channel", "每小时各渠道投诉"),
            (Query(received, "{{channel}}"),),
            Title(
                "Tickets taken in during the hour before, by the channel they came through.",
                "过去一小时受理的工单数，按渠道。",
            ),
        ),
        Panel(
            Title("Clusters", "投诉聚集"),
            (Query("sort_desc(callcause_cluster_tickets)", "{{key}} {{entity}}", instant=True),),
            Title(
                "Tickets of each open cluster: they share a cell, node, phone or work, more than by chance.",
                "各投诉聚集的工单数：集中于同一小区、网元、终端或割接，超出偶然水平。",
            ),
            kind="bargauge",
            links=(page_link("Incidents", "聚类事件", "incidents"),),
        ),
        most_urgent(),
    )


def _verdicts() -> tuple[Panel, ...]:
    by_verdict = "sum by (category, verdict) (increase(callcause_verdicts_total[1h]))"
    by_cause = 'topk(20, sum by (cause) (increase(callcause_verdicts_total{verdict="cause"}[24h])))'
    return (
        Panel(
            Title("Verdicts in an hour", "每小时结论"),
            (Query(by_verdict, "{{category}} {{verdict}}"),),
            Title(
                "Diagnoses of the hour before by category: cause found, no network fault, or cannot tell.",
                "过去一小时的诊断数，按类别和结论（查明原因、非网络故障、无法判断）。",
            ),
        ),
        Panel(
            Title("Causes of a day", "一天的原因"),
            (Query(by_cause, "{{cause}}", instant=True),),
            Title(
                "First causes of the diagnoses of the last 24 hours; the 20 with most.",
                "过去24小时诊断的首要原因，前20项。",
            ),
            kind="bargauge",
            links=(CAUSE_LINK,),
            names=cause_titles(),
        ),
    )


def _whom() -> tuple[Panel, ...]:
    by_department = "sum by (department) (increase(callcause_verdicts_total[24h]))"
    return (
        Panel(
            Title("Departments of a day", "一天的部门"),
            (Query(by_department, "{{department}}", instant=True),),
            Title(
                "Departments that the diagnoses of the last 24 hours name.",
                "过去24小时诊断给出的责任部门。",
            ),
            kind="bargauge",
            links=(DEPARTMENT_LINK,),
        ),
        Panel(
            Title("Delay of the diagnosis", "诊断时延"),
            (Query("callcause_diagnosis_delay_seconds", "{{statistic}}"),),
            Title(
                "Time from the intake of a ticket to its verdict, of the newest diagnoses.",
                "最近诊断从受理到给出结论的时间。",
            ),
            unit="s",
        ),
    )


def _alerts() -> tuple[Panel, ...]:
    """Show alerts that other systems sent, and what was behind them."""
    taken = "sum by (status) (increase(callcause_alerts_total[1h]))"
    page = page_link("Alerts", "告警", "alerts")
    return (
        Panel(
            Title("Firing by region", "各区域活动告警"),
            (Query("callcause_alerts_active", "{{region}}"),),
            Title("Alerts of Alertmanager that fire now.", "当前活动的告警数（来自Alertmanager）。"),
            links=(page,),
        ),
        Panel(
            Title("Taken in during an hour", "每小时接收数"),
            (Query(taken, "{{status}}"),),
            Title(
                "Alerts that Alertmanager sent in the hour before: firing and resolved.",
                "过去一小时接收的告警数：触发与恢复。",
            ),
            links=(page,),
        ),
        Panel(
            Title("Answers", "告警诊断"),
            (Query("callcause_alert_diagnosis_info", instant=True),),
            Title(
                "What callcause answered to each alert that fires: area, first cause, department, verdict.",
                "对每个活动告警的诊断：范围、首要原因、责任部门和结论。",
            ),
            kind="table",
            width=24,
            links=(CAUSE_LINK, page),
        ),
    )
