"""KPIs at a moment, with their baseline: one gather over the hourly shards for all keys at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.compiled import compiled
from collectors.kpi.baseline import WEEK_H, WEEKS, baseline
from collectors.kpi.catalogue import Catalogue
from collectors.store import hours
from collectors.store.hourly import SUSPECT_N
from collectors.store.ledger import Ledger, Segment
from collectors.store.placement import shards_of
from collectors.store.shards import HOURLY, live
from collectors.store.span import Span
from collectors.threads import spread

HOUR_US = 3_600_000_000
BACK_HOURS = 2  # with no sample in the hour itself, the nearest full hour within two hours before
WHY = ("", "no_period", "few_samples", "counter_missing", "suspect")
NO_TIME = np.iinfo(np.int64).min
OK, NO_PERIOD, FEW_SAMPLES, COUNTER_MISSING, SUSPECT = range(5)

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Pair = tuple[Floats, Floats]
NO_ROWS = pl.DataFrame(schema=hours.EMPTY)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of some entities: `code` is sorted, one number per entity and hour; empty is NaN."""

    code: Indices
    entities: pl.DataFrame
    columns: Mapping[str, Floats]
    none: Floats
    gone: NDArray[np.bool_]

    def find(self, mine: pl.DataFrame, back: Indices) -> Indices:
        """Row of each key (entity, hour) some hours back, -1 for none: (hours back, keys, weeks)."""
        found = mine.join(self.entities, on="entity", how="left", maintain_order="left")["number"]
        number = found.fill_null(len(self.entities)).to_numpy().astype(np.int64)
        codes = _code(number, mine["hour"].to_numpy())[:, None] - back
        if not len(self.code):
            return np.full(codes.shape, -1)
        at = np.minimum(np.searchsorted(self.code, codes), len(self.code) - 1)
        return np.where(self.code[at] == codes, at, -1)

    def column(self, name: str | None) -> Floats:
        """Return a column, or one of NaN where there is none."""
        return self.none if name is None else self.columns.get(name, self.none)


@dataclass(frozen=True, slots=True)
class Tiers:
    """The hours of one shard, and over them the recent ones."""

    merged: Hours
    recent: Hours

    def find(self, mine: pl.DataFrame, back: Indices) -> Indices:
        """Row of each key as `Hours.find`; a recent row is -2 less its number."""
        rows = self.merged.find(mine, back)
        newer = self.recent.find(mine, back)
        if (newer >= 0).any():
            rows = np.where(newer >= 0, np.where(self.recent.gone[newer], -1, -2 - newer), rows)
        return rows

    def columns(self, name: str | None) -> tuple[Floats, Floats]:
        """Return a column of both."""
        return self.merged.column(name), self.recent.column(name)

    def has(self, name: str) -> bool:
        """Whether either of them has a column."""
        return name in self.merged.columns or name in self.recent.columns


class Answer:
    """Row-aligned answer columns, filled shard by shard, which share no element: a key is of one shard."""

    def __init__(self, rows: int, kpi_ids: Sequence[str]) -> None:
        self.ids = kpi_ids
        shape = (len(kpi_ids), rows)
        self.value = np.full(shape, np.nan, np.float32)
        self.samples = np.full(shape, np.nan, np.float32)
        self.base = np.full(shape, np.nan, np.float32)
        self.mad = np.full(shape, np.nan, np.float32)
        self.base_n = np.zeros(shape, np.int32)
        self.start = np.full(shape, NO_TIME, np.int64)
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
    none = start == NO_TIME
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
    recent = _hours(_recent(root, ledger, wanted, placed))

    def fill(part: tuple[Segment | None, pl.DataFrame]) -> None:
        segment, mine = part
        merged = _hours(_table(root / segment.name, wanted)) if segment is not None else _hours(NO_ROWS)
        if len(merged.code) or len(recent.code):
            _fill(answer, Tiers(merged, recent), mine, catalogue)

    parts = sorted(placed.partition_by("shard", as_dict=True).items())
    spread(fill, [(live(ledger, HOURLY, str(shard)), mine) for (shard,), mine in parts])
    return answer.frame(keys["row"])


def _recent(root: Path, ledger: Ledger, wanted: Sequence[str], placed: pl.DataFrame) -> pl.DataFrame:
    """Rows of the recent segments for the entities that are asked for."""
    names = placed.select(pl.col("entity").unique())
    found = hours.latest(root, hours.recent(ledger), None, Span(), sorted(set(wanted)))
    return found.join(names, on="entity", how="semi").sort(hours.HOUR)


