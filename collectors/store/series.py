"""Reads over time: counters and KPIs of some entities between two moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from collectors.kpi.catalogue import Catalogue
from collectors.kpi.formula import inputs_of, kpi_columns
from collectors.store import footer, hours, nodes, tables
from collectors.store.hours import columns_of
from collectors.store.ledger import Ledger
from collectors.store.placement import shard_names
from collectors.store.segment import time_range
from collectors.store.shards import COUNTERS, KEY, LABELS, counter_scan, merge_counters, unmerged_between
from collectors.store.span import ALWAYS, UTC_TIME, Span, among
from collectors.store.tables import PENDING, RECENT

NO_COUNTERS = pl.Schema(
    {"entity": pl.String(), "entity_kind": pl.String(), "period_start": UTC_TIME, "period_s": pl.Int32()}
)


def counters(
    root: Path,
    ledger: Ledger,
    entities: Iterable[str] | None = None,
    when: Span = ALWAYS,
    wanted: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Counter rows of the shards and of the recent segments, merged; `wanted` limits the counters."""
    names = None if entities is None else sorted(set(entities))
    shards = None if names is None else shard_names(names)
    old = [
        s
        for s in ledger.segments(COUNTERS)
        if s.part not in (PENDING, RECENT) and (shards is None or s.part in shards)
    ]
    recent = unmerged_between(ledger, COUNTERS, when.start_us, when.end_us)
    frames = [_rows(root / s.name, names, when, wanted) for s in (*old, *recent)]
    frames = [frame for frame in frames if frame.height]
    if not frames:
        return pl.DataFrame(schema=NO_COUNTERS)
    if len(frames) == 1 and not recent:
        return frames[0]
    return merge_counters(pl.concat(frames, how="diagonal_relaxed"))


def _rows(path: Path, names: Sequence[str] | None, when: Span, wanted: Sequence[str] | None) -> pl.DataFrame:
    if names is not None and len(names) == 1 and wanted is not None:
        found = footer.rows_of(path, names[0], (*LABELS, *wanted))
        return _within(found, when)
    rows = counter_scan(path)
    mine = [] if names is None else [among("entity", names)]
    rows = rows.filter(*mine, *when.holds())
    if wanted is None:
        return rows.collect()
    there = columns_of(path)
    return rows.select(*LABELS, *(c for c in wanted if c in there)).collect()


def _within(rows: pl.DataFrame, when: Span) -> pl.DataFrame:
    """Rows of a span of time; all of them, as mostly, without a copy of each column."""
    if when == ALWAYS:
        return rows
    whole = type(when) is Span and when.covers(*time_range(rows, "period_start"))
    return rows if whole else rows.filter(*when.holds())


