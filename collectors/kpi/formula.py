"""KPI values and their numbers of samples from counters, and the sample guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

import polars as pl

from collectors.kpi.arithmetic import Node, Table, parse
from collectors.kpi.catalogue import COVERED_S, Catalogue
from collectors.kpi.expression import Expression
from collectors.kpi.model import Kpi

KEYS = ("entity", "entity_kind", "period_start", "period_s", COVERED_S)
FEW_ROWS = 16_384  # with more of them polars' threads are worth their plan
FEW_SAMPLES, COUNTER_MISSING = "few_samples", "counter_missing"


def kpi_columns(
    wide: pl.DataFrame | pl.LazyFrame, catalogue: Catalogue, kpi_ids: Sequence[str] | None = None
) -> pl.DataFrame:
    """`<kpi>` (Float64, in the unit of the KPI) and `<kpi>__n` (samples) for each row of joined counters.

    Keeps the key columns that `wide` has. A value is null when an input is null or a denominator is 0, a
    number of samples is null when its counter is. `kpi_ids` None: all that a formula computes. KPIs with
    parts also give `<kpi>[<cause>]` columns. Counters that `wide` lacks are null.
    """
    ids = tuple(catalogue.computed_ids if kpi_ids is None else kpi_ids)
    if isinstance(wide, pl.DataFrame) and 1 < wide.height <= FEW_ROWS and KEYS[0] in wide.columns:
        return _of_few_rows(wide, catalogue, ids)
    return _planned(wide.lazy(), catalogue, ids)


def _planned(wide: pl.LazyFrame, catalogue: Catalogue, ids: tuple[str, ...]) -> pl.DataFrame:
    """Columns of KPIs as one plan of polars."""
    names = tuple(wide.collect_schema().names())
    frame = _with_inputs(wide, [catalogue.kpi(kpi_id) for kpi_id in ids])
    columns = _all_columns(catalogue, ids, names)
    return frame.select(*(key for key in KEYS if key in names), *columns).collect()


def _of_few_rows(wide: pl.DataFrame, catalogue: Catalogue, ids: tuple[str, ...]) -> pl.DataFrame:
    """Columns of KPIs, those of simple formulas without a plan; the numbers are those of `_planned`."""
    table, columns = Table(wide), dict[str, list[pl.Series]]()
    for simple in _simple(catalogue, ids):
        if table.can(simple.value) and table.can(simple.samples):
            columns[simple.id] = [
                table.column(simple.id, simple.value, simple.required),
                table.column(f"{simple.id}__n", simple.samples),
            ]
    rest = tuple(kpi_id for kpi_id in ids if kpi_id not in columns)
    if any(catalogue.kpi(kpi_id).parts for kpi_id in rest):
        return _planned(wide.lazy(), catalogue, ids)  # parts give any number of columns
    keys = wide[[key for key in wide.columns if key in KEYS]]
    planned = _planned(wide.lazy(), catalogue, rest) if rest else keys
    columns.update({kpi_id: [planned[kpi_id], planned[f"{kpi_id}__n"]] for kpi_id in rest})
    ordered = keys[[key for key in KEYS if key in keys.columns]]
    return ordered.hstack([column for kpi_id in ids for column in columns[kpi_id]])


@dataclass(frozen=True, slots=True)
class _Simple:
    """A KPI of which value and samples are arithmetic; without a `required` counter it has no value."""

    id: str
    value: Node | None
    samples: Node | None
    required: tuple[str, ...]


@lru_cache(maxsize=64)
def _simple(catalogue: Catalogue, ids: tuple[str, ...]) -> tuple[_Simple, ...]:
    """KPIs of simple formulas, parsed."""
    found = []
    for kpi in map(catalogue.kpi, ids):
        texts = (kpi.value, kpi.samples)
        value, samples = (None if text is None else parse(text, kpi.optional) for text in texts)
        if not kpi.parts and (value is None, samples is None) == tuple(text is None for text in texts):
            found.append(_Simple(kpi.id, value, samples, _required(kpi)))
    return tuple(found)


def _required(kpi: Kpi) -> tuple[str, ...]:
    """Counters without which a KPI has no value although a function of its formula hides that."""
    formula = kpi.value_expression
    if formula is None or not formula.hides_null:
        return ()
    return tuple(name for name in formula.counters if name not in kpi.optional and name != COVERED_S)


@lru_cache(maxsize=64)
def _all_columns(catalogue: Catalogue, ids: tuple[str, ...], names: tuple[str, ...]) -> tuple[pl.Expr, ...]:
    """Columns of many KPIs; the same are asked for again and again."""
    return tuple(expr for kpi_id in ids for expr in _columns_of(catalogue.kpi(kpi_id), names))


def _with_inputs(frame: pl.LazyFrame, kpis: Sequence[Kpi]) -> pl.LazyFrame:
    """Add what formulas name and the frame lacks as null; an unjoined row covers its whole period."""
    names = set(frame.collect_schema().names())
    if COVERED_S not in names and "period_s" in names:
        frame = frame.with_columns(pl.col("period_s").alias(COVERED_S))
        names.add(COVERED_S)
    wanted = {counter for kpi in kpis for counter in inputs_of(kpi)} | {COVERED_S}
    return frame.with_columns(pl.lit(None, pl.Float64).alias(name) for name in sorted(wanted - names))


def inputs_of(kpi: Kpi) -> tuple[str, ...]:
    """Counters that the formulas of a KPI name, in order of first use."""
    found = [e.counters for e in (kpi.value_expression, kpi.samples_expression) if e]
    return tuple(dict.fromkeys(name for names in found for name in names if name != COVERED_S))


def _columns_of(kpi: Kpi, names: Sequence[str]) -> list[pl.Expr]:
    if kpi.parts:
        return _top_share(kpi, names) if kpi.of else _parts(kpi, names)
    return [_value(kpi).alias(kpi.id), _samples(kpi).alias(f"{kpi.id}__n")]


def _value(kpi: Kpi) -> pl.Expr:
    if kpi.value_expression is None:
        return pl.lit(None, pl.Float64)
    expr = _number(kpi.value_expression)
    required = _required(kpi)
    if required:
        known = pl.all_horizontal(pl.col(name).is_not_null() for name in required)
        return pl.when(known).then(expr)
    return expr


def _samples(kpi: Kpi) -> pl.Expr:
    return pl.lit(None, pl.Float64) if kpi.samples_expression is None else _number(kpi.samples_expression)


def _number(expression: Expression) -> pl.Expr:
    """Keep the value where it is a number: a denominator of 0 gives null, never 0 or infinity."""
    value = expression.expr.cast(pl.Float64)
    return pl.when(value.is_finite()).then(value)


def _by_part(kpi: Kpi, names: Sequence[str]) -> dict[str, pl.Expr]:
    """One sum for each cause or code: what `*` stands for in the patterns of the KPI.

    A counter `.sum` is the whole and no part; it stands alone where no part is there.
    """
    found: dict[str, list[str]] = {}
    for pattern in kpi.parts:
        stem = pattern.partition("*")[0]
        for name in names:
            if fnmatchcase(name, pattern):
                found.setdefault(name[len(stem) :], []).append(name)
    if len(found) > 1:
        found.pop("sum", None)
    return {part: _sum_known([pl.col(n) for n in columns]) for part, columns in sorted(found.items())}


def _sum_known(columns: list[pl.Expr]) -> pl.Expr:
    """Sum of what is known; null where nothing is."""
    known = pl.any_horizontal(column.is_not_null() for column in columns)
    return pl.when(known).then(pl.sum_horizontal(columns)).cast(pl.Float64)


def _parts(kpi: Kpi, names: Sequence[str]) -> list[pl.Expr]:
    parts = _by_part(kpi, names)
    total = _sum_known(list(parts.values())) if parts else pl.lit(None, pl.Float64)
    each = [e.alias(f"{kpi.id}[{kpi.split_key}={part}]") for part, e in parts.items() if part != "sum"]
    return [total.alias(kpi.id), pl.lit(None, pl.Float64).alias(f"{kpi.id}__n"), *each]


def _top_share(kpi: Kpi, names: Sequence[str]) -> list[pl.Expr]:
    parts = {part: expr for part, expr in _by_part(kpi, names).items() if part != "sum"}
    if not parts:
        return [pl.lit(None, pl.Float64).alias(kpi.id), pl.lit(None, pl.Float64).alias(f"{kpi.id}__n")]
    total = _sum_known(list(parts.values()))
    share = pl.when(total > 0).then(100.0 * pl.max_horizontal(list(parts.values())) / total)
    return [share.alias(kpi.id), total.alias(f"{kpi.id}__n")]


def guard(frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Add `<kpi>__why` for each KPI of `frame`: "", `few_samples` or `counter_missing`.

    `few_samples`: fewer than `min_samples` (for packet KPIs counted by the KPI named as guard), or none at
    all. `counter_missing`: no value although samples are enough or not known. A value whose number of
    samples nobody gave passes: the record that brought it left the denominator out, and it need not be small.
    """
    return frame.with_columns(
        _why(catalogue.kpi(name), frame.columns).alias(f"{name}__why")
        for name in frame.columns
        if name in catalogue
    )


def guarded(frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """`guard` with every value null that the guard refuses; for readings, not for further joining."""
    judged = guard(frame, catalogue)
    return judged.with_columns(
        pl.when(pl.col(f"{name}__why") == "").then(pl.col(name)).alias(name)
        for name in frame.columns
        if name in catalogue
    )


def _why(kpi: Kpi, columns: Sequence[str]) -> pl.Expr:
    counted = [name for name in (f"{kpi.id}__n", kpi.guard) if name in columns]
    samples = pl.coalesce(counted) if counted else pl.lit(None, pl.Float64)
    few = (samples < (kpi.min_samples or 0)) | (pl.col(kpi.id).is_null() & (samples == 0))
    return (
        pl.when(few.fill_null(False))
        .then(pl.lit(FEW_SAMPLES))
        .when(pl.col(kpi.id).is_null())
        .then(pl.lit(COUNTER_MISSING))
        .otherwise(pl.lit(""))
    )
