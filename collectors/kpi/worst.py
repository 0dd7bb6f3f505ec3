"""The worst-cell list: who is beyond the limit, who is beyond the own baseline, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.errors import ConfigError
from collectors.kpi.baseline import baseline_columns, robust_z, z_floor
from collectors.kpi.catalogue import Catalogue
from collectors.kpi.formula import guard
from collectors.kpi.model import Kpi, Limit
from collectors.kpi.network import NETWORK

Flags = NDArray[np.bool_]
Z_LIMIT = 3.0
"""Robust z in the bad direction from which a reading is beyond its baseline (default-unverified)."""
PERSISTENT_H, ATTEMPTS = 5, 100
"""A problem cell: 5 hourly periods in a row beyond the limit, each with more than 100 attempts (S30)."""
_LOOK_BACK_H = 48
_FOREIGN = {
    "cell": ["node", "network"],
    "gsm_cell": ["node", "network"],
    "node": ["cell", "gsm_cell", "network"],
}
_OPERATORS = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


def worst_cells(
    hourly: pl.DataFrame, catalogue: Catalogue, kpi: str, at: datetime, top: int = 20
) -> pl.DataFrame:
    """List the `top` entities that are worst in `kpi` in the hour that holds `at`, each with its evidence.

    `hourly`: `entity`, `period_start` (full hours, UTC), the KPIs of `columns_needed` and where known their
    `<kpi>__n`, with the weeks before `at` for baselines; `entity_kind` keeps cells and nodes apart.

    On the list is who is beyond the limit or, by the robust z in the bad direction, beyond the own baseline;
    beyond both stands first, then alarm before warn, then by z. Readings under the sample guard are not
    judged (`judged_counts` counts them). Columns: `rank`, `entity`, `kpi`, `period_start`, `value`, `unit`,
    `samples`, `limit` (text), `level` (alarm, warn or ""), `beyond_limit`, `baseline`, `mad`, `baseline_n`
    (weeks of history), `z`, `beyond_baseline`, `hours_in_a_row` (beyond the limit, or the baseline where
    there is no limit, each with more than 100 attempts where attempts are counted), `persistent` (5 or
    more), `reason`.
    """
    wanted = catalogue.kpi(kpi)
    hour = _hour(at)
    judged = _judged(hourly, catalogue, wanted, hour)
    rows = judged.filter(
        (pl.col("period_start") == hour) & (pl.col("beyond_limit") | pl.col("beyond_baseline"))
    )
    rows = rows.join(_hours_in_a_row(judged, wanted, hour), on="entity", how="left")
    return _evidence(_ranked(rows).head(top), wanted)


def columns_needed(catalogue: Catalogue, kpi: str) -> list[str]:
    """KPI ids to read for a worst-cell list of `kpi`: itself, its several values, and its guard."""
    wanted = catalogue.kpi(kpi)
    values = [one for one in catalogue.ids() if catalogue.kpi(one).of == kpi]
    return [kpi, *values, *([wanted.guard] if wanted.guard else [])]


def judged_counts(hourly: pl.DataFrame, catalogue: Catalogue, kpi: str, at: datetime) -> dict[str, int]:
    """How many entities of the hour were `judged`, and how many were not, by reason of the guard."""
    here = _of_hour(_cleaned(hourly, catalogue, catalogue.kpi(kpi)), _hour(at), 1)
    why = guard(here.select("entity", kpi, *_guards(here, catalogue.kpi(kpi))), catalogue)[f"{kpi}__why"]
    counts = dict(why.value_counts(name="n").sort(f"{kpi}__why").iter_rows())
    return {"judged": counts.pop("", 0), **counts}


def _hour(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ConfigError("the time of a worst-cell list needs an offset", key=str(at))
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _of_hour(hourly: pl.DataFrame, hour: datetime, hours: int) -> pl.DataFrame:
    """Rows of the `hours` hours that end with `hour`."""
    first = hour - timedelta(hours=hours - 1)
    return hourly.filter(pl.col("period_start").is_between(first, hour) & (pl.col("entity") != NETWORK))


def _cleaned(hourly: pl.DataFrame, catalogue: Catalogue, kpi: Kpi) -> pl.DataFrame:
    """Keep the rows that the KPI can be about, with null for NaN and for what is not there."""
    if "entity_kind" in hourly.columns and kpi.scope in _FOREIGN:
        hourly = hourly.filter(~pl.col("entity_kind").is_in(_FOREIGN[kpi.scope]).fill_null(False))
    wanted = [name for one in columns_needed(catalogue, kpi.id) for name in (one, f"{one}__n")]
    required = (kpi.id, f"{kpi.id}__n")
    return hourly.with_columns(
        pl.col(n).cast(pl.Float64).fill_nan(None)
        if n in hourly.columns
        else pl.lit(None, pl.Float64).alias(n)
        for n in wanted
        if n in hourly.columns or n in required
    )


def _guards(frame: pl.DataFrame, kpi: Kpi) -> list[str]:
    return [name for name in (f"{kpi.id}__n", kpi.guard) if name in frame.columns and name != kpi.id]


def _judged(hourly: pl.DataFrame, catalogue: Catalogue, kpi: Kpi, hour: datetime) -> pl.DataFrame:
    """Select the readings of the last hours that pass the guard, with baseline, z, `level` and both flags."""
    full = _cleaned(hourly, catalogue, kpi)
    recent = baseline_columns(full, [kpi.id], readings=_of_hour(full, hour, _LOOK_BACK_H))
    passed = guard(recent.select(kpi.id, *_guards(recent, kpi)), catalogue)[f"{kpi.id}__why"] == ""
    recent = recent.filter(passed)
    value, base, mad = (_numbers(recent[name]) for name in (kpi.id, f"{kpi.id}__base", f"{kpi.id}__mad"))
    samples = _numbers(recent[f"{kpi.id}__n"])
    z = robust_z(value, base, mad, z_floor(kpi, base, samples))
    badness = {"up": -z, "down": z, "none": np.abs(z)}[kpi.better]
    alarm, warn = (_beyond(recent, kpi, level, value, base) for level in ("alarm", "warn"))
    level = np.where(alarm, "alarm", np.where(warn, "warn", ""))
    return recent.with_columns(
        pl.Series("z", z).fill_nan(None),
        pl.Series("badness", badness).fill_nan(None),
        pl.Series("level", level, pl.String),
        pl.Series("beyond_limit", alarm | warn),
        pl.Series("beyond_baseline", np.nan_to_num(badness, nan=0.0) >= Z_LIMIT),
    )


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(np.nan).to_numpy()


def _beyond(
    frame: pl.DataFrame, kpi: Kpi, level: str, value: NDArray[np.float64], base: NDArray[np.float64]
) -> Flags:
    """Tell where a limit of that level is passed; none passes a limit about a value that nobody gave."""
    hit = np.zeros(frame.height, np.bool_)
    for limit in (x for x in kpi.limits if x.level == level):
        if limit.name == "deviation_pct":
            reading = 100.0 * np.abs(value - base) / np.where(base == 0.0, np.nan, np.abs(base))
        elif limit.name is None:
            reading = value
        elif f"{kpi.id}.{limit.name}" in frame.columns:
            reading = _numbers(frame[f"{kpi.id}.{limit.name}"])
        else:
            continue
        hit |= _OPERATORS[limit.op](reading, limit.limit)
    return hit


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the worst first; equal ones by name."""
    return rows.sort(
        pl.col("beyond_limit").cast(pl.Int8) + pl.col("beyond_baseline").cast(pl.Int8),
        pl.col("level") == "alarm",
        "badness",
        "entity",
        descending=[True, True, True, False],
        nulls_last=True,
    )


