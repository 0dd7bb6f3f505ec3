"""What a board is, before it is JSON.

Panels with queries, titles in English and Chinese, links to the web page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PanelKind = Literal["timeseries", "stat", "table", "bargauge"]
WEB = "${web}"
"""Variable of every board: the address of callcause's web page."""


@dataclass(frozen=True, slots=True)
class Title:
    """A title in both languages."""

    en: str
    zh: str

    def __str__(self) -> str:
        """Both, as a board shows it."""
        return f"{self.en} · {self.zh}"


@dataclass(frozen=True, slots=True)
class Query:
    """One PromQL query; `legend` as Grafana formats it; `instant` for tables and single numbers."""

    expr: str
    legend: str = ""
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A drill-down from a series; the address may use `${__field.labels.x}` and `${__value.time}`.

    In a table, whose labels are columns, the document asks for the column of that name instead.
    """

    title: Title
    url: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    `unit` is an id of Grafana, `width` of 24 columns, `bound` a limit drawn as a threshold line.

    `description` says what is counted and over which time; `worse`: on which side of the bound it is bad.

    `names`: in words what a legend, or the column of a table, shows as an id.
    """

    title: Title
    queries: tuple[Query, ...]
    description: Title
    kind: PanelKind = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    links: tuple[Link, ...] = ()
    names: Mapping[str, Title] = field(default_factory=dict)
    bound: float | None = None
    worse: Literal["above", "below"] = "above"


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable filled by a label of a metric; `multi` lets several be chosen."""

    name: str
    title: Title
    query: str
    multi: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: Title
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: uid and file name `callcause-<name>`. `links` stand at its top, for the time it shows."""

    name: str
    title: Title
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    links: tuple[Link, ...] = field(default=())

    @property
    def uid(self) -> str:
        """Stable uid, so that links and updates find the board."""
        return f"callcause-{self.name}"

    def queries(self) -> list[str]:
        """Every PromQL query of every panel."""
        return [q.expr for row in self.rows for panel in row.panels for q in panel.queries]


CELL_LINK = Link(
    Title("Open the cell", "打开小区页"), f"{WEB}/ui/cells/${{__field.labels.entity}}?at=${{__value.time}}"
)
TICKET_LINK = Link(Title("Open the ticket", "打开工单页"), f"{WEB}/ui/tickets/${{__field.labels.ticket}}")
CAUSE_LINK = Link(
    Title("Tickets of this cause", "该原因的工单"), f"{WEB}/ui/tickets?cause=${{__field.labels.cause}}"
)
WORST_LINK = Link(
    Title("Worst cells of this KPI at that hour", "该时刻该指标的最差小区"),
    f"{WEB}/ui/worst?kpi=${{__field.labels.kpi}}&at=${{__value.time}}",
)
DEPARTMENT_LINK = Link(
    Title("Its tickets", "该部门的工单"), f"{WEB}/ui/tickets?holder=${{__field.labels.department}}"
)


def page_link(en: str, zh: str, path: str) -> Link:
    """Link a panel to a page that is about all that it shows."""
    return Link(Title(en, zh), f"{WEB}/ui/{path}")
