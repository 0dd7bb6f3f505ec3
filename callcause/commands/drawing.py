"""KPI courses and message ladders in a terminal: what a page draws, in characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from callcause.commands.narrow import indented
from callcause.web import words
from dashboards.report.ladder import TITLES

BARS = "▁▂▃▄▅▆▇█"
BEFORE, AFTER = timedelta(hours=36), timedelta(hours=12)
"""Hours around the moment that are drawn, one character each."""


def courses(found: Sequence[Mapping[str, Any]], lang: str) -> Iterator[RenderableType]:
    """Draw each KPI as a line of bars; what leaves its band is red, the moment of the complaint marked."""
    for one in found:
        at = datetime.fromisoformat(one["at"])
        hours = [datetime.fromisoformat(hour) for hour in one["hours"]]
        near = [n for n, hour in enumerate(hours) if at - BEFORE <= hour <= at + AFTER]
        yield Text.assemble((one["title"][lang], "bold"), f" ({one['unit']}) — {one['entity']}")
        yield indented([_bars(one, near, hours, at), _reading(one, hours, at, lang)])


def _bars(one: Mapping[str, Any], near: Sequence[int], hours: Sequence[datetime], at: datetime) -> Text:
    known = [one["values"][n] for n in near if one["values"][n] is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    line = Text()
    for n in near:
        if hours[n] <= at < hours[n] + timedelta(hours=1):
            line.append("│", "yellow")
        value = one["values"][n]
        if value is None:
            line.append("·", "dim")
            continue
        place = round((value - low) / (high - low) * (len(BARS) - 1)) if high > low else 0
        line.append(BARS[place], "red" if _is_outside(one, n) else "")
    return line


def _is_outside(one: Mapping[str, Any], n: int) -> bool:
    value, low, high = one["values"][n], one["low"][n], one["high"][n]
    return value is not None and low is not None and high is not None and not low <= value <= high


def _reading(one: Mapping[str, Any], hours: Sequence[datetime], at: datetime, lang: str) -> Text:
    """Tell the hour of the moment in figures: value, band, limit."""
    n = next((n for n, hour in enumerate(hours) if hour <= at < hour + timedelta(hours=1)), None)
    told = [f"{words.word('limit', lang)} {words.value(one['limit'], lang)}"]
    if n is not None:
        band = (one["low"][n], one["high"][n])
        if None not in band:
            edges = " … ".join(words.value(edge, lang) for edge in band)
            told.insert(0, f"{words.word('baseline', lang)} {edges}")
        told.insert(0, f"{words.moment(at)}: {words.value(one['values'][n], lang)} {one['unit']}")
    return Text("; ".join(told), "dim")


def ladders(found: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    """Write each message on a line: time, from, to, what; those that went wrong in red."""
    for ladder in found:
        yield Text(ladder["title"], "bold")
        yield indented([_message(step) for step in ladder["steps"]])


def _message(step: Mapping[str, Any]) -> Text:
    at = datetime.fromisoformat(step["at"]).strftime("%H:%M:%S.%f")[:-3] if step["at"] else "–"
    ends = f"{TITLES.get(step['from'], step['from'])} → {TITLES.get(step['to'], step['to'])}"
    return Text.assemble(
        (f"{at:<12}  ", "dim"), f"{ends}  ", (step["text"], "bold red" if step["bad"] else "")
    )
