"""One cell against its baseline. The variable lists the exposed cells; any other opens on the web page."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.kpi_panels import baseline_panel, kpis_of, limited_titles, title_of
from dashboards.grafana.spec import WEB, WORST_LINK, Board, Link, Panel, Query, Row, Title, Variable

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
            Row(Title("Against the baseline", "与基线相比"), (_deviation(catalogue), _lasting(catalogue))),
            Row(Title("KPIs", "指标"), panels),
        ),
        variables=(CELL,),
        links=(Link(Title("This cell on the web page", "小区网页"), f"{WEB}/ui/cells/$cell?at=${{__to}}"),),
    )


def _deviation(catalogue: Catalogue) -> Panel:
    return Panel(
        Title("Robust z", "稳健Z值"),
        (Query('callcause_kpi_robust_z{entity="$cell"}', "{{kpi}}"),),
        Title(
            "How far each KPI stands from the same hour of the weeks before, in robust standard deviations;"
            " beyond 3 it is unusual.",
            "各指标与前几周同一小时相比的偏离程度（稳健标准差倍数）；绝对值超过3为异常。",
        ),
        links=(Link(Title("Open the cell", "打开小区页"), f"{WEB}/ui/cells/$cell?at=${{__value.time}}"),),
        names={k.id: title_of(k) for k in kpis_of(catalogue, None, ("cell",))},
    )


def _lasting(catalogue: Catalogue) -> Panel:
    return Panel(
        Title("Time beyond limit in a day", "一天内超限时长"),
        (Query('callcause_kpi_over_limit_seconds{entity="$cell"}', "{{kpi}}"),),
        Title(
            "Time of the last 24 hours in which a KPI was beyond its limit with enough samples.",
            "过去24小时内样本充足且超出门限的时长。",
        ),
        unit="s",
        links=(WORST_LINK,),
        names=limited_titles(catalogue, "cell"),
    )
