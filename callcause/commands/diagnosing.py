"""`callcause diagnose` and `callcause worst`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.table import Table

from callcause.configuration import Configuration, load_configuration
from callcause.form import Form
from callcause.terminal import out, progress, say
from callcause_error import CallcauseError, UsageError
from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.worst import columns_needed, worst_cells
from collectors.records.identity import load_pseudonymiser
from collectors.records.pipeline import load_records
from collectors.store.store import Store
from dashboards.report import write_reports
from dashboards.report.assembly import assemble
from diagnosis.engine import diagnose as diagnose_batch
from diagnosis.result import DiagnosisBatch
from runbooks.loader import load_runbooks

WORST_COLUMNS = [
    "rank", "entity", "period_start", "value", "unit", "samples", "limit", "baseline", "z", "hours_in_a_row",
    "persistent", "reason",
]  # fmt: skip


def run(
    store_path: Path,
    tickets: Path | None,
    ticket: str | None,
    form: Form,
    output: Path | None,
    overlays: tuple[Path, ...],
    config: Path | None,
) -> None:
    """Diagnose and give the results in one of the three forms."""
    batch = diagnosis_of(store_path, tickets, ticket, overlays, config)
    if form is Form.html:
        if output is None:
            raise UsageError("--format html needs --output FILE or FOLDER")
        say(str(write_html(store_path, batch, output, overlays)))
    elif form is Form.json:
        _give_json(batch, output)
    else:
        print_table(batch)


def diagnosis_of(
    store_path: Path,
    tickets: Path | None,
    ticket: str | None,
    overlays: tuple[Path, ...],
    config: Path | None,
) -> DiagnosisBatch:
    """Diagnose the tickets of a file, or all in the store; `ticket` keeps only that one."""
    if not store_path.is_dir():
        raise UsageError("no store there; `callcause ingest` makes one", file=str(store_path))
    settings = load_configuration(config)
    with Store.open(store_path) as store, progress("diagnose"):
        rows = _tickets(store, tickets, settings)
        if ticket is not None:
            rows = rows.filter(pl.col("id") == ticket)
            if rows.is_empty():
                raise UsageError("no such ticket", key=ticket)
        return diagnose_batch(store, rows, load_runbooks(*overlays), load_catalogue(), settings.diagnosis)


def _tickets(store: Store, tickets: Path | None, settings: Configuration) -> pl.DataFrame:
    if tickets is None:
        return store.records("ticket").collect()
    reader = load_pseudonymiser()
    loaded = load_records(
        tickets,
        zone=settings.ingest.zone,
        pseudonymiser=reader,
        country_code=settings.ingest.country_code,
    )
    if reader.aliases:
        store.learn(reader.aliases)
    if loaded.kind != "ticket":
        raise UsageError(f"holds {loaded.kind} records, expected tickets", file=str(tickets))
    for row in loaded.bad.iter_rows(named=True):
        say(f"{tickets}:{row['line']}: {row['field']}: {row['reason']}")
    return loaded.good


def _give_json(batch: DiagnosisBatch, output: Path | None) -> None:
    if output is not None:
        batch.write_json(output)
        return
    json.dump(batch.results(), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def write_html(
    store_path: Path, batch: DiagnosisBatch, output: Path, overlays: tuple[Path, ...] = ()
) -> Path:
    """Write the report and return the page to open."""
    with Store.open(store_path) as store:
        runbooks = load_runbooks(*overlays)
        return write_reports(assemble(store, batch, runbooks, load_catalogue()), runbooks, output)


def print_table(batch: DiagnosisBatch) -> None:
    """Print one line a ticket."""
    table = Table(
        "ticket", "category", "verdict", "cause", "p", "department", "proved by", box=None, pad_edge=False
    )
    for result in batch.results():
        top = result["causes"][0] if result["causes"] else None
        table.add_row(
            result["ticket_id"],
            result["category"]["id"],
            result["verdict"],
            top["id"] if top else "-",
            f"{top['probability']:.2f}" if top else "-",
            top["department"] if top else "-",
            _proof(result),
        )
    out.print(table)


def _proof(result: Mapping[str, Any]) -> str:
    """Return the checks that support the first cause; of an open verdict what would decide it."""
    if result["verdict"] == "cannot_tell":
        return "needs " + ", ".join(item["need"] for item in result["missing"][:2])
    return " ".join(result["causes"][0]["supported_by"]) if result["causes"] else ""


def worst(store_path: Path, kpi: str, at: str | None, top: int) -> None:
    """Print the worst-cell list of a KPI."""
    catalogue = load_catalogue()
    catalogue.kpi(kpi)
    if not store_path.is_dir():
        raise UsageError("no store there; `callcause ingest` makes one", file=str(store_path))
    with Store.open(store_path) as store:
        hourly = store.hourly(None, columns_needed(catalogue, kpi))
    moment = _moment(at) if at else hourly["period_start"].max()
    if not isinstance(moment, datetime):
        raise CallcauseError("the store holds no hour of this KPI", key=kpi)
    rows = worst_cells(hourly, catalogue, kpi, moment, top)
    if rows.is_empty():
        say(f"no cell is beyond limit or baseline of {kpi} in the hour of {moment:%Y-%m-%d %H:%M} UTC")
    table = Table(*WORST_COLUMNS, box=None, pad_edge=False)
    for row in rows.select(WORST_COLUMNS).iter_rows():
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no RFC 3339 time", key="--at") from error
    if moment.tzinfo is None:
        raise UsageError(
            f"{text!r} has no offset, expected for example 2024-03-11T09:15:00+08:00", key="--at"
        )
    return moment


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
