"""IMS and EPC nodes."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards.category import REGION
from dashboards.grafana.kpi_panels import kpis_of, node_panel
from dashboards.grafana.spec import Board, Panel, Query, Row, Title


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
                    Panel(Title("Nodes beyond limit", "超限网元数"), (Query(beyond, "{{kpi}}"),)),
                    Panel(
                        Title("Causes and departments", "原因与部门"),
                        (Query(guilty, "{{cause}} → {{department}}"),),
                    ),
                ),
            ),
            Row(Title("KPIs", "指标"), tuple(node_panel(k) for k in kpis_of(catalogue, None, ("node",)))),
        ),
        variables=(REGION,),
    )
