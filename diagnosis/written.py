"""Values as JSON holds them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any


def json_value(value: object) -> Any:
    """Turn a reading into what JSON can hold: RFC 3339 in UTC, floats to 6 digits, infinity as text."""
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, (list, tuple)):
        return ";".join(str(json_value(v)) for v in value)
    return str(value)


@lru_cache(maxsize=65536)
def _time(value: datetime) -> str:
    """Hours of KPIs and times of records come again and again."""
    fraction = f".{value.microsecond // 1000:03d}" if value.microsecond else ""
    return value.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def _number(value: float) -> Any:
    if value != value:
        return None
    if value in (float("inf"), float("-inf")):
        return "never" if value > 0 else "-never"
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def json_values(values: Sequence[object]) -> list[Any]:
    """Turn a column of one type into what JSON can hold."""
    kind = next((type(value) for value in values if value is not None), None)
    if kind in (bool, int, str, None):
        return list(values)
    if kind is float:
        # The column is of one type.
        return [None if value is None else _number(value) for value in values]  # type: ignore[arg-type]
    return [json_value(value) for value in values]
