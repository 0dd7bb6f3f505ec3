"""Ingest end to end (parse, validate, store, refresh) against `xml.etree.iterparse`, values per CPU second.

`python -m bench.ingest_speed [--files N]`. Both forms of results; CPU is user and system time of this process
and its workers. The peer only turns results into floats: it checks, translates and stores nothing.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.pm_parse import by_iterparse
from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store

CELLS, RUNS, LIMIT = 2000, 5, 4.0


def pm_file(form: str, number: int) -> str:
    """One PM file of a quarter-hour: every counter of the catalogue and as many that no KPI uses."""
    used = [name for name in load_catalogue().counters if " " not in name]
    names = used + [f"VS.Other.{i}" for i in range(max(0, 100 - len(used)))]
    hour, minute = divmod(number * 15, 60)
    end = f"2026-03-02T{hour % 24:02d}:{minute:02d}:00Z"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">',
        f'<fileHeader fileFormatVersion="32.435 V10.0"><measCollec beginTime="{end}"/></fileHeader>',
        '<measData><managedElement localDn="ManagedElement=1"/><measInfo measInfoId="bench"><job jobId="1"/>',
        f'<granPeriod duration="PT900S" endTime="{end}"/><repPeriod duration="PT900S"/>',
    ]
    if form == "compact":
        lines.append(f"<measTypes>{' '.join(names)}</measTypes>")
    else:
        lines += [f'<measType p="{i}">{name}</measType>' for i, name in enumerate(names, 1)]
    for cell in range(CELLS):
        values = [str((cell * 31 + i * 17 + number * 7) % 1000) for i in range(len(names))]
        ldn = f"ENBFunction={100000 + cell // 3},EUtranCellFDD={cell % 3 + 1}"
        results = (
            f"<measResults>{' '.join(values)}</measResults>"
            if form == "compact"
            else "\n".join(f'<r p="{i}">{value}</r>' for i, value in enumerate(values, 1))
        )
        lines.append(f'<measValue measObjLdn="{ldn}">{results}</measValue>')
    lines.append(
        f'</measInfo></measData><fileFooter><measCollec endTime="{end}"/></fileFooter></measCollecFile>'
    )
    return "\n".join(lines)


def cpu_s() -> float:
    """User and system seconds of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def spent_s(work: Callable[[], object]) -> float:
    """CPU seconds of one piece of work."""
    before = cpu_s()
    work()
    return cpu_s() - before


def measure(form: str, folder: Path, files: int) -> None:
    """Print values per CPU second of both ways for one form."""
    tree = folder / form
    tree.mkdir()
    (tree / "cells.csv").write_text(
        "ecgi,tac\n" + "".join(f"460-00-{100000 + c // 3}-{c % 3 + 1},1\n" for c in range(CELLS))
    )
    for number in range(files):
        (tree / f"A{number:03d}.xml").write_text(pm_file(form, number))
    paths = sorted(tree.glob("*.xml"))
    values = sum(by_iterparse(path) for path in paths)
    ours, theirs = [], []
    for run in range(RUNS + 1):
        with Store.open(folder / f"{form}-{run}") as store:
            ours.append(spent_s(lambda: ingest(store, [tree], processes=1)))
            rows = store.counters().height
            if rows != CELLS * files:
                raise SystemExit(f"{rows} rows stored, {CELLS * files} expected")
        theirs.append(spent_s(lambda: [by_iterparse(path) for path in paths]))
    mine, peer = values / statistics.median(ours[1:]) / 1e6, values / statistics.median(theirs[1:]) / 1e6
    verdict = "reached" if mine >= LIMIT * peer else "NOT reached"
    print(
        f"{form}: ingest {mine:.2f} M values/CPU-s, iterparse {peer:.2f}, ratio {mine / peer:.1f} ({verdict})"
    )


def main() -> None:
    """Measure both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=8)
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789")
    wanted = parser.parse_args()
    print(f"{wanted.files} files of {CELLS} cells, limit {LIMIT:.0f} times the peer")
    with tempfile.TemporaryDirectory() as folder:
        for form in ("r p=", "compact"):
            measure(form, Path(folder), wanted.files)


if __name__ == "__main__":
    main()
