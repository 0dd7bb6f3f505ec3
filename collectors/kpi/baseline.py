"""Baselines: median and MAD of the same hour of week over the weeks before, and the robust z of a reading.

Formula: z = (x - median) / max(1.4826 * MAD, floor). Four values give a rough MAD, and it is 0 where three of
them are equal, so the floor keeps small changes of small numbers from looking large (`z_floor`).
The hour itself and everything after it never enter, nor do missing and suspect values (both are null).
Hours of week are counted in UTC; a change to summer time shifts them by one hour for the weeks around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.compiled import compiled
from collectors.kpi.model import Kpi

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
WEEK_H = 168
WEEKS = 4
TO_SIGMA = 1.4826
"""MAD of a normal distribution times this is its standard deviation."""
RELATIVE_FLOOR = 0.05
"""Least spread as a share of the median; of a share in %, of its distance to the nearer of 0 and 100."""
PERCENT_FLOOR, DECIBEL_FLOOR = 0.1, 0.5
"""Least spread of a share in percentage points, and of a level in dB. Defaults without an outside source."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """For each reading: `median` and `mad` (NaN where no history is), and how many weeks gave a value."""

    median: Floats
    mad: Floats
    samples: NDArray[np.int64]


def history_positions(entity: Ints, hour: Ints, at_entity: Ints, at_hour: Ints, weeks: int = WEEKS) -> Ints:
    """Where the history of readings stands: shape (readings, weeks), position in the history or -1.

    `entity` and `hour` (hours since the epoch) name each history row once, in any order; column w of the
    answer is the row of the same entity w + 1 weeks before the reading.
    """
    if entity.size == 0:
        return np.full((at_entity.size, weeks), -1, np.int64)
    low = min(int(hour.min()), int(at_hour.min(initial=hour.min())) - WEEK_H * weeks)
    span = max(int(hour.max()), int(at_hour.max(initial=hour.max()))) - low + 1
    keys = entity * span + (hour - low)
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    back = WEEK_H * np.arange(1, weeks + 1)
    wanted = (at_entity * span + (at_hour - low))[:, None] - back
    place = np.minimum(np.searchsorted(ranked, wanted), ranked.size - 1)
    return np.where(ranked[place] == wanted, order[place], -1)


def baseline(values: Floats, positions: Ints) -> Baseline:
    """Median and MAD of `values[positions]` along the weeks; NaN, infinity and position -1 stay out."""
    return Baseline(*_median_mad(np.ascontiguousarray(values, np.float64), np.ascontiguousarray(positions)))


@compiled()
def _median_mad(values: Floats, positions: Ints) -> tuple[Floats, Floats, Ints]:
    readings, weeks = positions.shape
    median = np.full(readings, np.nan)
    mad = np.full(readings, np.nan)
    samples = np.zeros(readings, np.int64)
    known = np.empty(weeks)
    for i in range(readings):
        count = 0
        for week in range(weeks):
            at = positions[i, week]
            if at >= 0 and np.isfinite(values[at]):
                _insert(known, count, values[at])
                count += 1
        samples[i] = count
        if count:
            middle = _middle(known, count)
            median[i] = middle
            _distances(known, count, middle)
            mad[i] = _middle(known, count)
    return median, mad, samples


@compiled()
def _insert(ranked: Floats, count: int, value: float) -> None:
    """Put `value` into the first `count` items, which are in order."""
    place = count
    while place > 0 and ranked[place - 1] > value:
        ranked[place] = ranked[place - 1]
        place -= 1
    ranked[place] = value


@compiled()
def _distances(ranked: Floats, count: int, middle: float) -> None:
    """Replace the first `count` items by their distances to `middle`, in order."""
    for i in range(count):
        _insert(ranked, i, abs(ranked[i] - middle))


@compiled()
def _middle(ranked: Floats, count: int) -> float:
    return float(0.5 * (ranked[(count - 1) // 2] + ranked[count // 2]))


def z_floor(kpi: Kpi, median: Floats, samples: Floats) -> Floats:
    """Least spread that a reading of `samples` samples can be judged with, in the unit of the KPI.

    A share in %: the binomial error of `samples` at the median (one success and one failure added, so that
    0 % and 100 % have an error too). A rate per time and a count: the Poisson error, of one event at least.
    A level in dB: a constant. Everything else, and besides: a share of the median.
    """
    error = np.zeros_like(median)
    reach = np.abs(median)
    if kpi.is_ratio:
        share = (median / 100.0 * samples + 1.0) / (samples + 2.0)
        error = 100.0 * np.sqrt(np.clip(share * (1.0 - share), 0.0, None) / np.maximum(samples, 1.0))
        reach = np.minimum(np.abs(median), np.abs(100.0 - median))
    elif kpi.join == "ratio" and kpi.scale:
        events = np.maximum(median * samples / kpi.scale, 1.0)
        error = kpi.scale * np.sqrt(events) / np.maximum(samples, 1.0)
    elif kpi.join == "sum":
        error = np.sqrt(np.maximum(median, 1.0))
    if kpi.unit in ("dB", "dBm"):
        return np.full_like(median, DECIBEL_FLOOR)
    least = PERCENT_FLOOR if kpi.unit == "%" else 1e-9
    return np.maximum(np.fmax(error, RELATIVE_FLOOR * reach), least)


def robust_z(value: Floats, median: Floats, mad: Floats, floor: Floats) -> Floats:
    """(value - median) / max(1.4826 * mad, floor); NaN where value or history is missing."""
    return np.asarray((value - median) / np.maximum(TO_SIGMA * mad, floor), np.float64)


def baseline_columns(
    hourly: pl.DataFrame, kpi_ids: Sequence[str], weeks: int = WEEKS, readings: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Add `<kpi>__base`, `<kpi>__mad` and `<kpi>__base_n` to `readings`, by default all rows of `hourly`.

    Both frames: `entity`, `period_start` at full hours, one row for an entity and hour; `hourly` holds the
    KPI columns with null for missing and suspect values.
    """
    readings = hourly if readings is None else readings
    entity, hour = _keys(hourly, readings)
    cut = hourly.height
    positions = history_positions(entity[:cut], hour[:cut], entity[cut:], hour[cut:], weeks)
    columns = []
    for kpi_id in kpi_ids:
        values = hourly[kpi_id].cast(pl.Float64).fill_null(np.nan).to_numpy()
        found = baseline(values, positions)
        columns += [
            pl.Series(f"{kpi_id}__base", found.median).fill_nan(None),
            pl.Series(f"{kpi_id}__mad", found.mad).fill_nan(None),
            pl.Series(f"{kpi_id}__base_n", found.samples, pl.Int32),
        ]
    return readings.with_columns(columns)


def _keys(hourly: pl.DataFrame, readings: pl.DataFrame) -> tuple[Ints, Ints]:
    """Entity codes and hours since the epoch of the rows of both frames, one after the other."""
    both = pl.concat([frame.select("entity", "period_start") for frame in (hourly, readings)])
    codes = both.select(
        pl.col("entity").rank("dense").cast(pl.Int64),
        pl.col("period_start").dt.epoch("s").floordiv(3600).cast(pl.Int64),
    )
    return codes["entity"].to_numpy(), codes["period_start"].to_numpy()
