"""Objects that an inventory named later: their rows are read under the entity that they turned out to be."""

from __future__ import annotations

import json
from collections.abc import Mapping

import polars as pl

from collectors.store.ledger import Ledger

FACT = "rematched"
Names = Mapping[str, tuple[str, str]]


def known_names(ledger: Ledger) -> dict[str, tuple[str, str]]:
    """Entity and its kind for every object that was found again so far."""
    return {old: (str(new[0]), str(new[1])) for old, new in json.loads(ledger.fact(FACT) or "{}").items()}


def as_fact(names: Names) -> str:
    """Write names as the ledger keeps them."""
    return json.dumps({old: list(new) for old, new in names.items()}, sort_keys=True)


def renamed(rows: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Rows (entity, entity_kind, ...) under the entities that the inventory gives them."""
    if not names or rows.is_empty():
        return rows
    new = pl.DataFrame(
        [(old, entity, kind) for old, (entity, kind) in sorted(names.items())],
        schema={"entity": pl.String(), "_entity": pl.String(), "_kind": pl.String()},
        orient="row",
    )
    joined = rows.join(new, on="entity", how="left", maintain_order="left")
    return joined.with_columns(
        entity=pl.coalesce("_entity", "entity"), entity_kind=pl.coalesce("_kind", "entity_kind")
    ).drop("_entity", "_kind")
