"""Rows under a former pseudonym key, read under the names that the persons have now."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from collectors.records.schema import load_schemas


def under_one_name(
    rows: pl.LazyFrame, kind: str, there: pl.Schema, aliases: Mapping[str, str]
) -> pl.LazyFrame:
    """Replace former pseudonyms in the identity columns of a kind; without aliases rows stay as they are."""
    schema = load_schemas()[kind]
    names = [f.name for f in (*schema.fields, *schema.derived) if f.identity and f.name in there]
    if not aliases or not names:
        return rows
    former, now = list(aliases), list(aliases.values())
    return rows.with_columns(
        pl.col(name).list.eval(pl.element().replace(former, now))
        if isinstance(there[name], pl.List)
        else pl.col(name).replace(former, now)
        for name in names
    )
