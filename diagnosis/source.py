"""Where evidence comes from: the records and the KPI readings of a store, or of a test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Protocol

import polars as pl

from collectors.records.schema import ABSENT, load_schemas

BETWEEN = "\x1f"  # no field name holds it
VALUE_UNKNOWN = "?"  # marks a field whose value is the word `unknown`
# `unknown` is a legal answer and says as much as an empty field (records.md, ticket).
UNKNOWN_WORDS: dict[str, tuple[str, ...]] = {
    "ticket": (
        "direction",
        "one_way",
        "answer_icon_present",
        "answer_rat_while_dialling",
        "answer_call_outcome",
        "answer_volte_menu",
        "answer_volte_switch",
        "answer_network_mode",
        "answer_mobile_data",
        "answer_sim_slot",
    ),
    "subscriber": ("card_type",),
    "call": ("releasing_node", "first_error_node"),
    "registration": ("first_error_node",),
}


class RecordSource(Protocol):
    """What the evidence builder asks of a store (docs/architecture.md, Store)."""

    def records(self, kind: str) -> pl.LazyFrame:
        """Return all rows of one record kind, with `absent` (list of columns that its file lacked)."""

    def kpi_at(self, keys: pl.DataFrame, kpi_ids: Sequence[str]) -> pl.DataFrame:
        """Return KPI readings aligned with `keys` (row, entity, at)."""


@cache
def fields(kind: str) -> dict[str, pl.DataType]:
    """Field name -> polars type of one record kind, derived columns included, without `absent`."""
    columns = load_schemas()[kind].polars_schema()
    return {name: dtype for name, dtype in columns.items() if name != ABSENT}


@cache
def means_not_happened(kind: str) -> frozenset[str]:
    """Fields whose empty value in an existing record says that the event did not happen (records.md)."""
    schema = load_schemas()[kind]
    marked = {f.name for f in (*schema.fields, *schema.derived) if f.empty_means == "did_not_happen"}
    # A record without a first error has no node that sent it, and one without a redirection no frequencies.
    return frozenset(marked | ({"first_error_node", "csfb_redirect_arfcns"} if kind == "call" else set()))


class Tables:
    """Record frames of one source, each read once, with every field of the schema as a column.

    `absent` becomes one text per row (`|a|b|`) that names the columns the source cannot see, so that the few
    different texts can be looked up instead of searching a list per row and field.
    """

    def __init__(self, source: RecordSource) -> None:
        self.source = source
        self._frames: dict[str, pl.DataFrame] = {}

    def __getitem__(self, kind: str) -> pl.DataFrame:
        """Return the rows of a record kind (empty when the source has none)."""
        if kind not in self._frames:
            self._frames[kind] = normalise(self.source.records(kind), kind)
        return self._frames[kind]

    def empty(self, kind: str) -> bool:
        """Tell whether the source has no row of this kind at all: then nothing is known from it."""
        return self[kind].is_empty()


def normalise(lazy: pl.LazyFrame, kind: str) -> pl.DataFrame:
    """Give a frame every column of its schema; what the frame lacks is null and named in `absent`."""
    have = lazy.collect_schema()
    want = fields(kind)
    missing = [name for name in want if name not in have]
    unknown = [name for name in UNKNOWN_WORDS.get(kind, ()) if name in have]
    marks = [
        pl.when(pl.col(name) == "unknown").then(pl.lit(f"|{VALUE_UNKNOWN}{name}")).otherwise(pl.lit(""))
        for name in unknown
    ]
    columns = [
        (pl.col(name) if have[name] == dtype else pl.col(name).cast(dtype, strict=False))
        if name in have
        else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in want.items()
    ]
    listed = pl.col(ABSENT).list.join(BETWEEN) if ABSENT in have else pl.lit(None, dtype=pl.String)
    rows = lazy.select(*columns, listed.alias(ABSENT)).collect()
    absent = pl.concat_str(pl.lit("|" + "|".join(missing)) if missing else pl.lit(""), ABSENT, *marks)
    return rows.with_columns(_sorted_lists(rows[ABSENT])).with_columns(
        (absent + "|").alias(ABSENT), *(_without_unknown(pl.col(name)) for name in unknown)
    )


def _sorted_lists(joined: pl.Series) -> pl.Series:
    """`|a|b` of each joined list, names in order; there are only as many as kinds of source files."""
    different = joined.unique().drop_nulls().to_list()
    texts = {text: "|" + "|".join(sorted(text.split(BETWEEN))) if text else "" for text in different}
    return joined.replace_strict(texts, default="", return_dtype=pl.String)


def _without_unknown(column: pl.Expr) -> pl.Expr:
    return pl.when(column.cast(pl.String) != "unknown").then(column)
