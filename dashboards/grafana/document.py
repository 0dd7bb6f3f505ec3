"""A board as the JSON document that Grafana imports, built by its foundation SDK (release line 11.6)."""

from __future__ import annotations

import json
from typing import Any

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as boards
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.grafana.spec import Board, Link, Panel, Query, Title, Variable

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")
_BUILDERS: dict[str, Any] = {
    "timeseries": timeseries.Panel,
    "stat": stat.Panel,
    "table": table.Panel,
    "bargauge": bargauge.Panel,
}
_EVENTS = (
    (Title("Planned work", "割接"), "callcause_planned_work_active > 0", "blue", "{{change}}"),
    (
        Title("Alarms", "告警"),
        'callcause_network_alarms_active{severity="critical"} > 0',
        "red",
        "{{entity}}",
    ),
    (Title("Incidents", "故障"), "callcause_cluster_tickets > 0", "orange", "{{key}} {{entity}}"),
)
_NOISE = ("Time", "Value", "__name__", "instance", "job")
_LABELS_ONLY = models.DataTransformerConfig(
    id_val="organize", options={"excludeByName": dict.fromkeys(_NOISE, True)}
)
"""A table lists things by their labels: what Prometheus adds to each of them says nothing."""


def document(board: Board, web: str = "http://127.0.0.1:8470") -> dict[str, Any]:
    """Build the JSON object; `web` is the address of the web page until the viewer sets another."""
    made = _frame(board, web)
    for variable in board.variables:
        made.with_variable(_variable(variable))
    for title, _, colour, _ in _EVENTS:
        made.annotation(
            boards.AnnotationQuery().name(str(title)).datasource(SOURCE).enable(True).icon_color(colour)
        )
    for row in board.rows:
        made.with_row(boards.Row(str(row.title)))
        for panel in row.panels:
            made.with_panel(_panel(panel))
    found: dict[str, Any] = json.loads(json.dumps(made.build(), cls=JSONEncoder))
    for number, one in enumerate(found["panels"], 1):
        one["id"] = number
    _complete(found)
    return found


def _frame(board: Board, web: str) -> boards.Dashboard:
    """Start a board: its names, times, links and the variables that every board has."""
    made = (
        boards.Dashboard(str(board.title))
        .uid(board.uid)
        .tags(["callcause"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .editable()
        .with_variable(boards.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .with_variable(boards.ConstantVariable("web").label("callcause").value(web))
        .link(
            boards.DashboardLink("callcause")
            .type(models.DashboardLinkType.LINK)
            .url("${web}/ui")
            .icon("external link")
        )
        .link(
            boards.DashboardLink("Boards · 看板")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(["callcause"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    for link in board.links:
        made.link(_link(link))
    return made


def _complete(found: dict[str, Any]) -> None:
    """Set what the SDK cannot: queries of annotations; `auto`, which only interval variables have, goes.

    Grafana's Prometheus plugin reads `target`, `titleFormat` and `textFormat` of an annotation.
    """
    for one, (title, expr, _, text_format) in zip(found["annotations"]["list"], _EVENTS, strict=True):
        one["target"] = {"expr": expr, "refId": "Anno"}
        one |= {"titleFormat": str(title), "textFormat": text_format}
    for variable in found["templating"]["list"]:
        for name in ("auto", "auto_count", "auto_min"):
            variable.pop(name, None)


def text(board: Board) -> str:
    """Write the document the same way every time."""
    return json.dumps(document(board), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _variable(variable: Variable) -> boards.QueryVariable:
    made = (
        boards.QueryVariable(variable.name)
        .label(str(variable.title))
        .datasource(SOURCE)
        .query({"query": variable.query, "refId": variable.name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(variable.multi)
        .include_all(variable.multi)
    )
    return made.all_value(".*") if variable.multi else made


def _panel(panel: Panel) -> Any:
    made = (
        _BUILDERS[panel.kind]()
        .title(str(panel.title))
        .description(f"{panel.description.en}\n\n{panel.description.zh}")
        .datasource(SOURCE)
        .unit(panel.unit)
        .span(panel.width)
        .height(panel.height)
    )
    is_table = panel.kind == "table"
    for number, query in enumerate(panel.queries):
        made.with_target(_query(query, chr(ord("A") + number), is_table))
    if panel.links:
        made.data_links([_link(link, panel.kind) for link in panel.links])
    for name, title in panel.names.items():
        made.override_by_name(name, [models.DynamicConfigValue("displayName", str(title))])
    if is_table:
        made.with_transformation(_LABELS_ONLY)
    if panel.bound is not None:
        made.thresholds(_threshold(panel.bound, panel.worse))
    if panel.kind == "timeseries":
        made.fill_opacity(8).line_width(1)
    return made


def _query(query: Query, ref: str, as_table: bool) -> prom.Dataquery:
    made = prom.Dataquery().expr(query.expr).ref_id(ref).datasource(SOURCE).legend_format(query.legend)
    made = made.instant() if query.instant else made.range()
    return made.format(PromQueryFormat.TABLE) if as_table else made


def _link(link: Link, kind: str = "timeseries") -> boards.DashboardLink:
    """Make a link as this kind of panel can fill it in.

    In a table the labels are columns of the row; a single number has no time of its own, the board has.
    """
    url = link.url.replace("__field.labels.", "__data.fields.") if kind == "table" else link.url
    if kind != "timeseries":
        url = url.replace("${__value.time}", "${__to}")
    return (
        boards.DashboardLink(str(link.title)).type(models.DashboardLinkType.LINK).url(url).target_blank(True)
    )


def _threshold(bound: float, worse: str) -> boards.ThresholdsConfig:
    low, high = ("green", "red") if worse == "above" else ("red", "green")
    steps = [models.Threshold(value=None, color=low), models.Threshold(value=bound, color=high)]
    return boards.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
