"""Rows of every record for the tests, made from the examples in the schemas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from collectors.records import LoadedRecords, Pseudonymiser, load_records, load_schemas

KINDS = sorted(load_schemas())
KEY = b"tests-only-key-0123456789abcdef"


def example_row(kind: str, **changes: str) -> dict[str, str]:
    """One valid row with every column of the record; columns without an example are empty."""
    return {field.name: field.example for field in load_schemas()[kind].fields} | changes


def required_row(kind: str, **changes: str) -> dict[str, str]:
    """One valid row with the required columns only."""
    whole = example_row(kind)
    return {name: whole[name] for name in load_schemas()[kind].required_columns} | changes


def write_csv(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    rows = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def load(path: Path, **options: object) -> LoadedRecords:
    return load_records(path, pseudonymiser=Pseudonymiser(KEY), **options)


def load_rows(folder: Path, rows: Iterable[Mapping[str, str]], **options: object) -> LoadedRecords:
    return load(write_csv(folder / "table.csv", rows), **options)
