"""KPI samples of cell_kpi and node_kpi records joined into hours, and laid beside computed ones."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from collectors.kpi.catalogue import COVERED_S, Catalogue, load_catalogue
from collectors.kpi.model import Kpi

_HOUR_S = 3600
_KEYS = ("entity", "entity_kind", "period_start")


def join_samples(samples: pl.DataFrame, catalogue: Catalogue | None = None) -> pl.DataFrame:
    """Hourly KPIs: keys, `period_s`, `covered_s`, `<kpi>`, `<kpi>__n`; split rows as `<kpi>[<split>]`.

    `samples`: `entity`, `kpi_id`, `split`, `period_start` (UTC), `period` (s), `numerator`, `denominator`,
    `value`; `entity_kind` and `qci` may be there. One row for an entity, KPI, split, period and granularity.

    Ratios and means: `factor * sum(numerator) / sum(denominator)` where both are there and agree with `value`
    (factor 100 for %), else the mean of the values by denominator, else the plain mean. Counts add up, maxima
    stay maxima. Of several granularities in one hour the finest that covers it counts. A split that names one
    of several values of a KPI is that value; a KPI that was given only by its values is combined from them.
    A `qci` that is not the one of the KPI is a split of its own. Unknown KPI ids are left out
    (`unknown_kpis` counts them).
    """
    catalogue = catalogue or load_catalogue()
    known = samples.filter(pl.col("kpi_id").is_in(list(catalogue.ids())) & (pl.col("period") <= _HOUR_S))
    if known.is_empty():
        return _empty(samples)
    joined = _finest(_by_granularity(_with_targets(known, catalogue)))
    wide = _combined(_pivot(joined), catalogue)
    keys = [key for key in _KEYS if key in wide.columns]
    fixed = [*keys, "period_s", COVERED_S]
    return wide.select(*fixed, *sorted(c for c in wide.columns if c not in fixed)).sort(
        "entity", "period_start"
    )


def unknown_kpis(samples: pl.DataFrame, catalogue: Catalogue | None = None) -> dict[str, int]:
    """Rows by KPI id that the catalogue does not have, by id."""
    ids = list((catalogue or load_catalogue()).ids())
    strange = samples.filter(~pl.col("kpi_id").is_in(ids)).group_by("kpi_id").len().sort("kpi_id")
    return dict(strange.iter_rows())


def prefer(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Lay two hourly KPI frames together; where both have a KPI, value and samples of `first` win."""
    keys = [key for key in _KEYS if key in first.columns and key in second.columns]
    shared = [c for c in second.columns if c in first.columns and c not in keys]
    both = first.join(second, on=keys, how="full", coalesce=True, suffix="\x00")
    picks = [_preferred(name, both.columns) for name in shared]
    return both.with_columns(picks).drop(f"{name}\x00" for name in shared).sort("entity", "period_start")


def _preferred(name: str, columns: Sequence[str]) -> pl.Expr:
    other = pl.col(f"{name}\x00")
    if name == COVERED_S:
        return pl.max_horizontal(name, other).alias(name)
    value = name.removesuffix("__n")
    if value != name and f"{value}\x00" in columns:
        own = pl.col(value).is_not_null() | pl.col(f"{value}\x00").is_null() & pl.col(name).is_not_null()
        return pl.when(own).then(pl.col(name)).otherwise(other).alias(name)
    return pl.coalesce(name, other).alias(name)


def _empty(samples: pl.DataFrame) -> pl.DataFrame:
    keys = {key: samples.schema[key] for key in _KEYS if key in samples.columns}
    return pl.DataFrame(schema={**keys, "period_s": pl.Int32, COVERED_S: pl.Int32})


