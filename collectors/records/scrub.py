"""Subscriber identities inside free text, replaced columnwise by `[number]`.

Places (ECGI, CGI), dates and times are not identities and stay. One regular expression finds both what stays
and what goes; marks from the private use area tell them apart afterwards, as the engine has no look-around.
"""

from __future__ import annotations

import polars as pl

REPLACEMENT = "[number]"
_OPEN, _CLOSE = "\ue0f1", "\ue0f2"

# ASCII word edge: a Chinese character beside a digit is an edge, another digit is not.
_EDGE = r"(?-u:\b)"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_UP_TO_65535 = r"(?:6553[0-5]|655[0-2]\d|65[0-4]\d\d|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3}|0)"
_UP_TO_20_BITS = r"(?:10[0-3]\d{4}|104[0-7]\d{3}|1048[0-4]\d\d|10485[0-6]\d|104857[0-5]|[1-9]\d{0,5}|0)"
# MCC 2xx to 7xx (TS 23.003); number ranges so tight that an IMSI with dashes is not taken for a place.
_PLACE = rf"{_EDGE}[2-7]\d\d-\d{{2,3}}-(?:{_UP_TO_20_BITS}-{_OCTET}|{_UP_TO_65535}-{_UP_TO_65535}){_EDGE}"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-6]\d(?:\.\d{1,9})?)?"
_OFFSET = r"(?:[Zz]|[+-](?:0\d|1[0-4]):?[0-5]\d)?"
_DAY = r"(?:19|20)\d\d[-/.年](?:1[0-2]|0?[1-9])[-/.月](?:3[01]|[12]\d|0?[1-9])日?"
_TIME = rf"{_EDGE}(?:{_DAY}(?:[T ]?{_CLOCK}{_OFFSET})?|{_CLOCK}{_OFFSET})(?:{_EDGE}|$)"
_URI = r"""(?i:\b(?:sips?|tel|im|mailto):(?:[^\s<>"'@;,，。；、\\]*@|\+?[\d(])[^\s<>"',，。；、\\]*)"""
_ADDRESS = r"""[\w.+%-]+@[\w.-]+"""
_GAP = r"[\s.()_·•‐‑‒–—－-]{0,3}"
_DIGITS = rf"\+?[(（]?\d(?:{_GAP}\d){{6,}}"
_SPELLED = r"[零〇一二三四五六七八九幺两]{7,}"
_PATTERN = rf"({_PLACE}|{_TIME})|{_URI}|{_ADDRESS}|{_DIGITS}|{_SPELLED}"


def scrub_text(text: pl.Expr) -> pl.Expr:
    """Replace telephone numbers, IMSI, IMEI, addresses and SIP or tel URIs of users in a String column."""
    has_candidate = text.str.contains(r"\d\D{0,3}\d|@|(?i:sip|tel):|[零〇一二三四五六七八九幺两]{7}")
    unmarked = text.str.replace_all(f"[{_OPEN}{_CLOSE}]", "")
    marked = unmarked.str.replace_all(_PATTERN, f"{_OPEN}${{1}}{_CLOSE}")
    replaced = marked.str.replace_all(_OPEN + _CLOSE, REPLACEMENT, literal=True)
    return pl.when(has_candidate).then(replaced.str.replace_all(f"[{_OPEN}{_CLOSE}]", "")).otherwise(text)
