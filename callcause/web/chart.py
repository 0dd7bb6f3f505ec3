"""Charts: drawn by the server, and redrawn by uPlot in the browser where the build brought it along."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from callcause.loop.service_report import Report
from callcause.web import words
from dashboards.report.course import Course, course_svg

LIBRARY = ("vendor/uPlot.min.css", "vendor/uPlot.iife.min.js")
"""Fetched at build time, pinned and checked; without them every chart stays as the server draws it."""
FIGURE = Markup('<figure data-chart="{}"><figcaption>{}</figcaption>{}</figure>')


@lru_cache(maxsize=1)
def library() -> bool:
    """Tell whether the library is there."""
    folder = files("callcause.web") / "static"
    return all((folder / name).is_file() for name in LIBRARY)


@pass_context
def course_figure(context: Context, course: Course, caption: str = "") -> Markup:
    """Draw one KPI with its baseline; the same figures stand in the element, for the library to draw."""
    lang = context["lang"]
    title = course.title_zh if lang == "zh" else course.title_en
    said = f"{title} ({course.unit})" + (f" — {caption}" if caption else "")
    data = json.dumps(course_data(course, title, lang), ensure_ascii=False, separators=(",", ":"))
    return FIGURE.format(data, said, course_svg(course))


def course_data(course: Course, title: str, lang: str) -> dict[str, Any]:
    """Return what is drawn: seconds since 1970 and values, null where there is none."""
    return {
        "title": title,
        "unit": course.unit,
        "x": [int(at.timestamp()) for at in course.times],
        "series": [
            {"label": words.word("value", lang), "role": "line", "values": _known(course.values)},
            {"label": words.word("low", lang), "role": "low", "values": _known(course.low)},
            {"label": words.word("high", lang), "role": "high", "values": _known(course.high)},
        ],
        "limit": course.limit,
        "mark": int(course.complaint_at.timestamp()),
        "time": words.word("hour", lang),
    }


def _known(values: Sequence[float | None]) -> list[float | None]:
    return [float(f"{value:.6g}") if value is not None and math.isfinite(value) else None for value in values]


@pass_context
def control_figure(context: Context, report: Report, label: str) -> Markup:
    """Draw the share of timely tickets of each period, with limits and goal; empty where there is none."""
    known = [row for row in report.chart.iter_rows(named=True) if row["share"] is not None]
    if not known:
        return Markup("")
    return FIGURE.format(
        json.dumps(_control_data(known, report.goal, label, context["lang"])),
        label,
        control_svg(known, report.goal, label),
    )


def _control_data(known: Sequence[dict[str, Any]], goal: float, label: str, lang: str) -> dict[str, Any]:
    names = {"line": ("share", words.report_word), "low": ("low", words.word), "high": ("high", words.word)}
    return {
        "title": label,
        "unit": "",
        "names": [row["period"] for row in known],
        "x": list(range(len(known))),
        "series": [
            {"label": label_of(name, lang), "role": role, "values": _known([row[name] for row in known])}
            for role, (name, label_of) in names.items()
        ],
        "limit": goal,
        "mark": None,
        "time": words.report_word("month", lang),
    }  # fmt: skip


WIDTH, HEIGHT, LEFT, BASE = 640, 220, 46, 24
CONTROL = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
TICK = Markup('<text class="tick" x="{}" y="{}" text-anchor="{}">{}</text>')
RULE = Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>')
POINTS = Markup('<polyline class="{}" points="{}"/>')
DOT = Markup('<circle class="{}" cx="{}" cy="{}" r="4"/>')


def control_svg(known: Sequence[dict[str, Any]], goal: float, label: str) -> Markup:
    """Draw a control chart: the share of each period (of one), its limits, the goal."""
    step = (WIDTH - LEFT - 40) / max(len(known) - 1, 1)
    xs = [round(LEFT + 14 + n * step, 1) for n in range(len(known))]
    parts = [
        RULE.format("grid", LEFT, WIDTH, _y(share), _y(share))
        + TICK.format(LEFT - 4, _y(share) + 3, "end", f"{share:.0%}")
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    parts.append(RULE.format("limit", LEFT, WIDTH, _y(goal), _y(goal)))
    for name, css in (("low", "bound"), ("high", "bound"), ("share", "line")):
        points = " ".join(
            f"{x},{_y(row[name])}" for x, row in zip(xs, known, strict=True) if row[name] is not None
        )
        parts.append(POINTS.format(css, points))
    parts += [
        DOT.format("out" if row["beyond"] else "dot", x, _y(row["share"]))
        for x, row in zip(xs, known, strict=True)
    ]
    every = max(1, len(known) // 8)
    parts += [
        TICK.format(x, HEIGHT - 8, "middle", row["period"])
        for x, row in list(zip(xs, known, strict=True))[::every]
    ]
    return CONTROL.format(WIDTH, HEIGHT, label, Markup("").join(parts))


def _y(share: float) -> float:
    return round(HEIGHT - BASE - share * (HEIGHT - BASE - 10), 1)
