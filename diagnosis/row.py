"""Evidence of single tickets for output: columns become Python values only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from diagnosis.conditions import Readings

PREFIXES = ("known:", "why:", "at:", "from:", "to:")


class Columns:
    """A slice of the evidence; `known:x`, `why:x`, `at:x`, `from:x` and `to:x` tell about the value `x`."""

    def __init__(self, readings: Readings, frame: pl.DataFrame) -> None:
        self.readings, self.frame = readings, frame
        self._lists: dict[str, list[Any] | None] = {}

    def column(self, name: str) -> list[Any] | None:
        """Return the values of a column, or None when there is no such column."""
        if name not in self._lists:
            self._lists[name] = self._read(name)
        return self._lists[name]

    def _read(self, name: str) -> list[Any] | None:
        kind, _, about = name.partition(":")
        if not about:
            return self.frame[name].to_list() if name in self.frame.columns else None
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

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)
