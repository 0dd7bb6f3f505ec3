# ruff: noqa: SIM109 - tuples in comparisons are slower when compiled
# Numba finds the types of the compiled functions itself, from what they are called with.
# mypy: disable-error-code="no-untyped-def"
"""The compiled scan over measValue elements.

It reads bytes between a `<measValue` and the last `</measValue>` of the buffer, so every loop below ends at
that closing tag at the latest: no loop passes a `<`, and no literal begins with an end of `</measValue>`.
It knows one strict spelling of each element. At anything else it stops before the row and leaves it to expat.
A position of -1 means such a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from collectors.compiled import compiled

END, IRREGULAR, FULL = 0, 1, 2
"""Why a scan stopped: no measValue here (or the end of the buffer); a row for expat; no more room."""

_VALUE = tuple(b"<measValue")
_LDN = tuple(b'measObjLdn="')
_RESULTS = tuple(b"<measResults>")
_RESULTS_END = tuple(b"</measResults>")
_SUSPECT = tuple(b"<suspect>")
_SUSPECT_END = tuple(b"</suspect>")
_R = tuple(b'<r p="')
_R_END = tuple(b"</r>")
_TRUE = tuple(b"true")
_FALSE = tuple(b"false")
_VALUE_END = tuple(b"</measValue>")
_POWERS = 10.0 ** np.arange(16)
_SPACE, _NEWLINE, _TAB, _RETURN = 32, 10, 9, 13
_QUOTE, _AMPERSAND, _SLASH, _LESS, _MORE, _BRACKET = 34, 38, 47, 60, 62, 93
_MINUS, _DOT, _ZERO, _LETTER_R, _LETTER_M, _DELETE = 45, 46, 48, 114, 109, 127
_ZEROS = np.uint64(0x3030303030303030)
_ABOVE_NINE = np.uint64(0x7676767676767676)  # added to a byte, sets its highest bit where it is more than 9
_HIGHEST_BITS = np.uint64(0x8080808080808080)
_EVEN_PAIRS = np.uint64(0x000000FF000000FF)
_EIGHT, _TEN, _SIXTEEN, _HALF, _WHOLE = (
    np.uint64(8),
    np.uint64(10),
    np.uint64(16),
    np.uint64(32),
    np.uint64(64),
)
_FIRST_PAIRS = np.uint64(100 + (1_000_000 << 32))
_SECOND_PAIRS = np.uint64(1 + (10_000 << 32))
_compiled: Callable[..., Callable[[Callable[..., Any]], Any]] = compiled
_intrinsic: Callable[[Callable[..., Any]], Callable[[np.uint64], np.uint64]] = intrinsic


@_compiled(inline="always")
def _byte(data, at):
    return data[np.uint64(at)]  # an unsigned index spares the test for negative ones


@_compiled(inline="always")
def _is(data, at, literal):
    for i in range(len(literal)):  # noqa: SIM110 - compiled
        if _byte(data, at + i) != literal[i]:
            return False
    return True


@_compiled(inline="always")
def _is_blank(byte):
    return byte == _SPACE or byte == _NEWLINE or byte == _TAB or byte == _RETURN


@_compiled(inline="always")
def _blanks(data, at):
    """Position after blanks, and the newlines among them."""
    lines = 0
    while True:
        byte = _byte(data, at)
        if byte > _SPACE or not _is_blank(byte):
            return at, lines
        lines += byte == _NEWLINE
        at += 1


@_compiled(inline="always")
def _digits(data, at, number):
    """Position after digits, and `number` with them appended (which may wrap when they are too many)."""
    digit = _byte(data, at) - _ZERO
    while 0 <= digit <= 9:
        number = number * 10 + digit
        at += 1
        digit = _byte(data, at) - _ZERO
    return at, number


@_compiled(inline="always")
def _word(data, at):
    """Eight bytes as one number, the first of them lowest; the compiler makes one load of it."""
    word = np.uint64(0)
    for i in range(8):
        word |= np.uint64(_byte(data, at + i)) << np.uint64(8 * i)
    return word


@_intrinsic
def _trailing_zeros(typing_context, word):
    """Count the zeros below the lowest bit, 64 where there is none: one instruction; numba offers no such."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], context.get_constant(types.boolean, 0))

    return types.uint64(types.uint64), generate


@_compiled(inline="always")
def _leading_digits(word):
    """Count the digits at the beginning of a word."""
    bits = word ^ _ZEROS
    others = ((bits + _ABOVE_NINE) | bits) & _HIGHEST_BITS
    return np.int64(_trailing_zeros(others)) >> 3


