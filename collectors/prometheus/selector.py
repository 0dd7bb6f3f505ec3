"""Selectors of series as PromQL writes them: `name{label="value", other=~"regex"}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SELECTOR = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(?P<labels>.*)\})?", re.DOTALL)
_MATCHER = re.compile(
    r"\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*\"(?P<value>(?:[^\"\\]|\\.)*)\"\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; an absent label counts as empty."""

    label: str
    op: str
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels of a series meet it."""
        given = labels.get(self.label, "")
        equal = given == self.value if self.op in ("=", "!=") else bool(re.fullmatch(self.value, given))
        return equal if self.op in ("=", "=~") else not equal


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric name and conditions on its labels."""

    name: str
    matchers: tuple[Matcher, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Tell whether a series of that name is meant."""
        return all(matcher.holds(labels) for matcher in self.matchers)


def parse_selector(text: str) -> Selector:
    """Read a selector; ValueError says what is wrong."""
    found = _SELECTOR.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'{text!r} is no selector like name{{label="value"}}')
    return Selector(found["name"], _matchers(text, found["labels"] or ""))


def _matchers(text: str, labels: str) -> tuple[Matcher, ...]:
    matchers, place = [], 0
    while labels[place:].strip():
        found = _MATCHER.match(labels, place)
        if found is None:
            raise ValueError(f"{text!r}: {labels[place:]!r} is no label condition")
        value = found["value"] if "~" in found["op"] else _unquoted(found["value"])
        if "~" in found["op"]:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"{text!r}: {value!r} is no regular expression: {error}") from error
        matchers.append(Matcher(found["label"], found["op"], value))
        place = found.end()
    return tuple(matchers)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda escape: "\n" if escape[1] == "n" else escape[1], text)


def quoted(value: str) -> str:
    """Write a label value as PromQL text."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
