"""A record table of any of the fourteen kinds: opened, its kind known by its header, its rows as strings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from callcause_error import did_you_mean
from collectors.errors import BadFile
from collectors.records.csv_source import CsvSource
from collectors.records.memory_source import MemorySource
from collectors.records.parquet_source import PARQUET_MAGIC, ParquetSource
from collectors.records.rows import LINE, RowBatch, RowSource, bad_rows
from collectors.records.schema import RecordSchema, load_schemas

_PLAIN_NAME = re.compile(r"(?!.*\d{5})[^\W\d][\w ]{0,59}")


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A whole table: `raw` has the known columns as strings and `__line`, `ragged` the rows of wrong shape.

    `zone` is the IANA zone of times without an offset. `unknown_columns` are kept out of `raw`; a name that
    might be a value (a file without a header) stands there as `column N`.
    """

    kind: str
    raw: pl.DataFrame
    ragged: pl.DataFrame
    unknown_columns: tuple[str, ...]
    absent_columns: tuple[str, ...]
    zone: str
    file: str


@dataclass(frozen=True, slots=True)
class OpenTable:
    """A table whose header is read and whose rows are still to come, batch by batch."""

    kind: str
    unknown_columns: tuple[str, ...]
    absent_columns: tuple[str, ...]
    _source: RowSource
    _columns: dict[str, str]

    def batches(self) -> Iterator[RowBatch]:
        """Yield the rows with the known columns only, under their schema names."""
        for batch in self._source.batches():
            named = [pl.col(written).alias(name) for written, name in self._columns.items()]
            yield RowBatch(batch.frame.select(*named, LINE), batch.bad)


def open_table(path: Path | str) -> OpenTable:
    """Open a CSV or Parquet table and recognise its kind; BadFile when it is none or cannot be read."""
    path = Path(path)
    source = _source(path)
    written = {name: name.casefold() for name in source.header}
    _check_names(source.header, path)
    kind = recognise(source.header, file=str(path))
    schema = load_schemas()[kind]
    known = {name: plain for name, plain in written.items() if plain in schema.field_names}
    unknown = tuple(_safe_name(n, i) for i, n in enumerate(source.header, 1) if n not in known)
    absent = tuple(name for name in schema.field_names if name not in known.values())
    return OpenTable(kind, unknown, absent, source, known)


def table_in_memory(kind: str, rows: pl.DataFrame, source: str) -> OpenTable:
    """Make a table of rows that were never in a file; BadFile for missing and for unknown columns."""
    schema = load_schemas()[kind]
    missing = [name for name in schema.required_columns if name not in rows.columns]
    unknown = [name for name in rows.columns if name not in schema.field_names]
    if missing or unknown:
        name = (missing + unknown)[0]
        what = "required column is missing" if missing else f"a {kind} record has no such column"
        hint = did_you_mean(name, rows.columns if missing else schema.field_names)
        raise BadFile("wrong_columns", what, file=source, key=name, hint=hint)
    absent = tuple(name for name in schema.field_names if name not in rows.columns)
    return OpenTable(kind, (), absent, MemorySource(rows), {name: name for name in rows.columns})


def read_table(path: Path | str, zone: str = "UTC") -> RecordTable:
    """Read a whole table as strings (see `RecordTable`); nothing is cast or checked yet."""
    table = open_table(path)
    batches = list(table.batches())
    schema = load_schemas()[table.kind]
    columns = [name for name in schema.field_names if name not in table.absent_columns]
    empty = pl.DataFrame(schema={**dict.fromkeys(columns, pl.String()), LINE: pl.Int64()})
    raw = pl.concat([empty, *(batch.frame.select(empty.columns) for batch in batches)])
    ragged = pl.concat([bad_rows(), *(batch.bad for batch in batches)])
    return RecordTable(table.kind, raw, ragged, table.unknown_columns, table.absent_columns, zone, str(path))


def recognise(columns: Sequence[str], *, file: str | None = None) -> str:
    """Return the record kind that a header belongs to.

    All its required columns must be there; of several such kinds the one that knows most of the columns wins.
    BadFile `wrong_columns` names what is missing, or the kinds between which the header does not decide.
    """
    names = {name.strip().casefold() for name in columns}
    schemas = load_schemas()
    shared = {kind: len(names.intersection(schema.field_names)) for kind, schema in schemas.items()}
    whole = [kind for kind, schema in schemas.items() if names.issuperset(schema.required_columns)]
    best = max((shared[kind] for kind in whole), default=0)
    likely = _likely_kind(names, schemas, shared, best)
    if likely is not None:
        raise _missing_columns(names, schemas[likely], file)
    winners = [kind for kind in whole if shared[kind] == best]
    if len(winners) != 1:
        between = " or ".join(winners) if winners else "none of the 14 record tables"
        raise BadFile("wrong_columns", f"the header fits {between}", file=file, line=1)
    return winners[0]


def _likely_kind(
    names: set[str], schemas: dict[str, RecordSchema], shared: dict[str, int], best: int
) -> str | None:
    """Return the kind that was probably meant although it lacks some of its required columns."""

    def present(kind: str) -> float:
        required = schemas[kind].required_columns
        return len(names.intersection(required)) / len(required)

    meant = [kind for kind in schemas if shared[kind] > best and 0.5 <= present(kind) < 1]
    return max(meant, key=lambda kind: (shared[kind], present(kind)), default=None)


def _missing_columns(names: set[str], schema: RecordSchema, file: str | None) -> BadFile:
    missing = [name for name in schema.required_columns if name not in names]
    strangers = [name for name in sorted(names.difference(schema.field_names)) if _PLAIN_NAME.fullmatch(name)]
    near = did_you_mean(missing[0], strangers)
    hint = f"the file has a column like it: {near}" if near else None
    message = f"required column of a {schema.record} table is missing: {', '.join(missing)}"
    return BadFile("wrong_columns", message, file=file, line=1, key=missing[0], hint=hint)


def _check_names(header: tuple[str, ...], path: Path) -> None:
    seen: set[str] = set()
    for position, name in enumerate(header, 1):
        if name.casefold() in seen:
            message = f"{_safe_name(name, position)} stands twice in the header"
            raise BadFile("wrong_columns", message, file=str(path), line=1)
        seen.add(name.casefold())


def _safe_name(name: str, position: int) -> str:
    """Return the name, or the position where the name might be a value of a file without a header."""
    return name if _PLAIN_NAME.fullmatch(name) else f"column {position}"


def _source(path: Path) -> RowSource:
    try:
        with path.open("rb") as file:
            magic = file.read(len(PARQUET_MAGIC))
    except OSError as error:
        raise BadFile("unreadable", f"the file cannot be read: {error.strerror}", file=str(path)) from error
    return ParquetSource(path) if magic == PARQUET_MAGIC else CsvSource(path)