@_compiled(inline="always")
def _of_digits(word, digits):
    """Return the number that the first 1 to 8 bytes of a word write, without a loop over them."""
    pairs = (word ^ _ZEROS) << (_WHOLE - _EIGHT * np.uint64(digits))
    pairs = pairs * _TEN + (pairs >> _EIGHT)
    high = ((pairs >> _SIXTEEN) & _EVEN_PAIRS) * _SECOND_PAIRS
    return ((pairs & _EVEN_PAIRS) * _FIRST_PAIRS + high) >> _HALF


@_compiled(inline="always")
def _number(data, at):
    """(position after it, number, whether it is exact): plain integers to 18 digits, decimals to 15.

    A whole number below 2**53 divided by a power of ten up to 1e22 is correctly rounded, as float() is.
    """
    negative = _byte(data, at) == _MINUS
    first = at + 1 if negative else at
    at, whole = _digits(data, first, 0)
    digits = at - first
    exact = 0 < digits <= 18
    number = float(whole)
    if _byte(data, at) == _DOT:
        point = at + 1
        at, whole = _digits(data, point, whole)
        exact = digits > 0 and at - point + digits <= 15
        if exact:
            number = float(whole) / _POWERS[at - point]
    return at, -number if negative else number, exact


@_compiled(inline="always")
def _text_end(data, at, stop_at_blank):
    """(end of a plain text or -1 when it holds what only expat may read, newlines in it)."""
    lines = 0
    while _byte(data, at) != _LESS:
        byte = _byte(data, at)
        if byte <= _SPACE:
            if not _is_blank(byte):
                return -1, 0
            if stop_at_blank:
                return at, lines
            lines += byte == _NEWLINE
        elif byte == _AMPERSAND or byte == _BRACKET or byte >= _DELETE:
            return -1, 0
        at += 1
    return at, lines


@_compiled(inline="always")
def _keep(texts, count, row, column, start, end):
    """Note where a result stands that is no plain number."""
    texts[count, 0] = row
    texts[count, 1] = column
    texts[count, 2] = start
    texts[count, 3] = end
    return count + 1


@_compiled()
def scan_rows(data, at, stop, places, values, names, suspects, texts):
    """Read measValues of `data[at:stop]` into the rows of `values` (rows, columns).

    `places`: the `p` of each column, in order. `names` (rows, 2): where each measObjLdn stands. `suspects`
    (rows): its flag. `texts` (n, 4): row, column, start and end of results that are no plain number (lists,
    no-values, long decimals), for the caller to read. Returns why it stopped, where, rows, texts, newlines
    passed, and whether a name holds bytes beyond ASCII.
    """
    rows = text_count = lines = 0
    beyond_ascii = False
    while True:
        start, new = at, 0
        while at < stop and _is_blank(_byte(data, at)):
            new += _byte(data, at) == _NEWLINE
            at += 1
        if at >= stop or not _is(data, at, _VALUE):
            return END, start, rows, text_count, lines, beyond_ascii
        if rows == values.shape[0] or text_count + places.size > texts.shape[0]:
            return FULL, start, rows, text_count, lines, beyond_ascii
        lines += new
        after, row_texts, new, foreign = _row(
            data, at, places, values, names, suspects, texts, rows, text_count
        )
        if after < 0:
            return IRREGULAR, at, rows, text_count, lines, beyond_ascii
        at, text_count, lines = after, row_texts, lines + new
        beyond_ascii = beyond_ascii or foreign
        rows += 1


@_compiled()
def joined_names(data, bounds, size):
    """Return the texts at `bounds` (n, 2), each with a newline after it; `size` is its length."""
    found = np.empty(size, np.uint8)
    to = 0
    for row in range(bounds.shape[0]):
        for at in range(bounds[row, 0], bounds[row, 1]):
            found[to] = _byte(data, at)
            to += 1
        found[to] = _NEWLINE
        to += 1
    return found


@_compiled(inline="always")
def _row(data, at, places, values, names, suspects, texts, row, text_count):
    """One measValue: (position after it, texts, newlines, bytes beyond ASCII in its name)."""
    at, lines, foreign = _name(data, at + len(_VALUE), names, row)
    if at < 0 or _byte(data, at) != _LESS:
        return -1, text_count, 0, False
    if _byte(data, at + 1) == _LETTER_M:
        at, text_count, new = _compact(data, at, values, texts, row, text_count)
    else:
        at, text_count, new = _keyed(data, at, places, values, texts, row, text_count)
    lines += new
    if at >= 0:
        at, suspects[row], new = _suspect(data, at)
        lines += new
    if at < 0 or not _is(data, at, _VALUE_END):
        return -1, text_count, 0, False
    return at + len(_VALUE_END), text_count, lines, foreign


