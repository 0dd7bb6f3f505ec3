"""The network overview: complaints, verdicts, cells beyond limit, network KPIs."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards.category import REGION
from dashboards.grafana.kpi_panels import kpis_of, network_panel
from dashboards.grafana.spec import Board, Panel, Query, Row, Title


def board(catalogue: Catalogue) -> Board:
    """Build the overview."""
    return Board(
        "network",
        Title("Network overview", "全网概览"),
        (
            Row(Title("Now", "当前"), _now()),
            Row(Title("Beyond limit", "超限"), _beyond()),
            Row(
                Title("Network KPIs", "全网指标"),
                tuple(network_panel(k) for k in kpis_of(catalogue, None, ("network",))),
            ),
        ),
        variables=(REGION,),
    )


def _stat(title: Title, expr: str, unit: str = "short") -> Panel:
    return Panel(title, (Query(expr, instant=True),), kind="stat", unit=unit, width=4, height=4)


def _now() -> tuple[Panel, ...]:
    return (
        _stat(Title("Open tickets", "未归档工单"), "sum(callcause_tickets)"),
        _stat(Title("Overdue", "超时工单"), "sum(callcause_tickets_overdue)"),
        _stat(Title("Open clusters", "投诉聚集"), "sum(callcause_clusters_open)"),
        _stat(Title("Early warnings", "预警"), "sum(callcause_warnings)"),
        _stat(Title("Alarms", "告警"), "sum(callcause_network_alarms_active)"),
        _stat(Title("Sources up", "数据源正常率"), "avg(callcause_collector_up)", "percentunit"),
    )


def _beyond() -> tuple[Panel, ...]:
    over = 'sort_desc(topk(15, sum by (kpi) (callcause_kpi_entities_over_limit{region=~"$region"})))'
    lasting = 'sort_desc(topk(15, sum by (kpi) (callcause_kpi_entities_persistent{region=~"$region"})))'
    return (
        Panel(
            Title("Beyond limit by KPI", "各指标超限数"),
            (Query(over, "{{kpi}}", instant=True),),
            kind="bargauge",
        ),
        Panel(
            Title("Five hours or more", "连续五小时以上"),
            (Query(lasting, "{{kpi}}", instant=True),),
            kind="bargauge",
        ),
    )
