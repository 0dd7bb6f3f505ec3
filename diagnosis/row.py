"""Evidence of single tickets for output: columns become Python values only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from diagnosis.conditions import Readings
from diagnosis.written import json_values

PREFIXES = ("known:", "why:", "at:", "from:", "to:")


class Columns:
    """A slice of the evidence; `known:x`, `why:x`, `at:x`, `from:x` and `to:x` tell about the value `x`."""

    def __init__(self, readings: Readings, frame: pl.DataFrame) -> None:
        self.readings, self.frame = readings, frame
        self._names = frozenset(frame.columns)
        self._lists: dict[str, list[Any] | None] = {}
        self._written: dict[str, list[Any] | None] = {}
        self._converted: dict[int, list[Any]] = {}  # by identity of a list that `_lists` holds

    def column(self, name: str) -> list[Any] | None:
        """Return the values of a column, or None when there is no such column."""
        try:
            return self._lists[name]
        except KeyError:
            self._lists[name] = found = self._read(name)
            return found

    def written(self, name: str) -> list[Any] | None:
        """Return the values of a column as JSON holds them: converted once, however often they are shown."""
        try:
            return self._written[name]
        except KeyError:
            self._written[name] = found = self._write(self.column(name))
            return found

    def _write(self, values: list[Any] | None) -> list[Any] | None:
        """Many names have one time or place; its column is converted once."""
        if values is None:
            return None
        if id(values) not in self._converted:
            self._converted[id(values)] = json_values(values)
        return self._converted[id(values)]

    def read_known(self, names: Iterable[str]) -> None:
        """Read `known:<name>` of many names in one pass."""
        asked = list(dict.fromkeys(names))
        known = [self.readings.known(name).alias(f"known:{name}") for name in asked]
        found = self.frame.select(pl.first().is_null().alias("_row"), *known).drop("_row")
        self._lists.update((column.name, column.to_list()) for column in found)

    def _read(self, name: str) -> list[Any] | None:
        kind, _, about = name.partition(":")
        if not about:
            return self.frame[name].to_list() if name in self._names else None
        if kind in ("known", "why"):
            expression = self.readings.known(about) if kind == "known" else self.readings.reason(about)
            asked = self.frame.select(expression.alias("asked"))["asked"].to_list()
            return asked if len(asked) == self.frame.height else asked * self.frame.height
        place = self.readings.place(about)
        column = {"at": place.at, "from": place.start, "to": place.end}[kind]
        return self.column(column) if column else None


class Row(Mapping[str, Any]):
    """One ticket of a slice."""

    def __init__(self, columns: Columns, number: int) -> None:
        self._columns, self._number = columns, number

    def __getitem__(self, name: str) -> Any:
        values = self._columns.column(name)
        if values is None:
            raise KeyError(name)
        return values[self._number]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a value; `default` where there is no such column."""
        values = self._columns.column(name)
        return default if values is None else values[self._number]

    def written(self, name: str) -> Any:
        """Return a value as JSON holds it; None where there is no such column."""
        values = self._columns.written(name)
        return None if values is None else values[self._number]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.frame.columns)

    def __len__(self) -> int:
        return len(self._columns.frame.columns)


class Unknown(Mapping[str, bool]):
    """Name -> the value is not known, for one ticket."""

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, name: str) -> bool:
        return not self._row[f"known:{name}"]

    def get(self, name: str, default: Any = None) -> Any:
        """Return whether the value is not known; every name can be asked about."""
        return not self._row[f"known:{name}"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
