"""From the text of a column to its type, for all rows at once; null where the text does not fit the field.

Each field has a plain cast for text in its usual spelling, and a lenient one (blanks, `3.0`, `TRUE`, `1`,
other spellings of a time) that only runs on columns that the plain one could not read in full.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from collectors.records.objects import canonical_objects
from collectors.records.schema import RecordField
from collectors.records.times import any_times, common_times, zoned_times

_EXACT_FLOAT = 2.0**53


@dataclass(frozen=True, slots=True)
class CastColumn:
    """A typed column and what was noticed on the way."""

    column: pl.Series
    naive_times: int = 0
    unknown_members: int = 0


def filled(name: str) -> pl.Expr:
    """Return the column without blanks around its values; an empty value is null."""
    text = pl.col(name).str.strip_chars()
    return pl.when(text != "").then(text)


def plain_cast(field: RecordField) -> pl.Expr:
    """Cast a column whose values need no second look; null where they do."""
    text = pl.col(field.name)
    match field.type:
        case "integer":
            return _within(text.cast(pl.Int64, strict=False), field)
        case "float":
            return _within(_finite(text), field)
        case "boolean":
            return pl.when(text == "true").then(True).when(text == "false").then(False).alias(field.name)
        case "enum":
            return pl.when(text.is_in([str(value) for value in field.allowed])).then(text)
        case "datetime":
            return common_times(text)
        case "list_string" | "list_integer":
            return _lists(filled(field.name), field)
        case _:
            return _strings(filled(field.name), field)


def cast_column(text: pl.Series, plain: pl.Series, field: RecordField, zone: str) -> CastColumn:
    """Finish a column: the plain cast where it read everything, else the lenient one.

    `text` is the column as written, `plain` the result of `plain_cast` on it.
    """
    if field.type == "list_object":
        objects = canonical_objects(plain, field.object)
        return CastColumn(objects.column, unknown_members=objects.unknown_members)
    if plain.null_count() == text.null_count() or field.type.startswith(("string", "list")):
        return CastColumn(plain)
    frame = text.to_frame().select(filled(field.name))
    if field.type == "datetime":
        return _lenient_times(frame, field.name, zone)
    return CastColumn(frame.select(_lenient(field)).to_series())


def expectation(field: RecordField) -> str:
    """Say in words what the field may hold, for the quarantine report."""
    if field.allowed:
        return f"expected one of {', '.join(_number_text(value) for value in field.allowed)}"
    if field.type == "datetime":
        return "expected an RFC 3339 time such as 2024-03-11T09:15:02+08:00"
    if field.type == "boolean":
        return "expected true or false"
    if field.type == "list_object":
        return f"expected a JSON list of objects with {', '.join(field.object)}"
    if field.regex and field.type == "string":
        return (
            f"expected the form of {field.example!r}"
            if not field.identity
            else f"not a valid {field.identity}"
        )
    noun = {"integer": "a whole number", "float": "a number", "list_integer": "whole numbers joined by ;"}
    return f"expected {noun.get(field.type, 'values joined by ;')}{_range_text(field)}"


def _number_text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range_text(field: RecordField) -> str:
    low = f" from {field.min:g}" if field.min is not None else ""
    low = f" above {field.above:g}" if field.above is not None else low
    return low + (f" to {field.max:g}" if field.max is not None else "")


def _finite(text: pl.Expr) -> pl.Expr:
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _within(number: pl.Expr, field: RecordField) -> pl.Expr:
    """Null where the number is outside the range or not one of the allowed ones."""
    checks = [pl.lit(True)]
    if field.min is not None:
        checks.append(number >= field.min)
    if field.max is not None:
        checks.append(number <= field.max)
    if field.above is not None:
        checks.append(number > field.above)
    if field.allowed:
        checks.append(number.cast(pl.Float64).is_in([float(value) for value in field.allowed]))
    return pl.when(pl.all_horizontal(checks)).then(number).alias(field.name)


def _strings(text: pl.Expr, field: RecordField) -> pl.Expr:
    if field.regex:
        text = pl.when(text.str.contains(field.regex)).then(text)
    return text.alias(field.name)


def _lists(text: pl.Expr, field: RecordField) -> pl.Expr:
    element = pl.element().str.strip_chars()
    items = text.str.split(";").list.eval(element.filter(element != ""))
    if field.type == "list_integer":
        return _integer_lists(items, field)
    good = items.list.len() > 0
    if field.allowed:
        good &= items.list.eval(pl.element().is_in([str(value) for value in field.allowed])).list.all()
    return pl.when(good).then(items).alias(field.name)


def _integer_lists(items: pl.Expr, field: RecordField) -> pl.Expr:
    numbers = items.cast(pl.List(pl.Int64), strict=False)
    low, high = field.min, field.max
    fits = pl.element().is_between(-(2**62) if low is None else low, 2**62 if high is None else high)
    good = numbers.list.eval(fits.fill_null(False)).list.all() & (numbers.list.len() > 0)
    return pl.when(good).then(numbers).alias(field.name)


def _lenient(field: RecordField) -> pl.Expr:
    text = pl.col(field.name)
    if field.type == "integer":
        text = text.str.to_lowercase().replace({word: str(number) for word, number in field.words.items()})
        number = _finite(text)
        whole = pl.when((number == number.round()) & (number.abs() < _EXACT_FLOAT)).then(number)
        return _within(pl.coalesce(text.cast(pl.Int64, strict=False), whole.cast(pl.Int64)), field)
    if field.type == "float":
        return _within(_finite(text), field)
    if field.type == "boolean":
        words = {"true": True, "false": False, "1": True, "0": False}
        return text.str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)
    spellings = {str(value).lower(): str(value) for value in field.allowed}
    return text.str.to_lowercase().replace_strict(spellings, default=None, return_dtype=pl.String)


def _lenient_times(frame: pl.DataFrame, name: str, zone: str) -> CastColumn:
    text = pl.col(name)
    forms = frame.select(sure=any_times(text), local=zoned_times(text, zone))
    column = forms.select(pl.coalesce("sure", "local").alias(name)).to_series()
    naive = forms.select((pl.col("sure").is_null() & pl.col("local").is_not_null()).sum()).item()
    return CastColumn(column, naive_times=int(naive))
