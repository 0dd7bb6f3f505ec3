"""Where the records of a CSV buffer begin and end, by RFC 4180, found over all bytes at once.

A buffer whose quotes do not stand as RFC 4180 wants is walked record by record instead, so that one stray
quote costs one line and not the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NEWLINE, COMMA, QUOTE = 10, 44, 34
MAX_RECORD_BYTES = 1 << 20
"""A record longer than this is taken for one whose closing quote is missing."""

_FIELD = rb'(?:"[^"]*(?:""[^"]*)*"|[^",\n]*)'
_RECORD = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*(?:\n|\Z)")
_NEXT_FIELD = re.compile(rb"(?:\A|,)(" + _FIELD + rb")")
_QUOTED = re.compile(rb'"[^"]*(?:""[^"]*)*"')


@dataclass(slots=True)
class Scan:
    """Records of a buffer that stands at a record's begin.

    `rows` is the buffer with only the good records in it, `lines` their first lines counted from 0, `bad` the
    refused ones as (line, reason); `used` is the number of bytes dealt with, the rest waits for more.
    """

    rows: bytes
    lines: NDArray[np.int64]
    used: int
    bad: list[tuple[int, str]] = field(default_factory=list)


def scan_records(buffer: bytes, width: int, *, final: bool) -> Scan:
    """Split a buffer (no CR LF, no NUL) into records of `width` fields; refuse the others by line."""
    return _scan_at_once(buffer, width, final=final) or _walk(buffer, width, final=final)


def _scan_at_once(buffer: bytes, width: int, *, final: bool) -> Scan | None:
    """Return the scan, or None when a quote stands in an unusual place or a long record is ragged."""
    data = np.frombuffer(buffer, np.uint8)
    newlines, commas = np.flatnonzero(data == NEWLINE), np.flatnonzero(data == COMMA)
    quotes = np.flatnonzero(data == QUOTE)
    order = np.flatnonzero(np.searchsorted(quotes, newlines) % 2 == 0)
    ends, first_lines = newlines[order], np.concatenate(([0], order + 1))
    if final and len(buffer) and (not len(ends) or ends[-1] != len(buffer) - 1):
        ends = np.append(ends, len(buffer))
    used = min(int(ends[-1]) + 1, len(buffer)) if len(ends) else 0
    if len(buffer) - used > MAX_RECORD_BYTES or not _quotes_are_usual(data, quotes, used):
        return None
    starts, lines = np.concatenate(([0], ends[:-1] + 1))[: len(ends)], first_lines[: len(ends)]
    widths = np.diff(_separators_before(commas, quotes, np.concatenate(([0], ends)))) + 1
    after = first_lines[len(ends)] if len(first_lines) > len(ends) else len(newlines) + 1
    spans = np.diff(np.append(lines, after))
    ragged = (widths != width) & (ends > starts)
    if (ragged & (spans > 1)).any():
        return None
    bad = [(int(lines[i]), _ragged_reason(width, int(widths[i]))) for i in np.flatnonzero(ragged)]
    good = (widths == width) & (ends > starts)
    return Scan(_keep(buffer, starts, ends, good, used), lines[good], used, bad)


def _separators_before(
    commas: NDArray[np.int64], quotes: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Count the commas outside quotes before each record end: all of them less those of the quoted spans."""
    closing = quotes[1::2]
    opening = quotes[0::2][: len(closing)]
    quoted = np.searchsorted(commas, closing) - np.searchsorted(commas, opening)
    quoted_before = np.concatenate(([0], np.cumsum(quoted)))
    return np.searchsorted(commas, ends) - quoted_before[np.searchsorted(opening, ends)]


def _quotes_are_usual(data: NDArray[np.uint8], quotes: NDArray[np.int64], used: int) -> bool:
    """Tell whether opening quotes follow a separator and closing ones precede one (doubled ones do both)."""
    at = quotes[: np.searchsorted(quotes, used)]
    if len(at) % 2:
        return False
    opening, closing = at[0::2], at[1::2]
    before = data[np.maximum(opening - 1, 0)]
    after = data[np.minimum(closing + 1, len(data) - 1)]
    opens = (opening == 0) | np.isin(before, (COMMA, NEWLINE, QUOTE))
    closes = (closing == len(data) - 1) | np.isin(after, (COMMA, NEWLINE, QUOTE))
    return bool(opens.all() and closes.all())


def _keep(
    buffer: bytes,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    good: NDArray[np.bool_],
    used: int,
) -> bytes:
    if good.all():
        return buffer[:used]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], good, [False])).astype(np.int8)))
    runs = zip(edges[0::2], edges[1::2], strict=True)
    return b"\n".join(buffer[starts[first] : ends[past - 1]] for first, past in runs)


def _walk(buffer: bytes, width: int, *, final: bool) -> Scan:
    """Go record by record; a line that cannot begin a record is refused and the next line tried."""
    rows: list[bytes] = []
    lines: list[int] = []
    bad: list[tuple[int, str]] = []
    position = line = 0
    while position < len(buffer):
        match = _RECORD.match(buffer, position)
        complete = match is not None and (final or match.group().endswith(b"\n"))
        if not complete and not final and len(buffer) - position <= MAX_RECORD_BYTES:
            break
        record = match.group() if match is not None and complete else b""
        found = _QUOTED.sub(b"", record).count(b",") + 1
        if record and (found == width or b"\n" not in record[:-1]):
            if found == width and record != b"\n":
                rows.append(record if record.endswith(b"\n") else record + b"\n")
                lines.append(line)
            elif record != b"\n":
                bad.append((line, _ragged_reason(width, found)))
        else:
            newline = buffer.find(b"\n", position)
            record = buffer[position : newline + 1 if newline >= 0 else len(buffer)]
            bad.append((line, "a quote is never closed or stands inside an unquoted field"))
        position, line = position + len(record), line + record.count(b"\n")
    return Scan(b"".join(rows), np.array(lines, np.int64), position, bad)


def _ragged_reason(width: int, found: int) -> str:
    return f"expected {width} fields, found {found}"


def split_records(rows: bytes) -> Iterator[list[str]]:
    """Yield the fields of every record of a buffer that holds good records only (`Scan.rows`)."""
    position = 0
    while position < len(rows) and (match := _RECORD.match(rows, position)):
        yield split_record(match.group().removesuffix(b"\n"))
        position = match.end()


def split_record(record: bytes) -> list[str]:
    """Return the fields of one record without its line end."""
    fields = [match.group(1).decode("utf-8") for match in _NEXT_FIELD.finditer(record)]
    quoted = (field.startswith('"') and field.endswith('"') for field in fields)
    return [f[1:-1].replace('""', '"') if inside else f for f, inside in zip(fields, quoted, strict=True)]
