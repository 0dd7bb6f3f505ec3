"""The service-quality report: indicators, reasons, timeliness; as Markdown or HTML, in two languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

import polars as pl
from sqlalchemy import String, select, type_coerce
from sqlalchemy.orm import Session

from callcause.loop.feedback_report import WORDS as FEEDBACK_WORDS
from callcause.loop.feedback_report import FeedbackFigures
from callcause.loop.indicator import DIMENSIONS, LIFE, grouped, judged
from callcause.loop.statistics import Change, control_chart, pareto, volume_change
from callcause.state.ticket import Ticket

SHOWN = (
    "tickets", "closed", "appeals_per_million", "timely_rate", "repeat_rate", "solve_rate", "response_h",
    "handling_h", "direct_completion_share", "exchanges_per_ticket", "satisfaction", "late_entry_share",
)  # fmt: skip
WORDS = {
    "title": ("Service quality report", "服务质量报告"),
    "by": ("Indicators by", "指标维度："),
    "month": ("month", "月份"),
    "region": ("region", "地区"),
    "department": ("department", "部门"),
    "category": ("category", "类别"),
    "tickets": ("tickets", "工单数"),
    "closed": ("closed", "已归档"),
    "appeals_per_million": ("appeals per million customers", "百万客户申诉率"),
    "timely_rate": ("timely rate", "处理及时率"),
    "repeat_rate": ("repeat rate", "重复投诉率"),
    "solve_rate": ("solve rate", "投诉解决率"),
    "response_h": ("response, h", "响应时间（小时）"),
    "handling_h": ("handling, h", "平均处理时长（小时）"),
    "direct_completion_share": ("direct completion", "直接办结率"),
    "exchanges_per_ticket": ("exchanges per ticket", "平均交互次数"),
    "satisfaction": ("satisfaction", "满意度"),
    "late_entry_share": ("late entry", "录入超时率"),
    "pareto": ("Why replies were late", "超时原因"),
    "reason": ("reason", "原因"),
    "n": ("tickets", "工单数"),
    "share": ("share", "占比"),
    "running": ("running share", "累计占比"),
    "timeliness": ("Timeliness by month", "月度及时率"),
    "measure": ("Volume before and after the measure", "措施前后的投诉量"),
    "certain": ("the change is more than chance", "变化显著"),
    "chance": ("the change may be chance", "变化可能是偶然"),
}
_COLUMN = {"ticket_id": "id", "department": "holder"}
"""Columns of the table that have another name there."""
Table = tuple[list[str], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a report holds; `change` where a measure was named."""

    start: datetime
    end: datetime
    goal: float
    by: dict[str, pl.DataFrame]
    late: pl.DataFrame
    chart: pl.DataFrame
    change: Change | None
    feedback: FeedbackFigures | None = None


