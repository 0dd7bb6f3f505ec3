"""One call from a table file to rows that may be stored: read, checked, without identities, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from collectors.records.identity import Pseudonymiser, protect
from collectors.records.rows import LINE, RowBatch, bad_rows
from collectors.records.s1ap import check_offsets, take_off_offsets
from collectors.records.schema import RecordSchema, load_schemas
from collectors.records.table import OpenTable, open_table, table_in_memory
from collectors.records.times import check_zone
from collectors.records.validation import check_rows, complete, keep_last


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """A table as it may be stored.

    `good` has the columns of `RecordSchema.polars_schema()`; `bad` has `line`, `field`, `value`, `reason`.
    `counts`: rows = stored + duplicates + bad_rows; also naive_times, withheld_numbers, unknown_members,
    unknown_columns, absent_columns. No identity stands in clear anywhere in it.
    """

    kind: str
    good: pl.DataFrame
    bad: pl.DataFrame
    counts: dict[str, int]
    unknown_columns: tuple[str, ...]
    absent_columns: tuple[str, ...]


def load_records(
    path: Path | str,
    *,
    zone: str = "UTC",
    pseudonymiser: Pseudonymiser,
    country_code: str = "86",
    s1ap_offsets: Mapping[str, int] | None = None,
) -> LoadedRecords:
    """Read a CSV or Parquet record table of any kind.

    `zone` (IANA name) is used for times without an offset, `country_code` for national numbers;
    `s1ap_offsets` (group -> offset) says that the source writes S1AP group and number as one value. BadFile
    when the file as a whole cannot be taken in.
    """
    check_zone(zone)
    offsets = check_offsets(s1ap_offsets) if s1ap_offsets else None
    table = open_table(path)
    loader = _Loader(load_schemas()[table.kind], zone, pseudonymiser, country_code, offsets)
    for batch in table.batches():
        loader.add(batch)
    return loader.finish(table)


def load_rows(
    kind: str,
    rows: pl.DataFrame,
    *,
    source: str,
    pseudonymiser: Pseudonymiser,
    zone: str = "UTC",
    country_code: str = "86",
) -> LoadedRecords:
    """Take in rows that a collector holds in memory: the same checks and pseudonyms as for a file.

    `rows` has any types and some columns of the schema; those that it lacks are absent (the source does not
    see them). BadFile names `source` where a required column is missing or a column is not of the schema.
    """
    check_zone(zone)
    table = table_in_memory(kind, rows, source)
    loader = _Loader(load_schemas()[kind], zone, pseudonymiser, country_code, None)
    for batch in table.batches():
        loader.add(batch)
    return loader.finish(table)


class _Loader:
    """Takes a table batch by batch, so that the clear text of one batch only is in memory."""

    def __init__(
        self,
        schema: RecordSchema,
        zone: str,
        pseudonymiser: Pseudonymiser,
        country_code: str,
        offsets: dict[str, int] | None,
    ) -> None:
        self._schema, self._zone, self._offsets = schema, zone, offsets
        self._pseudonymiser, self._country_code = pseudonymiser, country_code
        self._good: list[pl.DataFrame] = []
        self._bad: list[pl.DataFrame] = [bad_rows()]
        self._counts: Counter[str] = Counter()

    def add(self, batch: RowBatch) -> None:
        checked = check_rows(batch.frame, self._schema, self._zone)
        good, refused = checked.good, checked.bad_row_count + batch.bad.height
        self._bad += [batch.bad, checked.bad]
        if self._offsets and self._schema.record == "call":
            before = good.height
            good, wrong = take_off_offsets(good, self._offsets)
            self._bad.append(wrong)
            refused += before - good.height
        hidden = protect(good, self._schema, self._pseudonymiser, self._country_code)
        self._good.append(hidden.frame)
        self._counts["rows"] += batch.frame.height + batch.bad.height
        self._counts["bad_rows"] += refused
        self._counts["naive_times"] += checked.naive_times
        self._counts["unknown_members"] += checked.unknown_members
        self._counts["withheld_numbers"] += hidden.withheld_numbers

    def finish(self, table: OpenTable) -> LoadedRecords:
        rows = pl.concat(self._good, rechunk=False) if self._good else self._no_rows(table)
        self._good = []
        unique = keep_last(rows, self._schema)
        filled = set(unique.columns)
        absent = [name for name in table.absent_columns if name not in filled]
        good = complete(unique, self._schema, absent).drop(LINE)
        counts = {
            **{
                name: self._counts[name]
                for name in ("rows", "bad_rows", "naive_times", "unknown_members", "withheld_numbers")
            },
            "stored": good.height,
            "duplicates": rows.height - good.height,
            "unknown_columns": len(table.unknown_columns),
            "absent_columns": len(table.absent_columns),
        }
        bad = pl.concat(self._bad).sort("line", maintain_order=True)
        return LoadedRecords(table.kind, good, bad, counts, table.unknown_columns, table.absent_columns)

    def _no_rows(self, table: OpenTable) -> pl.DataFrame:
        names = [name for name in self._schema.field_names if name not in table.absent_columns]
        types = {name: self._schema.field(name).dtype for name in names}
        return pl.DataFrame(schema={**types, LINE: pl.Int64()})
