"""Kept rows: what was measured and no KPI uses, and every suspect value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from collectors.pm.block import PmBlock
from collectors.pm.lists import spread
from collectors.pm.translation import Plan, Translation

_TIME = pl.Datetime("us", "UTC")
KEPT_SCHEMA: Final = pl.Schema({
    "entity": pl.String(), "entity_kind": pl.String(), "period_start": _TIME, "period_s": pl.Int32(),
    "job": pl.String(), "counter": pl.String(), "value": pl.Float64(), "suspect": pl.Boolean(),
    "target": pl.String(),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Part:
    objects: NDArray[np.int64]
    names: list[str]
    name_at: NDArray[np.int64]
    values: NDArray[np.float64]
    suspect: NDArray[np.bool_]
    head: tuple[datetime, int, str]
    chosen: Translation


class KeptResults:
    """Kept results of many blocks."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(
        self,
        block: PmBlock,
        plan: Plan,
        chosen: Translation,
        objects: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> None:
        """Keep what `plan` does not use; `objects`: the number of each row, `values`: without no-values."""
        head = (block.begin, block.period_s, block.job_id)
        there = ~np.isnan(values)
        there[:, plan.used] &= block.suspect[:, plan.used]
        for column in plan.places:  # `0` alone is a compressed list of zeros; other lone numbers are kept
            alone = 0.0 if chosen.map.may_be_compressed(block.counters[column]) else math.nan
            there[:, column] &= block.suspect[:, column] | (values[:, column] != alone)
        row_at, name_at = np.nonzero(there)
        if row_at.size:
            found = (values[there], block.suspect[there])
            self._parts.append(_Part(objects[row_at], list(block.counters), name_at, *found, head, chosen))
        listed = list(_places(block, plan, chosen))
        if listed:
            rows, names, numbers, suspect = zip(*listed, strict=True)
            position = {name: at for at, name in enumerate(dict.fromkeys(names))}
            name_at = np.array([position[name] for name in names])
            found = (np.array(numbers), np.array(suspect))
            self._parts.append(_Part(objects[np.array(rows)], list(position), name_at, *found, head, chosen))

    def rows(self, entities: pl.DataFrame) -> pl.DataFrame:
        """Return all as `KEPT_SCHEMA`; `entities`: entity and entity_kind by the number of the object."""
        parts = self._parts
        if not parts:
            return pl.DataFrame(schema=KEPT_SCHEMA)
        names = {name: at for at, name in enumerate(sorted({name for part in parts for name in part.names}))}
        codes = [np.array([names[name] for name in part.names])[part.name_at] for part in parts]
        heads = pl.DataFrame(
            [part.head for part in parts],
            schema={"period_start": _TIME, "period_s": pl.Int32, "job": pl.String},
            orient="row",
        )
        at = np.repeat(np.arange(len(parts)), [part.values.size for part in parts])
        objects = np.concatenate([part.objects for part in parts])
        return pl.DataFrame([
            *entities.select("entity", "entity_kind")[objects].get_columns(), *heads[at].get_columns(),
            pl.Series("counter", list(names), dtype=pl.String)[np.concatenate(codes)],
            pl.Series("value", np.concatenate([part.values for part in parts])),
            pl.Series("suspect", np.concatenate([part.suspect for part in parts])),
            _targets(parts),
        ])  # fmt: skip


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
