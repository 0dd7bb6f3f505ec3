"""Counter rows: what the blocks of a PM file become in the store.

Wide rows hold the counters that KPIs use, under their 3GPP names, one row per entity and period. Kept rows
hold everything else that was measured, and every suspect value, so that none enters a KPI or a baseline.
"""

from __future__ import annotations

import math
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
from collectors.pm.objects import OBJECT_SCHEMA, ObjectMatcher
from collectors.pm.translation import Plan, Translation, Wanted

BATCH_VALUES: Final = 8 << 20
_KEY: Final = ("entity", "period_start", "period_s")
_TIME: Final = pl.Datetime("us", "UTC")
WIDE_SCHEMA: Final = pl.Schema(
    {"entity": pl.String(), "entity_kind": pl.String(), "period_start": _TIME, "period_s": pl.Int32()}
)
KEPT_SCHEMA: Final = pl.Schema(
    {
        **WIDE_SCHEMA,
        "job": pl.String(),
        "counter": pl.String(),
        "value": pl.Float64(),
        "suspect": pl.Boolean(),
    }
)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CounterRows:
    """Counters ready for the store."""

    wide: pl.DataFrame
    """`WIDE_SCHEMA` and a Float64 column per wanted counter that has a value; a row per entity and period."""
    kept: pl.DataFrame
    """`KEPT_SCHEMA`: counters that no KPI uses (places of lists as `name[i]`) and suspect values."""
    unmapped_counts: Mapping[str, int]
    """Results by counter name that neither the map nor the wanted names know."""
    stats: Mapping[str, int]
    """What was read and what was odd, by name."""


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
    blocks: Iterable[PmBlock], maps: CounterMaps, matcher: ObjectMatcher, wanted: Collection[str],
    batch_values: int = BATCH_VALUES,
) -> Iterator[CounterRows]:  # fmt: skip
    """Give the same in batches, to bound memory.

    A batch ends after `batch_values` at the next managed element, or within one at four times as many.
    """
    names, batch, size, element = Wanted.of(wanted), _Gathered(maps, Wanted.of(wanted)), 0, ""
    for block in blocks:
        if size > batch_values and (block.managed_element != element or size > 4 * batch_values):
            yield batch.rows(matcher)
            batch, size = _Gathered(maps, names), 0
        batch.add(block)
        size += block.values.size
        element = block.managed_element
    yield batch.rows(matcher)


@dataclass(frozen=True, slots=True)
class _Kept:
    """Kept results of one block."""

    objects: NDArray[np.int64]
    names: list[str]
    name_at: NDArray[np.int64]
    values: Floats
    suspect: NDArray[np.bool_]
    begin: datetime
    period_s: int
    job: str


_Rows = tuple[str, datetime, int, bytes]
"""Rows that stand side by side: map, period, objects."""


