"""Panels made from the KPI catalogue: names, units and limits stand there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.model import Kpi
from dashboards.exposition.split_values import FAMILY as SPLIT_FAMILY
from dashboards.exposition.split_values import known_by_split
from dashboards.exposition.survey import alarm_limits, limited
from dashboards.exposition.units import baseline_family, exposed_unit, value_family
from dashboards.grafana.spec import CELL_LINK, WORST_LINK, Panel, Query, Title
from runbooks.loader import load_runbooks

_GRAFANA_UNIT = {
    "ratio": "percentunit",
    "seconds": "s",
    "dbm": "dBm",
    "decibels": "dB",
}


def title_of(kpi: Kpi) -> Title:
    """Return the name of a KPI in both languages."""
    return Title(kpi.name.en, kpi.name.zh)


def limited_titles(catalogue: Catalogue, *scopes: str) -> dict[str, Title]:
    """Names in words of the KPIs that have a limit, by id, for legends that tell KPIs apart."""
    return {kpi.id: title_of(kpi) for kpi in limited(catalogue) if kpi.scope in scopes}


@lru_cache
def cause_titles(category: str | None = None) -> Mapping[str, Title]:
    """Names in words of causes, by id: those of a category and of all, or every cause."""
    wanted = ("all", category) if category else None
    causes = load_runbooks().causes.values()
    return {c.id: Title(c.title.en, c.title.zh) for c in causes if wanted is None or c.category in wanted}


def kpis_of(catalogue: Catalogue, category: str | None, scopes: Iterable[str]) -> list[Kpi]:
    """KPIs of a complaint category (None = all) and of some scopes, in the order of the catalogue."""
    wanted = set(scopes)
    every = [catalogue.kpi(kpi) for kpi in catalogue.ids()]
    return [
        k for k in every if k.scope in wanted and (category is None or category in k.categories) and not k.of
    ]


def worst_cells_panel(kpi: Kpi) -> Panel:
    """Draw the exposed cells that are worst in a KPI, with the limit; a series opens its cell."""
    function = "bottomk" if kpi.better == "up" else "topk"
    family = value_family(kpi.unit)
    query = Query(f'{function}(10, {family}{{kpi="{kpi.id}", region=~"$region"}})', "{{entity}}")
    return _panel(kpi, query)


def node_panel(kpi: Kpi) -> Panel:
    """Draw a KPI of every node."""
    query = Query(f'{value_family(kpi.unit)}{{kpi="{kpi.id}", region=~"$region"}}', "{{entity}}")
    return _panel(kpi, query)


def network_panel(kpi: Kpi) -> Panel:
    """Draw a KPI of the network; of a mix the share of each code."""
    if known_by_split(kpi):
        return _panel(kpi, Query(f'{SPLIT_FAMILY}{{kpi="{kpi.id}"}}', "{{split}}"))
    return _panel(kpi, Query(f'{value_family(kpi.unit)}{{kpi="{kpi.id}"}}', "{{entity}}"))


def baseline_panel(kpi: Kpi, entity: str = "$cell") -> Panel:
    """Draw a KPI of one entity against its baseline of the same hour of week."""
    selector = f'{{kpi="{kpi.id}", entity="{entity}"}}'
    queries = (
        Query(value_family(kpi.unit) + selector, "{{entity}}"),
        Query(baseline_family(kpi.unit) + selector, "baseline · 基线"),
    )
    return _panel(kpi, *queries, width=8, height=7)


def over_limit_panel(catalogue: Catalogue, category: str) -> Panel:
    """Count the entities beyond the limit of each KPI of a category, over all entities of the store."""
    kpis = [k for k in kpis_of(catalogue, category, ("cell", "gsm_cell", "node")) if alarm_limits(k)]
    ids = "|".join(k.id for k in kpis)
    query = Query(
        f'sum by (kpi) (callcause_kpi_entities_over_limit{{kpi=~"{ids}", region=~"$region"}})', "{{kpi}}"
    )
    return Panel(
        Title("Cells and nodes beyond limit", "超限小区与网元数"),
        (query,),
        Title(
            "Cells and nodes beyond the limit of a KPI in its newest full hour, with enough samples; all are"
            " counted, not only those with series.",
            "最近整点小时内样本充足且超出门限的小区和网元数；统计全部小区和网元。",
        ),
        width=24,
        links=(WORST_LINK,),
        names={k.id: title_of(k) for k in kpis},
    )


def _panel(kpi: Kpi, *queries: Query, width: int = 12, height: int = 8) -> Panel:
    exposed = exposed_unit(kpi.unit)
    limits = alarm_limits(kpi)
    worse = "below" if limits and limits[0].op.startswith("<") else "above"
    return Panel(
        title_of(kpi),
        queries,
        _about(kpi),
        unit=_GRAFANA_UNIT.get(exposed.suffix, "short"),
        width=width,
        height=height,
        links=(CELL_LINK,) if kpi.scope in ("cell", "gsm_cell") else (),
        bound=limits[0].limit * exposed.factor if limits else None,
        worse="below" if worse == "below" else "above",
    )


def _about(kpi: Kpi) -> Title:
    """Tell id, unit, limit with its origin, and the fewest samples of a KPI."""
    limits = alarm_limits(kpi)
    told = ", ".join(f"{one.op} {one.limit:g} {kpi.unit}" for one in limits)
    en, zh = [f"KPI {kpi.id} in {kpi.unit}"], [f"指标{kpi.id}，单位{kpi.unit}"]
    if limits:
        en.append(f"alarm where {told} ({kpi.limit_origin})")
        zh.append(f"告警门限：{told}（{kpi.limit_origin}）")
    if kpi.min_samples:
        en.append(f"shown from {kpi.min_samples} samples on")
        zh.append(f"样本数不少于{kpi.min_samples}时显示")
    return Title("; ".join(en) + ".", "；".join(zh) + "。")
