"""The course of a KPI against its baseline, drawn as SVG around the complaint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

WIDTH, HEIGHT = 640, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 22


@dataclass(frozen=True, slots=True)
class Course:
    """Hourly values of one KPI at one entity.

    `times` are the starts of hours (aware); `values`, `low` and `high` have the same length, NaN where
    there is no value. `low` to `high` is the baseline band: median and MAD of the same hour of week.
    """

    kpi_id: str
    title_en: str
    title_zh: str
    entity: str
    unit: str
    times: Sequence[datetime]
    values: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    limit: float | None
    complaint_at: datetime


def course_svg(course: Course) -> Markup:
    """Draw the course: baseline band, limit, line, complaint mark. An empty course says so in words."""
    finite = [v for v in (*course.values, *course.low, *course.high) if math.isfinite(v)]
    if not finite:
        return Markup('<p class="quiet">no values in this window</p>')
    scale = _Scale.of(course, finite)
    label = escape(f"{course.title_en} at {course.entity}")
    parts = [
        f'<svg class="course" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        _axis(scale),
        _band(scale, course),
        _limit(scale, course.limit),
        _line(scale, course),
        _mark(scale, course.complaint_at),
        "</svg>",
    ]
    return Markup("".join(parts))


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    end: float
    low: float
    high: float
    times: Sequence[datetime]

    @classmethod
    def of(cls, course: Course, finite: list[float]) -> _Scale:
        shown = finite + ([course.limit] if course.limit is not None and math.isfinite(course.limit) else [])
        low, high = min(shown), max(shown)
        margin = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
        moments = [t.timestamp() for t in course.times] + [course.complaint_at.timestamp()]
        return cls(min(moments), max(moments) + 1800, low - margin, high + margin, course.times)

    def x(self, moment: datetime) -> float:
        share = (moment.timestamp() - self.start) / ((self.end - self.start) or 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _number(value: float) -> str:
    return f"{value:.4g}"


def _axis(scale: _Scale) -> str:
    rows = []
    for share in (0.0, 0.5, 1.0):
        value = scale.low + share * (scale.high - scale.low)
        y = scale.y(value)
        rows.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        rows.append(
            f'<text class="tick" x="{LEFT - 4}" y="{y + 3}" text-anchor="end">{_number(value)}</text>'
        )
    days = sorted({t.replace(hour=0, minute=0, second=0, microsecond=0) for t in scale.times})
    for day in days[:: max(1, len(days) // 8)]:
        if day.timestamp() >= scale.start:
            rows.append(f'<text class="tick" x="{scale.x(day)}" y="{HEIGHT - 6}">{day:%d %b}</text>')
    return "".join(rows)


def _runs(pairs: Sequence[tuple[float, float]], ok: Sequence[bool]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = []
    broken = True
    for pair, good in zip(pairs, ok, strict=True):
        if good and broken:
            runs.append([])
        if good:
            runs[-1].append(pair)
        broken = not good
    return runs


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + " L".join(f"{x} {y}" for x, y in points)


def _band(scale: _Scale, course: Course) -> str:
    good = [math.isfinite(a) and math.isfinite(b) for a, b in zip(course.low, course.high, strict=True)]
    top = [
        (scale.x(t), scale.y(v) if g else 0.0)
        for t, v, g in zip(course.times, course.high, good, strict=True)
    ]
    low = [
        (scale.x(t), scale.y(v) if g else 0.0) for t, v, g in zip(course.times, course.low, good, strict=True)
    ]
    shapes = []
    for upper, lower in zip(_runs(top, good), _runs(low, good), strict=True):
        shapes.append(f'<path class="band" d="{_path([*upper, *reversed(lower)])} Z"/>')
    return "".join(shapes)


def _line(scale: _Scale, course: Course) -> str:
    good = [math.isfinite(v) for v in course.values]
    points = [
        (scale.x(t), scale.y(v) if g else 0.0)
        for t, v, g in zip(course.times, course.values, good, strict=True)
    ]
    shapes = []
    for run in _runs(points, good):
        if len(run) == 1:
            shapes.append(f'<circle class="dot" cx="{run[0][0]}" cy="{run[0][1]}" r="2"/>')
        else:
            shapes.append(f'<path class="line" d="{_path(run)}"/>')
    return "".join(shapes)


def _limit(scale: _Scale, limit: float | None) -> str:
    if limit is None or not math.isfinite(limit):
        return ""
    y = scale.y(limit)
    return f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'


def _mark(scale: _Scale, at: datetime) -> str:
    x = scale.x(at)
    return f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
