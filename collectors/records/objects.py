"""Columns that hold a JSON list of objects (`reasons`, `third_party_results`) in one canonical spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

MAX_TEXT = 1 << 16
MAX_INTEGER = 999_999
"""Codes are short; a longer number is an identity or damage."""


@dataclass(frozen=True, slots=True)
class CanonicalObjects:
    """`column` has null where the text was no such list; `unknown_members` were kept out."""

    column: pl.Series
    unknown_members: int


def canonical_objects(text: pl.Series, members: Mapping[str, str]) -> CanonicalObjects:
    """Rewrite a String column as JSON with just the declared members in order, null where not given."""
    counted = text.drop_nulls().value_counts()
    written = counted.get_column(text.name).to_list()
    results = [_canonical(value, members) for value in written]
    new = pl.Series("new", [result[0] for result in results], pl.String)
    kept_out = sum(r[1] * n for r, n in zip(results, counted.get_column("count").to_list(), strict=True))
    column = text.replace_strict(
        pl.Series("old", written, pl.String), new, default=None, return_dtype=pl.String
    )
    return CanonicalObjects(column, kept_out)


def _canonical(text: str, members: Mapping[str, str]) -> tuple[str | None, int]:
    if len(text) > MAX_TEXT:
        return None, 0
    try:
        content = json.loads(text)
        items = content if isinstance(content, list) else [content]
        objects = [{name: _member(item.get(name), kind) for name, kind in members.items()} for item in items]
        written = json.dumps(objects, ensure_ascii=False)
        written.encode("utf-8")
    except (ValueError, RecursionError, AttributeError):
        return None, 0
    return written, sum(len(set(item).difference(members)) for item in items)


def _member(value: object, kind: str) -> str | int | None:
    if value is None or (value == "" and kind == "integer"):
        return None
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "integer":
        return _integer(value)
    raise ValueError(f"not a {kind}")


def _integer(value: object) -> int:
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        raise ValueError("not a code")
    return value
