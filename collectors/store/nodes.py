"""Names of nodes: samples call a node by any of its names; the inventory says which node it is.

Names are compared without case, `sip:`, port and parameters (records.md, `node`). A name that no inventory
row has stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from collectors.store import tables
from collectors.store.ledger import Ledger
from collectors.store.tables import PENDING, RECENT

NAMES = dict.fromkeys(("name", "node_id", "node_type"), pl.String())


def plain_name(name: pl.Expr) -> pl.Expr:
    """Bring a node name to the form that is compared."""
    bare = name.str.strip_chars().str.to_lowercase().str.replace(r"^sips?:", "").str.replace(r"[;?].*$", "")
    return bare.str.replace(r"^(\[[^\]]*\]|[^:]*):\d+$", "$1")


def node_names(root: Path, ledger: Ledger) -> pl.DataFrame:
    """Every plain name of the inventory with its node: name, node_id, node_type.

    A name that two nodes claim names neither of them.
    """
    segments = ledger.segments("node")
    if not segments:
        return pl.DataFrame(schema=NAMES)
    rows = tables.read(root, segments).collect()
    if any(s.part in (PENDING, RECENT) for s in segments):
        rows = tables.winners(rows, "node")
    given = rows.select("names", "node_id", "node_type").explode("names", empty_as_null=True, keep_nulls=True)
    own = rows.select(pl.col("node_id").alias("names"), "node_id", "node_type")
    named = pl.concat([own, given]).select(plain_name(pl.col("names")).alias("name"), "node_id", "node_type")
    return named.drop_nulls("name").unique().unique("name", keep="none").sort("name")


def resolve(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Add `entity`: the node that column `node_id` names, or the name itself."""
    named = rows.with_columns(plain_name(pl.col("node_id")).alias("name"))
    found = named.join(known.select("name", entity="node_id"), on="name", how="left", maintain_order="left")
    return found.with_columns(pl.coalesce("entity", "node_id").alias("entity")).drop("name")


def resolution(root: Path, ledger: Ledger, known: pl.DataFrame) -> dict[str, str]:
    """How each name that node_kpi rows use resolves now: name as written -> entity."""
    segments = ledger.segments("node_kpi")
    if not segments:
        return {}
    written = tables.read(root, segments).select(pl.col("node_id").unique()).collect().sort("node_id")
    return dict(resolve(written, known).select("node_id", "entity").iter_rows())


def written_names(root: Path, ledger: Ledger, known: pl.DataFrame, entities: Sequence[str]) -> list[str]:
    """Names under which node_kpi rows write these entities."""
    wanted = set(entities)
    return sorted(name for name, entity in resolution(root, ledger, known).items() if entity in wanted)
