"""KPIs at a moment, with their baseline: one gather over the hourly shards for all keys at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.kpi.baseline import WEEK_H, WEEKS, baseline
from collectors.kpi.catalogue import Catalogue
from collectors.store.hourly import SUSPECT_N
from collectors.store.ledger import Ledger
from collectors.store.placement import shards_of
from collectors.store.shards import HOURLY, live

HOUR_US = 3_600_000_000
BACK_HOURS = 2  # with no sample in the hour itself, the nearest full hour within two hours before
WHY = ("", "no_period", "few_samples", "counter_missing", "suspect")
OK, NO_PERIOD, FEW_SAMPLES, COUNTER_MISSING, SUSPECT = range(5)

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reading:
    """One KPI of all hours of a shard, the sample guard applied; one NaN more at the end, for `no such hour`.

    `samples` is the number that the guard looked at. `why` says for each hour why there is no value.
    """

    value: Floats
    samples: Floats
    why: NDArray[np.uint8]


@dataclass(slots=True)
class Hours:
    """The hours of one shard: `code` is sorted, one number per entity and hour."""

    code: Indices
    columns: Mapping[str, Floats]
    catalogue: Catalogue

    def find(self, codes: Indices) -> Indices:
        """Row of each code, or -1 where there is none."""
        at = np.minimum(np.searchsorted(self.code, codes), len(self.code) - 1)
        return np.where(self.code[at] == codes, at, -1)

    def reading(self, kpi_id: str) -> Reading | None:
        """Judge a KPI in all hours; None where the shard has no value and no sample of it."""
        none = np.full(len(self.code) + 1, np.nan, np.float32)
        value = self.columns.get(kpi_id, none)
        samples = self.columns.get(f"{kpi_id}__n", none)
        if value is none and samples is none:
            return None
        suspect = samples == SUSPECT_N
        samples = np.where(suspect, np.float32(np.nan), samples)
        kpi = self.catalogue.kpi(kpi_id) if kpi_id in self.catalogue else None
        if kpi is not None and kpi.guard is not None:
            samples = np.where(np.isnan(samples), self.columns.get(kpi.guard, none), samples)
        least = 0 if kpi is None or kpi.min_samples is None else kpi.min_samples
        few = (samples < least) | (np.isnan(value) & (samples == 0))
        why = np.where(few, FEW_SAMPLES, np.where(np.isnan(value), COUNTER_MISSING, OK))
        why = np.where(suspect, SUSPECT, why).astype(np.uint8)
        return Reading(np.where(why == OK, value, np.float32(np.nan)), samples, why)


class Answer:
    """Row-aligned answer columns, filled shard by shard."""

    def __init__(self, rows: int, kpi_ids: Sequence[str]) -> None:
        self.ids = kpi_ids
        shape = (len(kpi_ids), rows)
        self.value = np.full(shape, np.nan, np.float32)
        self.samples = np.full(shape, np.nan, np.float32)
        self.base = np.full(shape, np.nan, np.float32)
        self.mad = np.full(shape, np.nan, np.float32)
        self.base_n = np.zeros(shape, np.int32)
        self.start = np.full(shape, np.iinfo(np.int64).min, np.int64)
        self.why = np.full(shape, NO_PERIOD, np.uint8)

    def frame(self, rows: pl.Series) -> pl.DataFrame:
        """Return `row` and the seven columns of each KPI."""
        columns: dict[str, pl.Series] = {"row": rows}
        words = pl.Enum(WHY)
        for i, kpi in enumerate(self.ids):
            columns[kpi] = pl.Series(self.value[i], nan_to_null=True)
            columns[f"{kpi}__n"] = pl.Series(self.samples[i], nan_to_null=True)
            columns[f"{kpi}__base"] = pl.Series(self.base[i], nan_to_null=True)
            columns[f"{kpi}__mad"] = pl.Series(self.mad[i], nan_to_null=True)
            columns[f"{kpi}__base_n"] = pl.Series(self.base_n[i])
            columns[f"{kpi}__from"] = _times(self.start[i])
            columns[f"{kpi}__why"] = pl.Series(self.why[i]).cat.to(words).cast(pl.String)
        return pl.DataFrame(columns)


def _times(start: Indices) -> pl.Series:
    """Hours since 1970 as UTC times; the smallest integer stands for none."""
    none = start == np.iinfo(np.int64).min
    times = pl.Series(np.where(none, 0, start) * HOUR_US).cast(pl.Datetime("us", "UTC"))
    return times if not none.any() else times.zip_with(pl.Series(~none), pl.Series([None], dtype=times.dtype))


def kpi_at(
    root: Path, ledger: Ledger, catalogue: Catalogue, keys: pl.DataFrame, kpi_ids: Sequence[str]
) -> pl.DataFrame:
    """Answer `keys` (row, entity, at) for every KPI; see `Store.kpi_at`."""
    answer = Answer(keys.height, list(kpi_ids))
    guards = {catalogue.kpi(k).guard for k in kpi_ids if k in catalogue} - {None}
    wanted = [c for kpi in kpi_ids for c in (kpi, f"{kpi}__n")] + sorted(str(g) for g in guards)
    placed = keys.select("entity", hour=pl.col("at").dt.timestamp("us") // HOUR_US).with_row_index("place")
    shards = shards_of(placed["entity"].drop_nulls().unique().to_list())
    placed = placed.drop_nulls().join(shards, on="entity", maintain_order="left")
    for (shard,), mine in sorted(placed.partition_by("shard", as_dict=True).items()):
        segment = live(ledger, HOURLY, str(shard))
        if segment is not None and segment.rows:
            hours, entities = _load(root / segment.name, wanted, catalogue)
            _fill(answer, hours, mine.join(entities, on="entity", maintain_order="left"))
    return answer.frame(keys["row"])


def _load(path: Path, wanted: Sequence[str], catalogue: Catalogue) -> tuple[Hours, pl.DataFrame]:
    """Read the wanted columns of a shard; frame `entity`, `number` numbers its entities."""
    there = set(pl.read_parquet_schema(path))
    columns = sorted(there.intersection(wanted))
    table = pl.read_parquet(path, columns=["entity", "period_start", *columns])
    entities = table.select(pl.col("entity").unique(maintain_order=True)).with_row_index("number")
    number = table["entity"].rle_id().to_numpy().astype(np.int64)
    hour = table["period_start"].dt.timestamp("us").to_numpy() // HOUR_US
    values = {c: np.append(table[c].to_numpy(), np.float32(np.nan)) for c in columns}
    return Hours(_code(number, hour), values, catalogue), entities


def _code(number: Indices, hour: Indices) -> Indices:
    """One sortable number per entity and hour; hours since 1970 stay below 2^31 for 245,000 years."""
    return (number << 31) + hour


def _fill(answer: Answer, hours: Hours, found: pl.DataFrame) -> None:
    """Gather all KPIs of one shard's keys."""
    place = found["place"].to_numpy().astype(np.int64)
    hour = found["hour"].to_numpy()
    code = _code(found["number"].to_numpy().astype(np.int64), hour)
    rows = [hours.find(code - back) for back in range(BACK_HOURS + 1)]
    past = [
        np.stack([hours.find(code - back - week * WEEK_H) for week in range(1, WEEKS + 1)], axis=1)
        for back in range(BACK_HOURS + 1)
    ]
    seen = np.any([r >= 0 for r in rows], axis=0)
    for i, kpi in enumerate(answer.ids):
        answer.why[i, place] = np.where(seen, COUNTER_MISSING, NO_PERIOD)
        reading = hours.reading(kpi)
        if reading is not None:
            _fill_kpi(answer, i, reading, (place, hour), rows, past)


def _fill_kpi(
    answer: Answer,
    i: int,
    reading: Reading,
    keys: tuple[Indices, Indices],
    rows: Sequence[Indices],
    past: Sequence[Indices],
) -> None:
    """Take the nearest hour that says anything of this KPI, and its baseline from the weeks before."""
    place, hour = keys
    left = np.arange(len(place))
    for back in range(BACK_HOURS + 1):
        row = rows[back][left]
        why = np.where(row < 0, COUNTER_MISSING, reading.why[row])
        mine, row = left[why != COUNTER_MISSING], row[why != COUNTER_MISSING]
        left = left[why == COUNTER_MISSING]
        if len(mine):
            at = place[mine]
            found = baseline(reading.value.astype(np.float64), past[back][mine])
            answer.value[i, at] = reading.value[row]
            answer.samples[i, at] = reading.samples[row]
            answer.why[i, at] = reading.why[row]
            answer.start[i, at] = hour[mine] - back
            answer.base[i, at], answer.mad[i, at] = found.median, found.mad
            answer.base_n[i, at] = found.samples
        if not len(left):
            return
