"""Tickets, clocks and departments; early warning; model quality."""

from __future__ import annotations

from dashboards.grafana.spec import TICKET_LINK, Board, Panel, Query, Row, Title


def boards() -> list[Board]:
    """Build the three boards."""
    return [_tickets(), _warnings(), _quality()]


def _tickets() -> Board:
    return Board(
        "tickets",
        Title("Tickets, clocks and departments", "工单、时限与部门"),
        (Row(Title("Open", "未归档"), _open()), Row(Title("Closed", "已归档"), _closed())),
    )


def _open() -> tuple[Panel, ...]:
    return (
        Panel(Title("By state", "按状态"), (Query("sum by (state) (callcause_tickets)", "{{state}}"),)),
        Panel(
            Title("By department", "按部门"),
            (Query("sum by (department) (callcause_tickets)", "{{department}}"),),
        ),
        Panel(
            Title("Overdue by clock", "按时限超时"),
            (Query("sum by (clock) (callcause_tickets_overdue)", "{{clock}}"),),
        ),
        Panel(
            Title("Oldest ticket", "最早工单"),
            (Query("callcause_ticket_oldest_age_seconds", "{{department}}"),),
            unit="s",
        ),
        Panel(
            Title("Most urgent", "最紧急"),
            (Query("callcause_ticket_info", instant=True),),
            kind="table",
            width=24,
            links=(TICKET_LINK,),
        ),
    )


def _closed() -> tuple[Panel, ...]:
    timely = (
        'sum by (department) (increase(callcause_tickets_closed_total{timely="true"}[7d]))'
        " / sum by (department) (increase(callcause_tickets_closed_total[7d]))"
    )
    handed = "sum by (outcome) (increase(callcause_ticket_handoffs_total[1d]))"
    return (
        Panel(
            Title("Timely-handling rate, 7 days", "处理及时率（7天）"),
            (Query(timely, "{{department}}"),),
            unit="percentunit",
            bound=0.9,
            worse="below",
        ),
        Panel(Title("Hand-offs in a day", "每天转派"), (Query(handed, "{{outcome}}"),)),
    )


def _warnings() -> Board:
    return Board(
        "warnings",
        Title("Early warning", "投诉信息预警"),
        (
            Row(
                Title("Warnings", "预警"),
                (
                    Panel(
                        Title("By state", "按状态"),
                        (Query("sum by (state) (callcause_warnings)", "{{state}}"),),
                    ),
                    Panel(
                        Title("By type and region", "按类型与区域"),
                        (Query("sum by (type, region) (callcause_warnings)", "{{type}} {{region}}"),),
                    ),
                    Panel(
                        Title("Complaints in five minutes", "五分钟投诉数"),
                        (Query("sum by (region) (callcause_complaints_recent)", "{{region}}"),),
                        width=24,
                    ),
                ),
            ),
        ),
    )


def _quality() -> Board:
    return Board(
        "quality",
        Title("Model quality", "模型质量"),
        (
            Row(
                Title("Against confirmed causes", "与确认原因相比"),
                (
                    Panel(
                        Title("Calibration error", "校准误差"),
                        (Query("callcause_calibration_error_ratio", "{{category}}"),),
                        unit="percentunit",
                        bound=0.1,
                    ),
                    Panel(
                        Title("Precision by runbook", "各手册准确率"),
                        (Query("callcause_runbook_precision_ratio", "{{runbook}}"),),
                        unit="percentunit",
                    ),
                    Panel(
                        Title("Least precise causes", "准确率最低的原因"),
                        (
                            Query(
                                "sort(bottomk(20, callcause_cause_precision_ratio))",
                                "{{cause}}",
                                instant=True,
                            ),
                        ),
                        kind="bargauge",
                        unit="percentunit",
                    ),
                    Panel(
                        Title("Closed with a confirmed cause", "已确认原因的工单"),
                        (Query("callcause_feedback_tickets", "{{category}}"),),
                    ),
                ),
            ),
            Row(Title("What follows from it", "后续影响"), _consequences()),
        ),
    )


def _consequences() -> tuple[Panel, ...]:
    """Show what only advises because its precision is under the floor, and whether remedies helped."""
    runbooks = Query("callcause_runbook_advisory", "{{runbook}}", instant=True)
    causes = Query("sort_desc(topk(20, callcause_cause_advisory))", "{{cause}}", instant=True)
    return (
        Panel(Title("Runbooks that only advise", "仅供参考的手册"), (runbooks,), kind="bargauge"),
        Panel(Title("Causes that only advise", "仅供参考的原因"), (causes,), kind="bargauge"),
        Panel(
            Title("Remedies by effect", "处理效果"),
            (Query("sum by (outcome) (callcause_remedies)", "{{outcome}}"),),
        ),
    )
