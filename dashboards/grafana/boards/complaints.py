"""Complaints and diagnoses."""

from __future__ import annotations

from dashboards.grafana.spec import CAUSE_LINK, TICKET_LINK, Board, Panel, Query, Row, Title


def board() -> Board:
    """Build the board."""
    return Board(
        "complaints",
        Title("Complaints and diagnoses", "投诉与诊断"),
        (
            Row(Title("Complaints", "投诉"), _complaints()),
            Row(Title("Diagnoses", "诊断"), _diagnoses()),
            Row(Title("Alerts", "告警通知"), _alerts()),
        ),
    )


def _complaints() -> tuple[Panel, ...]:
    recent = "sum by (category) (callcause_complaints_recent)"
    received = "sum by (channel) (increase(callcause_tickets_received_total[1h]))"
    return (
        Panel(Title("In five minutes", "五分钟投诉数"), (Query(recent, "{{category}}"),)),
        Panel(Title("In an hour, by channel", "每小时各渠道投诉"), (Query(received, "{{channel}}"),)),
        Panel(
            Title("Clusters", "投诉聚集"),
            (Query("sort_desc(callcause_cluster_tickets)", "{{key}} {{entity}}", instant=True),),
            kind="bargauge",
        ),
        Panel(
            Title("Most urgent tickets", "最紧急工单"),
            (Query("callcause_ticket_info", instant=True),),
            kind="table",
            links=(TICKET_LINK,),
        ),
    )


def _diagnoses() -> tuple[Panel, ...]:
    by_verdict = "sum by (category, verdict) (increase(callcause_verdicts_total[1h]))"
    by_cause = 'topk(20, sum by (cause) (increase(callcause_verdicts_total{verdict="cause"}[24h])))'
    by_department = "sum by (department) (increase(callcause_verdicts_total[24h]))"
    return (
        Panel(Title("Verdicts in an hour", "每小时结论"), (Query(by_verdict, "{{category}} {{verdict}}"),)),
        Panel(
            Title("Causes of a day", "一天的原因"),
            (Query(by_cause, "{{cause}}", instant=True),),
            kind="bargauge",
            links=(CAUSE_LINK,),
        ),
        Panel(
            Title("Departments of a day", "一天的部门"),
            (Query(by_department, "{{department}}", instant=True),),
            kind="bargauge",
        ),
        Panel(
            Title("Delay of the diagnosis", "诊断时延"),
            (Query("callcause_diagnosis_delay_seconds", "{{statistic}}"),),
            unit="s",
        ),
    )


def _alerts() -> tuple[Panel, ...]:
    """Show alerts that other systems sent, and what was behind them."""
    taken = "sum by (status) (increase(callcause_alerts_total[1h]))"
    return (
        Panel(Title("Firing by region", "各区域活动告警"), (Query("callcause_alerts_active", "{{region}}"),)),
        Panel(Title("Taken in during an hour", "每小时接收数"), (Query(taken, "{{status}}"),)),
        Panel(
            Title("Answers", "告警诊断"),
            (Query("callcause_alert_diagnosis_info", instant=True),),
            kind="table",
            width=24,
            links=(CAUSE_LINK,),
        ),
    )
