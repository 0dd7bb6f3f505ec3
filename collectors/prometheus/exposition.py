"""The text that an exporter answers, as series by metric name (Prometheus exposition format 0.0.4)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

_COMMENT = re.compile(r"^# (HELP|TYPE) (\S+)(.*)$", re.MULTILINE)
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its labels and the value that was read."""

    labels: Mapping[str, str]
    value: float


@dataclass(slots=True)
class Exposition:
    """Everything of one scrape, by metric name, and what was odd about it."""

    series: dict[str, list[Series]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def parse(text: str) -> Exposition:
    """Read an exposition. A line that is no sample is left out and counted (`bad_lines`).

    A HELP line for a name that no sample and no TYPE line has is counted as `malformed_help`.
    """
    found = Exposition()
    try:
        _take(found, text)
    except (ValueError, KeyError, IndexError):
        # One bad line makes the parser refuse all of them: find out which.
        found = Exposition()
        for line in text.splitlines():
            _take_line(found, line)
    found.counts["malformed_help"] = _malformed_help(text, found.series)
    return found


def _take(found: Exposition, text: str) -> None:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            series = Series(sample.labels, float(sample.value))
            found.counts["samples"] += 1
            found.series.setdefault(sample.name, []).append(series)
            # The parser calls every counter `_total`; maps may use the name that the exporter wrote.
            if family.type == "counter" and sample.name == f"{family.name}_total":
                found.series.setdefault(family.name, []).append(series)


def _take_line(found: Exposition, line: str) -> None:
    if not line.strip() or line.lstrip().startswith("#"):
        return
    alone = Exposition()
    try:
        _take(alone, line + "\n")
    except (ValueError, KeyError, IndexError):
        found.counts["bad_lines"] += 1
        return
    found.counts += alone.counts
    for name, series in alone.series.items():
        found.series.setdefault(name, []).extend(series)


def _malformed_help(text: str, names: Iterable[str]) -> int:
    helped, typed = set[str](), set[str]()
    bad = 0
    for what, name, rest in _COMMENT.findall(text):
        (helped if what == "HELP" else typed).add(name)
        bad += what == "HELP" and (not _METRIC_NAME.fullmatch(name) or (rest != "" and rest[0] != " "))
    # Histograms and summaries have samples with endings; their TYPE line names them.
    return bad + len(helped - typed - set(names))


def finite(value: float, no_values: Iterable[float]) -> bool:
    """Whether a value is one: neither NaN or infinite nor a number that means none or unlimited."""
    return math.isfinite(value) and value not in no_values