def _evidence(rows: pl.DataFrame, kpi: Kpi) -> pl.DataFrame:
    """Give the columns of the list."""
    return rows.select(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("rank"),
        "entity",
        pl.lit(kpi.id).alias("kpi"),
        "period_start",
        pl.col(kpi.id).alias("value"),
        pl.lit(kpi.unit).alias("unit"),
        pl.col(f"{kpi.id}__n").alias("samples"),
        pl.lit(_limit_text(kpi.limits)).alias("limit"),
        "level",
        "beyond_limit",
        pl.col(f"{kpi.id}__base").alias("baseline"),
        pl.col(f"{kpi.id}__mad").alias("mad"),
        pl.col(f"{kpi.id}__base_n").alias("baseline_n"),
        "z",
        "beyond_baseline",
        "hours_in_a_row",
        (pl.col("hours_in_a_row") >= PERSISTENT_H).alias("persistent"),
        _reason().alias("reason"),
    )


def _hours_in_a_row(judged: pl.DataFrame, kpi: Kpi, hour: datetime) -> pl.DataFrame:
    """Count per entity the bad hours in a row up to `hour`; a missing hour ends the row."""
    bad = pl.col("beyond_limit") if _has_own_limit(judged, kpi) else pl.col("beyond_baseline")
    counted = pl.col(f"{kpi.id}__n").is_null() | (pl.col(f"{kpi.id}__n") > ATTEMPTS)
    attempts = counted if kpi.min_samples else pl.lit(True)
    ago = (pl.lit(hour) - pl.col("period_start")).dt.total_hours()
    runs = (
        judged.filter(bad & attempts)
        .select("entity", ago.alias("ago"))
        .unique()
        .sort("entity", "ago")
        .filter(pl.col("ago") == pl.int_range(pl.len()).over("entity"))
    )
    counts = runs.group_by("entity").agg(pl.len().cast(pl.Int32).alias("hours_in_a_row"))
    entities = judged.select("entity").unique()
    return entities.join(counts, on="entity", how="left").with_columns(pl.col("hours_in_a_row").fill_null(0))


def _has_own_limit(frame: pl.DataFrame, kpi: Kpi) -> bool:
    named = ("deviation_pct", None)
    return any(x.name in named or f"{kpi.id}.{x.name}" in frame.columns for x in kpi.limits)


def _limit_text(limits: Sequence[Limit]) -> str | None:
    """Limits as in kpis.csv: `<95`, `warn:>=70;alarm:>90`, `mo<97;mt<98`."""
    levels = len({limit.level for limit in limits}) > 1
    texts = [f"{x.level + ':' if levels else ''}{x.name or ''}{x.op}{x.limit:g}" for x in limits]
    return ";".join(texts) or None


def _reason() -> pl.Expr:
    return (
        pl.when(pl.col("beyond_limit") & pl.col("beyond_baseline"))
        .then(pl.lit("limit and baseline"))
        .when(pl.col("beyond_limit"))
        .then(pl.lit("limit"))
        .otherwise(pl.lit("baseline"))
    )
