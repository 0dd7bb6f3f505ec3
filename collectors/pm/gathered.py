"""Blocks of many files, translated and laid into one table: a row for each object and period of a file.

The values of a block are read once, on their way into the table; objects and periods are numbered, so that no
text is handled for each row.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
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
from collectors.pm.translation import Plan, Translation, Wanted, translation
from collectors.pm.wide import Part, WideTable

WIDE_SCHEMA: Final = pl.Schema(
    {name: KEPT_SCHEMA[name] for name in ("entity", "entity_kind", "period_start", "period_s")}
)
_KEY: Final = ("entity", "period_start", "period_s", SOURCE)
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


class Gathered:
    """All blocks so far."""

    def __init__(self, maps: CounterMaps, wanted: Wanted) -> None:
        self._maps, self._wanted = maps, wanted
        self._chosen: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Translation] = {}
        self._objects: dict[ObjectKey, int] = {}
        self._numbers: dict[tuple[str, str, str, tuple[str, ...]], Indices] = {}
        self._seen: dict[int, list[Indices]] = defaultdict(list)
        self._periods: dict[Period, int] = {}
        self._tables: dict[Translation, WideTable] = {}
        self._kept = KeptResults()
        self._stats: dict[int, Counter[str]] = defaultdict(Counter)
        self._unknown: Counter[Plan] = Counter()
        self.size = 0
        """Values of the blocks."""

    @property
    def vendors(self) -> tuple[str, ...]:
        """Return vendorName of the headers, sorted."""
        return tuple(sorted({vendor for vendor, *_ in self._chosen if vendor}))

    @property
    def unmapped(self) -> Counter[str]:
        """Results by counter name that neither the map nor the wanted names know."""
        found: Counter[str] = Counter()
        for plan, rows in self._unknown.items():
            for column in plan.unknown:
                found[plan.counters[column]] += rows
        return found

    def holds_a_value(self, block: PmBlock) -> bool:
        """Whether a block has a value that becomes a row."""
        chosen = self._translation(block)
        if table.any_known(block.values, chosen.no_values):
            return True
        absent = set(chosen.map.no_values)
        listed = (value for row in block.vectors.values() for value in row)
        return any(not math.isnan(value) and value not in absent for value in listed)

    def add(self, blocks: Iterable[PmBlock], source: int = 0, more: float = 0.0) -> None:
        """Take in blocks of one file; `source`: its number; `more` times as much is still to come."""
        parts: dict[Translation, list[Part]] = {}
        for block in blocks:
            chosen = self._translation(block)
            parts.setdefault(chosen, []).extend(self._parts(block, chosen, source))
        for chosen, some in parts.items():
            if some:
                wide = self._tables.setdefault(chosen, WideTable(chosen))
                self._stats[source]["conflicting_values"] += wide.add(some, len(self._objects), more)

    def _parts(self, block: PmBlock, chosen: Translation, source: int) -> Iterator[Part]:
        """Give what stands in wide rows, keep the rest."""
        plan = chosen.plan(block.counters)
        objects = self._numbered(block, chosen)
        self._seen[source].append(objects)
        suspects = int(np.count_nonzero(block.suspect))
        suspect = block.suspect if suspects else NO_SUSPECT
        period = self._periods.setdefault((source, block.begin, block.period_s), len(self._periods))
        if plan.columns.size:
            yield Part(objects, plan.names, plan.columns, block.values, suspect, period, block.job_id)
        for column, sources in plan.places.items():
            packed = chosen.map.may_be_compressed(block.counters[column])
            numbers = places_read(block, column, [each.index or 0 for each in sources], packed)
            found = np.ascontiguousarray(np.array(numbers, dtype=np.float64).T)
            names = tuple(each.key for each in sources)
            yield Part(objects, names, np.arange(len(names)), found, NO_SUSPECT, period, block.job_id)
        kept = self._kept.add(block, plan, chosen, objects, suspect, source)
        stats = self._stats[source]
        stats["suspect_values"] += suspects
        stats["kept_rows"] += kept
        self._count(block, stats)
        if plan.unknown:
            self._unknown[plan] += len(block.objects)

    def clear(self) -> None:
        """Forget all blocks; the memory of the tables is used again."""
        for wide in self._tables.values():
            wide.clear()
        self._periods, self._kept = {}, KeptResults()
        self._seen, self._stats = defaultdict(list), defaultdict(Counter)
        self._unknown, self.size = Counter(), 0

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

    def _count(self, block: PmBlock, stats: Counter[str]) -> None:
        if block.notes:
            stats.update(block.notes)
        stats["blocks"] += 1
        stats["values"] += table.known(block.values)
        stats["values"] += sum(map(len, block.vectors.values()))
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
        frames = []
        for _, wide in sorted(self._tables.items(), key=lambda pair: pair[0].map.name):
            if wide.rows:
                frames.append(self._named(wide, entities))
        frames = [frame for frame in frames if frame.width > len(_KEY) + 1]
        if not frames:
            return pl.DataFrame(schema=pl.Schema({**WIDE_SCHEMA, SOURCE: pl.Int64()}))
        if len(frames) == 1 and not entities["entity"].is_duplicated().any():
            return frames[0]
        return self._one_per_entity(pl.concat(frames, how="diagonal"))

    def _named(self, wide: WideTable, entities: pl.DataFrame) -> pl.DataFrame:
        """Rows of a table under the names of their objects."""
        period, objects = wide.places()
        schema = pl.Schema({SOURCE: pl.Int64(), **{name: WIDE_SCHEMA[name] for name in _KEY[1:3]}})
        periods = pl.DataFrame(list(self._periods), schema=schema, orient="row")[period]
        heads = entities.select("entity", "entity_kind")[objects].hstack(periods)
        columns, some = wide.targets()
        frame = heads.select(*WIDE_SCHEMA, SOURCE).hstack(columns)
        return frame if some is None else frame.filter(some)

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


def _with_values(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out rows and columns without any value."""
    values = [name for name in rows.columns if name not in (*WIDE_SCHEMA, SOURCE)]
    rows = rows.filter(pl.any_horizontal(pl.col(values).is_not_null()))
    there = [name for name in sorted(values) if rows[name].null_count() < rows.height]
    return rows.select(*WIDE_SCHEMA, SOURCE, *there)
