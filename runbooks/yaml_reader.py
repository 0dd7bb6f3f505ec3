"""Read YAML as plain data that remembers its lines, and nothing more.

Only mappings, lists, text, numbers, `true`, `false` and `null`: no tags, anchors or aliases, and `on`, `off`,
`yes`, `no` stay words, because the answers of customers are written with them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from runbooks.errors import RunbookError
from runbooks.model import LocatedDict

MAX_BYTES = 8_000_000
MAX_DEPTH = 20
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d{1,3})?")
_PLAIN: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


def read_yaml(path: Path) -> LocatedDict:
    """Read the mapping that a runbook file holds; anything wrong raises a located `RunbookError`."""
    name = path.name
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise RunbookError(f"cannot be read: {wrong.strerror or wrong}", file=str(path)) from wrong
    if len(raw) > MAX_BYTES:
        raise RunbookError(f"larger than {MAX_BYTES} bytes", file=name)
    return parse_yaml(raw, name)


def parse_yaml(raw: bytes, name: str) -> LocatedDict:
    """Parse the bytes of one document whose top is a mapping."""
    try:
        document = _Builder(name, raw.decode("utf-8")).document()
    except UnicodeDecodeError as wrong:
        line = raw[: wrong.start].count(b"\n") + 1
        raise RunbookError("not UTF-8", file=name, line=line) from wrong
    except yaml.MarkedYAMLError as wrong:
        problem = wrong.problem or wrong.context
        raise RunbookError(f"no YAML: {problem}", file=name, line=_line_of(wrong)) from wrong
    except yaml.YAMLError as wrong:
        raise RunbookError(f"no YAML: {str(wrong).splitlines()[0]}", file=name) from wrong
    if not isinstance(document, LocatedDict):
        raise RunbookError("a runbook file is a mapping", file=name, line=1)
    return document


def _line_of(wrong: yaml.MarkedYAMLError) -> int | None:
    mark = wrong.problem_mark or wrong.context_mark
    return None if mark is None else int(mark.line) + 1


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


class _Builder:
    """Builds values from the parser's events; depth is capped, nothing is resolved by tag."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.CSafeLoader))

    def document(self) -> object:
        """Return the value of the only document; None for an empty file."""
        value: object = None
        seen = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                seen += 1
                if seen > 1:
                    raise self._wrong(event, "holds more than one document")
                value = self._value(next(self.events), 0)
        return value

    def _value(self, event: Any, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise self._wrong(event, f"nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self._wrong(event, "anchors and aliases are not used in runbooks")
        if event.tag:
            raise self._wrong(event, f"the tag {event.tag} is not used in runbooks")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(depth)
        return self._mapping(event, depth)

    def _sequence(self, depth: int) -> list[object]:
        found: list[object] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self._value(event, depth + 1))
        return found

    def _mapping(self, start: Any, depth: int) -> LocatedDict:
        found = LocatedDict(self.name, _line(start))
        event: Any
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.tag or event.anchor:
                raise self._wrong(event, "a key is plain text")
            key = str(event.value)
            if key in found:
                raise self._wrong(event, f"key {key!r} stands twice")
            found.key_lines[key] = _line(event)
            found[key] = self._value(next(self.events), depth + 1)
        return found

    def _scalar(self, event: Any) -> object:
        text = str(event.value)
        if not event.implicit[0]:  # quoted or block text
            return text
        if text in _PLAIN:
            return _PLAIN[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
        return text

    def _wrong(self, event: Any, message: str) -> RunbookError:
        return RunbookError(message, file=self.name, line=_line(event))
