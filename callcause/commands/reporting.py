"""`callcause report`: the service-quality report of a period, from the state database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from callcause.configuration import load_configuration
from callcause.loop.feedback_report import feedback_figures
from callcause.loop.service_report import html, lives, make_report, markdown
from callcause.state import Database
from callcause.terminal import say
from callcause_error import UsageError

CUSTOMERS = {"month": pl.String(), "region": pl.String(), "customers": pl.Int64()}


def run(
    config: Path, folder: Path, start: str, end: str, goal: float, measure: str | None, customers: Path | None
) -> None:
    """Write report.<language>.md and .html for both languages into the folder."""
    settings = load_configuration(config)
    zone = settings.loop.calendar.zone
    first, last = _moment(start, "from", zone), _moment(end, "to", zone)
    if not first < last:
        raise UsageError("the period ends before it begins", key="to")
    database = Database.open(settings.state)
    try:
        tickets = database.read(lambda session: lives(session, first, last))
        advisory = settings.loop.advisory
        feedback = database.read(lambda session: feedback_figures(session, first, last, advisory))
    finally:
        database.close()
    report = make_report(
        tickets, _customers(customers), first, last, goal=goal, zone=zone,
        measure=_moment(measure, "measure", zone) if measure else None, feedback=feedback,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("en", "zh"):
        (folder / f"report.{language}.md").write_text(markdown(report, language), "utf-8")
        (folder / f"report.{language}.html").write_text(html(report, language), "utf-8")
    say(f"{tickets.height} tickets; the report lies in {folder}")


def _moment(text: str, key: str, zone: str) -> datetime:
    """Read a moment; a day begins where the customers are, as the months of the report do."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError("expected a date or an RFC 3339 time", key=key) from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))


def _customers(path: Path | None) -> pl.DataFrame:
    if path is None:
        return pl.DataFrame(schema=CUSTOMERS)
    try:
        return pl.read_csv(path, schema_overrides=CUSTOMERS).select(list(CUSTOMERS))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError("expected a CSV with month, region, customers", file=str(path)) from error
