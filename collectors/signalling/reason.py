"""Reason (RFC 3326) and Warning (RFC 3261 20.43) headers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from collectors.signalling.header_value import parameter, split_values
from collectors.signalling.hop import Hop

_WARNING = re.compile(r'\s*\d{3}\s+\S+\s+"((?:[^"\\]|\\.)*)"')


def reasons_of(hops: Iterable[Hop]) -> list[dict[str, object]]:
    """Return every Reason value of the messages once, in their order: protocol, cause, text.

    The protocol stands as written, in upper case (`SIP`, `Q.850`, `RELEASE_CAUSE`, `S1AP-RNL`, ...).
    """
    found: dict[tuple[str, int | None, str], None] = {}
    for hop in hops:
        for text in hop.headers.get("reason", ()):
            for value in split_values(text):
                found.setdefault(_read(value))
    return [{"protocol": p, "cause": c, "text": t} for p, c, t in found if p]


def _read(value: str) -> tuple[str, int | None, str]:
    cause = parameter(value, "cause")
    number = int(cause) if cause.isascii() and cause.isdigit() and len(cause) < 10 else None
    return value.partition(";")[0].strip().upper(), number, parameter(value, "text")


def warning_of(hop: Hop) -> str:
    """Return the text of the first Warning, "" where there is none."""
    for text in hop.headers.get("warning", ()):
        found = _WARNING.match(text)
        if found:
            return found[1]
    return ""
