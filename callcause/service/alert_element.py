"""What an alert is about: a cell, a node or a region, told by its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import polars as pl

from callcause.service.settings import AlertSettings
from collectors.store import Store
from dashboards.exposition.survey import regions_of
from diagnosis.serving import node_name

ElementKind = Literal["cell", "node", "region", "network"]
ECGI = r"^\d{3}-\d{2,3}-\d{1,9}-\d{1,3}$"
SHARED = {"cell": "cell", "ring": "cell", "node": "node"}
"""What the entity of our alert of mass complaints is, by the key that its tickets share."""
FALLBACK = "instance"
"""Label that Prometheus sets by itself: used where it names a known node."""


@dataclass(frozen=True, slots=True, order=True)
class Element:
    """One element at the moment when its alert began. `known` tells whether the inventory has it."""

    kind: ElementKind
    id: str
    region: str | None
    at: datetime
    alert: str
    category: str | None
    kpi: str | None
    known: bool

    @property
    def area(self) -> str:
        """The element and its region, for people."""
        return f"{self.id} ({self.region})" if self.region and self.region != self.id else self.id


class Inventory:
    """Names of cells and nodes, as one store has them now."""

    def __init__(self, store: Store) -> None:
        cells = store.records("cell").select("ecgi", "cell_name").collect()
        nodes = store.records("node").select("node_id", "names").collect()
        self._cells = dict(cells.drop_nulls().select("cell_name", "ecgi").iter_rows())
        self._cells |= {ecgi: ecgi for ecgi in cells["ecgi"].to_list()}
        self._nodes = _aliases(nodes)
        regions = regions_of(store)
        self._regions: dict[str, str] = {
            entity: region for entity, region in regions.select("entity", "region").iter_rows() if region
        }

    def cell(self, text: str) -> str | None:
        """ECGI of a cell by ECGI or name."""
        return self._cells.get(text)

    def node(self, text: str) -> str | None:
        """Id of a node by any of its names."""
        return self._nodes.get(comparable(text))

    def region(self, entity: str) -> str | None:
        """Region of a cell or node."""
        return self._regions.get(entity)


def comparable(text: str) -> str:
    """Return the form in which names of nodes are compared."""
    frame = pl.DataFrame({"name": [text]}, schema={"name": pl.String})
    return str(frame.select(node_name(pl.col("name"))).item() or "")


def element_of(
    labels: Mapping[str, str], at: datetime, inventory: Inventory, settings: AlertSettings
) -> Element:
    """Return what an alert is about; the whole network where no label names anything."""
    kind, name, known = _place(labels, inventory, settings)
    region = inventory.region(name) or _first(labels, settings.region_labels)
    return Element(
        kind,
        name,
        name if kind == "region" else region,
        at,
        labels.get("alertname", "alert"),
        _first(labels, settings.category_labels),
        labels.get("kpi"),
        known,
    )


def distinct(elements: Iterable[Element]) -> list[Element]:
    """One of each element, at its earliest alert."""
    first: dict[tuple[str, str], Element] = {}
    for element in sorted(elements, key=lambda e: (e.at, e.kind, e.id, e.alert)):
        first.setdefault((element.kind, element.id), element)
    return list(first.values())


def _place(
    labels: Mapping[str, str], inventory: Inventory, settings: AlertSettings
) -> tuple[ElementKind, str, bool]:
    entity, scope = labels.get(settings.entity_label), labels.get(settings.scope_label, "")
    shared = SHARED.get(labels.get("key", ""), "")
    cell = _first(labels, settings.cell_labels) or (entity if "cell" in scope or shared == "cell" else None)
    if cell:
        found = inventory.cell(cell)
        return "cell", found or cell, found is not None
    node = _first(labels, settings.node_labels) or (entity if "node" in (scope, shared) else None)
    if node:
        found = inventory.node(node)
        return "node", found or node, found is not None
    region = _first(labels, settings.region_labels)
    if region:
        return "region", region, True
    instance = inventory.node(labels.get(FALLBACK, ""))
    return ("node", instance, True) if instance else ("network", "network", True)


def _first(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)


def _aliases(nodes: pl.DataFrame) -> dict[str, str]:
    own = nodes.select("node_id", name="node_id")
    named = nodes.explode("names").select("node_id", name="names")
    both = pl.concat([named, own]).drop_nulls().with_columns(alias=node_name(pl.col("name")))
    both = both.filter(pl.col("alias").str.len_chars() > 0).sort("alias", "node_id")
    return dict(
        both.unique("alias", keep="first", maintain_order=True).select("alias", "node_id").iter_rows()
    )