def samples(
    root: Path,
    ledger: Ledger,
    entities: Sequence[str] | None,
    when: Span,
    kpi_ids: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of cell_kpi and node_kpi as KPI samples: entity, entity_kind, and the columns of the record."""
    names = None if entities is None else sorted(set(entities))
    base = None if kpi_ids is None else sorted({_plain(kpi) for kpi in kpi_ids})
    found = [_cell_samples(root, ledger, names, when, base), _node_samples(root, ledger, names, when, base)]
    return pl.concat(found, how="diagonal_relaxed")


def _plain(kpi_id: str) -> str:
    """Take the KPI id of a column without its split or value name."""
    return kpi_id.partition("[")[0].partition(".")[0]


SAMPLE = ("kpi_id", "split", "period_start", "period", "numerator", "denominator", "value")
NO_SAMPLES = pl.Schema(
    {
        "entity": pl.String(),
        "entity_kind": pl.String(),
        "kpi_id": pl.String(),
        "split": pl.String(),
        "period_start": UTC_TIME,
        "period": pl.Int64(),
        "numerator": pl.Float64(),
        "denominator": pl.Float64(),
        "value": pl.Float64(),
    }
)


def _sample_rows(
    root: Path, ledger: Ledger, kind: str, shards: set[str] | None, where: list[pl.Expr]
) -> pl.DataFrame:
    """Read the matching rows of a record, each record once; `shards` None where it is not sharded."""
    parts = None if shards is None else {*shards, PENDING, RECENT}
    segments = [s for s in ledger.segments(kind) if parts is None or s.part in parts]
    if not segments:
        return pl.DataFrame()
    rows = tables.read(root, segments).filter(*where).collect()
    return tables.winners(rows, kind) if any(s.part in (PENDING, RECENT) for s in segments) else rows


def _cell_samples(
    root: Path, ledger: Ledger, names: Sequence[str] | None, when: Span, base: Sequence[str] | None
) -> pl.DataFrame:
    where = when.holds() + ([] if names is None else [among("ecgi", names)])
    where += [] if base is None else [pl.col("kpi_id").is_in(list(base))]
    shards = None if names is None else shard_names(names)
    rows = _sample_rows(root, ledger, "cell_kpi", shards, where)
    if rows.is_empty():
        return pl.DataFrame(schema=NO_SAMPLES)
    gsm = pl.col("kpi_id").is_in(["sdcch_block_ratio", "tch_block_ratio"])
    kind = pl.when(gsm).then(pl.lit("gsm_cell")).otherwise(pl.lit("cell"))
    return rows.select(pl.col("ecgi").alias("entity"), kind.alias("entity_kind"), "qci", *SAMPLE)


def _node_samples(
    root: Path, ledger: Ledger, names: Sequence[str] | None, when: Span, base: Sequence[str] | None
) -> pl.DataFrame:
    where = when.holds() + ([] if base is None else [pl.col("kpi_id").is_in(list(base))])
    known = nodes.node_names(root, ledger)
    if names is not None:
        where.append(among("node_id", nodes.written_names(root, ledger, known, names)))
    rows = _sample_rows(root, ledger, "node_kpi", None, where)
    if rows.is_empty():
        return pl.DataFrame(schema=NO_SAMPLES)
    resolved = nodes.resolve(rows, known)
    return resolved.select("entity", pl.lit("node").alias("entity_kind"), *SAMPLE)


def kpis(
    root: Path,
    ledger: Ledger,
    catalogue: Catalogue,
    entities: Sequence[str],
    kpi_ids: Sequence[str],
    when: Span,
) -> pl.DataFrame:
    """KPIs for each stored period; see `Store.kpis`."""
    chosen = [catalogue.kpi(_plain(kpi) if "[" in kpi else kpi) for kpi in kpi_ids]
    computed = [kpi.id for kpi in chosen if kpi.id in catalogue.computed_ids]
    patterns = [part for kpi in chosen for part in (catalogue.kpi(kpi.of).parts if kpi.of else kpi.parts)]
    inputs = sorted({name for kpi in chosen for name in inputs_of(kpi)})
    wanted = None if patterns else inputs
    rows = counters(root, ledger, entities, when, wanted) if computed else pl.DataFrame(schema=NO_COUNTERS)
    found = kpi_columns(rows, catalogue, list(dict.fromkeys(computed)))
    given = samples(root, ledger, entities, when, kpi_ids) if _has_samples(ledger) else pl.DataFrame()
    if given.height:
        found = _laid_over(found, _as_given(given, catalogue))
    columns = [c for kpi in kpi_ids for c in (kpi, f"{kpi}__n")]
    missing = [pl.lit(None, pl.Float64).alias(c) for c in columns if c not in found.columns]
    found = (found.with_columns(missing) if missing else found)[[*KEY, *columns]]
    return found.sort(KEY) if given.height or len(set(entities)) > 1 else found


def _has_samples(ledger: Ledger) -> bool:
    return bool(ledger.segments("cell_kpi") or ledger.segments("node_kpi"))


def _as_given(given: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """Lay samples as they came into one row for an entity and period: columns by KPI and split."""
    pairs = given.filter(pl.col("kpi_id").is_in(list(catalogue.ids()))).select("kpi_id", "split").unique()
    targets = [(k, s, catalogue.target(k, s)) for k, s in pairs.iter_rows()]
    named = pl.DataFrame(
        targets, schema={"kpi_id": pl.String, "split": pl.String, "target": pl.String}, orient="row"
    )
    rows = given.join(named, on=["kpi_id", "split"], nulls_equal=True)
    rows = rows.rename({"period": "period_s"}).cast({"period_s": pl.Int32})
    wide = rows.select(KEY).unique()
    for column, ending in (("value", ""), ("denominator", "__n")):
        part = rows.pivot("target", index=list(KEY), values=column, aggregate_function="max")
        wide = wide.join(part.rename({c: c + ending for c in part.columns if c not in KEY}), on=KEY)
    return wide


def _laid_over(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Take computed KPIs first, records where they give none; a number of samples stays with its value."""
    both = first.drop("entity_kind", "covered_s", strict=False).join(
        second, on=KEY, how="full", coalesce=True, suffix="\x00"
    )
    values = [c for c in second.columns if c not in KEY and not c.endswith("__n") and c in first.columns]
    picks = []
    for value in values:
        use = pl.col(value).is_null()
        for c in (value, f"{value}__n"):
            picks.append(pl.when(use).then(pl.coalesce(f"{c}\x00", c)).otherwise(pl.col(c)).alias(c))
    return both.with_columns(picks)


def hourly(
    root: Path, ledger: Ledger, entities: Sequence[str] | None, kpi_ids: Sequence[str], when: Span
) -> pl.DataFrame:
    """Hourly KPIs of the shards; see `Store.hourly`."""
    names = None if entities is None else sorted(set(entities))
    columns = [c for kpi in kpi_ids for c in (kpi, f"{kpi}__n")]
    found = hours.hours(root, ledger, names, when, columns)
    known = [
        pl.col(c).fill_nan(None) if c in found.columns else pl.lit(None, pl.Float32).alias(c) for c in columns
    ]
    found = found.select(*hours.LABELS, *known).sort("entity", "period_start")
    marks = [pl.when(pl.col(f"{k}__n") >= 0).then(pl.col(f"{k}__n")).alias(f"{k}__n") for k in kpi_ids]
    return found.with_columns(marks)
