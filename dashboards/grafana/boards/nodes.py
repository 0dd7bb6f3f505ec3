"""IMS and EPC nodes."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards.category import REGION
from dashboards.grafana.kpi_panels import kpis_of, limited_titles, node_panel
from dashboards.grafana.spec import DEPARTMENT_LINK, Board, Panel, Query, Row, Title


def board(catalogue: Catalogue) -> Board:
    """Build the board of the nodes."""
    beyond = 'sum by (kpi) (callcause_kpi_entities_over_limit{scope="node", region=~"$region"})'
    guilty = 'sum by (cause, department) (increase(callcause_verdicts_total{verdict="cause"}[1h]))'
    return Board(
        "nodes",
        Title("IMS nodes", "IMS网元"),
        (
            Row(
                Title("Now", "当前"),
                (
                    Panel(
                        Title("Nodes beyond limit", "超限网元数"),
                        (Query(beyond, "{{kpi}}"),),
                        Title(
                            "Nodes beyond the limit of a KPI in its newest full hour, with enough samples.",
                            "最近整点小时内样本充足且超出门限的网元数。",
                        ),
                        names=limited_titles(catalogue, "node"),
                    ),
                    Panel(
                        Title("Causes and departments", "原因与部门"),
                        (Query(guilty, "{{cause}} → {{department}}"),),
                        Title(
                            "Diagnoses of the hour before that found a cause, and who must act.",
                            "过去一小时内查明原因的诊断数及责任部门。",
                        ),
                        links=(DEPARTMENT_LINK,),
                    ),
                ),
            ),
            Row(Title("KPIs", "指标"), tuple(node_panel(k) for k in kpis_of(catalogue, None, ("node",)))),
        ),
        variables=(REGION,),
    )