class _Gathered:
    """All blocks so far, translated to columns of numbers."""

    def __init__(self, maps: CounterMaps, wanted: Wanted) -> None:
        self._maps, self._wanted = maps, wanted
        self._translations: dict[str, Translation] = {}
        self._objects: dict[tuple[str, str, str, str], int] = {}
        self._numbers: dict[_Rows, dict[str, list[tuple[str, Floats]]]] = {}
        self._kept: list[_Kept] = []
        self._unmapped: Counter[str] = Counter()
        self._stats: Counter[str] = Counter()

    def add(self, block: PmBlock) -> None:
        """Take in one block."""
        translation = self._translation(block)
        plan = translation.plan(block.counters)
        known_objects, element, label = (
            self._objects,
            block.managed_element,
            (translation.map.name, block.user_label),
        )
        numbers = [
            known_objects.setdefault((element, ldn, *label), len(known_objects)) for ldn in block.objects
        ]
        objects = np.array(numbers, dtype=np.int64)
        values = _without(block.values, translation.map.no_values)
        columns = self._numbers.setdefault(
            (translation.map.name, block.begin, block.period_s, objects.tobytes()), {}
        )
        known = np.where(block.suspect, np.nan, values) if block.suspect.any() else values
        for column, name in plan.numbers:
            columns.setdefault(name, []).append((block.job_id, known[:, column]))
        for name, places in self._places(block, plan, translation, known).items():
            columns.setdefault(name, []).append((block.job_id, places))
        self._keep(block, plan, translation, objects, values)
        self._count(block, plan)

    def _translation(self, block: PmBlock) -> Translation:
        chosen = self._maps.choose(block.vendor, block.software_version, block.objects[:1], block.counters)
        if chosen.name not in self._translations:
            self._translations[chosen.name] = Translation(chosen, self._wanted)
        return self._translations[chosen.name]

    def _count(self, block: PmBlock, plan: Plan) -> None:
        lists = sum(len(places) for places in block.vectors.values())
        self._stats.update(block.notes)
        self._stats["blocks"] += 1
        self._stats["values"] += int(np.count_nonzero(~np.isnan(block.values))) + lists
        self._stats["suspect_values"] += int(block.suspect.sum())
        for column in plan.unknown:
            self._unmapped[block.counters[column]] += len(block.objects)

    # -- lists -----------------------------------------------------------------------------------------------

    @staticmethod
    def _places(block: PmBlock, plan: Plan, translation: Translation, known: Floats) -> dict[str, Floats]:
        """Return the used places of lists as columns of numbers."""
        found: dict[str, Floats] = {}
        for column, sources in plan.places.items():
            compressed = translation.map.may_be_compressed(block.counters[column])
            rows = [
                _spread(_list(block, known, row, column), compressed) for row in range(len(block.objects))
            ]
            for source in sources:
                place = source.index or 0
                numbers = [places.get(place, default) for places, default in rows]
                found[source.key] = _without(np.array(numbers, dtype=np.float64), translation.map.no_values)
        return found

    # -- what no KPI uses ------------------------------------------------------------------------------------

    def _keep(
        self, block: PmBlock, plan: Plan, translation: Translation, objects: NDArray[np.int64], values: Floats
    ) -> None:
        there = ~np.isnan(values)
        used = plan.used
        there[:, used] &= block.suspect[:, used]
        for column in plan.places:  # `0` alone is a compressed list of zeros; other lone numbers are kept
            alone = 0.0 if translation.map.may_be_compressed(block.counters[column]) else math.nan
            there[:, column] &= block.suspect[:, column] | (values[:, column] != alone)
        row_at, name_at = np.nonzero(there)
        names = list(block.counters)
        head = (block.begin, block.period_s, block.job_id)
        self._kept.append(_Kept(objects[row_at], names, name_at, values[there], block.suspect[there], *head))
        listed = list(self._kept_places(block, plan, translation))
        if listed:
            rows, place_names, numbers, suspect = zip(*listed, strict=True)
            position = {name: at for at, name in enumerate(dict.fromkeys(place_names))}
            self._kept.append(_Kept(
                objects[np.array(rows)], list(position), np.array([position[name] for name in place_names]),
                np.array(numbers), np.array(suspect), *head,
            ))  # fmt: skip

    @staticmethod
    def _kept_places(
        block: PmBlock, plan: Plan, translation: Translation
    ) -> Iterator[tuple[int, str, float, bool]]:
        """(row, `name[i]`, value, suspect) of every place of a list that is not used as a number."""
        absent = set(translation.map.no_values)
        for (row, column), written in block.vectors.items():
            counter, suspect = block.counters[column], bool(block.suspect[row, column])
            used = {source.index for source in plan.places.get(column, ())}
            places, _ = _spread(written, translation.map.may_be_compressed(counter))
            for place, value in places.items():
                if not math.isnan(value) and value not in absent and (suspect or place not in used):
                    yield row, f"{counter}[{place}]", value, suspect

    # -- frames ----------------------------------------------------------------------------------------------

    def rows(self, matcher: ObjectMatcher) -> CounterRows:
        """Return the rows of all blocks, their objects matched."""
        objects = pl.DataFrame(list(self._objects), schema=OBJECT_SCHEMA, orient="row")
        matched = matcher.match(objects).select("entity", "entity_kind", "by").with_row_index("object")
        matched = matched.with_columns(pl.col("object").cast(pl.Int64))
        self._stats.update(
            {f"objects_by_{by}": count for by, count in matched["by"].value_counts().iter_rows()}
        )
        wide, kept = self._wide(matched), self._kept_rows(matched)
        self._stats.update({"wide_rows": wide.height, "kept_rows": kept.height})
        return CounterRows(
            wide, kept, dict(sorted(self._unmapped.items())), dict(sorted(self._stats.items()))
        )

    def _wide(self, matched: pl.DataFrame) -> pl.DataFrame:
        frames = [pl.DataFrame(schema=WIDE_SCHEMA)]
        for name, translation in sorted(self._translations.items()):
            rows = self._merged(
                {key: columns for key, columns in self._numbers.items() if key[0] == name and columns}
            )
            targets = translation.targets(rows.columns)
            if targets:
                computed = rows.select("object", "period_start", "period_s", *targets).with_columns(
                    pl.col(pl.Float64).fill_nan(None)
                )
                frames.append(computed.join(matched, on="object").drop("object", "by"))
        return self._one_per_entity(pl.concat(frames, how="diagonal"))

    def _merged(self, numbers: Mapping[_Rows, Mapping[str, list[tuple[str, Floats]]]]) -> pl.DataFrame:
        """One row per object and period, NaN as null."""
        frames = [_keys(key).with_columns(
            pl.Series(name, self._first(columns[name]), nan_to_null=True) for name in sorted(columns)
        ) for key, columns in numbers.items()]  # fmt: skip
        if not frames:
            return pl.DataFrame(schema=_keys(("", datetime.min, 1, b"")).schema)
        rows = pl.concat(frames, how="diagonal")
        if not rows.select(pl.struct(_ROW_KEY).is_duplicated().any()).item():
            return rows
        return self._first_known(self._by_job(numbers), _ROW_KEY).drop("job")

    def _first(self, written: list[tuple[str, Floats]]) -> Floats:
        """Take the first value by job name, where blocks of the same objects have the same counter."""
        if len(written) == 1:
            return written[0][1]
        ordered = [values for _, values in sorted(written, key=lambda pair: pair[0])]
        result = ordered[0].copy()
        for values in ordered[1:]:
            both = ~np.isnan(result) & ~np.isnan(values)
            self._stats["conflicting_values"] += int(np.count_nonzero(result[both] != values[both]))
            result = np.where(np.isnan(result), values, result)
        return result

    @staticmethod
    def _by_job(numbers: Mapping[_Rows, Mapping[str, list[tuple[str, Floats]]]]) -> pl.DataFrame:
        """One row per block, sorted by job, for objects that stand in several different lists."""
        frames = []
        for key, columns in numbers.items():
            for name in sorted(columns):
                for job, values in columns[name]:
                    one = _keys(key).with_columns(
                        pl.lit(job).alias("job"), pl.Series(name, values, nan_to_null=True)
                    )
                    frames.append(one)
        return pl.concat(frames, how="diagonal").sort("job", maintain_order=True)

    def _first_known(self, rows: pl.DataFrame, key: tuple[str, ...]) -> pl.DataFrame:
        """Of several rows with one key the first that knows each value; rows that disagree are counted."""
        values = [name for name in rows.columns if name not in key and rows.schema[name] == pl.Float64]
        rest = [name for name in rows.columns if name not in key and name not in values]
        grouped = rows.group_by(key, maintain_order=True)
        differ = (
            grouped.agg(pl.col(values).drop_nulls().n_unique() > 1).select(pl.col(values).sum())
            if values
            else None
        )
        if differ is not None:
            self._stats["conflicting_values"] += int(sum(differ.row(0)))
        return grouped.agg(
            *(pl.col(name).first() for name in rest), *(pl.col(name).drop_nulls().first() for name in values)
        )

    def _one_per_entity(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row per entity and period, sorted; rows and columns without any value are left out."""
        values = [name for name in rows.columns if name not in WIDE_SCHEMA]
        rows = (
            rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in values))
            if values
            else rows.clear()
        )
        doubled = rows.select(pl.struct(_KEY).is_duplicated().sum()).item()
        if doubled:
            self._stats["rows_of_one_entity"] += doubled
            rows = self._first_known(rows, _KEY)
        there = [name for name in sorted(values) if rows[name].null_count() < rows.height]
        return rows.select(*WIDE_SCHEMA, *there).sort(_KEY)

    def _kept_rows(self, matched: pl.DataFrame) -> pl.DataFrame:
        kept = [part for part in self._kept if part.values.size]
        if not kept:
            return pl.DataFrame(schema=KEPT_SCHEMA)
        names = {name: at for at, name in enumerate(sorted({name for part in kept for name in part.names}))}
        counts = [part.values.size for part in kept]
        heads = pl.DataFrame({
            "period_start": [part.begin for part in kept], "period_s": [part.period_s for part in kept],
            "job": [part.job for part in kept],
        }, schema={"period_start": _TIME, "period_s": pl.Int32, "job": pl.String})  # fmt: skip
        at = np.repeat(np.arange(len(kept)), counts)
        objects = np.concatenate([part.objects for part in kept])
        code = np.concatenate([np.array([names[name] for name in part.names])[part.name_at] for part in kept])
        return pl.DataFrame([
            matched["entity"].gather(objects), matched["entity_kind"].gather(objects),
            *(heads[name].gather(at) for name in heads.columns),
            pl.Series("counter", list(names), dtype=pl.String).gather(code),
            pl.Series("value", np.concatenate([part.values for part in kept])),
            pl.Series("suspect", np.concatenate([part.suspect for part in kept])),
        ]).select(*KEPT_SCHEMA)  # fmt: skip


_ROW_KEY: Final = ("object", "period_start", "period_s")


def _keys(key: _Rows) -> pl.DataFrame:
    _, begin, period_s, octets = key
    return pl.DataFrame({"object": np.frombuffer(octets, dtype=np.int64)}).with_columns(
        pl.lit(begin, dtype=_TIME).alias("period_start"), pl.lit(period_s, pl.Int32).alias("period_s")
    )


def _without(values: Floats, no_values: tuple[float, ...]) -> Floats:
    return np.where(np.isin(values, no_values), np.nan, values) if no_values else values


def _list(block: PmBlock, known: Floats, row: int, column: int) -> tuple[float, ...]:
    """Return the list at a place; a single number is a list of one, a suspect or absent one is empty."""
    if block.suspect[row, column]:
        return ()
    written = block.vectors.get((row, column))
    if written is not None:
        return written
    number = float(known[row, column])
    return () if math.isnan(number) else (number,)


def _spread(written: tuple[float, ...], may_be_compressed: bool) -> tuple[dict[int, float], float]:
    """Values by place, and the value of places that are not there: NaN, or 0 in a compressed list.

    A compressed list is `count, index, value, index, value, ..` with rising indices; `0` alone is all zeros.
    """
    if may_be_compressed and written and len(written) == 1 + 2 * written[0]:
        indices = written[1::2]
        if all(index >= 0 and index == int(index) for index in indices) and list(indices) == sorted(
            set(indices)
        ):
            return dict(zip(map(int, indices), written[2::2], strict=True)), 0.0
    return dict(enumerate(written)), math.nan