@_compiled(inline="always")
def _name(data, at, names, row):
    """Read the only attribute and the end of the tag: (position after it, newlines, beyond ASCII)."""
    first = at
    at, lines = _blanks(data, at)
    if at == first or not _is(data, at, _LDN):
        return -1, 0, False
    at += len(_LDN)
    names[row, 0] = at
    foreign = False
    while _byte(data, at) != _QUOTE:
        byte = _byte(data, at)
        if byte == _LESS or byte == _AMPERSAND or byte < _SPACE:
            return -1, 0, False
        foreign = foreign or byte >= _DELETE
        at += 1
    names[row, 1] = at
    at, new = _blanks(data, at + 1)
    lines += new
    if _byte(data, at) != _MORE:
        return -1, 0, False
    at, new = _blanks(data, at + 1)
    return at, lines + new, foreign


@_compiled(inline="always")
def _compact(data, at, values, texts, row, text_count):
    """`<measResults>1 2 3</measResults>`, as many as columns: (position of what follows, texts, newlines)."""
    if not _is(data, at, _RESULTS):
        return -1, text_count, 0
    at += len(_RESULTS)
    lines = column = 0
    while True:
        word = _word(data, at)
        digits = _leading_digits(word)
        if 0 < digits < 8 and column < values.shape[1]:
            byte = np.int64((word >> (_EIGHT * np.uint64(digits))) & np.uint64(255))
            if byte == _SPACE or byte == _LESS:
                values[row, column] = np.float64(np.int64(_of_digits(word, digits)))
                column += 1
                at += digits + 1 if byte == _SPACE else digits
                continue
        at, new = _blanks(data, at)
        lines += new
        if _byte(data, at) == _LESS:
            break
        if column == values.shape[1]:
            return -1, text_count, 0
        end, number, exact = _number(data, at)
        byte = _byte(data, end)
        if exact and (byte == _SPACE or byte == _LESS or _is_blank(byte)):
            values[row, column] = number
        else:
            end, _ = _text_end(data, at, True)
            if end < 0:
                return -1, text_count, 0
            text_count = _keep(texts, text_count, row, column, at, end)
            values[row, column] = np.nan
        at = end
        column += 1
    if column != values.shape[1] or not _is(data, at, _RESULTS_END):
        return -1, text_count, 0
    at, new = _blanks(data, at + len(_RESULTS_END))
    return at, text_count, lines + new


@_compiled(inline="always")
def _keyed(data, at, places, values, texts, row, text_count):
    """`<r p="1">5</r>`.., in the order of the columns, some may lack: (position of what follows, ..)."""
    lines = column = 0
    while _byte(data, at + 1) == _LETTER_R:
        at, place = _place(data, at)
        if at < 0:
            return -1, text_count, 0
        while column < places.size and places[column] != place:
            values[row, column] = np.nan
            column += 1
        if column == places.size:
            return -1, text_count, 0
        if _byte(data, at) == _SLASH and _byte(data, at + 1) == _MORE:
            values[row, column] = np.nan
            at += 2
        elif _byte(data, at) == _MORE:
            end, number, exact = _number(data, at + 1)
            if exact and _byte(data, end) == _LESS:
                values[row, column] = number
            else:
                end, new = _text_end(data, at + 1, False)
                if end < 0:
                    return -1, text_count, 0
                lines += new
                text_count = _keep(texts, text_count, row, column, at + 1, end)
                values[row, column] = np.nan
            if not _is(data, end, _R_END):
                return -1, text_count, 0
            at = end + len(_R_END)
        else:
            return -1, text_count, 0
        column += 1
        at, new = _blanks(data, at)
        lines += new
    values[row, column:] = np.nan
    return at, text_count, lines


@_compiled(inline="always")
def _place(data, at):
    """`<r p="12"`: (position after the quote, 12)."""
    if not _is(data, at, _R):
        return -1, 0
    first = at + len(_R)
    at, place = _digits(data, first, 0)
    if _byte(data, at) != _QUOTE or at == first or at - first > 9 or _byte(data, first) == _ZERO:
        return -1, 0
    return at + 1, place


@_compiled(inline="always")
def _suspect(data, at):
    """`<suspect>true</suspect>` or nothing: (position of what follows, the flag, newlines)."""
    if not _is(data, at, _SUSPECT):
        return at, False, 0
    at += len(_SUSPECT)
    flag = _is(data, at, _TRUE)
    if not flag and not _is(data, at, _FALSE):
        return -1, False, 0
    at += len(_TRUE) if flag else len(_FALSE)
    if not _is(data, at, _SUSPECT_END):
        return -1, False, 0
    at, lines = _blanks(data, at + len(_SUSPECT_END))
    return at, flag, lines
