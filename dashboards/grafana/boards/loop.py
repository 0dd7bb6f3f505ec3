"""Tickets, clocks and departments; early warning; model quality."""

from __future__ import annotations

from dashboards.grafana.boards.complaints import most_urgent
from dashboards.grafana.kpi_panels import cause_titles
from dashboards.grafana.spec import DEPARTMENT_LINK, WEB, Board, Link, Panel, Query, Row, Title, page_link

_RUNBOOK = Link(Title("Open the runbook", "打开排查手册"), f"{WEB}/ui/runbooks/${{__field.labels.runbook}}")
_CAUSE = Link(Title("Open the cause", "打开原因页"), f"{WEB}/ui/runbooks/${{__field.labels.cause}}")
_STATE = Link(Title("Its tickets", "该状态的工单"), f"{WEB}/ui/tickets?state=${{__field.labels.state}}")


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
        Panel(
            Title("By state", "按状态"),
            (Query("sum by (state) (callcause_tickets)", "{{state}}"),),
            Title("Open tickets by where they are in their life.", "在途工单数，按状态。"),
            links=(_STATE,),
        ),
        Panel(
            Title("By department", "按部门"),
            (Query("sum by (department) (callcause_tickets)", "{{department}}"),),
            Title("Open tickets by the department that has them.", "在途工单数，按当前部门。"),
            links=(DEPARTMENT_LINK,),
        ),
        Panel(
            Title("Overdue by clock", "按时限超时"),
            (Query("sum by (clock) (callcause_tickets_overdue)", "{{clock}}"),),
            Title("Open tickets past the end of a clock.", "已超过时限的在途工单数，按时限类型。"),
            links=(page_link("Overdue tickets", "超时工单", "tickets?overdue=1"),),
        ),
        Panel(
            Title("Oldest ticket", "最早工单"),
            (Query("callcause_ticket_oldest_age_seconds", "{{department}}"),),
            Title("Age of the oldest open ticket of each department.", "各部门最早在途工单的时长。"),
            unit="s",
            links=(DEPARTMENT_LINK,),
        ),
        most_urgent(width=24),
    )


def _closed() -> tuple[Panel, ...]:
    timely = (
        'sum by (department) (increase(callcause_tickets_closed_total{timely="true"}[7d]))'
        " / sum by (department) (increase(callcause_tickets_closed_total[7d]))"
    )
    handed = "sum by (outcome) (increase(callcause_ticket_handoffs_total[1d]))"
    reports = page_link("Reports", "报表", "reports")
    return (
        Panel(
            Title("Timely-handling rate, 7 days", "处理及时率（7天）"),
            (Query(timely, "{{department}}"),),
            Title(
                "Share of the tickets closed in the last 7 days that were closed in time; the goal is 90 %.",
                "过去7天归档工单中按时处理的占比；目标90%。",
            ),
            unit="percentunit",
            bound=0.9,
            worse="below",
            links=(reports,),
        ),
        Panel(
            Title("Hand-offs in a day", "每天转派"),
            (Query(handed, "{{outcome}}"),),
            Title(
                "Times that a ticket went from one department to another in the last 24 hours, by outcome.",
                "过去24小时部门间转派次数，按结果。",
            ),
            links=(reports,),
        ),
    )


def _warnings() -> Board:
    review = page_link("Review", "审核预警", "warnings")
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
                        Title(
                            "Early warnings that are not recovered, by state.", "尚未恢复的预警数，按状态。"
                        ),
                        links=(review,),
                    ),
                    Panel(
                        Title("By type and region", "按类型与区域"),
                        (Query("sum by (type, region) (callcause_warnings)", "{{type}} {{region}}"),),
                        Title(
                            "Early warnings by the kind of complaint and the region that they are about.",
                            "预警数，按投诉类型和区域。",
                        ),
                        links=(review,),
                    ),
                    Panel(
                        Title("Complaints in five minutes", "五分钟投诉数"),
                        (Query("sum by (region) (callcause_complaints_recent)", "{{region}}"),),
                        Title(
                            "Complaints that came in the last whole five minutes; ten of a region"
                            " and category raise an alert.",
                            "最近一个完整五分钟内的投诉数；同一区域同类达到10件即告警。",
                        ),
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
            Row(Title("Against confirmed causes", "与确认原因相比"), (*_calibration(), *_precision())),
            Row(Title("What follows from it", "后续影响"), _consequences()),
        ),
    )


def _calibration() -> tuple[Panel, ...]:
    return (
        Panel(
            Title("Calibration error", "校准误差"),
            (Query("callcause_calibration_error_ratio", "{{category}}"),),
            Title(
                "Mean distance between the probability that was told and how often it was right, over closed"
                " tickets; beyond 10 % an alert fires.",
                "已归档工单中给出的概率与实际正确率的平均差距；超过10%告警。",
            ),
            unit="percentunit",
            bound=0.1,
        ),
        Panel(
            Title("Closed with a confirmed cause", "已确认原因的工单"),
            (Query("callcause_feedback_tickets", "{{category}}"),),
            Title(
                "Closed tickets whose cause was confirmed: what all other figures here rest on.",
                "已确认原因的归档工单数，是本页其他指标的依据。",
            ),
        ),
    )


def _precision() -> tuple[Panel, ...]:
    least = Query("sort(bottomk(20, callcause_cause_precision_ratio))", "{{cause}}", instant=True)
    return (
        Panel(
            Title("Precision by runbook", "各手册准确率"),
            (Query("callcause_runbook_precision_ratio", "{{runbook}}"),),
            Title(
                "Share of the closed tickets of a runbook whose confirmed cause was the first named.",
                "各手册归档工单中确认原因即首要原因的占比。",
            ),
            unit="percentunit",
            links=(_RUNBOOK,),
        ),
        Panel(
            Title("Least precise causes", "准确率最低的原因"),
            (least,),
            Title(
                "Share of the times that a cause was named first and was confirmed; the 20 lowest.",
                "各原因被列为首要原因后得到确认的占比，最低20项。",
            ),
            kind="bargauge",
            unit="percentunit",
            links=(_CAUSE,),
            names=cause_titles(),
        ),
    )


def _consequences() -> tuple[Panel, ...]:
    """Show what only advises because its precision is under the floor, and whether remedies helped."""
    runbooks = Query("callcause_runbook_advisory", "{{runbook}}", instant=True)
    causes = Query("sort_desc(topk(20, callcause_cause_advisory))", "{{cause}}", instant=True)
    return (
        Panel(
            Title("Runbooks that only advise", "仅供参考的手册"),
            (runbooks,),
            Title(
                "1 = right too seldom: its tickets are not dispatched by themselves. 0 = trusted.",
                "1表示准确率过低，不自动派单；0表示可信。",
            ),
            kind="bargauge",
            links=(_RUNBOOK,),
        ),
        Panel(
            Title("Causes that only advise", "仅供参考的原因"),
            (causes,),
            Title(
                "1 = right too seldom: tickets with it first are not dispatched by themselves. 0 = trusted.",
                "1表示准确率过低，以其为首要原因的工单不自动派单；0表示可信。",
            ),
            kind="bargauge",
            links=(_CAUSE,),
            names=cause_titles(),
        ),
        Panel(
            Title("Remedies by effect", "处理效果"),
            (Query("sum by (outcome) (callcause_remedies)", "{{outcome}}"),),
            Title(
                "Remedied tickets by what the checks that had failed say afterwards.",
                "已处理工单按处理后原失败检查项的结果分类。",
            ),
        ),
    )
