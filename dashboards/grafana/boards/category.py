"""One board per complaint category: cells, nodes, network, and the complaints of that category."""

from __future__ import annotations

from collections.abc import Callable

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.model import Kpi
from dashboards.exposition.survey import alarm_limits
from dashboards.grafana.kpi_panels import (
    cause_titles,
    kpis_of,
    network_panel,
    node_panel,
    over_limit_panel,
    worst_cells_panel,
)
from dashboards.grafana.spec import CAUSE_LINK, Board, Panel, Query, Row, Title, Variable, page_link

REGION = Variable("region", Title("Region", "区域"), "label_values(callcause_kpi_entities_judged, region)")
CATEGORIES = {
    "registration": Title("VoLTE registration", "VoLTE注册"),
    "access": Title("VoLTE access", "VoLTE接入"),
    "drop": Title("Call drop and eSRVCC", "掉话与eSRVCC"),
    "mos": Title("Voice quality", "语音质量"),
    "csfb": Title("CSFB fallback", "CSFB回落"),
}


def boards(catalogue: Catalogue) -> list[Board]:
    """Build the five boards."""
    return [board(catalogue, name) for name in CATEGORIES]


def board(catalogue: Catalogue, category: str) -> Board:
    """Build the board of one category."""
    return Board(
        category,
        CATEGORIES[category],
        (
            Row(Title("Complaints", "投诉"), complaint_panels(category)),
            Row(Title("Beyond limit", "超限"), (over_limit_panel(catalogue, category),)),
            Row(Title("Network", "全网"), _panels(catalogue, category, ("network",), network_panel)),
            Row(Title("Nodes", "网元"), _panels(catalogue, category, ("node",), node_panel)),
            Row(
                Title("Worst cells", "质差小区"),
                _panels(catalogue, category, ("cell", "gsm_cell"), worst_cells_panel),
            ),
        ),
        variables=(REGION,),
    )


def complaint_panels(category: str) -> tuple[Panel, ...]:
    """Show how many complaints came, and what was behind them."""
    verdicts = f'callcause_verdicts_total{{category="{category}", verdict="cause"}}'
    recent = f'callcause_complaints_recent{{category="{category}", region=~"$region"}}'
    return (
        Panel(
            Title("Complaints in five minutes", "五分钟投诉数"),
            (Query(f"sum by (region) ({recent})", "{{region}}"),),
            Title(
                "Complaints of this category that came in the last whole five minutes, by region.",
                "最近一个完整五分钟内本类投诉数，按区域。",
            ),
            links=(page_link("Its open tickets", "本类在途工单", f"tickets?category={category}"),),
        ),
        Panel(
            Title("Causes found in an hour", "每小时诊断原因"),
            (Query(f"sum by (cause) (increase({verdicts}[1h]))", "{{cause}}"),),
            Title(
                "Diagnoses of the hour before that found a cause, by their first cause.",
                "过去一小时内查明原因的诊断数，按首要原因。",
            ),
            links=(CAUSE_LINK,),
            names=cause_titles(category),
        ),
    )


def _panels(
    catalogue: Catalogue, category: str, scopes: tuple[str, ...], make: Callable[[Kpi], Panel]
) -> tuple[Panel, ...]:
    ordered = sorted(kpis_of(catalogue, category, scopes), key=lambda k: not alarm_limits(k))
    return tuple(make(kpi) for kpi in ordered)
