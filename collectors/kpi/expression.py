"""The formula language of the catalogue: SQL arithmetic over quoted counter names, compiled by polars.

Only arithmetic and a few functions that look at one row are allowed, so a formula can neither aggregate
nor reach anything but the counters it names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from callcause_error import did_you_mean

FUNCTIONS = frozenset({"abs", "coalesce", "greatest", "least", "nullif"})
_NAME = re.compile(r'"([^"]+)"')
_WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:[eE]-?\d+)?")
_REST = re.compile(r"[\s()+\-*/,]*")


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled formula: `expr` over Float64 columns named by `counters`, in order of first use.

    `hides_null` tells that a function in it (`coalesce`, `greatest`, `least`) can give a number although
    an input is null; plain arithmetic cannot.
    """

    text: str
    expr: pl.Expr
    counters: tuple[str, ...]
    hides_null: bool


def compile_expression(text: str, defaults: Mapping[str, float | None] | None = None) -> Expression:
    """Compile `text`; a counter of `defaults` that is null counts as its default (None: stays null).

    Raises ValueError that says what is wrong: an unknown function, a name without quotes, bad syntax.
    """
    _check_words(text)
    counters = tuple(dict.fromkeys(_NAME.findall(text)))
    if not counters:
        raise ValueError("the formula names no counter; write counter names in double quotes")
    filled = {name: value for name, value in (defaults or {}).items() if value is not None}
    sql = _NAME.sub(lambda m: _with_default(m.group(1), filled), text)
    try:
        expr = pl.sql_expr(sql)
    except PolarsError as error:
        raise ValueError(f"not a formula: {error}") from error
    return Expression(
        text, expr, counters, any(word in text.lower() for word in ("coalesce", "greatest", "least"))
    )


def _with_default(name: str, defaults: Mapping[str, float]) -> str:
    return f'coalesce("{name}", {defaults[name]})' if name in defaults else f'"{name}"'


def _check_words(text: str) -> None:
    """Refuse every word outside quotes that is not an allowed function, and every foreign sign."""
    bare = _WORD.sub(_allowed_word, _NUMBER.sub(" ", _NAME.sub(" ", text)))
    if not _REST.fullmatch(bare):
        raise ValueError(
            f"only + - * / ( ) , numbers and quoted names may stand in a formula, not {bare.strip()!r}"
        )


def _allowed_word(match: re.Match[str]) -> str:
    word = match.group()
    if word.lower() in FUNCTIONS:
        return " "
    hint = did_you_mean(word.lower(), FUNCTIONS) or f"functions: {', '.join(sorted(FUNCTIONS))}"
    raise ValueError(f"{word!r} is no function of formulas and counter names need double quotes; {hint}")
