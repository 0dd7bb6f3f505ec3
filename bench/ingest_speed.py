"""Ingest end to end (parse, validate, store, refresh) against `xml.etree.iterparse`, values per CPU second.

`python -m bench.ingest_speed [--periods N] [--form FORM]`. Both forms of results and two shapes of files: one
element of 2,000 cells with every counter of the catalogue, and many elements of 200 cells with 60 counters of
the catalogue and 40 that no KPI uses. CPU is user and system time of this process and its workers. The peer
only turns results into floats: it checks, translates and stores nothing. Before the clock stops the store has
the rows durable, has kept up hourly KPIs and network sums, and answers reads.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.pm_parse import by_iterparse
from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.store import Store

RUNS, LIMIT = 5, 4.0
FORMS = ("compact", "r p=")


@dataclass(frozen=True, slots=True)
class Shape:
    """Elements that write a file a quarter-hour each, their cells, and the counters of a cell."""

    elements: int
    cells: int
    used: int | None
    others: int

    def counters(self) -> list[str]:
        """Names of the counters: of the catalogue first, then those that no KPI uses."""
        used = [name for name in load_catalogue().counters if " " not in name and "*" not in name]
        return used[: self.used] + [f"VS.Other.{i}" for i in range(self.others)]

    def ecgi(self, element: int, cell: int) -> tuple[int, int]:
        """Return the number of the eNodeB and of the cell in it."""
        return 100_000 + element * 1000 + cell // 3, cell % 3 + 1


SHAPES = (Shape(1, 2000, None, 0), Shape(20, 200, 60, 40))


def pm_file(form: str, shape: Shape, element: int, period: int) -> str:
    """One PM file of a quarter-hour."""
    names = shape.counters()
    hour, minute = divmod(period * 15, 60)
    end = f"2026-03-{2 + hour // 24:02d}T{hour % 24:02d}:{minute:02d}:00Z"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<measCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec">',
        f'<fileHeader fileFormatVersion="32.435 V10.0"><measCollec beginTime="{end}"/></fileHeader>',
        f'<measData><managedElement localDn="ManagedElement={element}"/><measInfo measInfoId="bench">',
        f'<job jobId="1"/><granPeriod duration="PT900S" endTime="{end}"/><repPeriod duration="PT900S"/>',
    ]
    if form == "compact":
        lines.append(f"<measTypes>{' '.join(names)}</measTypes>")
    else:
        lines += [f'<measType p="{i}">{name}</measType>' for i, name in enumerate(names, 1)]
    for cell in range(shape.cells):
        values = [str((cell * 31 + i * 17 + period * 7 + element) % 1000) for i in range(len(names))]
        node, number = shape.ecgi(element, cell)
        results = (
            f"<measResults>{' '.join(values)}</measResults>"
            if form == "compact"
            else "\n".join(f'<r p="{i}">{value}</r>' for i, value in enumerate(values, 1))
        )
        ldn = f"ENBFunction={node},EUtranCellFDD={number}"
        lines.append(f'<measValue measObjLdn="{ldn}">{results}</measValue>')
    lines.append(
        f'</measInfo></measData><fileFooter><measCollec endTime="{end}"/></fileFooter></measCollecFile>'
    )
    return "\n".join(lines)


def write_tree(form: str, shape: Shape, tree: Path, periods: int) -> None:
    """Write the PM files and the inventory of their cells."""
    tree.mkdir()
    places = [shape.ecgi(e, c) for e in range(shape.elements) for c in range(shape.cells)]
    (tree / "cells.csv").write_text(
        "ecgi,tac\n" + "".join(f"460-00-{node}-{cell},1\n" for node, cell in places)
    )
    for period in range(periods):
        for element in range(shape.elements):
            (tree / f"A{period:03d}-{element:03d}.xml").write_text(pm_file(form, shape, element, period))


def cpu_s() -> float:
    """User and system seconds of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def spent_s(work: Callable[[], object]) -> float:
    """CPU seconds of one piece of work."""
    before = cpu_s()
    work()
    return cpu_s() - before


def measure(form: str, shape: Shape, folder: Path, periods: int) -> None:
    """Print values per CPU second of both ways for one form and shape."""
    tree = folder / f"{form}-{shape.elements}"
    write_tree(form, shape, tree, periods)
    paths = sorted(tree.glob("*.xml"))
    values = sum(by_iterparse(path) for path in paths)
    ours, theirs = [], []
    for run in range(RUNS + 1):
        with Store.open(folder / f"{form}-{shape.elements}-{run}") as store:
            ours.append(spent_s(lambda: ingest(store, [tree], processes=1)))
            rows = store.counters().height
            if rows != shape.elements * shape.cells * periods:
                raise SystemExit(f"{rows} rows stored")
        theirs.append(spent_s(lambda: [by_iterparse(path) for path in paths]))
    ratio = statistics.median(peer / own for own, peer in zip(ours[1:], theirs[1:], strict=True))
    mine, peer = values / statistics.median(ours[1:]) / 1e6, values / statistics.median(theirs[1:]) / 1e6
    print(
        f"{form}, {len(paths)} files of {shape.cells} cells x {len(shape.counters())} counters"
        f" ({shape.others} kept): ingest {mine:.2f} M values/CPU-s, iterparse {peer:.2f}, ratio {ratio:.1f}"
        f" ({'reached' if ratio >= LIMIT else 'NOT reached'})",
        flush=True,
    )


def main() -> None:
    """Measure both forms and shapes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--periods", type=int, default=24, help="quarter-hours")
    parser.add_argument("--form", choices=FORMS, action="append", help="only this form")
    os.environ.setdefault("CALLCAUSE_PSEUDONYM_KEY", "bench-only-key-0123456789")
    wanted = parser.parse_args()
    print(f"{wanted.periods} quarter-hours, limit {LIMIT:.0f} times the peer, median of {RUNS}", flush=True)
    for shape in SHAPES:
        for form in wanted.form or FORMS:
            with tempfile.TemporaryDirectory() as folder:
                measure(form, shape, Path(folder), wanted.periods)


if __name__ == "__main__":
    main()
