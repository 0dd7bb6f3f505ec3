"""Counter rows: what the blocks of PM files become in the store.

Wide rows hold the counters that KPIs use, under their 3GPP names, one row per entity and period. Kept rows
hold everything else that was measured, and every suspect value, so that none enters a KPI or a baseline.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from collectors.pm.block import PmBlock
from collectors.pm.counter_map import CounterMaps
from collectors.pm.gathered import WIDE_SCHEMA, Gathered
from collectors.pm.kept import KEPT_SCHEMA, SOURCE, unpacked
from collectors.pm.objects import ObjectMatcher
from collectors.pm.translation import Wanted

BATCH_VALUES: Final = 8 << 20

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
    gathered = Gathered(maps, Wanted.of(wanted))
    gathered.add(blocks)
    return _rows(gathered, matcher)


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
    batch: list[PmBlock] = []
    size, element = 0, ""
    for block in blocks:
        if size > batch_values and (block.managed_element != element or size > 4 * batch_values):
            yield counter_rows(batch, maps, matcher, wanted)
            batch, size = [], 0
        batch.append(block)
        size += block.values.size
        element = block.managed_element
    yield counter_rows(batch, maps, matcher, wanted)


def _rows(gathered: Gathered, matcher: ObjectMatcher) -> CounterRows:
    """Rows of blocks that are of one source."""
    found = gathered.rows(matcher)
    packed = unpacked(found.packed.lazy()).select(KEPT_SCHEMA.names()).collect()
    kept = pl.concat([packed, found.single.drop(SOURCE)])
    stats = dict(sorted(found.stats[0].items())) if found.stats else {}
    unmapped = dict(sorted(gathered.unmapped.items()))
    wide = found.wide.drop(SOURCE).sort("entity", "period_start", "period_s")
    wide = wide.with_columns(pl.col(c).cast(pl.Float64) for c in wide.columns if c not in WIDE_SCHEMA)
    return CounterRows(wide, kept, unmapped, stats, gathered.vendors)
