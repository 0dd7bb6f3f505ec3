"""Blocks of many files, translated and laid into one table: a row for each object and period of a file.

The values of a block are read once, on their way into the table; objects and periods are numbered, so that no
text is handled for each row. Blocks are held until then, so their number is bounded by who adds them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.pm import table
from collectors.pm.block import PmBlock
from collectors.pm.counter_map import CounterMaps
from collectors.pm.kept import KEPT_SCHEMA, NO_SUSPECT, SOURCE, KeptResults
from collectors.pm.lists import places_read
from collectors.pm.objects import ObjectKey, ObjectMatcher
from collectors.pm.translation import Translation, Wanted, translation

WIDE_SCHEMA: Final = pl.Schema(
    {name: KEPT_SCHEMA[name] for name in ("entity", "entity_kind", "period_start", "period_s")}
)
_KEY: Final = ("entity", "period_start", "period_s", SOURCE)
_SPARSE: Final = 8  # places for every row and object are looked up in an array that is at most so much larger
Indices = NDArray[np.int64]
Period = tuple[int, datetime, int]
"""Source, start and length of a period."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of all blocks; every frame has the number of the source in `_source`."""

    wide: pl.DataFrame
    packed: pl.DataFrame
    single: pl.DataFrame
    stats: dict[int, Counter[str]]


@dataclass(frozen=True, slots=True)
class _Part:
    """Numbers of one block under the names of their sources."""

    objects: Indices
    names: tuple[str, ...]
    columns: Indices
    values: NDArray[np.float64]
    suspect: NDArray[np.bool_]
    period: int
    job: str


