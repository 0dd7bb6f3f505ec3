"""The compiled scan over measValue elements; nothing else of the package imports numba.

It reads bytes between a `<measValue` and the last `</measValue>` of the buffer, so every loop below ends at that
closing tag at the latest: no loop passes a `<`, and no literal has a beginning that is an end of `</measValue>`.
It knows one strict spelling of each element. At anything else it stops before the row and leaves it to expat.
"""

from __future__ import annotations

import numpy as np
from numba import njit

END, IRREGULAR, FULL = 0, 1, 2
"""Why a scan stopped: at what is no measValue (or the end of the buffer); at a row for expat; no more room."""

_VALUE = np.frombuffer(b"<measValue", np.uint8)
_LDN = np.frombuffer(b'measObjLdn="', np.uint8)
_RESULTS = np.frombuffer(b"<measResults>", np.uint8)
_RESULTS_END = np.frombuffer(b"</measResults>", np.uint8)
_SUSPECT = np.frombuffer(b"<suspect>", np.uint8)
_SUSPECT_END = np.frombuffer(b"</suspect>", np.uint8)
_TRUE = np.frombuffer(b"true", np.uint8)
_FALSE = np.frombuffer(b"false", np.uint8)
_VALUE_END = np.frombuffer(b"</measValue>", np.uint8)
_POWERS = 10.0 ** np.arange(16)
_SPACE, _NEWLINE, _TAB, _RETURN = 32, 10, 9, 13
_QUOTE, _AMPERSAND, _SLASH, _LESS, _MORE, _BRACKET = 34, 38, 47, 60, 62, 93
_MINUS, _DOT, _ZERO, _LETTER_P, _LETTER_R, _LETTER_M, _EQUALS, _DELETE = 45, 46, 48, 112, 114, 109, 61, 127


@njit(cache=True, nogil=True, inline="always")
def _is(data, at, literal):  # type: ignore[no-untyped-def]
    for i in range(literal.size):
        if data[at + i] != literal[i]:
            return False
    return True


@njit(cache=True, nogil=True, inline="always")
def _blanks(data, at):  # type: ignore[no-untyped-def]
    """Position after blanks, and the newlines among them."""
    lines = 0
    while True:
        byte = data[at]
        if byte > _SPACE:
            return at, lines
        if byte == _NEWLINE:
            lines += 1
        elif byte != _SPACE and byte != _TAB and byte != _RETURN:
            return at, lines
        at += 1


@njit(cache=True, nogil=True, inline="always")
def _number(data, at):  # type: ignore[no-untyped-def]
    """(position after it, number, whether it is exact): plain integers to 18 digits, decimals to 15.

    A whole number below 2**53 divided by a power of ten up to 1e22 is correctly rounded, as float() is.
    """
    negative = data[at] == _MINUS
    if negative:
        at += 1
    first, whole = at, 0
    digit = data[at] - _ZERO
    while 0 <= digit <= 9:
        whole = whole * 10 + digit
        at += 1
        digit = data[at] - _ZERO
    digits = at - first
    exact = 0 < digits <= 18
    number = float(whole)
    if data[at] == _DOT:
        at += 1
        point = at
        digit = data[at] - _ZERO
        while 0 <= digit <= 9:
            whole = whole * 10 + digit
            at += 1
            digit = data[at] - _ZERO
        places = at - point
        exact = digits > 0 and digits + places <= 15
        if exact:
            number = float(whole) / _POWERS[places]
    return at, -number if negative else number, exact


@njit(cache=True, nogil=True, inline="always")
def _text_end(data, at, stop_at_blank):  # type: ignore[no-untyped-def]
    """(end of a plain text, newlines in it); -1 when it holds what only expat may read."""
    lines = 0
    while data[at] != _LESS:
        byte = data[at]
        if byte <= _SPACE:
            if byte == _NEWLINE:
                lines += 1
            elif byte != _SPACE and byte != _TAB and byte != _RETURN:
                return -1, 0
            if stop_at_blank:
                return at, 0
        elif byte == _AMPERSAND or byte == _BRACKET or byte >= _DELETE:
            return -1, 0
        at += 1
    return at, lines


@njit(cache=True, nogil=True)
def scan_rows(data, at, stop, places, values, names, suspects, texts):  # type: ignore[no-untyped-def]
    """Read measValues of `data[at:stop]` into the rows of `values` (rows, columns).

    `places`: the `p` of each column, in order. `names` (rows, 2): where each measObjLdn stands. `suspects` (rows):
    its flag. `texts` (n, 4): row, column, start and end of results that are no plain number (lists, no-values, long
    decimals), for the caller to read. Returns why it stopped, where, rows, texts, newlines passed, and whether a
    name holds bytes beyond ASCII.
    """
    columns = places.size
    rows = text_count = lines = 0
    beyond_ascii = False
    while True:
        start, new = at, 0
        while at < stop and (data[at] == _SPACE or data[at] == _NEWLINE or data[at] == _TAB or data[at] == _RETURN):
            new += data[at] == _NEWLINE
            at += 1
        if at >= stop or not _is(data, at, _VALUE):
            return END, start, rows, text_count, lines, beyond_ascii
        if rows == values.shape[0] or text_count + columns > texts.shape[0]:
            return FULL, start, rows, text_count, lines, beyond_ascii
        before = at
        lines += new
        at += _VALUE.size
        row_at, row_texts, row_lines, foreign = _row(data, at, places, values, names, suspects, texts, rows, text_count)
        if row_at < 0:
            return IRREGULAR, before, rows, text_count, lines, beyond_ascii
        at, text_count = row_at, row_texts
        lines += row_lines
        beyond_ascii = beyond_ascii or foreign
        rows += 1


