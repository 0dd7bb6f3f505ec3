"""Parse PM files to typed columns, against `xml.etree.iterparse` in the same run; memory for a 1 GB file.

`python -m bench.pm_parse [--memory]`. CPU seconds are user and system; the ratio is the median of the runs.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

CELLS, COUNTERS, INFOS, RUNS, GIGABYTE = 200, 100, 30, 5, 1 << 30
RATIO_WANTED, MEMORY_WANTED_MB = 10.0, 300.0
NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"
HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
<measCollecFile xmlns="{NAMESPACE}">
  <fileHeader fileFormatVersion="32.435 V10.0" vendorName="VendorA">
    <measCollec beginTime="2024-03-11T09:00:00+08:00"/>
  </fileHeader>
  <measData>
    <managedElement localDn="ManagedElement=345678" swVersion="V1"/>
"""
INFO = """    <measInfo measInfoId="bench">
      <job jobId="1"/>
      <granPeriod duration="PT900S" endTime="2024-03-11T09:15:00+08:00"/>
      <repPeriod duration="PT900S"/>
"""
FOOT = """  </measData>
  <fileFooter><measCollec endTime="2024-03-11T09:15:00+08:00"/></fileFooter>
</measCollecFile>
"""


def info(form: str, cells: int, chance: random.Random) -> str:
    """One measInfo: mostly integers, some decimals, as counters are."""
    names = [f"Counter.Group{column // 10}.{column}" for column in range(COUNTERS)]
    types = (
        f"      <measTypes>{' '.join(names)}</measTypes>\n"
        if form == "compact"
        else "".join(f'      <measType p="{i}">{name}</measType>\n' for i, name in enumerate(names, 1))
    )
    return INFO + types + "".join(row(form, cell, chance) for cell in range(cells)) + "    </measInfo>\n"


def row(form: str, cell: int, chance: random.Random) -> str:
    """One measValue."""
    values = [
        str(chance.randrange(10 ** chance.randrange(1, 7)))
        if chance.random() < 0.9
        else f"{chance.random() * 100:.3f}"
        for _ in range(COUNTERS)
    ]
    results = (
        f"        <measResults>{' '.join(values)}</measResults>\n"
        if form == "compact"
        else "".join(f'        <r p="{i}">{value}</r>\n' for i, value in enumerate(values, 1))
    )
    start = f'      <measValue measObjLdn="ENBFunction=345678,EUtranCellTDD=Cell-{cell}">\n'
    return f"{start}{results}        <suspect>false</suspect>\n      </measValue>\n"


def write_file(path: Path, form: str, infos: int) -> int:
    """Write a file of `infos` measInfos; return how many values it holds."""
    chance = random.Random(7)
    path.write_text(HEAD + "".join(info(form, CELLS, chance) for _ in range(infos)) + FOOT)
    return infos * CELLS * COUNTERS


def by_iterparse(path: Path) -> int:
    """Parse with the peer to one float64 matrix per measInfo, names and objects beside it."""
    total = 0
    names: list[str] = []
    objects: list[str] = []
    values: list[float] = []
    for _, element in ElementTree.iterparse(path):
        tag = element.tag.rpartition("}")[2]
        if tag == "measType":
            names.append(element.text or "")
        elif tag == "measTypes":
            names = (element.text or "").split()
        elif tag == "r":
            values.append(float(element.text or "nan"))
        elif tag == "measResults":
            values.extend(map(float, (element.text or "").split()))
        elif tag == "measValue":
            objects.append(element.attrib["measObjLdn"])
            element.clear()
        elif tag == "measInfo":
            total += np.array(values).reshape(len(objects), len(names)).size
            names, objects, values = [], [], []
            element.clear()
    return total


def by_scan(path: Path) -> int:
    """Callcause's fast scan."""
    from collectors.pm.scan import scan_blocks

    return sum(block.values.size for block in scan_blocks(path))


def by_stream(path: Path) -> int:
    """Callcause's streaming parser."""
    from collectors.pm.stream import stream_blocks

    return sum(block.values.size for block in stream_blocks(path))


def cpu_s(task: Callable[[Path], int], path: Path, values: int) -> float:
    """CPU seconds of one run, which must yield every value."""
    before = time.process_time()
    found = task(path)
    spent = time.process_time() - before
    if found != values:
        raise SystemExit(f"{task.__name__} found {found} values of {values}")
    return spent


def compare(form: str, folder: Path, runs: int) -> float:
    """Print the median speeds of the form and return the ratio of the scan to iterparse."""
    path = folder / f"{form}.xml"
    values = write_file(path, form, infos=INFOS)
    by_scan(path)  # loads the compiled scan
    ways = {"iterparse": by_iterparse, "scan": by_scan, "stream": by_stream}
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, task in ways.items():
            spent[way].append(cpu_s(task, path, values))
    speed = {way: values / statistics.median(times) / 1e6 for way, times in spent.items()}
    ratio = statistics.median(peer / own for peer, own in zip(spent["iterparse"], spent["scan"], strict=True))
    speeds = ", ".join(f"{way} {found:.2f}" for way, found in speed.items())
    print(f"pm_parse {form}: M values/CPU-s: {speeds}; scan / xml.etree.iterparse = {ratio:.1f} "
          f"(wanted >= {RATIO_WANTED:g}, median of {runs})")  # fmt: skip
    return ratio


def big_pieces(form: str, size: int) -> Iterator[str]:
    """Yield the text of a file of `size` bytes: measInfos, and one of them with half of all rows."""
    chance = random.Random(11)
    rows = "".join(row(form, cell, chance) for cell in range(CELLS))
    whole = info(form, CELLS, chance)
    head, _, tail = whole.partition("      <measValue")
    yield HEAD
    written = 0
    while written < size // 2:
        yield whole
        written += len(whole)
    yield head
    while written < size:
        yield rows
        written += len(rows)
    yield "    </measInfo>\n" + FOOT
    del tail


def memory_of(path: Path) -> float:
    """Peak memory in MB of a fresh process that reads the file, above the same process when idle."""
    script = (
        "import resource, sys; from pathlib import Path; from collectors.pm.scan import scan_blocks\n"
        "small, big = map(Path, sys.argv[1:]); sum(b.values.size for b in scan_blocks(small))\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "idle = peak(); n = sum(b.values.size for b in scan_blocks(big)); print((peak() - idle) / 1024, n)"
    )
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.xml"
        small.write_text(HEAD + info("r", 2, random.Random(1)) + FOOT)
        done = subprocess.run(
            [sys.executable, "-c", script, small, path],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
    extra, values = done.stdout.split()
    size = f"{path.stat().st_size / 1e9:.2f} GB, {int(values) / 1e6:.0f} M values"
    print(f"pm_parse memory: {size}: {float(extra):.0f} MB above idle (wanted < {MEMORY_WANTED_MB:g})")
    return float(extra)


def memory(folder: Path) -> bool:
    """Whether a file of 1 GB stays under the limit, both forms."""
    peaks = []
    for form in ("r", "compact"):
        path = folder / "big.xml"
        with path.open("w") as file:
            file.writelines(big_pieces(form, GIGABYTE))
        peaks.append(memory_of(path))
        path.unlink()
    return max(peaks) < MEMORY_WANTED_MB


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument(
        "--memory", action="store_true", help="also read files of 1 GB (needs the disk space)"
    )
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reached = [compare(form, folder, chosen.runs) >= RATIO_WANTED for form in ("r", "compact")]
        if chosen.memory:
            reached.append(memory(folder))
    return 0 if all(reached) else 1


if __name__ == "__main__":
    sys.exit(main())
