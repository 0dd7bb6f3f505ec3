"""The network overview: complaints, verdicts, cells beyond limit, network KPIs."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards.category import REGION
from dashboards.grafana.kpi_panels import kpis_of, limited_titles, network_panel
from dashboards.grafana.spec import WORST_LINK, Board, Link, Panel, Query, Row, Title, page_link

ENTITIES = ("cell", "gsm_cell", "node")


def board(catalogue: Catalogue) -> Board:
    """Build the overview."""
    return Board(
        "network",
        Title("Network overview", "全网概览"),
        (
            Row(Title("Now", "当前"), _now()),
            Row(Title("Beyond limit", "超限"), _beyond(catalogue)),
            Row(
                Title("Network KPIs", "全网指标"),
                tuple(network_panel(k) for k in kpis_of(catalogue, None, ("network",))),
            ),
        ),
        variables=(REGION,),
    )


def _stat(title: Title, expr: str, about: Title, link: Link, unit: str = "short") -> Panel:
    query = (Query(expr, instant=True),)
    return Panel(title, query, about, kind="stat", unit=unit, width=4, height=4, links=(link,))


def _now() -> tuple[Panel, ...]:
    return (
        _stat(
            Title("Open tickets", "未归档工单"),
            "sum(callcause_tickets)",
            Title("Tickets that are not closed.", "尚未归档的工单数。"),
            page_link("Queue", "工单队列", "tickets"),
        ),
        _stat(
            Title("Overdue", "超时工单"),
            "sum(callcause_tickets_overdue)",
            Title("Open tickets past the end of a clock.", "已超过时限的在途工单数。"),
            page_link("Overdue tickets", "超时工单", "tickets?overdue=1"),
        ),
        _stat(
            Title("Open clusters", "投诉聚集"),
            "sum(callcause_clusters_open)",
            Title("What more tickets share than chance explains.", "超出偶然水平的投诉聚集数。"),
            page_link("Incidents", "聚类事件", "incidents"),
        ),
        _stat(
            Title("Early warnings", "预警"),
            "sum(callcause_warnings)",
            Title("Early warnings that are not recovered.", "尚未恢复的投诉预警数。"),
            page_link("Early warnings", "预警", "warnings"),
        ),
        _stat(
            Title("Alarms", "告警"),
            "sum(callcause_network_alarms_active)",
            Title("Alarms of the network that are not cleared.", "尚未清除的网络告警数。"),
            page_link("Map", "地图", "map"),
        ),
        _stat(
            Title("Sources up", "数据源正常率"),
            "avg(callcause_collector_up)",
            Title("Share of targets whose last run succeeded.", "最近一次采集成功的目标占比。"),
            page_link("Collectors", "采集", "collectors"),
            "percentunit",
        ),
    )


def _beyond(catalogue: Catalogue) -> tuple[Panel, ...]:
    over = 'sort_desc(topk(15, sum by (kpi) (callcause_kpi_entities_over_limit{region=~"$region"})))'
    lasting = 'sort_desc(topk(15, sum by (kpi) (callcause_kpi_entities_persistent{region=~"$region"})))'
    return (
        Panel(
            Title("Beyond limit by KPI", "各指标超限数"),
            (Query(over, "{{kpi}}", instant=True),),
            Title(
                "Cells and nodes beyond the limit of a KPI in its newest full hour; the 15 KPIs with most.",
                "最近整点小时内各指标超限的小区和网元数，前15项。",
            ),
            kind="bargauge",
            links=(WORST_LINK,),
            names=limited_titles(catalogue, *ENTITIES),
        ),
        Panel(
            Title("Five hours or more", "连续五小时以上"),
            (Query(lasting, "{{kpi}}", instant=True),),
            Title(
                "Worst cells: beyond the limit five hours in a row or longer, each hour with enough samples.",
                "质差小区：连续五小时及以上超出门限且每小时样本充足。",
            ),
            kind="bargauge",
            links=(WORST_LINK,),
            names=limited_titles(catalogue, *ENTITIES),
        ),
    )