@njit(cache=True, nogil=True, inline="always")
def _row(data, at, places, values, names, suspects, texts, row, text_count):  # type: ignore[no-untyped-def]
    """One measValue from after its name: (position after it or -1, texts, newlines, bytes beyond ASCII)."""
    bad = (-1, text_count, 0, False)
    foreign = False
    at_blank = at
    at, lines = _blanks(data, at)
    if at == at_blank or not _is(data, at, _LDN):
        return bad
    at += _LDN.size
    names[row, 0] = at
    while data[at] != _QUOTE:
        byte = data[at]
        if byte == _LESS or byte == _AMPERSAND or byte < _SPACE:
            return bad
        foreign = foreign or byte >= _DELETE
        at += 1
    names[row, 1] = at
    at += 1
    at, new = _blanks(data, at)
    lines += new
    if data[at] != _MORE:
        return bad
    at += 1
    at, new = _blanks(data, at)
    lines += new
    if data[at] != _LESS:
        return bad
    columns = places.size
    if data[at + 1] == _LETTER_M:
        if not _is(data, at, _RESULTS):
            return bad
        at += _RESULTS.size
        column = 0
        while True:
            at, new = _blanks(data, at)
            lines += new
            if data[at] == _LESS:
                break
            if column == columns:
                return bad
            end, number, exact = _number(data, at)
            byte = data[end]
            if exact and (byte == _LESS or byte == _SPACE or byte == _NEWLINE or byte == _TAB or byte == _RETURN):
                values[row, column] = number
            else:
                end, _ = _text_end(data, at, True)
                if end < 0 or end == at:
                    return bad
                text_count = _keep(texts, text_count, row, column, at, end)
                values[row, column] = np.nan
            at = end
            column += 1
        if column != columns or not _is(data, at, _RESULTS_END):
            return bad
        at += _RESULTS_END.size
        at, new = _blanks(data, at)
        lines += new
    else:
        column = 0
        while data[at + 1] == _LETTER_R:
            if (data[at] != _LESS or data[at + 2] != _SPACE or data[at + 3] != _LETTER_P or data[at + 4] != _EQUALS
                    or data[at + 5] != _QUOTE):  # fmt: skip
                return bad
            at += 6
            first, place = at, 0
            digit = data[at] - _ZERO
            while 0 <= digit <= 9:
                place = place * 10 + digit
                at += 1
                digit = data[at] - _ZERO
            if data[at] != _QUOTE or at == first or at - first > 9 or data[first] == _ZERO:
                return bad
            while column < columns and places[column] != place:
                values[row, column] = np.nan
                column += 1
            if column == columns:
                return bad
            at += 1
            if data[at] == _SLASH and data[at + 1] == _MORE:
                values[row, column] = np.nan
                at += 2
            elif data[at] == _MORE:
                at += 1
                end, number, exact = _number(data, at)
                if exact and data[end] == _LESS:
                    values[row, column] = number
                else:
                    end, new = _text_end(data, at, False)
                    if end < 0:
                        return bad
                    lines += new
                    text_count = _keep(texts, text_count, row, column, at, end)
                    values[row, column] = np.nan
                at = end
                if data[at + 1] != _SLASH or data[at + 2] != _LETTER_R or data[at + 3] != _MORE:
                    return bad
                at += 4
            else:
                return bad
            column += 1
            at, new = _blanks(data, at)
            lines += new
        values[row, column:] = np.nan
    suspects[row] = False
    if _is(data, at, _SUSPECT):
        at += _SUSPECT.size
        if _is(data, at, _TRUE):
            suspects[row] = True
            at += _TRUE.size
        elif _is(data, at, _FALSE):
            at += _FALSE.size
        else:
            return bad
        if not _is(data, at, _SUSPECT_END):
            return bad
        at += _SUSPECT_END.size
        at, new = _blanks(data, at)
        lines += new
    if not _is(data, at, _VALUE_END):
        return bad
    return at + _VALUE_END.size, text_count, lines, foreign


@njit(cache=True, nogil=True, inline="always")
def _keep(texts, count, row, column, start, end):  # type: ignore[no-untyped-def]
    texts[count, 0] = row
    texts[count, 1] = column
    texts[count, 2] = start
    texts[count, 3] = end
    return count + 1
