"""The control chart of the service report as SVG: shares, limits and the goal line, without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from callcause.loop.report_words import word

HEIGHT, LEFT, STEP = 220, 60, 60
LINES = (("share", "#06c", "timely_rate"), ("low", "#bbb", "low"), ("high", "#bbb", "high"))
Known = Sequence[tuple[int, Mapping[str, Any]]]


def chart_svg(chart: pl.DataFrame, goal: float, language: str) -> str:
    """Draw the share of each period, its limits and the goal, with a scale."""
    width = STEP * max(chart.height, 1) + LEFT + 60
    known = [(n, row) for n, row in enumerate(chart.iter_rows(named=True)) if row["share"] is not None]
    parts = [
        _scale(),
        *_lines(known, language),
        *_points(known),
        _goal(goal, width, language),
        *_periods(known),
    ]
    name = escape(word("timeliness", language))
    return f'<svg width="{width}" height="{HEIGHT}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _x(number: int) -> int:
    return LEFT + STEP * number


def _y(share: float) -> str:
    return f"{HEIGHT - 20 - share * (HEIGHT - 40):.1f}"


def _text(x: int, y: str | int, text: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" font-size="10"{more}>{escape(text)}</text>'


def _scale() -> str:
    return "".join(_text(8, _y(share), f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0))


def _lines(known: Known, language: str) -> list[str]:
    drawn = []
    for name, colour, key in LINES:
        points = " ".join(f"{_x(n)},{_y(row[name])}" for n, row in known if row[name] is not None)
        line = f'<polyline class="{name}" fill="none" stroke="{colour}" points="{points}">'
        drawn.append(f"{line}<title>{escape(word(key, language))}</title></polyline>")
    return drawn


def _points(known: Known) -> list[str]:
    """Mark each share; one outside its limits is larger and of another colour."""
    drawn = []
    for n, row in known:
        radius, colour = (5, "#c60") if row["beyond"] else (3, "#06c")
        drawn.append(f'<circle cx="{_x(n)}" cy="{_y(row["share"])}" r="{radius}" fill="{colour}"/>')
        drawn.append(_text(_x(n) + 6, _y(row["share"]), f"{100 * row['share']:.1f}"))
    return drawn


def _goal(goal: float, width: int, language: str) -> str:
    y = _y(goal)
    line = f'<line class="goal" x1="{LEFT - 10}" x2="{width - 60}" y1="{y}" y2="{y}" stroke="#c00"/>'
    return line + _text(width - 58, y, f"{word('goal', language)} {100 * goal:g} %", ' fill="#c00"')


def _periods(known: Known) -> list[str]:
    return [_text(_x(n) - 15, HEIGHT - 4, str(row["period"])) for n, row in known]
