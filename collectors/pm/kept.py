"""Kept rows: what was measured and no KPI uses, and every suspect value.

Most of it is whole columns that nobody uses. They stay packed, a row of values for each object, and become
one row a value only where somebody reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from collectors.pm import table
from collectors.pm.block import PmBlock
from collectors.pm.lists import spread
from collectors.pm.translation import BETWEEN, Plan, Translation

SOURCE: Final = "_source"
_TIME: Final = pl.Datetime("us", "UTC")
_HEAD: Final = {"period_start": _TIME, "period_s": pl.Int32(), "job": pl.String(), SOURCE: pl.Int64()}
KEPT_SCHEMA: Final = pl.Schema({
    "entity": pl.String(), "entity_kind": pl.String(), "period_start": _TIME, "period_s": pl.Int32(),
    "job": pl.String(), "counter": pl.String(), "value": pl.Float64(), "suspect": pl.Boolean(),
    "target": pl.String(),
})  # fmt: skip
PACKED_SCHEMA: Final = pl.Schema({
    "entity": pl.String(), "entity_kind": pl.String(), "period_start": _TIME, "period_s": pl.Int32(),
    "job": pl.String(), "counters": pl.String(), "values": pl.List(pl.Float64()),
})  # fmt: skip
NO_SUSPECT: Final = np.empty((0, 0), dtype=np.bool_)


def unpacked(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Packed rows as `KEPT_SCHEMA`, one row for each value; further columns stay."""
    long = rows.with_columns(pl.col("counters").str.split(BETWEEN)).explode("counters", "values")
    long = long.rename({"counters": "counter", "values": "value"}).filter(pl.col("value").is_not_nan())
    return long.with_columns(suspect=pl.lit(value=False), target=pl.lit(None, pl.String))


@dataclass(frozen=True, slots=True)
class _Part:
    """Single values: objects, and names by their place in `names`."""

    objects: NDArray[np.int64]
    names: list[str]
    name_at: NDArray[np.int64]
    values: NDArray[np.float64]
    suspect: NDArray[np.bool_]
    head: tuple[datetime, int, str, int]
    chosen: Translation


@dataclass(frozen=True, slots=True)
class _Packed:
    """Whole columns of a block."""

    objects: NDArray[np.int64]
    counters: str
    values: NDArray[np.float64]
    head: tuple[datetime, int, str, int]


