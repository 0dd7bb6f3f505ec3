"""Ticket records on their way in: from JSON to checked rows without identities; to and from the database."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from callcause.state.base import utc_now
from callcause_error import did_you_mean
from collectors.records import Pseudonymiser, load_rows, load_schemas
from collectors.records.schema import ABSENT

MAX_TEXT = 20_000
MAX_ID = 200
Error = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """`records`: tickets as they may be stored, in order; `errors`: ticket (number from 0), field, reason."""

    records: list[dict[str, Any]]
    errors: list[Error]


def check(tickets: Sequence[object], pseudonymiser: Pseudonymiser, zone: str, country_code: str) -> Checked:
    """Check tickets as they came in JSON; their identities become pseudonyms here.

    A ticket without an id gets one, and one without `received_at` was received now.
    """
    texts, errors = _texts(tickets)
    if errors or not texts:
        return Checked([], errors)
    fields = load_schemas()["ticket"].fields
    names = [f.name for f in fields if f.required != "no" or any(f.name in text for text in texts)]
    frame = pl.DataFrame(
        {name: [text.get(name) for text in texts] for name in names}, schema=dict.fromkeys(names, pl.String)
    )
    loaded = load_rows(
        "ticket", frame, source="tickets", pseudonymiser=pseudonymiser, zone=zone, country_code=country_code
    )
    errors = [
        {"ticket": row["line"] - 1, "field": row["field"], "reason": row["reason"], "value": row["value"]}
        for row in loaded.bad.iter_rows(named=True)
    ]
    if errors:
        return Checked([], errors)
    return Checked([_record(row, text) for row, text in zip(_rows(loaded.good), texts, strict=True)], [])


def frame_of(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return rows of the record `ticket` for the store and for a diagnosis."""
    schema = load_schemas()["ticket"].polars_schema()
    columns = {
        name: pl.Series(name, [_typed(record.get(name), dtype) for record in records], dtype=dtype)
        for name, dtype in schema.items()
    }
    return pl.DataFrame(columns)


def records_of(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows of the store as they stand in the state database: filled fields only, times as text."""
    return [{name: _plain(value) for name, value in row.items() if value is not None} for row in _rows(frame)]


def received_at(record: Mapping[str, Any]) -> datetime:
    """Return when the ticket was received."""
    return datetime.fromisoformat(record["received_at"])


def _texts(tickets: Sequence[object]) -> tuple[list[dict[str, str]], list[Error]]:
    texts: list[dict[str, str]] = []
    errors: list[Error] = []
    seen: set[str] = set()
    for number, ticket in enumerate(tickets):
        if not isinstance(ticket, Mapping):
            errors.append({"ticket": number, "field": "", "reason": "expected an object of record fields"})
            continue
        text, wrong = _text_of(ticket)
        text.setdefault("id", f"CC-{secrets.token_hex(10)}")
        text.setdefault("received_at", utc_now().isoformat())
        if text["id"] in seen:
            wrong.append({"field": "id", "reason": "stands twice in the request"})
        seen.add(text["id"])
        errors += [{"ticket": number, **one} for one in wrong]
        texts.append(text)
    return texts, errors


def _text_of(ticket: Mapping[Any, Any]) -> tuple[dict[str, str], list[Error]]:
    """Fields as a CSV would hold them, and what cannot be one."""
    known = load_schemas()["ticket"].field_names
    text: dict[str, str] = {}
    wrong: list[Error] = []
    for name, value in ticket.items():
        if name not in known:
            wrong.append({"field": _shown(name), "reason": "no such field", **_hint(name, known)})
        elif value is not None and value != "":
            cell, reason = _cell(value, MAX_ID if name == "id" else MAX_TEXT)
            text[name] = cell
            if reason:
                wrong.append({"field": name, "reason": reason})
    return text, wrong


def _cell(value: object, longest: int) -> tuple[str, str]:
    """Text of one value, and what is wrong with it."""
    if isinstance(value, bool):
        return ("true" if value else "false"), ""
    if isinstance(value, float) and not math.isfinite(value):
        return "", "expected a finite number"
    if isinstance(value, int | float):
        return str(value), ""
    if not isinstance(value, str):
        return "", "expected a text, a number or a boolean"
    if len(value) > longest:
        return "", f"at most {longest} characters"
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return "", "holds a character that is no text"
    return value, ""


def _shown(name: object) -> str:
    """Repeat an unknown name only where it looks like one: it may be a value in the wrong place."""
    text = str(name)
    return text if text.isidentifier() and not any(c.isdigit() for c in text) and len(text) < 40 else "?"


def _hint(name: object, known: Sequence[str]) -> dict[str, str]:
    hint = did_you_mean(str(name), known)
    return {"hint": hint} if hint else {}


def _record(row: dict[str, Any], text: Mapping[str, str]) -> dict[str, Any]:
    """Make one ticket; absent are the fields that it does not have, whatever others in the request have."""
    names = load_schemas()["ticket"].field_names
    absent = [name for name in names if name not in text and row[name] is None]
    filled = {name: _plain(value) for name, value in row.items() if value is not None}
    return {**filled, ABSENT: absent}


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return list(frame.iter_rows(named=True))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _typed(value: Any, dtype: pl.DataType) -> Any:
    return datetime.fromisoformat(value) if value is not None and isinstance(dtype, pl.Datetime) else value