def lives(session: Session, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the lives of the tickets received in the period."""
    columns = {name: getattr(Ticket, _COLUMN.get(name, name)) for name in LIFE}
    raw = [
        type_coerce(one, String()) if isinstance(LIFE[name], pl.Datetime) else one
        for name, one in columns.items()
    ]
    query = select(*raw).where(Ticket.received_at >= start, Ticket.received_at < end)
    rows = session.connection().execute(query).all()  # rows of the driver: objects would cost as much again
    values = zip(*rows, strict=True) if rows else [()] * len(LIFE)
    found = pl.DataFrame([_series(name, column) for name, column in zip(LIFE, values, strict=True)])
    return found.sort("ticket_id")


def make_report(
    tickets: pl.DataFrame, customers: pl.DataFrame, start: datetime, end: datetime, *, goal: float, zone: str,
    measure: datetime | None = None, feedback: FeedbackFigures | None = None,
) -> Report:  # fmt: skip
    """Compute the report; `customers`: month, region, customers, or empty."""
    rows = judged(tickets, zone)
    by = {name: grouped(rows, customers, (name,)) for name in DIMENSIONS}
    counted = by["month"].select(
        pl.col("month").alias("period"), pl.col("closed_timely").alias("hits"), "closed"
    )
    overdue = tickets.filter(pl.col("timely") == False)["overdue_reason"]  # noqa: E712 - null is not late
    return Report(
        start, end, goal, by,
        pareto(overdue),
        control_chart(counted.rename({"closed": "total"}), goal),
        _change(tickets, start, end, measure), feedback,
    )  # fmt: skip


def markdown(report: Report, language: str = "en") -> str:
    """Return the report as Markdown."""
    lines = [f"# {_word('title', language)}", "", _period(report), ""]
    for heading, (header, rows) in _sections(report, language):
        lines += [f"## {heading}", "", _line(header), _line(["---"] * len(header)), *map(_line, rows), ""]
    lines += _change_text(report, language)
    return "\n".join(lines).rstrip() + "\n"


def html(report: Report, language: str = "en") -> str:
    """Return the report as one HTML page without scripts."""
    parts = [f"<h1>{_word('title', language)}</h1><p>{_period(report)}</p>"]
    for heading, (header, rows) in _sections(report, language):
        body = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
        head = "".join(f"<th>{escape(c)}</th>" for c in header)
        parts.append(f"<h2>{escape(heading)}</h2><table><tr>{head}</tr>{body}</table>")
    parts.append(_svg(report.chart, report.goal))
    parts += [f"<p>{escape(text)}</p>" for text in _change_text(report, language) if not text.startswith("#")]
    style = "body{font-family:sans-serif}td,th{border:1px solid #999}table{border-collapse:collapse}"
    page = f'<!doctype html><html lang="{language}"><meta charset="utf-8"><style>{style}</style>'
    return f"{page}<title>{_word('title', language)}</title><body>{''.join(parts)}</body></html>\n"


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Make a column; SQLite gives times as text in UTC, which many at once are read from much faster."""
    wanted = LIFE[name]
    if not isinstance(wanted, pl.Datetime) or not any(isinstance(value, str) for value in values):
        return pl.Series(name, values, dtype=wanted)
    return pl.Series(name, values, dtype=pl.String).str.to_datetime(time_unit="us", time_zone="UTC")


def _change(tickets: pl.DataFrame, start: datetime, end: datetime, measure: datetime | None) -> Change | None:
    if measure is None or not start < measure < end:
        return None
    after = int((tickets["received_at"] >= measure).sum())
    days = [(b - a).total_seconds() / 86400 for a, b in ((start, measure), (measure, end))]
    return volume_change(tickets.height - after, days[0], after, days[1])


def _sections(report: Report, language: str) -> Iterable[tuple[str, Table]]:
    for name, frame in report.by.items():
        yield f"{_word('by', language)} {_word(name, language)}", _table(frame, (name, *SHOWN), language)
    yield _word("pareto", language), _table(report.late, ("reason", "n", "share", "running"), language)
    columns = ("period", "share", "low", "high", "goal")
    yield _word("timeliness", language), _table(report.chart, columns, language)
    for name, frame in report.feedback.tables() if report.feedback else ():
        yield _word(name, language), _worded(frame, language)


def _table(frame: pl.DataFrame, columns: Sequence[str], language: str) -> Table:
    rows = [[_cell(value) for value in row] for row in frame.select(columns).iter_rows()]
    return [_word(name, language) for name in columns], rows


def _worded(frame: pl.DataFrame, language: str) -> Table:
    """Give a table whose words, such as a standing, are in the language too."""
    rows = [[_word(_cell(value), language) for value in row] for row in frame.iter_rows()]
    return [_word(name, language) for name in frame.columns], rows


def _cell(value: object) -> str:
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _period(report: Report) -> str:
    return f"{report.start.date().isoformat()} - {report.end.date().isoformat()}"


def _word(key: str, language: str) -> str:
    words = WORDS.get(key) or FEEDBACK_WORDS.get(key)
    return words[language == "zh"] if words else key


def _change_text(report: Report, language: str) -> list[str]:
    change = report.change
    if change is None:
        return []
    word = _word("certain" if change.certain else "chance", language)
    said = f"{change.before} / {change.before_days:.0f} d, {change.after} / {change.after_days:.0f} d"
    numbers = f"{change.ratio:.3f} ({change.low:.3f} - {change.high:.3f}), p = {change.p:.4f}"
    return [f"## {_word('measure', language)}", "", f"{said}: {numbers}; {word}"]


def _svg(chart: pl.DataFrame, goal: float) -> str:
    """Draw the share of each period, its limits and the goal line."""
    width, height = 60 * max(chart.height, 1) + 40, 200

    def at(number: int, share: float) -> str:
        return f"{40 + 60 * number},{height - 20 - share * (height - 40):.1f}"

    known = [(n, row) for n, row in enumerate(chart.iter_rows(named=True)) if row["share"] is not None]
    lines = {
        name: " ".join(at(n, row[name]) for n, row in known if row[name] is not None)
        for name in ("share", "low", "high")
    }
    drawn = "".join(
        f'<polyline class="{name}" fill="none" stroke="{colour}" points="{lines[name]}"/>'
        for name, colour in (("share", "#06c"), ("low", "#bbb"), ("high", "#bbb"))
    )
    left, right = at(0, goal).split(","), width - 10
    line = f'<line class="goal" x1="{left[0]}" x2="{right}" y1="{left[1]}" y2="{left[1]}" stroke="#c00"/>'
    labels = "".join(
        f'<text x="{40 + 60 * n}" y="{height - 4}" font-size="10">{escape(row["period"])}</text>'
        for n, row in known
    )
    return f'<svg width="{width}" height="{height}" role="img">{drawn}{line}{labels}</svg>'
