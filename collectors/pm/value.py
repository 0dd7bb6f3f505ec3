"""One result as written: a number, a list of numbers, or no value."""

from __future__ import annotations

import math
import re

NO_VALUE = frozenset(
    {
        "",
        "nil",
        "null",
        "n/a",
        "na",
        "n.a.",
        "nan",
        "none",
        "-",
        "--",
        "?",
        "inf",
        "-inf",
        "+inf",
        "invalid",
        "unknown",
    }
)
"""Spellings of "no value", lower case. TS 32.435 writes NIL; the rest are vendors' habits."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NO_VALUE = float("nan")


def read_number(text: str) -> float:
    """Return the number in `text` (blanks stripped), NaN for a no-value; ValueError for any other text."""
    if text.isascii() and text.isdecimal():
        return float(text)
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    elif text.lower() in NO_VALUE:
        return _NO_VALUE
    raise ValueError(f"{text[:40]!r} is not a number")


def read_result(text: str) -> float | tuple[float, ...]:
    """Return a number, or those of a comma list (per QCI, or a distribution); NaN where nothing is written.

    A list in which no place holds a value is no value. ValueError for text that is neither.
    """
    text = text.strip()
    if "," not in text:
        return read_number(text)
    places = tuple(read_number(place.strip()) for place in text.split(","))
    return _NO_VALUE if all(math.isnan(place) for place in places) else places


def read_suspect(text: str) -> bool:
    """Tell whether a suspect flag (xs:boolean) is set; what is neither true nor false counts as suspect."""
    return text.strip().lower() not in ("false", "0", "")
