"""The service-quality report: indicators, reasons, timeliness; as Markdown or HTML, in two languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import polars as pl
from sqlalchemy import String, select, type_coerce
from sqlalchemy.orm import Session

from callcause.loop.feedback_report import FeedbackFigures
from callcause.loop.indicator import DIMENSIONS, LIFE, grouped, judged
from callcause.loop.report_chart import chart_svg
from callcause.loop.report_words import WORDS, cell, word
from callcause.loop.statistics import Change, control_chart, pareto, volume_change
from callcause.state.ticket import Ticket

__all__ = ["SHOWN", "WORDS", "Report", "html", "lives", "make_report", "markdown"]
SHOWN = (
    "tickets", "closed", "appeals_per_million", "complaints_per_10k", "timely_rate", "repeat_rate",
    "solve_rate", "response_h", "handling_h", "direct_completion_share", "handoffs_per_ticket",
    "exchanges_per_ticket", "satisfaction", "late_entry_share",
)  # fmt: skip
HANDLING = ("department", "month")
"""Mean handling times are told for both together (QC-BJ)."""
_COLUMN = {"ticket_id": "id", "department": "holder"}
"""Columns of the table that have another name there."""
STYLE = (
    "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #999;padding:2px 8px;text-align:left}td.n{text-align:right}"
)
Table = tuple[list[str], list[list[str]]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a report holds; `change` where a measure was named."""

    start: datetime
    end: datetime
    goal: float
    by: dict[str, pl.DataFrame]
    handling: pl.DataFrame
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
        grouped(rows, customers, HANDLING).sort(HANDLING, nulls_last=True),
        pareto(overdue),
        control_chart(counted.rename({"closed": "total"}), goal),
        _change(tickets, start, end, measure), feedback,
    )  # fmt: skip


def markdown(report: Report, language: str = "en") -> str:
    """Return the report as Markdown."""
    lines = [f"# {word('title', language)}", "", _period(report), ""]
    for heading, (header, rows) in _sections(report, language):
        lines += [f"## {heading}", "", _line(header), _line(["---"] * len(header)), *map(_line, rows), ""]
    lines += _change_text(report, language)
    return "\n".join(lines).rstrip() + "\n"


def html(report: Report, language: str = "en") -> str:
    """Return the report as one HTML page without scripts."""
    parts = [f"<h1>{word('title', language)}</h1><p>{_period(report)}</p>"]
    for heading, (header, rows) in _sections(report, language):
        parts.append(f"<h2>{escape(heading)}</h2>{_html_table(header, rows)}")
        if heading == word("timeliness", language):
            parts.append(chart_svg(report.chart, report.goal, language))
    heading, *said = _change_text(report, language) or [""]
    if said:
        parts.append(f"<h2>{escape(heading.removeprefix('## '))}</h2><p>{escape(' '.join(said).strip())}</p>")
    page = f'<!doctype html><html lang="{language}"><meta charset="utf-8"><style>{STYLE}</style>'
    return f"{page}<title>{word('title', language)}</title><body>{''.join(parts)}</body></html>\n"


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; what begins with a digit, or is none, stands on the right."""

    def cell_of(text: str) -> str:
        number = ' class="n"' if text == "-" or text[:1].isdigit() else ""
        return f"<td{number}>{escape(text)}</td>"

    head = "".join(f"<th>{escape(c)}</th>" for c in header)
    body = "".join(f"<tr>{''.join(map(cell_of, row))}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    """Make a column; SQLite gives times as text in UTC, which many at once are read from much faster."""
    wanted = LIFE[name]
    if not isinstance(wanted, pl.Datetime) or not any(isinstance(value, str) for value in values):
        return pl.Series(name, values, dtype=wanted)
    return pl.Series(name, values, dtype=pl.String).str.to_datetime(time_unit="us", time_zone="UTC")


def _change(tickets: pl.DataFrame, start: datetime, end: datetime, measure: datetime | None) -> Change | None:
    if measure is None or not start < measure < end:
        return None
    after = int((tickets["received_at"] >= measure.astimezone(UTC)).sum())
    days = [(b - a).total_seconds() / 86400 for a, b in ((start, measure), (measure, end))]
    return volume_change(tickets.height - after, days[0], after, days[1])


def _sections(report: Report, language: str) -> Iterable[tuple[str, Table]]:
    for name, frame in report.by.items():
        yield f"{word('by', language)} {word(name, language)}", _table(frame, (name, *SHOWN), language)
    told = (*HANDLING, "tickets", "closed", "response_h", "handling_h", "timely_rate")
    yield word("handling", language), _table(report.handling, told, language)
    yield word("pareto", language), _table(report.late, ("reason", "n", "share", "running"), language)
    columns = ("period", "timely_rate", "low", "high", "goal", "beyond", "reached")
    chart = report.chart.rename({"share": "timely_rate"})
    yield word("timeliness", language), _table(chart, columns, language)
    for name, frame in report.feedback.tables() if report.feedback else ():
        yield word(name, language), _worded(frame, language)


def _table(frame: pl.DataFrame, columns: Sequence[str], language: str) -> Table:
    rows = [
        [cell(name, value, language) for name, value in zip(columns, row, strict=True)]
        for row in frame.select(columns).iter_rows()
    ]
    return [word(name, language) for name in columns], rows


def _worded(frame: pl.DataFrame, language: str) -> Table:
    """Give a table whose words, such as a standing, are in the language too."""
    header, rows = _table(frame, frame.columns, language)
    return header, [[word(cell, language) for cell in row] for row in rows]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _period(report: Report) -> str:
    """Name the first and the last day."""
    last = report.end - timedelta(microseconds=1)
    return f"{report.start.date().isoformat()} - {last.date().isoformat()}"


def _change_text(report: Report, language: str) -> list[str]:
    change = report.change
    if change is None:
        return []
    judged_so = word("certain" if change.certain else "chance", language)
    days = word("days", language)
    sides = [
        f"{word(side, language)} {number} / {length:.0f} {days}"
        for side, number, length in (
            ("before", change.before, change.before_days),
            ("after", change.after, change.after_days),
        )
    ]
    numbers = f"{change.ratio:.2f} ({change.low:.2f} - {change.high:.2f}, 95 %), p = {change.p:.4f}"
    said = f"{', '.join(sides)}; {word('ratio', language)} {numbers}: {judged_so}"
    return [f"## {word('measure', language)}", "", said]