def _table(path: Path, wanted: Sequence[str]) -> pl.DataFrame:
    there = hours.columns_of(path).intersection(wanted)
    return pl.read_parquet(path, columns=[*hours.LABELS, *sorted(there)])


def _hours(table: pl.DataFrame) -> Hours:
    """Hours of rows sorted by entity and time."""
    table = table.rechunk()
    entities = table.select(pl.col("entity").unique(maintain_order=True)).with_row_index("number")
    number = table["entity"].rle_id().to_numpy().astype(np.int64)
    hour = table["period_start"].dt.timestamp("us").to_numpy() // HOUR_US
    values = {c: table[c].to_numpy() for c in table.columns if c not in hours.LABELS}
    gone = table["entity_kind"].is_null().to_numpy()
    return Hours(_code(number, hour), entities, values, np.full(table.height, np.nan, np.float32), gone)


def _code(number: Indices, hour: Indices) -> Indices:
    """One sortable number per entity and hour; hours since 1970 stay below 2^31 for 245,000 years."""
    return (number << 31) + hour


def _fill(answer: Answer, tiers: Tiers, found: pl.DataFrame, catalogue: Catalogue) -> None:
    """Gather all KPIs of one shard's keys, each from the nearest hour that says anything of it."""
    place = found["place"].to_numpy().astype(np.int64)
    hour = found["hour"].to_numpy()
    back = np.arange(BACK_HOURS + 1)[:, None, None] + WEEK_H * np.arange(WEEKS + 1)
    rows = tiers.find(found, back)
    seen = (rows[:, :, 0] != -1).any(axis=0)
    history = np.arange(len(place) * WEEKS).reshape(-1, WEEKS)
    for i, kpi_id in enumerate(answer.ids):
        kpi = catalogue.kpi(kpi_id) if kpi_id in catalogue else None
        values, counts = tiers.columns(kpi_id), tiers.columns(f"{kpi_id}__n")
        guards = tiers.columns(kpi.guard if kpi else None)
        if not tiers.has(kpi_id) and not tiers.has(f"{kpi_id}__n"):
            answer.why[i, place] = np.where(seen, COUNTER_MISSING, NO_PERIOD)
            continue
        least = float(kpi.min_samples or 0) if kpi is not None else 0.0
        value, samples, why, chosen, past = _readings(values, counts, guards, least, rows)
        known = baseline(past, history)
        answer.value[i, place], answer.samples[i, place] = value, samples
        answer.why[i, place] = np.where(seen, why, NO_PERIOD)
        answer.start[i, place] = np.where(chosen < 0, NO_TIME, hour - chosen)
        answer.base[i, place], answer.mad[i, place] = known.median, known.mad
        answer.base_n[i, place] = known.samples


@compiled()
def _reading(value: float, samples: float, guard: float, least: float) -> tuple[float, float, int]:
    """Value, number of samples and reason of one hour, the sample guard applied."""
    if samples == SUSPECT_N:
        return np.nan, np.nan, SUSPECT
    if np.isnan(samples):
        samples = guard
    if samples < least or (np.isnan(value) and samples == 0):
        return np.nan, samples, FEW_SAMPLES
    return value, samples, COUNTER_MISSING if np.isnan(value) else OK


@compiled()
def _at(columns: Pair, row: int) -> float:
    """Take the value of a row of the shard, or of a recent one (below -1)."""
    value: float = columns[0][row] if row >= 0 else columns[1][-2 - row]
    return value


@compiled()
def _readings(
    values: Pair, counts: Pair, guards: Pair, least: float, rows: Indices
) -> tuple[Floats, Floats, NDArray[np.uint8], Indices, NDArray[np.float64]]:
    """For each key the reading of the nearest hour that has one, how many hours back, and its history."""
    backs, keys, weeks = rows.shape
    value = np.full(keys, np.nan, np.float32)
    samples = np.full(keys, np.nan, np.float32)
    why = np.full(keys, COUNTER_MISSING, np.uint8)
    chosen = np.full(keys, -1, np.int64)
    past = np.full(keys * (weeks - 1), np.nan)
    for key in range(keys):
        for back in range(backs):
            at = rows[back, key, 0]
            if at == -1:
                continue
            found = _reading(_at(values, at), _at(counts, at), _at(guards, at), least)
            if found[2] == COUNTER_MISSING:
                continue
            value[key], samples[key], why[key] = found
            chosen[key] = back
            for week in range(1, weeks):
                then = rows[back, key, week]
                if then != -1:
                    before = _reading(_at(values, then), _at(counts, then), _at(guards, then), least)
                    past[key * (weeks - 1) + week - 1] = before[0]
            break
    return value, samples, why, chosen, past