class Gathered:
    """All blocks so far."""

    def __init__(self, maps: CounterMaps, wanted: Wanted) -> None:
        self._maps, self._wanted = maps, wanted
        self._chosen: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Translation] = {}
        self._objects: dict[ObjectKey, int] = {}
        self._numbers: dict[tuple[str, str, str, tuple[str, ...]], Indices] = {}
        self._seen: dict[int, list[Indices]] = defaultdict(list)
        self._periods: dict[Period, int] = {}
        self._parts: dict[Translation, list[_Part]] = {}
        self._kept = KeptResults()
        self._stats: dict[int, Counter[str]] = defaultdict(Counter)
        self.unmapped: Counter[str] = Counter()
        """Results by counter name that neither the map nor the wanted names know."""
        self.size = 0
        """Values of the blocks."""

    @property
    def vendors(self) -> tuple[str, ...]:
        """Return vendorName of the headers, sorted."""
        return tuple(sorted({vendor for vendor, *_ in self._chosen if vendor}))

    def holds_a_value(self, block: PmBlock) -> bool:
        """Whether a block has a value that becomes a row."""
        chosen = self._translation(block)
        if table.any_known(block.values, chosen.no_values):
            return True
        absent = set(chosen.map.no_values)
        listed = (value for row in block.vectors.values() for value in row)
        return any(not math.isnan(value) and value not in absent for value in listed)

    def is_full(self, values: int, *, same_element: bool) -> bool:
        """Whether the rows are due: after `values`, within a managed element after four times as many."""
        return self.size > values and (not same_element or self.size > 4 * values)

    def add(self, block: PmBlock, source: int = 0) -> None:
        """Take in one block; `source`: the number of its file."""
        chosen = self._translation(block)
        plan = chosen.plan(block.counters)
        objects = self._numbered(block, chosen)
        self._seen[source].append(objects)
        suspect = block.suspect if block.suspect.any() else NO_SUSPECT
        period = self._periods.setdefault((source, block.begin, block.period_s), len(self._periods))
        parts = self._parts.setdefault(chosen, [])
        if plan.columns.size:
            parts.append(
                _Part(objects, plan.names, plan.columns, block.values, suspect, period, block.job_id)
            )
        for column, sources in plan.places.items():
            packed = chosen.map.may_be_compressed(block.counters[column])
            numbers = places_read(block, column, [each.index or 0 for each in sources], packed)
            found = np.ascontiguousarray(np.array(numbers, dtype=np.float64).T)
            names = tuple(each.key for each in sources)
            parts.append(
                _Part(objects, names, np.arange(len(names)), found, NO_SUSPECT, period, block.job_id)
            )
        kept = self._kept.add(block, plan, chosen, objects, source)
        self._count(block, source, kept)
        for column in plan.unknown:
            self.unmapped[block.counters[column]] += len(block.objects)

    def _translation(self, block: PmBlock) -> Translation:
        said = (block.vendor, block.software_version, block.objects[:1], block.counters)
        if said not in self._chosen:
            self._chosen[said] = translation(self._maps.choose(*said), self._wanted)
        return self._chosen[said]

    def _numbered(self, block: PmBlock, chosen: Translation) -> Indices:
        """Numbers of a block's objects; the same list of objects stands in the files of every period."""
        rest = (chosen.map.name, block.user_label)
        key = (block.managed_element, *rest, block.objects)
        if key not in self._numbers:
            numbers = self._objects
            found = [
                numbers.setdefault((block.managed_element, ldn, *rest), len(numbers)) for ldn in block.objects
            ]
            self._numbers[key] = np.array(found, dtype=np.int64)
        return self._numbers[key]

    def _count(self, block: PmBlock, source: int, kept: int) -> None:
        stats = self._stats[source]
        stats.update(block.notes)
        stats["blocks"] += 1
        stats["values"] += table.known(block.values)
        stats["values"] += sum(map(len, block.vectors.values()))
        stats["suspect_values"] += int(np.count_nonzero(block.suspect))
        stats["kept_rows"] += kept
        self.size += block.values.size

    def rows(self, matcher: ObjectMatcher) -> Rows:
        """Return the rows of all blocks, their objects matched."""
        entities = matcher.entities(list(self._objects))
        self._count_objects(entities["by"])
        wide = self._wide(entities)
        for source, rows in wide.group_by(SOURCE).len().iter_rows():
            self._stats[source]["wide_rows"] = rows
        return Rows(wide, self._kept.packed(entities), self._kept.single(entities), self._stats)

    def _count_objects(self, by: pl.Series) -> None:
        ways = by.unique(maintain_order=True)
        codes = by.replace_strict(ways, range(len(ways)), return_dtype=pl.Int64).to_numpy()
        for source, objects in self._seen.items():
            seen = np.zeros(len(by), np.bool_)
            for some in objects:
                seen[some] = True
            counts = np.bincount(codes[seen], minlength=len(ways)).tolist()
            found = zip(ways.to_list(), counts, strict=True)
            self._stats[source].update({f"objects_by_{way}": count for way, count in found if count})

    # -- wide rows -------------------------------------------------------------------------------------------

    def _wide(self, entities: pl.DataFrame) -> pl.DataFrame:
        places = _Places(entities, list(self._periods))
        frames = []
        for chosen, parts in sorted(self._parts.items(), key=lambda pair: pair[0].map.name):
            if parts:
                frames.append(self._merged(chosen, parts, places))
        frames = [frame for frame in frames if frame.width > len(_KEY) + 1]
        if not frames:
            return pl.DataFrame(schema=pl.Schema({**WIDE_SCHEMA, SOURCE: pl.Int64()}))
        if len(frames) == 1 and not places.doubled:
            return frames[0]
        return self._one_per_entity(pl.concat(frames, how="diagonal"))

    def _merged(self, chosen: Translation, parts: list[_Part], places: _Places) -> pl.DataFrame:
        """Merge parts to one row per object and period, sorted, and compute what is wanted."""
        rows, row_of = places.rows([part.period for part in parts], [part.objects for part in parts])
        names = sorted({name for part in parts for name in part.names})
        column_of = {name: at for at, name in enumerate(names)}
        values = np.full((len(names), len(rows)), np.nan)
        for at in sorted(range(len(parts)), key=lambda at: parts[at].job):
            part = parts[at]
            target = np.array([column_of[name] for name in part.names], dtype=np.int64)
            conflicts = table.fill(
                values, part.values, part.suspect, part.columns, target, row_of[at], chosen.no_values
            )
            if conflicts:
                self._stats[places.source(part.period)]["conflicting_values"] += conflicts
        counts, some = table.filled(values)
        columns = _Columns(values, column_of, counts)
        frame = places.heads(rows).hstack(columns.targets(chosen))
        return frame if some.all() and not columns.computed else _with_values(frame.filter(some))

    def _one_per_entity(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row per entity and period of a source, sorted."""
        values = [name for name in rows.columns if name not in (*WIDE_SCHEMA, SOURCE)]
        rows = rows.sort(_KEY, maintain_order=True)
        doubled = rows.filter(pl.struct(_KEY).is_duplicated())
        if doubled.is_empty():
            return _with_values(rows)
        grouped = doubled.group_by(_KEY, maintain_order=True)
        differ = grouped.agg(pl.col(values).drop_nulls().n_unique() > 1)
        counts = differ.select(SOURCE, pl.sum_horizontal(pl.col(values)).alias("differ"))
        for source, number in doubled.group_by(SOURCE).len().iter_rows():
            self._stats[source]["rows_of_one_entity"] += number
        for source, number in counts.group_by(SOURCE).agg(pl.col("differ").sum()).iter_rows():
            self._stats[source]["conflicting_values"] += number
        first = pl.col(values).drop_nulls().first()
        merged = rows.group_by(_KEY, maintain_order=True).agg(pl.col("entity_kind").first(), first)
        return _with_values(merged)


class _Places:
    """Where each object and period stands: sorted by entity, period and source."""

    def __init__(self, entities: pl.DataFrame, periods: Sequence[Period]) -> None:
        self._entities, self._periods = entities, periods
        order = sorted(range(len(periods)), key=lambda at: (periods[at][1:], periods[at][0]))
        self._rank = np.empty(len(periods), np.int64)
        self._rank[order] = np.arange(len(periods))
        self._entity = entities["entity"].rank("dense").to_numpy().astype(np.int64)
        self.doubled = bool(entities["entity"].is_duplicated().any())
        """Whether two objects are one entity."""

    def source(self, period: int) -> int:
        """Source of a period."""
        return self._periods[period][0]

    def rows(self, periods: Sequence[int], objects: Sequence[Indices]) -> tuple[Indices, list[Indices]]:
        """Code of each row, sorted, and for each part the row of each of its objects."""
        count = len(self._entity)
        codes = [period * count + some for period, some in zip(periods, objects, strict=True)]
        together = np.concatenate(codes)
        space = len(self._periods) * count
        if space > _SPARSE * len(together) + (1 << 20):
            rows, back = np.unique(together, return_inverse=True)
        else:
            there = np.zeros(space, np.bool_)
            there[together] = True
            rows = np.flatnonzero(there)
            index = np.cumsum(there) - 1
            back = index[together]
        order = np.argsort(
            self._entity[rows % count] * len(self._periods) + self._rank[rows // count], kind="stable"
        )
        place = np.empty(len(rows), np.int64)
        place[order] = np.arange(len(rows))
        ends = np.cumsum([len(some) for some in codes])
        return rows[order], np.split(place[back], ends[:-1])

    def heads(self, rows: Indices) -> pl.DataFrame:
        """Keys of the rows with these codes."""
        count = len(self._entity)
        schema = pl.Schema({SOURCE: pl.Int64(), **{name: WIDE_SCHEMA[name] for name in _KEY[1:3]}})
        periods = pl.DataFrame(list(self._periods), schema=schema, orient="row")[rows // count]
        named = self._entities.select("entity", "entity_kind")[rows % count]
        return named.hstack(periods).select(*WIDE_SCHEMA, SOURCE)


@dataclass(slots=True)
class _Columns:
    """A table of numbers by name."""

    values: NDArray[np.float64]
    column_of: dict[str, int]
    counts: Indices
    computed: bool = False
    """Whether a target was computed, so that a row of numbers may be a row without any target."""

    def targets(self, chosen: Translation) -> list[pl.Series]:
        """Wanted counters that have a value, sorted by name; most are columns as they stand."""
        rows = self.values.shape[1]
        frame: pl.DataFrame | None = None
        found = []
        for target in chosen.targets(self.column_of):
            plain = target.plain
            full = plain is not None and self.counts[self.column_of[plain]] == rows
            if plain is not None and (full or target.alone):
                column = self._series(plain, target.name)
            else:
                frame = self._frame() if frame is None else frame
                self.computed = True
                column = frame.select(target.expr).to_series()
            if column.null_count() < rows:
                found.append(column)
        return found

    def _series(self, name: str, alias: str) -> pl.Series:
        at = self.column_of[name]
        return pl.Series(alias, self.values[at], nan_to_null=bool(self.counts[at] < self.values.shape[1]))

    def _frame(self) -> pl.DataFrame:
        return pl.DataFrame([self._series(name, name) for name in self.column_of])


def _with_values(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows and columns without any value."""
    values = [name for name in rows.columns if name not in (*WIDE_SCHEMA, SOURCE)]
    rows = rows.filter(pl.any_horizontal(pl.col(values).is_not_null()))
    there = [name for name in sorted(values) if rows[name].null_count() < rows.height]
    return rows.select(*WIDE_SCHEMA, SOURCE, *there)
