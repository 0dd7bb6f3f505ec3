"""Values inside SIP headers: lists, parameters, addresses (RFC 3261 25.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote


def split_values(text: str) -> list[str]:
    """Split at commas that stand neither in quotes nor in angle brackets."""
    if "," not in text:
        return [text]
    return [value for value in (part.strip() for part in _split(text, ",")) if value]


def split_parameters(text: str) -> list[str]:
    """Split at semicolons that stand neither in quotes nor in angle brackets."""
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(";")]
    return [part.strip() for part in _split(text, ";")]


def _split(text: str, mark: str) -> list[str]:
    parts: list[str] = []
    start, quoted, angle, escaped = 0, False, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"' and not angle:
            quoted = not quoted
        elif quoted:
            continue
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == mark and not angle:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return parts


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PARAMETER = re.compile(r';\s*([^\s;=,"<>]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,">]*))')


@lru_cache(maxsize=64)
def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf";\s*{re.escape(name)}\s*=\s*([^\s;,>]*)", re.IGNORECASE)


def parameter(value: str, name: str) -> str:
    """Return a header parameter of one value, unquoted; "" where it is not there.

    Parameters inside `<...>` belong to the URI and do not count.
    """
    if '"' in value:
        return _beside_quoted(value, name.lower())
    found = _pattern(name).search(value, value.rfind(">") + 1)
    return found[1] if found else ""


def _beside_quoted(value: str, name: str) -> str:
    """Read a parameter where quoted text may hold what looks like one, or the end of a URI."""
    after = value.rfind(">")
    if after >= 0 and '"' in value[after:]:  # it may stand inside quotes
        after = _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), value).rfind(">")
    for found in _PARAMETER.finditer(value, after + 1):
        if found[1].lower() == name:
            return found[3] if found[2] is None else re.sub(r"\\(.)", r"\1", found[2])
    return ""


def uri_of(value: str) -> str:
    """Return the URI of a name-addr or addr-spec, with its own parameters; "" where there is none."""
    start = value.find("<")
    if start >= 0 and value.startswith('"'):
        start = value.find("<", _closing_quote(value))
    if start >= 0:
        return value[start + 1 :].partition(">")[0].strip()
    return value.partition(";")[0].strip()


def _closing_quote(value: str) -> int:
    at = 1
    while at < len(value) and value[at] != '"':
        at += 2 if value[at] == "\\" else 1
    return at


def user_of(uri: str) -> str:
    """Return the user part of a SIP URI or the number of a tel URI, without parameters; "" where none."""
    scheme, colon, rest = uri.partition(":")
    if not colon:
        scheme, rest = "", uri
    if scheme.lower() == "tel":
        return rest.partition(";")[0]
    user, at, _ = rest.rpartition("@")
    return unquote(user.partition(";")[0].partition(":")[0]) if at else ""


def host_of(uri: str) -> str:
    """Return the host of a SIP URI without port and parameters, lower case, IPv6 without brackets."""
    rest = uri.partition(":")[2] if uri.lower().startswith(("sip:", "sips:")) else uri
    rest = rest.rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0].lower()
    return re.split(r"[:;?>\s]", rest, maxsplit=1)[0].lower()
