"""What each ticket may share with others: its cell, ring, tracking area, nodes, phone model, software, work.

All from the ticket, its diagnosis and the inventories of the store, for many tickets at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from callcause.loop.cluster import PAIRS
from collectors.store import Store
from diagnosis.places import told_place

_VOLUME_KEYS = {"cell": "cell", "tac": "tracking_area", "imei_tac": "device_model", "scscf": "node"}
WORK = ("approved", "planned", "in_progress", "done", "rolled_back")


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """A ticket as clusters need it: `record` and `contract` as stored."""

    id: str
    at: datetime
    record: Mapping[str, Any]
    contract: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Inventories:
    """Parts of the store: cells (ecgi, tac, software_version), ring (cell, centre), volumes, planned work."""

    cells: pl.DataFrame
    ring: pl.DataFrame
    usual: pl.DataFrame
    work: pl.DataFrame

    @classmethod
    def read(cls, store: Store) -> Inventories:
        """Read them as they are now."""
        cells = store.records("cell").select(
            pl.col("ecgi").alias("cell"),
            pl.col("tac").cast(pl.String).alias("tracking_area"),
            "software_version",
        )
        near = (
            store.records("neighbour")
            .filter(pl.col("is_first_ring"))
            .select(pl.col("source_ecgi").alias("cell"), pl.col("target_id").alias("centre"))
        )
        one_way = near.collect()
        back = one_way.select(pl.col("centre").alias("cell"), pl.col("cell").alias("centre"))
        known = cells.collect()
        own = known.select("cell", pl.col("cell").alias("centre"))
        ring = pl.concat([own, one_way, back]).unique().join(own.select("cell"), on="cell", how="semi")
        ring = ring.join(own.select("centre"), on="centre", how="semi")  # no ring around a cell of GSM
        volumes = store.records("ticket_volume").select(
            pl.col("key_type").cast(pl.String).replace_strict(_VOLUME_KEYS, default=None).alias("key"),
            pl.col("key").alias("entity"),
            pl.col("tickets_per_day").alias("per_day"),
        )
        usual = volumes.drop_nulls().collect()
        return cls(
            known, ring, pl.concat([usual, _of_rings(usual, ring), _of_areas(usual, known)]), _work(store)
        )


def _of_rings(usual: pl.DataFrame, ring: pl.DataFrame) -> pl.DataFrame:
    """Sum the volumes of the cells of each ring."""
    return _sums(usual, ring.select("cell", pl.col("centre").alias("entity")), "ring")


def _of_areas(usual: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
    """Sum the volumes of the cells of each tracking area and software version that has no volume itself."""
    found = []
    for key in ("tracking_area", "software_version"):
        made = _sums(usual, cells.select("cell", pl.col(key).alias("entity")).drop_nulls(), key)
        told = usual.filter(pl.col("key") == key).select("entity")
        found.append(made.join(told, on="entity", how="anti"))
    return pl.concat(found)


def _sums(usual: pl.DataFrame, members: pl.DataFrame, key: str) -> pl.DataFrame:
    cells = usual.filter(pl.col("key") == "cell").select(pl.col("entity").alias("cell"), "per_day")
    summed = members.join(cells, on="cell").group_by("entity").agg(pl.col("per_day").sum())
    return summed.select(pl.lit(key).alias("key"), "entity", "per_day").sort("entity")


def _work(store: Store) -> pl.DataFrame:
    """Planned work, one row for each thing that it touches: change, entity, start, end."""
    changes = store.records("change").filter(
        pl.col("status").is_null() | pl.col("status").cast(pl.String).is_in(WORK)
    )
    return (
        changes.select(
            pl.col("id").alias("change"),
            pl.col("impacted_objects").alias("entity"),
            pl.coalesce("actual_start", "planned_start").alias("start"),
            pl.coalesce("actual_end", "planned_end").alias("end"),
        )
        .explode("entity")
        .collect()
    )


def pairs(tickets: Sequence[Diagnosed], known: Inventories, after: timedelta) -> pl.DataFrame:
    """Return ticket_id, at, key, entity (PAIRS): everything that the tickets may share.

    `after`: how long after planned work a complaint is linked to it.
    """
    own = pl.DataFrame([_own(ticket) for ticket in tickets], schema=_OWN)
    rows = own.join(known.cells, on="cell", how="left")
    rows = rows.with_columns(pl.coalesce("told_area", "tracking_area").alias("tracking_area"))
    named = rows.select("ticket_id", "at", "cell", "tracking_area", "software_version", "device_model")
    plain = named.unpivot(index=["ticket_id", "at"], variable_name="key", value_name="entity").drop_nulls()
    named_by_checks = [
        rows.select("ticket_id", "at", pl.lit(key).alias("key"), pl.col(column).alias("entity"))
        .explode("entity")
        .drop_nulls()
        .cast({"entity": pl.String})
        for key, column in (("node", "nodes"), ("alarm", "alarms"), ("change", "changes"))
    ]
    ring = rows.join(known.ring, on="cell").select(
        "ticket_id", "at", pl.lit("ring").alias("key"), pl.col("centre").alias("entity")
    )
    both = pl.concat([plain.cast({"entity": pl.String}), *named_by_checks, ring])
    return (
        pl.concat([both, _linked(both, rows, known.work, after)])
        .unique()
        .select(list(PAIRS))
        .sort(list(PAIRS))
    )


def _linked(pairs: pl.DataFrame, rows: pl.DataFrame, work: pl.DataFrame, after: timedelta) -> pl.DataFrame:
    """Link tickets to planned work by what it touches and by time."""
    touched = pairs.filter(pl.col("key").is_in(["cell", "tracking_area", "node"]))
    met = touched.join(work, on="entity").join(rows.select("ticket_id", "occurred_at"), on="ticket_id")
    moment = pl.coalesce("occurred_at", "at")
    inside = met.filter(moment >= pl.col("start"), moment <= pl.col("end") + after)
    return inside.select("ticket_id", "at", pl.lit("change").alias("key"), pl.col("change").alias("entity"))


_OWN = {
    "ticket_id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "occurred_at": pl.Datetime("us", "UTC"),
    "cell": pl.String(),
    "told_area": pl.String(),
    "device_model": pl.String(),
    "nodes": pl.List(pl.String()),
    "alarms": pl.List(pl.String()),
    "changes": pl.List(pl.String()),
}


def _own(ticket: Diagnosed) -> dict[str, Any]:
    """Read what one ticket and its diagnosis name."""
    record, contract = ticket.record, ticket.contract or {}
    places = [told_place(str(check.get("at") or "")) for check in contract.get("checks", ())]
    cells = Counter(name for kind, name in places if kind == "cell" and name)
    nodes = {name for kind, name in places if kind == "node" and name}
    hits = [
        told_place(str(c.get("at") or "")) for c in contract.get("checks", ()) if c.get("outcome") == "HIT"
    ]
    guilty = contract.get("guilty_node") or {}
    if guilty.get("id"):
        nodes.add(str(guilty["id"]))
    cell = record.get("ecgi") or (min(cells, key=lambda c: (-cells[c], c)) if cells else None)
    occurred = record.get("occurred_at")
    return {
        "ticket_id": ticket.id,
        "at": ticket.at,
        "occurred_at": datetime.fromisoformat(occurred) if occurred else None,
        "cell": cell,
        "told_area": str(record["tac"]) if record.get("tac") is not None else None,
        "device_model": record.get("imei_tac"),
        "nodes": sorted(nodes),
        "alarms": sorted({name for kind, name in hits if kind == "alarm" and name}),
        "changes": sorted({name for kind, name in hits if kind == "change" and name}),
    }
