"""One cell against its baseline. The variable lists the exposed cells; any other opens on the web page."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.kpi_panels import baseline_panel, kpis_of
from dashboards.grafana.spec import WEB, Board, Link, Panel, Query, Row, Title, Variable

CELL = Variable(
    "cell",
    Title("Cell", "小区"),
    'label_values(callcause_kpi_period_end_timestamp_seconds{scope="cell"}, entity)',
    multi=False,
)


def board(catalogue: Catalogue) -> Board:
    """Build the board of one cell."""
    panels = tuple(baseline_panel(kpi) for kpi in kpis_of(catalogue, None, ("cell",)))
    return Board(
        "cell",
        Title("One cell", "单小区"),
        (
            Row(Title("Against the baseline", "与基线相比"), (_deviation(), _lasting())),
            Row(Title("KPIs", "指标"), panels),
        ),
        variables=(CELL,),
        links=(Link(Title("This cell on the web page", "小区网页"), f"{WEB}/ui/cells/$cell"),),
    )


def _deviation() -> Panel:
    return Panel(
        Title("Robust z", "稳健Z值"),
        (Query('callcause_kpi_robust_z{entity="$cell"}', "{{kpi}}"),),
        links=(Link(Title("Open the cell", "打开小区页"), f"{WEB}/ui/cells/$cell?at=${{__value.time}}"),),
    )


def _lasting() -> Panel:
    return Panel(
        Title("Time beyond limit in a day", "一天内超限时长"),
        (Query('callcause_kpi_over_limit_seconds{entity="$cell"}', "{{kpi}}"),),
        unit="s",
    )
