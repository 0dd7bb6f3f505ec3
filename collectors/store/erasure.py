"""Rows without a person: segments written anew beside the old ones.

A segment that holds a row of the subscriber is written anew aside; new files and the end of the old ones are
one transaction of the ledger. Killed before it nothing has changed, killed after it the old files are gone
with the next sweep. The ledger keeps a digest of what was erased: a row from before that moment, whichever
file brings it, is stored without the person, and counted.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from collectors.records.schema import RecordField, RecordSchema, load_schemas
from collectors.store.ledger import Ledger, Segment
from collectors.store.segment import ROW_GROUP, Aside, locked, publish, sweep, time_range
from collectors.store.shards import COUNTERS, HOURLY, HOURLY_GROUP
from collectors.store.tables import ORDER, SOURCE, TIME

OWNER = {"subscriber", "registration", "diameter_answer"}
"""Kinds in which all identities of a row are those of one person."""
REMOVED = {"subscriber"}
"""Kinds whose rows say nothing without a person: they go altogether."""
OWN_LEG = {"mo": "calling_number", "mt": "called_number"}
"""Party of a call record whose IMSI stands in it, by leg."""
PERSON = ("msisdn", "imsi", "impi", "impu", "customer")
"""Identity kinds that name a person; a device may change hands."""
AGE = {name: column for name, column in TIME.items() if name in load_schemas()} | {
    "ticket": "received_at",
    "alarm": "cleared_at",
    "change": "planned_end",
    "cell_kpi": "period_start",
    "node_kpi": "period_start",
}
"""Column that says how old a row is, by kind; where it is empty the row has no age."""
Change = Callable[[str, pl.DataFrame], pl.DataFrame]


@dataclass(slots=True)
class Erased:
    """What an erasure or a retention changed: rows without a person and rows removed, by kind."""

    rows: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    files: int = 0


def erase(
    root: Path, aside: Aside, ledger: Ledger, pseudonyms: Iterable[str]
) -> tuple[Erased, frozenset[str]]:
    """Take a subscriber out of all rows; returns what changed and all pseudonyms of that subscriber.

    Needs `refresh.lock`: nobody merges segments meanwhile. A commit is either done before the digests are
    written, and its rows are seen here, or sees the digests itself.
    """
    given = frozenset(pseudonyms)
    former = frozenset(one for one, now in ledger.aliases().items() if now in given)
    found = linked(root, ledger, given | former)
    done = Erased()
    with locked(root / "write.lock"), ledger.transaction():
        ledger.write_erased([digest(one) for one in sorted(found)], time.time())
    rewrite(root, aside, ledger, _kinds(), lambda kind, rows: without(kind, rows, found, done), done)
    with ledger.transaction():
        ledger.forget_aliases(sorted(found))
        ledger.end_grace(_kinds())  # readers have no grace: retired files hold the person too
    sweep(root, ledger)
    return done, found


def linked(root: Path, ledger: Ledger, pseudonyms: frozenset[str]) -> frozenset[str]:
    """Return all pseudonyms of the person: those that stand with one of them in a row about one person."""
    found = pseudonyms
    for _ in range(3):  # number to IMSI, IMSI to further identities and numbers
        before = found
        for kind in sorted(OWNER):
            names = [f.name for f in _identities(load_schemas()[kind]) if f.identity in PERSON]
            for segment in ledger.segments(kind):
                rows = _columns(root / segment.name, names)
                mine = rows.filter(_any_of(rows, names, found))
                for name in names:
                    found |= _values(mine, name)
        if found == before:
            break
    return found


def without(kind: str, rows: pl.DataFrame, pseudonyms: frozenset[str], done: Erased) -> pl.DataFrame:
    """Take the person out of rows of a kind: rows about that one alone go, in others the identity does."""
    names = [f.name for f in _identities(load_schemas()[kind]) if f.name in rows.columns]
    mine = rows.select(_any_of(rows, names, pseudonyms).alias("mine"))["mine"]
    if not mine.any():
        return rows
    if kind in REMOVED:
        done.removed[kind] += int(mine.sum())
        return rows.filter(~mine)
    done.rows[kind] += int(mine.sum())
    hidden = [_hidden(rows, kind, name, names, mine, pseudonyms) for name in names]
    return rows.with_columns(hidden)


def rewrite(
    root: Path, aside: Aside, ledger: Ledger, kinds: Iterable[str], change: Change, done: Erased,
    wanted: Callable[[Segment], bool] = lambda _: True,
) -> None:  # fmt: skip
    """Write the segments anew that a change touches; all of them end in one transaction."""
    made: list[tuple[Path, Segment]] = []
    old: list[str] = []
    for kind in kinds:
        for segment in ledger.segments(kind):
            if not wanted(segment):
                continue
            rows = pl.read_parquet(root / segment.name)
            left = change(kind, rows)
            if left is rows or left.equals(rows):
                continue
            old.append(segment.name)
            if left.height:
                made.append(_written(aside, segment, left))
    if not old:
        return
    with locked(root / "write.lock"):
        publish(root, [(path, segment.name) for path, segment in made])
        with ledger.transaction():
            ledger.write_segments([segment for _, segment in made], old)
    done.files += len(old)


def _written(aside: Aside, segment: Segment, rows: pl.DataFrame) -> tuple[Path, Segment]:
    if segment.kind == HOURLY:
        path = aside.write(rows, row_group=HOURLY_GROUP, fast=True)
    elif segment.kind == COUNTERS:
        path = aside.write(rows, fast=True)
    else:
        path = aside.write(rows, row_group=ROW_GROUP if segment.kind in ORDER else 8 * ROW_GROUP)
    start, end = time_range(
        rows, "period_start" if segment.kind in (COUNTERS, HOURLY) else TIME.get(segment.kind)
    )
    folder, _, last = segment.name.rpartition("/")
    name = f"{folder}/{last.partition('-')[0] + '-' if '-' in last else ''}{path.stem}.parquet"
    return path, Segment(name, segment.kind, segment.part, rows.height, start, end)


def holds_persons(kind: str) -> bool:
    """Whether rows of a kind have identities."""
    return kind in _kinds()


def digest(pseudonym: str) -> str:
    """Return the digest under which the ledger keeps that a pseudonym was erased."""
    return hashlib.sha256(f"erased {pseudonym}".encode()).hexdigest()


def strip(kind: str, rows: pl.DataFrame, erased: Mapping[str, float]) -> tuple[pl.DataFrame, Counter[int]]:
    """Take erased persons out of rows from before their erasure; returns them, and how many by source."""
    schema, counts = load_schemas().get(kind), Counter[int]()
    names = [f.name for f in _identities(schema) if f.name in rows.columns] if schema else []
    there = frozenset[str]().union(*(_values(rows, name) for name in names))
    persons: dict[float, set[str]] = {}
    for value in there:
        if (at_s := erased.get(digest(value))) is not None:
            persons.setdefault(at_s, set()).add(value)
    for at_s, values in sorted(persons.items()):
        old, gone = pl.lit(True), frozenset(values)
        if kind in AGE:
            old = (pl.col(AGE[kind]) < datetime.fromtimestamp(at_s, UTC)).fill_null(True)
        mine = rows.filter(old & _any_of(rows, names, gone))
        counts.update(mine[SOURCE].to_list())
        rows = pl.concat([rows.filter(~old), without(kind, rows.filter(old), gone, Erased())])
    return rows, counts


def _hidden(
    rows: pl.DataFrame, kind: str, name: str, names: Sequence[str], mine: pl.Series, gone: frozenset[str]
) -> pl.Series:
    """Return a column without the person: of a row about one person every identity, else only that one."""
    column = rows[name]
    own = _own(rows, kind, name, names, mine, gone)
    return rows.select(pl.when(own).then(None).otherwise(column).alias(name)).to_series()


def _own(
    rows: pl.DataFrame, kind: str, name: str, names: Sequence[str], mine: pl.Series, gone: frozenset[str]
) -> pl.Series:
    """Rows in which a column is about the person."""
    if kind in OWNER:
        return mine
    here = rows.select(_any_of(rows, [name], gone).alias(name)).to_series()
    if kind == "call" and name == "imsi" and "leg" in rows.columns:
        party = pl.lit(False)
        for leg, number in OWN_LEG.items():
            party = party | ((pl.col("leg") == leg) & pl.col(number).is_in(list(gone)))
        return rows.select((party.fill_null(False) | here).alias(name)).to_series()
    if kind == "ticket" and name != "other_party_number":
        customer = [n for n in names if n not in ("other_party_number", "imei")]
        return rows.select(_any_of(rows, customer, gone).alias(name)).to_series()
    return here


@lru_cache(maxsize=1)
def _kinds() -> tuple[str, ...]:
    """Kinds that have an identity field."""
    return tuple(name for name, schema in load_schemas().items() if _identities(schema))


def _identities(schema: RecordSchema) -> list[RecordField]:
    return [f for f in (*schema.fields, *schema.derived) if f.identity]


def _columns(path: Path, names: Sequence[str]) -> pl.DataFrame:
    there = pl.read_parquet_schema(path)
    return pl.read_parquet(path, columns=[name for name in names if name in there])


def _any_of(rows: pl.DataFrame, names: Sequence[str], values: frozenset[str]) -> pl.Expr:
    wanted, found = sorted(values), pl.lit(False)
    for name in names:
        if name not in rows.columns:
            continue
        if isinstance(rows.schema[name], pl.List):
            found = found | pl.col(name).list.eval(pl.element().is_in(wanted)).list.any().fill_null(False)
        else:
            found = found | pl.col(name).is_in(wanted).fill_null(False)
    return found


def _values(rows: pl.DataFrame, name: str) -> frozenset[str]:
    if name not in rows.columns:
        return frozenset()
    column = rows[name]
    flat = column.explode() if isinstance(column.dtype, pl.List) else column
    return frozenset(flat.drop_nulls().unique().to_list())
