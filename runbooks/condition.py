"""The condition language of the runbooks: `name op value[,value...] [and ...]`.

It can compare and nothing else, so a runbook is data and never code. A comparison with an unknown
value is unknown (NO_DATA), never false: three-valued logic after Kleene.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from callcause_error import did_you_mean
from runbooks.errors import RunbookError

Value = bool | float | str
Op = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]
OPERATORS: tuple[Op, ...] = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
ORDERING: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*")
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+./-]*")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?")
_TERM = re.compile(
    r"(?P<name>[^\s<>=!]+)\s*(?P<op>not\s+in(?=\s)|in(?=\s)|[<>=!]+)\s*(?P<values>.*)", re.DOTALL
)
_NEAR_OPERATORS = {"=": "==", "=<": "<=", "=>": ">=", "<>": "!=", "!": "!=", "===": "=="}
_SQL_STRING = re.compile(r"'(?:[^']|'')*'")
_SQL_NAME = re.compile(r'"([^"]+)"|(?<![\w.])([A-Za-z_]\w*)\b(?!\s*\()')
_SQL_KEYWORDS = """
and or not in is null true false between like case when then else end cast as
double integer bigint boolean varchar text float distinct
"""
_SQL_WORDS = frozenset(_SQL_KEYWORDS.split())


class Outcome(StrEnum):
    """What a condition or a check ends in (contract: checks[].outcome)."""

    HIT = "HIT"
    MISS = "MISS"
    NO_DATA = "NO_DATA"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class ConditionSyntaxError(ValueError):
    """A condition text that does not parse; the caller knows where it stands."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message}; {hint}" if hint else message)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One `name op value` term; `values` holds more than one value only for `in` and `not in`."""

    name: str
    op: Op
    values: tuple[Value, ...]

    def __str__(self) -> str:
        """Return the term as it is written in a runbook."""
        return f"{self.name} {self.op} {','.join(_written(value) for value in self.values)}"

    def holds(self, reading: Value | None) -> bool | None:
        """Compare one reading; None in, None out."""
        if reading is None:
            return None
        if self.op in ORDERING:
            return ORDERING[self.op](_as_number(reading, self), _as_number(self.values[0], self))
        found = any(_same(reading, value, self) for value in self.values)
        return found if self.op in ("==", "in") else not found


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons that must all hold, or one SQL expression that polars compiles."""

    text: str
    terms: tuple[Comparison, ...] = ()
    sql: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the condition reads, in order, each once."""
        if self.sql is not None:
            return sql_names(self.sql)
        return tuple(dict.fromkeys(term.name for term in self.terms))

    def __str__(self) -> str:
        """Return the condition in its normal form."""
        return self.sql if self.sql is not None else " and ".join(map(str, self.terms))


def parse_condition(text: str, file: str | None = None, line: int | None = None) -> Condition:
    """Parse `name op value[,value...] [and ...]`; a wrong text raises a located `RunbookError`."""
    try:
        return parse_text(text)
    except ConditionSyntaxError as wrong:
        raise RunbookError(wrong.message, file=file, line=line, key="when", hint=wrong.hint) from wrong


def parse_sql(expression: str) -> Condition:
    """Wrap an SQL expression; only its names are read here, polars compiles it."""
    if not expression.strip():
        raise ConditionSyntaxError("the SQL expression is empty")
    if not sql_names(expression):
        raise ConditionSyntaxError("the SQL expression reads no value", "write names in double quotes")
    return Condition(expression, (), expression)


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Condition:
    """Parse without a place; raises `ConditionSyntaxError`."""
    parts = re.split(r"\s+and\s+", text.strip())
    return Condition(text, tuple(_parse_term(part) for part in parts))


def sql_names(expression: str) -> tuple[str, ...]:
    """Names that an SQL expression reads: in double quotes, or bare words that SQL does not know."""
    found = _SQL_NAME.findall(_SQL_STRING.sub("''", expression))
    bare_or_quoted = (quoted or bare for quoted, bare in found if quoted or bare.lower() not in _SQL_WORDS)
    return tuple(dict.fromkeys(bare_or_quoted))


def evaluate(condition: Condition, given: Mapping[str, Value | None]) -> Outcome:
    """Return HIT, MISS or NO_DATA of one condition over one row of values; an absent name is not known."""
    if condition.sql is not None:
        return _outcome(_evaluate_sql(condition.sql, condition.names, given))
    held = [term.holds(given.get(term.name)) for term in condition.terms]
    if False in held:
        return Outcome.MISS
    return Outcome.NO_DATA if None in held else Outcome.HIT


def _evaluate_sql(expression: str, names: tuple[str, ...], given: Mapping[str, Value | None]) -> bool | None:
    """Let polars compute one row; it is what the engine does for all rows."""
    import polars as pl  # only here: reading a runbook needs no data-frame library

    try:
        row = pl.DataFrame({name: [given.get(name)] for name in names})
        result = row.select(pl.sql_expr(expression)).item()
    except (pl.exceptions.PolarsError, TypeError, ValueError) as wrong:
        raise RunbookError(f"polars refuses the SQL expression: {wrong}", key="sql") from wrong
    if result is not None and not isinstance(result, bool):
        raise RunbookError("the SQL expression gives no truth value", key="sql")
    return result


def _outcome(held: bool | None) -> Outcome:
    return {True: Outcome.HIT, False: Outcome.MISS, None: Outcome.NO_DATA}[held]


def _parse_term(part: str) -> Comparison:
    match = _TERM.fullmatch(part.strip())
    if match is None:
        raise ConditionSyntaxError(
            f"{part!r} is no comparison", "write: name op value, op one of " + " ".join(OPERATORS)
        )
    name, op = match["name"], _operator(" ".join(match["op"].split()))
    if not NAME.fullmatch(name):
        raise ConditionSyntaxError(
            f"{name!r} is no name", "names are lower case, as in record.field or kpi_id"
        )
    values = tuple(_parse_value(word.strip(), part) for word in match["values"].split(","))
    _check_values(op, values, part)
    return Comparison(name, op, values)


def _operator(written: str) -> Op:
    for op in OPERATORS:
        if op == written:
            return op
    near = _NEAR_OPERATORS.get(written)
    raise ConditionSyntaxError(
        f"unknown operator {written!r}",
        f"did you mean {near!r}?" if near else did_you_mean(written, OPERATORS),
    )


def _parse_value(word: str, part: str) -> Value:
    if word in ("true", "false"):
        return word == "true"
    if _NUMBER.fullmatch(word):
        number = float(word)
        if math.isfinite(number):
            return number
    elif _WORD.fullmatch(word):
        return word
    raise ConditionSyntaxError(
        f"{word!r} in {part!r} is no value", "a value is true, false, a number or a word"
    )


def _check_values(op: Op, values: tuple[Value, ...], part: str) -> None:
    if op not in ("in", "not in") and len(values) > 1:
        raise ConditionSyntaxError(f"{part!r} compares with several values", "use: in")
    if op in ORDERING and type(values[0]) is not float:
        raise ConditionSyntaxError(
            f"{op} needs a number in {part!r}", "use == or != for words and true or false"
        )
    if len({type(value) for value in values}) > 1:
        raise ConditionSyntaxError(f"{part!r} mixes numbers, words and truth values")


def _as_number(reading: Value, term: Comparison) -> float:
    if isinstance(reading, bool) or not isinstance(reading, int | float):
        raise RunbookError(f"{reading!r} is no number", key=term.name)
    return float(reading)


def _same(reading: Value, value: Value, term: Comparison) -> bool:
    if isinstance(reading, bool) != isinstance(value, bool) or isinstance(reading, str) != isinstance(
        value, str
    ):
        raise RunbookError(f"{reading!r} cannot be compared with {_written(value)}", key=term.name)
    return reading == value


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)
