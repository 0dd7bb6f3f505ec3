"""Counter rows: what the blocks of a PM file become in the store.

Wide rows hold the counters that KPIs use, under their 3GPP names, one row per entity and period. Kept rows
hold everything else that was measured, and every suspect value, so that none enters a KPI or a baseline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.pm.block import PmBlock
from collectors.pm.counter_map import CounterMaps
from collectors.pm.kept import KEPT_SCHEMA, KeptResults
from collectors.pm.lists import places_read
from collectors.pm.objects import ObjectKey, ObjectMatcher
from collectors.pm.translation import Plan, Translation, Wanted, translation

BATCH_VALUES: Final = 8 << 20
WIDE_SCHEMA: Final = pl.Schema(
    {name: KEPT_SCHEMA[name] for name in ("entity", "entity_kind", "period_start", "period_s")}
)
_KEY: Final = ("entity", "period_start", "period_s")
_NAN = float("nan")
Floats = NDArray[np.float64]

__all__ = ["BATCH_VALUES", "KEPT_SCHEMA", "WIDE_SCHEMA", "CounterRows", "counter_row_batches", "counter_rows"]


@dataclass(frozen=True, slots=True)
class CounterRows:
    """Counters ready for the store."""

    wide: pl.DataFrame
    """`WIDE_SCHEMA` and a Float64 column per wanted counter that has a value; a row per entity and period."""
    kept: pl.DataFrame
    """`KEPT_SCHEMA`: counters that no KPI uses (places of lists as `name[i]`) and suspect values; `target`
    names the wanted counter that a suspect value would have gone into."""
    unmapped_counts: Mapping[str, int]
    """Results by counter name that neither the map nor the wanted names know."""
    stats: Mapping[str, int]
    """What was read and what was odd, by name."""
    vendors: tuple[str, ...] = ()
    """vendorName of the headers, for the map of unmapped counters."""


def counter_rows(
    blocks: Iterable[PmBlock], maps: CounterMaps, matcher: ObjectMatcher, wanted: Collection[str]
) -> CounterRows:
    """Translate and merge blocks; `wanted`: 3GPP names and patterns such as `ERAB.EstabInitFailNbr.*`.

    Blocks of one object and period merge over measInfo and job. Where two jobs have one counter, the first
    by job name that has a value stands; another value is counted as `conflicting_values`.
    """
    gathered = _Gathered(maps, Wanted.of(wanted))
    for block in blocks:
        gathered.add(block)
    return gathered.rows(matcher)


def counter_row_batches(
    blocks: Iterable[PmBlock],
    maps: CounterMaps,
    matcher: ObjectMatcher,
    wanted: Collection[str],
    batch_values: int = BATCH_VALUES,
) -> Iterator[CounterRows]:
    """Give the same in batches, to bound memory.

    A batch ends after `batch_values` at the next managed element, or within one at four times as many.
    """
    batch, size, element = _Gathered(maps, Wanted.of(wanted)), 0, ""
    for block in blocks:
        if size > batch_values and (block.managed_element != element or size > 4 * batch_values):
            yield batch.rows(matcher)
            batch, size = _Gathered(maps, Wanted.of(wanted)), 0
        batch.add(block)
        size += block.values.size
        element = block.managed_element
    yield batch.rows(matcher)


@dataclass(frozen=True, slots=True)
class _Part:
    """Numbers of one block under the names of their sources."""

    objects: NDArray[np.int64]
    names: tuple[str, ...]
    values: Floats
    period: int
    job: str


class _Gathered:
    """All blocks so far, translated to columns of numbers."""

    def __init__(self, maps: CounterMaps, wanted: Wanted) -> None:
        self._maps, self._wanted = maps, wanted
        self._chosen: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Translation] = {}
        self._objects: dict[ObjectKey, int] = {}
        self._periods: dict[tuple[datetime, int], int] = {}
        self._parts: dict[Translation, list[_Part]] = {}
        self._kept = KeptResults()
        self._unmapped: Counter[str] = Counter()
        self._stats: Counter[str] = Counter()

    def add(self, block: PmBlock) -> None:
        """Take in one block."""
        chosen = self._translation(block)
        plan = chosen.plan(block.counters)
        objects = self._numbered(block, chosen)
        values = _without(block.values, chosen.map.no_values)
        known = np.where(block.suspect, _NAN, values) if block.suspect.any() else values
        period = self._periods.setdefault((block.begin, block.period_s), len(self._periods))
        parts = self._parts.setdefault(chosen, [])
        for names, columns in _once_each(plan.numbers):
            parts.append(_Part(objects, names, known[:, columns], period, block.job_id))
        for column, sources in plan.places.items():
            packed = chosen.map.may_be_compressed(block.counters[column])
            numbers = places_read(block, column, [source.index or 0 for source in sources], packed)
            found = _without(np.array(numbers, dtype=np.float64).T, chosen.map.no_values)
            parts.append(_Part(objects, tuple(s.key for s in sources), found, period, block.job_id))
        self._kept.add(block, plan, chosen, objects, values)
        self._count(block, plan)

    def _translation(self, block: PmBlock) -> Translation:
        said = (block.vendor, block.software_version, block.objects[:1], block.counters)
        if said not in self._chosen:
            self._chosen[said] = translation(self._maps.choose(*said), self._wanted)
        return self._chosen[said]

    def _numbered(self, block: PmBlock, chosen: Translation) -> NDArray[np.int64]:
        numbers, element = self._objects, block.managed_element
        rest = (chosen.map.name, block.user_label)
        found = [numbers.setdefault((element, ldn, *rest), len(numbers)) for ldn in block.objects]
        return np.array(found, dtype=np.int64)

    def _count(self, block: PmBlock, plan: Plan) -> None:
        self._stats.update(block.notes)
        self._stats["blocks"] += 1
        self._stats["values"] += int(np.count_nonzero(~np.isnan(block.values)))
        self._stats["values"] += sum(map(len, block.vectors.values()))
        self._stats["suspect_values"] += int(block.suspect.sum())
        for column in plan.unknown:
            self._unmapped[block.counters[column]] += len(block.objects)

    def rows(self, matcher: ObjectMatcher) -> CounterRows:
        """Return the rows of all blocks, their objects matched."""
        entities = matcher.entities(list(self._objects))
        self._stats.update(Counter(f"objects_by_{by}" for by in entities["by"]))
        wide, kept = self._wide(entities), self._kept.rows(entities)
        self._stats.update({"wide_rows": wide.height, "kept_rows": kept.height})
        vendors = tuple(sorted({vendor for vendor, *_ in self._chosen if vendor}))
        unmapped, stats = dict(sorted(self._unmapped.items())), dict(sorted(self._stats.items()))
        return CounterRows(wide, kept, unmapped, stats, vendors)

    # -- wide rows -------------------------------------------------------------------------------------------

    def _wide(self, entities: pl.DataFrame) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=WIDE_SCHEMA)]
        for chosen, parts in sorted(self._parts.items(), key=lambda pair: pair[0].map.name):
            targets = chosen.targets({name for part in parts for name in part.names})
            if targets:
                frames.append(self._targets(parts, targets, entities))
        return self._one_per_entity(pl.concat(frames, how="diagonal"))

    def _targets(self, parts: list[_Part], targets: list[pl.Expr], entities: pl.DataFrame) -> pl.DataFrame:
        """Merge parts to one row per object and period, and compute what is wanted."""
        count = len(self._objects)
        codes = np.concatenate([part.period * count + part.objects for part in parts])
        rows, row_of = np.unique(codes, return_inverse=True)
        names = sorted({name for part in parts for name in part.names})
        table = self._table(
            parts, row_of, (len(rows), len(names)), {name: at for at, name in enumerate(names)}
        )
        sources = pl.DataFrame({name: table[:, at] for at, name in enumerate(names)}, nan_to_null=True)
        periods = pl.DataFrame(
            list(self._periods), schema={name: WIDE_SCHEMA[name] for name in _KEY[1:]}, orient="row"
        )
        heads = [*entities.select("entity", "entity_kind")[rows % count], *periods[rows // count]]
        return pl.DataFrame([*heads, *sources.select(targets).get_columns()])

    def _table(
        self,
        parts: list[_Part],
        row_of: NDArray[np.int64],
        shape: tuple[int, int],
        column_of: Mapping[str, int],
    ) -> Floats:
        """Fill the first value by job name into each place, all columns of a block at once."""
        ends = np.cumsum([len(part.objects) for part in parts])
        table = np.full(shape, _NAN)
        for at in sorted(range(len(parts)), key=lambda at: parts[at].job):
            part = parts[at]
            rows = row_of[ends[at] - len(part.objects) : ends[at]]
            columns = np.array([column_of[name] for name in part.names])
            for some in _once_each_row(rows):
                place = np.ix_(rows[some], columns)
                there, new = table[place], part.values[some]
                free = np.isnan(there)
                if not free.all():
                    differ = ~free & ~np.isnan(new) & (there != new)
                    self._stats["conflicting_values"] += int(np.count_nonzero(differ))
                table[place] = np.where(free, new, there)
        return table

    def _one_per_entity(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row per entity and period, sorted; rows and columns without any value are left out."""
        values = [name for name in rows.columns if name not in WIDE_SCHEMA]
        if not values:
            return rows.clear()
        rows = rows.filter(pl.any_horizontal(pl.col(values).is_not_null())).sort(_KEY, maintain_order=True)
        doubled = int(rows.select(pl.struct(_KEY).is_duplicated().sum()).item())
        if doubled:  # two objects are one entity, or one object fits two maps
            self._stats["rows_of_one_entity"] += doubled
            first = pl.col(values).drop_nulls().first()
            differ = pl.col(values).drop_nulls().n_unique() > 1
            grouped = rows.group_by(_KEY, maintain_order=True)
            self._stats["conflicting_values"] += sum(grouped.agg(differ).select(pl.col(values).sum()).row(0))
            rows = grouped.agg(pl.col("entity_kind").first(), first)
        there = [name for name in sorted(values) if rows[name].null_count() < rows.height]
        return rows.select(*WIDE_SCHEMA, *there)


def _once_each(numbers: list[tuple[int, str]]) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """Columns and their names; a name that stands twice comes in a further group."""
    while numbers:
        group: dict[str, int] = {}
        rest = [(column, name) for column, name in numbers if group.setdefault(name, column) != column]
        yield tuple(group), list(group.values())
        numbers = rest


def _once_each_row(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Positions in `rows` in groups without a row twice: a block may hold an object twice."""
    left = np.arange(len(rows))
    while left.size:
        _, first = np.unique(rows[left], return_index=True)
        yield left[np.sort(first)]
        left = np.delete(left, first)


def _without(values: Floats, no_values: tuple[float, ...]) -> Floats:
    return np.where(np.isin(values, no_values), _NAN, values) if no_values else values