class KeptResults:
    """Kept results of many blocks."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._packed: list[_Packed] = []

    def add(
        self,
        block: PmBlock,
        plan: Plan,
        chosen: Translation,
        objects: NDArray[np.int64],
        suspect: NDArray[np.bool_],
        source: int,
    ) -> int:
        """Keep what `plan` does not use, and return how many values; `objects`: the number of each row.

        `suspect`: that of the block, `NO_SUSPECT` where nothing is.
        """
        head = (block.begin, block.period_s, block.job_id, source)
        kept = self._pack(block, plan, chosen, objects, suspect, head)
        if suspect.size or plan.places:
            kept += self._single(block, plan, chosen, objects, head)
        listed = list(_places(block, plan, chosen)) if block.vectors else []
        if listed:
            rows, names, numbers, marks = zip(*listed, strict=True)
            position = {name: at for at, name in enumerate(dict.fromkeys(names))}
            name_at = np.array([position[name] for name in names])
            found = (np.array(numbers), np.array(marks))
            self._parts.append(_Part(objects[np.array(rows)], list(position), name_at, *found, head, chosen))
        return kept + len(listed)

    def _pack(
        self,
        block: PmBlock,
        plan: Plan,
        chosen: Translation,
        objects: NDArray[np.int64],
        suspect: NDArray[np.bool_],
        head: tuple[datetime, int, str, int],
    ) -> int:
        """Take the columns that nothing uses, without what is suspect in them."""
        if not plan.packed.size:
            return 0
        values = table.taken(block.values, suspect, plan.packed, chosen.no_values)
        count = table.known(values)
        if count:
            self._packed.append(_Packed(objects, plan.packed_counters, values, head))
        return count

    def _single(
        self,
        block: PmBlock,
        plan: Plan,
        chosen: Translation,
        objects: NDArray[np.int64],
        head: tuple[datetime, int, str, int],
    ) -> int:
        """Take suspect values, and lone numbers where a list is used."""
        values = _without(block.values, chosen.map.no_values)
        there = ~np.isnan(values) & block.suspect
        for column in sorted(set(plan.places) - set(plan.used)):
            # `0` alone is a compressed list of zeros; other lone numbers are kept
            alone = 0.0 if chosen.map.may_be_compressed(block.counters[column]) else math.nan
            there[:, column] |= ~np.isnan(values[:, column]) & (values[:, column] != alone)
        row_at, name_at = np.nonzero(there)
        if row_at.size:
            found = (values[there], block.suspect[there])
            self._parts.append(_Part(objects[row_at], list(block.counters), name_at, *found, head, chosen))
        return int(row_at.size)

    def packed(self, entities: pl.DataFrame) -> pl.DataFrame:
        """Whole columns as `PACKED_SCHEMA` and the source."""
        schema = pl.Schema({**PACKED_SCHEMA, SOURCE: pl.Int64()})
        if not self._packed:
            return pl.DataFrame(schema=schema)
        lengths = [len(part.objects) for part in self._packed]
        sizes = np.repeat([part.values.shape[1] for part in self._packed], lengths)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        values = np.concatenate([part.values.reshape(-1) for part in self._packed])
        lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
        names = pl.Series("counters", [part.counters for part in self._packed], dtype=pl.String)
        at = np.repeat(np.arange(len(lengths)), lengths)
        rows = _rows(
            [part.objects for part in self._packed], [part.head for part in self._packed], at, entities
        )
        return rows.with_columns(names[at], pl.Series("values", lists)).select(schema.names())

    def single(self, entities: pl.DataFrame) -> pl.DataFrame:
        """All else as `KEPT_SCHEMA` and the source; `entities`: entity and entity_kind by object."""
        schema = pl.Schema({**KEPT_SCHEMA, SOURCE: pl.Int64()})
        parts = self._parts
        if not parts:
            return pl.DataFrame(schema=schema)
        names = {name: at for at, name in enumerate(sorted({name for part in parts for name in part.names}))}
        codes = [np.array([names[name] for name in part.names])[part.name_at] for part in parts]
        at = np.repeat(np.arange(len(parts)), [part.values.size for part in parts])
        rows = _rows([part.objects for part in parts], [part.head for part in parts], at, entities)
        return rows.with_columns(
            pl.Series("counter", list(names), dtype=pl.String)[np.concatenate(codes)],
            pl.Series("value", np.concatenate([part.values for part in parts])),
            pl.Series("suspect", np.concatenate([part.suspect for part in parts])),
            _targets(parts),
        ).select(schema.names())


def _rows(
    objects: list[NDArray[np.int64]],
    heads: list[tuple[datetime, int, str, int]],
    at: NDArray[np.int64],
    entities: pl.DataFrame,
) -> pl.DataFrame:
    """Entity and head of each row; `at`: the part that it stands in."""
    head = pl.DataFrame(heads, schema=_HEAD, orient="row")
    named = entities.select("entity", "entity_kind")[np.concatenate(objects)]
    return pl.DataFrame([*named.get_columns(), *head[at].get_columns()])


def _targets(parts: list[_Part]) -> pl.Series:
    """Name the wanted counter that each suspect value would have gone into: why a KPI has no value there."""
    found: list[str | None] = [None] * sum(part.values.size for part in parts)
    start = 0
    for part in parts:
        for at in np.flatnonzero(part.suspect).tolist():
            found[start + at] = part.chosen.target_of(part.names[part.name_at[at]])
        start += part.values.size
    return pl.Series("target", found, dtype=pl.String)


def _places(block: PmBlock, plan: Plan, chosen: Translation) -> Iterator[tuple[int, str, float, bool]]:
    """(row, `name[i]`, value, suspect) of every place of a list that is not used as a number."""
    absent = set(chosen.map.no_values)
    for (row, column), written in block.vectors.items():
        counter, suspect = block.counters[column], bool(block.suspect[row, column])
        used = {source.index for source in plan.places.get(column, ())}
        places, _ = spread(written, chosen.map.may_be_compressed(counter))
        for place, value in places.items():
            if not math.isnan(value) and value not in absent and (suspect or place not in used):
                yield row, f"{counter}[{place}]", value, suspect


def _without(values: NDArray[np.float64], no_values: tuple[float, ...]) -> NDArray[np.float64]:
    return np.where(np.isin(values, no_values), math.nan, values) if no_values else values
