"""What a client sends beside our own fields, without subscriber identities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from callcause.service.problem import Problem
from collectors.records import Pseudonymiser
from collectors.records.scrub import REPLACEMENT, scrub_text

DEEPEST = 8
LONGEST = 20_000
_NUMBER = 1_000_000
"""A JSON number of seven digits or more may be a subscriber's number."""
_IDENTITY = re.compile(r"(?:\+?86)?1[3-9]\d{9}|\d{14,16}|\+\d{7,15}|.*@.*|(?i:sips?|tel):.*", re.ASCII)


def clean(value: Any) -> Any:
    """Return a document with every text scrubbed at once; Problem 400 where it nests too deep."""
    texts = list(dict.fromkeys(_texts(value, 0)))
    if any(len(text) > LONGEST for text in texts):
        raise Problem(400, f"a text has at most {LONGEST} characters")
    if any("\x00" in t or any("\ud800" <= c <= "\udfff" for c in t) for t in texts):
        raise Problem(400, "a text holds a character that is no text")
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    scrubbed = frame.select(scrub_text(pl.col("text")))["text"].to_list()
    return _replaced(value, dict(zip(texts, scrubbed, strict=True)))


def looks_like_identity(text: str) -> bool:
    """Whether a reference is the number or address of a subscriber rather than an id of a system."""
    return _IDENTITY.fullmatch(text.replace(" ", "").replace("-", "")) is not None


def reference(text: str, pseudonymiser: Pseudonymiser, prefix: str = "reference") -> str:
    """Return an id of another system as it may be kept: as it is, or as a pseudonym."""
    return pseudonymiser.pseudonym(prefix, text) if looks_like_identity(text) else text


def _texts(value: Any, depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        raise Problem(400, f"the body nests deeper than {DEEPEST}")
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, depth + 1)


def _replaced(value: Any, by: dict[str, str]) -> Any:
    if isinstance(value, str):
        return by[value]
    if isinstance(value, dict):
        return {by[key]: _replaced(item, by) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, by) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _NUMBER:
        return REPLACEMENT
    return value
