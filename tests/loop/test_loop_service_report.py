"""The service-quality report: what it says about tickets whose numbers are known by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.orm import Session

from callcause.commands import reporting
from callcause.configuration import load_configuration
from callcause.loop.indicator import LIFE
from callcause.loop.service_report import html, make_report, markdown
from callcause.state import Database
from callcause.state.ticket import Ticket
from callcause_error import UsageError

START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)
NOBODY = pl.DataFrame(schema={"month": pl.String, "region": pl.String, "customers": pl.Int64})


def life(number: int, at: datetime, *, timely: bool, reason: str | None = None) -> dict[str, object]:
    return {
        "ticket_id": f"T-{number}", "customer": f"c{number}", "region": "A|B", "department": "RAN <1>",
        "category": "drop", "level": 0, "received_at": at, "entered_at": at,
        "first_response_at": at + timedelta(hours=1), "replied_at": at + timedelta(hours=2),
        "closed_at": at + timedelta(hours=3), "solved": True, "timely": timely, "satisfaction": 5,
        "handoffs": 0, "exchanges": 1, "entry_late": False, "overdue_reason": reason,
    }  # fmt: skip


@pytest.fixture
def tickets() -> pl.DataFrame:
    early = [life(n, START + timedelta(days=n % 60), timely=n % 4 != 0, reason=None if n % 4 else "backlog")
             for n in range(120)]  # fmt: skip
    late = [life(200 + n, END - timedelta(days=2 + n), timely=True) for n in range(10)]
    return pl.DataFrame([*early, *late], schema=LIFE)


def test_a_report_holds_every_dimension_the_reasons_and_the_change(tickets: pl.DataFrame) -> None:
    report = make_report(
        tickets, NOBODY, START, END, goal=0.9, zone="UTC", measure=datetime(2024, 4, 1, tzinfo=UTC)
    )
    assert set(report.by) == {"month", "region", "department", "category"}
    assert report.late.row(0) == ("backlog", 30, 1.0, 1.0)
    assert report.by["category"]["timely_rate"].to_list() == [pytest.approx(100 / 130)]
    assert report.chart["reached"].to_list()[-1] is True
    assert report.change is not None
    assert (report.change.before, report.change.after) == (120, 10)
    assert report.change.certain


def test_markdown_and_html_say_the_same_in_both_languages(tickets: pl.DataFrame) -> None:
    report = make_report(tickets, NOBODY, START, END, goal=0.9, zone="UTC")
    text, page = markdown(report, "en"), html(report, "en")
    assert "| A\\|B | 130 | 130 | - | - | 76.9 % | 0.0 % | 100.0 % | 1.0 | 3.0 | 100.0 % |" in text
    assert "RAN &lt;1&gt;" in page
    assert 'class="goal"' in page
    assert "<script" not in page
    assert "服务质量报告" in markdown(report, "zh")
    assert "处理及时率" in html(report, "zh")
    assert "Volume before" not in text


def test_no_word_of_one_language_stands_in_the_other(tickets: pl.DataFrame) -> None:
    """Columns, reasons, categories and departments are words of the reader; numbers have their units."""
    known = tickets.with_columns(department=pl.lit("Front office"))
    report = make_report(
        known, NOBODY, START, END, goal=0.9, zone="UTC", measure=datetime(2024, 4, 1, tzinfo=UTC)
    )
    text = markdown(report, "zh")
    assert "前台" in text
    for word in ("积压", "掉话", "控制下限", "目标", "措施前 120 / 91 天", "90.0 %", "是"):
        assert word in text, word
    for word in ("period", "low", "goal", "backlog", "drop", "Front office", "True", "0.900"):
        assert word not in text, word
    assert "upper limit" in markdown(report, "en")


def test_the_days_of_the_command_are_those_of_the_customers(tmp_path: Path) -> None:
    """The first of January begins in Shanghai when it is still December in Greenwich."""
    config = tmp_path / "callcause.toml"
    config.write_text(f'[state]\ndatabase = "sqlite:///{tmp_path}/state.sqlite"\n')
    database = Database.open(load_configuration(config).state)
    moments = [START - timedelta(hours=n) for n in (9, 7)] + [START + timedelta(hours=n) for n in (15, 17)]

    def fill(session: Session) -> None:
        for n, at in enumerate(moments):
            row = Ticket(id=f"T-{n}", record={}, source="x", state="entered", received_at=at, taken_in_at=at)
            session.add(row)

    database.write(fill)
    database.close()
    reporting.run(config, tmp_path / "out", "2024-01-01", "2024-01-02", 0.9, None, None)
    text = (tmp_path / "out" / "report.en.md").read_text()
    assert "2024-01-01 - 2024-01-01" in text
    assert "| 2024-01 | 2 | 0 |" in text
    assert "2023-12" not in text
    reporting.run(config, tmp_path / "out", "2023-12-31", "2024-01-03", 0.9, "2024-01-01", None)
    text = (tmp_path / "out" / "report.en.md").read_text()
    assert "before 1 / 1 days, after 3 / 2 days" in text


def test_handling_times_stand_by_department_and_month_together(tickets: pl.DataFrame) -> None:
    report = make_report(tickets, NOBODY, START, END, goal=0.9, zone="UTC")
    found = report.handling.select("department", "month", "tickets", "handling_h").rows()
    assert [row[:2] for row in found] == [("RAN <1>", m) for m in ("2024-01", "2024-02", "2024-06")]
    assert sum(row[2] for row in found) == 130
    assert {row[3] for row in found} == {3.0}
    assert "## Handling by department and month" in markdown(report)


def test_the_chart_has_a_scale_the_goal_and_each_share(tickets: pl.DataFrame) -> None:
    page = html(make_report(tickets, NOBODY, START, END, goal=0.9, zone="UTC"), "en")
    drawn = page[page.index("<svg") : page.index("</svg>")]
    for text in ("goal 90 %", "0 %", "50 %", "100 %", "2024-01", "100.0"):
        assert f">{text}<" in drawn
    assert drawn.count("<circle") == 3


def test_the_page_tells_of_a_measure_under_its_heading_and_numbers_stand_on_the_right(
    tickets: pl.DataFrame,
) -> None:
    measure = datetime(2024, 4, 1, tzinfo=UTC)
    page = html(make_report(tickets, NOBODY, START, END, goal=0.9, zone="UTC", measure=measure), "en")
    assert "<h2>Volume before and after the measure</h2><p>before 120 / 91 days, after 10 / 91 days;" in page
    assert '<td>drop</td><td class="n">130</td>' in page


def test_a_period_without_tickets_has_no_numbers_instead_of_zeros() -> None:
    report = make_report(pl.DataFrame(schema=LIFE), NOBODY, START, END, goal=0.9, zone="UTC")
    assert report.by["month"].height == 0
    assert report.change is None
    assert markdown(report).startswith("# Service quality report")
    assert "<svg" in html(report)


def test_the_command_writes_both_languages_and_refuses_a_period_that_is_none(tmp_path: Path) -> None:
    config = tmp_path / "callcause.toml"
    config.write_text(f'[state]\ndatabase = "sqlite:///{tmp_path}/state.sqlite"\n')
    (tmp_path / "customers.csv").write_text("month,region,customers\n2024-01,YN,1000000\n")
    reporting.run(config, tmp_path / "out", "2024-01-01", "2024-07-01", 0.9, None, tmp_path / "customers.csv")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "report.en.html", "report.en.md", "report.zh.html", "report.zh.md",
    ]  # fmt: skip
    for start, end in (("2024-07-01", "2024-01-01"), ("soon", "2024-01-01")):
        with pytest.raises(UsageError):
            reporting.run(config, tmp_path / "out", start, end, 0.9, None, None)
    with pytest.raises(UsageError, match="CSV"):
        reporting.run(config, tmp_path / "out", "2024-01-01", "2024-02-01", 0.9, None, tmp_path / "no.csv")
