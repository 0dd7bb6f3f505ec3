"""A small tree of network files, and what a store holds of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from collectors.store import Store

START = datetime(2026, 3, 2, tzinfo=UTC)
RRC = "rrc_connection_setup_success_ratio"
DROP = "erab_drop_ratio_qci1_cell"
COUNTERS = ("RRC.ConnEstabAtt.sum", "RRC.ConnEstabSucc.sum", "vendorOnly.Counter")


def pm_file(begin: datetime, cells: range, *, suspect: bool = False, attempts: int = 200) -> str:
    """Write one measCollecFile of 15 minutes."""
    end = (begin + timedelta(minutes=15)).isoformat()
    types = "".join(f'<measType p="{i}">{name}</measType>' for i, name in enumerate(COUNTERS, 1))
    mark = "<suspect>true</suspect>" if suspect else ""
    values = "".join(
        f'<measValue measObjLdn="ENBFunction=345678,EUtranCellTDD={c}"><r p="1">{attempts}</r>'
        f'<r p="2">{attempts - c}</r><r p="3">{c}</r>{mark}</measValue>'
        for c in cells
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">'
        '<fileHeader fileFormatVersion="32.435 V10.0" vendorName="VendorA">'
        f'<measCollec beginTime="{begin.isoformat()}"/></fileHeader>'
        '<measData><managedElement localDn="ManagedElement=345678"/><measInfo measInfoId="i">'
        f'<job jobId="1"/><granPeriod duration="PT900S" endTime="{end}"/>'
        f'<repPeriod duration="PT900S"/>{types}'
        f'{values}</measInfo></measData><fileFooter><measCollec endTime="{end}"/></fileFooter>'
        "</measCollecFile>\n"
    )


def ecgi(cell: int) -> str:
    return f"460-00-345678-{cell}"


def write_tree(folder: Path, cells: int = 3, periods: int = 4) -> None:
    """Write cells, KPI samples, PM files, one bad row, one broken file and things that are no data."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(1, cells + 1)
    rows = "".join(f"{ecgi(c)},{9800 + c},,\n" for c in numbers)
    (folder / "cells.csv").write_text(
        f"ecgi,tac,managed_element_dn,meas_obj_ldn\n{rows}460-00-1-1,not-a-number,,\n"
    )
    samples = "".join(f"{ecgi(c)},2026-03-02T00:00:00Z,3600,{DROP},2,400,0.5\n" for c in numbers)
    (folder / "kpis.csv").write_text(
        f"ecgi,period_start,period,kpi_id,numerator,denominator,value\n{samples}"
    )
    (folder / "pm").mkdir(exist_ok=True)
    for i in range(periods):
        text = pm_file(START + timedelta(minutes=15 * i), numbers, suspect=i == 2)
        (folder / "pm" / f"A{i:02d}.xml").write_text(text)
    broken = pm_file(START, numbers)
    (folder / "pm" / "broken.xml").write_text(broken[: len(broken) // 2])
    (folder / "truth.csv").write_text("ticket_id,cause_id\nT1,no_fault\n")
    (folder / "README").write_text("not data\n")


def content(store: Store) -> dict[str, str]:
    """Everything that the store holds, in a form that can be compared."""
    frames: dict[str, pl.DataFrame] = {
        "files": store.ledger.files(),
        "bad_rows": store.ledger.bad_rows(),
        "counters": store.counters(),
        "hourly": store.hourly(None, [RRC, DROP]),
    }
    for kind in ("cell", "cell_kpi", "counters_kept"):
        rows = store.records(kind).collect()
        frames[kind] = rows.sort([c for c in sorted(rows.columns) if not isinstance(rows.schema[c], pl.List)])
    return {name: frame.select(sorted(frame.columns)).write_json() for name, frame in frames.items()}