def _with_targets(samples: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Add `target` (the column), `join` and `factor` of each sample, found once for each KPI and split."""
    split = _split("qci" in samples.columns)
    samples = samples.with_columns(split.alias("split"))
    pairs = samples.select("kpi_id", "split").unique()
    targets = [(kpi_id, text, catalogue.target(kpi_id, text)) for kpi_id, text in pairs.iter_rows()]
    found = [(kpi_id, text, target, *_rule(target, kpi_id, catalogue)) for kpi_id, text, target in targets]
    table = pl.DataFrame(found, schema=["kpi_id", "split", "target", "join", "factor"], orient="row")
    return samples.join(table.cast({"factor": pl.Float64}), on=["kpi_id", "split"])


def _split(with_qci: bool) -> pl.Expr:
    """Split as text; a `qci` that is not the one of the KPI (1 where its id names none) is part of it."""
    split = pl.col("split").fill_null("")
    if not with_qci:
        return split
    own = pl.col("kpi_id").str.extract(r"_qci(\d)").cast(pl.Int64).fill_null(1)
    foreign = (pl.col("qci") != own).fill_null(False)
    extra = pl.format("qci={}", pl.col("qci"))
    both = pl.when(split == "").then(extra).otherwise(pl.concat_str(split, extra, separator=";"))
    return pl.when(foreign).then(both).otherwise(split)


def _rule(target: str, kpi_id: str, catalogue: Catalogue) -> tuple[str, float]:
    kpi = catalogue.kpi(target if target in catalogue else kpi_id)
    return kpi.join, kpi.factor


def _by_granularity(samples: pl.DataFrame) -> pl.DataFrame:
    """Join the samples of one entity, column, hour and granularity: `v`, `n`, `covered_s`."""
    ratio = pl.col("factor") * pl.col("numerator") / pl.col("denominator")
    exact = pl.when(ratio.is_finite()).then(ratio)
    value = pl.coalesce("value", exact)
    counted = pl.col("numerator").is_not_null() & pl.col("denominator").is_not_null()
    agrees = value.is_null() | ((exact - value).abs() <= pl.max_horizontal(0.06, 0.01 * value.abs()))
    frame = samples.with_columns(
        pl.col("period_start").dt.truncate("1h").alias("_start"),
        value.alias("_v"),
        (counted & agrees.fill_null(False)).alias("_sums"),
    )
    keys = [
        k
        for k in ("entity", "entity_kind", "_start", "target", "join", "factor", "period")
        if k in frame.columns
    ]
    covered = pl.len().mul(pl.col("period").first()).clip(upper_bound=_HOUR_S).cast(pl.Int32)
    return (
        frame.sort("period_start")
        .group_by(keys, maintain_order=True)
        .agg(_value().alias("v"), _count().alias("n"), covered.alias(COVERED_S))
    )


def _value() -> pl.Expr:
    v, d = pl.col("_v"), pl.col("denominator")
    total = pl.when(d.count() > 0).then(d.sum())
    weights = pl.when(v.is_not_null()).then(d)
    summed = pl.when(pl.col("_sums").all() & (total > 0)).then(
        pl.col("factor").first() * pl.col("numerator").sum() / total
    )
    weighted = pl.when((weights.count() == v.count()) & (weights.sum() > 0)).then(
        (v * weights).sum() / weights.sum()
    )
    rule = pl.col("join").first()
    return (
        pl.when(rule == "sum")
        .then(pl.when(v.count() > 0).then(v.sum()))
        .when(rule == "max")
        .then(v.max())
        .when(rule == "first")
        .then(v.drop_nulls().first())
        .otherwise(pl.coalesce(summed, weighted, v.mean()))
    )


def _count() -> pl.Expr:
    """Count the samples: what is known of the denominators, so never more than there were."""
    return pl.when(pl.col("denominator").count() > 0).then(pl.col("denominator").sum()).cast(pl.Float64)


def _finest(joined: pl.DataFrame) -> pl.DataFrame:
    """One row for an entity, column and hour: the granularity that covers most, the finest of equals."""
    keys = [k for k in ("entity", "entity_kind", "_start", "target") if k in joined.columns]
    best = joined.sort(COVERED_S, "period", descending=[True, False]).unique(
        keys, keep="first", maintain_order=True
    )
    return best.rename({"_start": "period_start"})


def _pivot(joined: pl.DataFrame) -> pl.DataFrame:
    """One column for each target and one for its number of samples."""
    keys = [key for key in _KEYS if key in joined.columns]
    wide = joined.select(keys).unique()
    covered = joined.group_by(keys).agg(pl.col(COVERED_S).max(), pl.lit(_HOUR_S, pl.Int32).alias("period_s"))
    for column, ending in (("v", ""), ("n", "__n")):
        part = joined.pivot("target", index=keys, values=column)
        part = part.rename({name: f"{name}{ending}" for name in part.columns if name not in keys})
        wide = wide.join(part, on=keys)
    return wide.join(covered, on=keys)


def _combined(wide: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Give a KPI of several values its own value where only the several were there."""
    for kpi in (kpi for kpi in catalogue.kpis if kpi.combine):
        parts = [part for part in kpi.value_ids() if part in wide.columns]
        if not parts:
            continue
        value, samples = _combination(kpi, parts)
        for name, expr in ((kpi.id, value), (f"{kpi.id}__n", samples)):
            own = pl.when(pl.col(kpi.id).is_not_null()).then(pl.col(name)) if kpi.id in wide.columns else None
            wide = wide.with_columns((expr if own is None else pl.coalesce(own, expr)).alias(f"{name}\x00"))
        wide = wide.drop(c for c in (kpi.id, f"{kpi.id}__n") if c in wide.columns)
        wide = wide.rename({f"{kpi.id}\x00": kpi.id, f"{kpi.id}__n\x00": f"{kpi.id}__n"})
    return wide


def _combination(kpi: Kpi, parts: Sequence[str]) -> tuple[pl.Expr, pl.Expr]:
    """Value and samples of a KPI from its several values, as its `combine` says.

    A sum needs every value; a ratio also needs their numbers of samples, for without them no sum of
    numerators is known.
    """
    values, counts = [pl.col(p) for p in parts], [pl.col(f"{p}__n") for p in parts]
    none = pl.lit(None, pl.Float64)
    if kpi.combine == "first":
        first = kpi.value_ids()[0]
        return (pl.col(first), pl.col(f"{first}__n")) if first in parts else (none, none)
    if kpi.combine == "max":
        return pl.max_horizontal(values), pl.max_horizontal(counts)
    if len(parts) < len(kpi.values):
        return none, none
    whole = pl.all_horizontal(v.is_not_null() for v in values)
    total = pl.when(pl.all_horizontal(c.is_not_null() for c in counts)).then(pl.sum_horizontal(counts))
    if kpi.join == "sum":
        return pl.when(whole).then(pl.sum_horizontal(values)), total
    products = pl.sum_horizontal(v * c for v, c in zip(values, counts, strict=True))
    return pl.when(whole & (total > 0)).then(products / total), total
