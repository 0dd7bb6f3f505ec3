"""Where evidence comes from: the records and the KPI readings of a store, or of a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, TypeVar

import polars as pl

from collectors.records.schema import ABSENT, load_schemas

Made = TypeVar("Made")
BETWEEN = "|"  # no field name holds it
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


class Kept:
    """What is made of the records of a source alone, kept over batches while those records stay the same.

    A source without `version` may change at any moment: from it nothing is kept.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[object, object]] = {}

    def get(self, source: RecordSource, name: str, kinds: Sequence[str], make: Callable[[], Made]) -> Made:
        """Return what `make` gives for the present records of these kinds."""
        version = getattr(source, "version", None)
        if version is None:
            return make()
        now = version(*kinds)
        if name not in self._made or self._made[name][0] != now:
            self._made[name] = (now, make())
        made: Made = self._made[name][1]  # type: ignore[assignment]  # a name is always made by one `make`
        return made


class Tables:
    """Records of one source as one batch of tickets needs them; every field of the schema is a column.

    `absent` becomes one text per row (`|a|b|`) that names the columns the source cannot see, so that the few
    different texts can be looked up instead of searching a list per row and field.
    """

    def __init__(self, source: RecordSource, kept: Kept | None = None) -> None:
        self.source = source
        self._kept = Kept() if kept is None else kept
        self._made: dict[str, object] = {}

    def kept(self, name: str, kinds: Sequence[str], make: Callable[[], Made]) -> Made:
        """Return what `make` gives, made once for this batch and for later ones over the same records."""
        if name not in self._made:
            self._made[name] = self._kept.get(self.source, name, kinds, make)
        made: Made = self._made[name]  # type: ignore[assignment]  # a name is always made by one `make`
        return made

    def __getitem__(self, kind: str) -> pl.DataFrame:
        """Return all rows of a record kind (empty when the source has none): for the small tables."""
        return self.kept(kind, (kind,), lambda: normalise(self._scan(kind), kind))

    def where(self, kind: str, wanted: pl.Expr, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the rows for which `wanted` holds, of the named columns only; nothing else is read."""
        rows = self._scan(kind)
        return normalise(rows.filter(wanted), kind, columns)

    def lazy(self, kind: str) -> pl.LazyFrame:
        """Return the rows as stored, with every field of the schema, without `absent`: to sum over all."""
        rows = self._scan(kind)
        have = rows.collect_schema()
        return rows.select(
            (pl.col(name).cast(dtype, strict=False) if name in have else pl.lit(None, dtype)).alias(name)
            for name, dtype in fields(kind).items()
        )

    def empty(self, kind: str) -> bool:
        """Tell whether the source has no row of this kind at all: then nothing is known from it."""
        return self[kind].is_empty()

    def _scan(self, kind: str) -> pl.LazyFrame:
        read: Callable[[str], pl.LazyFrame] = getattr(self.source, "rows", self.source.records)
        return read(kind)


def among(column: str, values: pl.Series) -> pl.Expr:
    """Whether the value of a column is one of these; null where there is none."""
    return pl.col(column).is_in(values.drop_nulls().unique().implode())


def normalise(lazy: pl.LazyFrame, kind: str, only: Sequence[str] | None = None) -> pl.DataFrame:
    """Give a frame every column of its schema; what the frame lacks is null and named in `absent`.

    `only`: these columns and no others, and `absent` only when it is among them.
    """
    have = lazy.collect_schema()
    want = {name: dtype for name, dtype in fields(kind).items() if only is None or name in only}
    unknown = [name for name in UNKNOWN_WORDS.get(kind, ()) if name in have and name in want]
    columns = [
        (pl.col(name) if have[name] == dtype else pl.col(name).cast(dtype, strict=False))
        if name in have
        else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in want.items()
    ]
    if only is not None and ABSENT not in only:
        return lazy.select(columns).with_columns(_without_unknown(pl.col(name)) for name in unknown).collect()
    told = [] if only is None else [n for n in UNKNOWN_WORDS.get(kind, ()) if n in have and n not in want]
    rows = lazy.select(*columns, *told, _listed(have).alias(ABSENT)).collect()
    missing = [name for name in fields(kind) if name not in have]
    marks = [
        pl.when(pl.col(name) == "unknown").then(pl.lit(f"|{VALUE_UNKNOWN}{name}")).otherwise(pl.lit(""))
        for name in UNKNOWN_WORDS.get(kind, ())
        if name in have
    ]
    absent = pl.concat_str(pl.lit("|" + "|".join(missing)) if missing else pl.lit(""), ABSENT, *marks)
    whole = rows.with_columns(_sorted_lists(rows[ABSENT])).with_columns(
        (absent + "|").alias(ABSENT), *(_without_unknown(pl.col(name)) for name in unknown)
    )
    return whole.drop(told)


def _listed(have: pl.Schema) -> pl.Expr:
    """Return the names of `absent` in one text, which a store gives as it is."""
    if ABSENT not in have:
        return pl.lit(None, dtype=pl.String)
    return pl.col(ABSENT) if have[ABSENT] == pl.String else pl.col(ABSENT).list.join(BETWEEN)


def _sorted_lists(joined: pl.Series) -> pl.Series:
    """`|a|b` of each joined list, names in order; there are only as many as kinds of source files."""
    different = joined.unique().drop_nulls().to_list()
    texts = {text: "|" + "|".join(sorted(text.split(BETWEEN))) if text else "" for text in different}
    return joined.replace_strict(texts, default="", return_dtype=pl.String)


def _without_unknown(column: pl.Expr) -> pl.Expr:
    return pl.when(column.cast(pl.String) != "unknown").then(column)
