"""All PM files of the period: two RAN vendors and the IMS, with the troubles that real file feeds have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.cell_counters import Radio, cell_counters, vendor_samples
from callcause.simulator.node_samples import node_counters
from callcause.simulator.period import Period
from callcause.simulator.pm_writer import Block, Element, Source, document, file_name, write
from callcause.simulator.state import State
from callcause.simulator.topology import Network

GROUPS = {
    "1": ("RRC.", "S1SIG.", "ERAB.", "UECNTX."),
    "2": ("HO.", "PAG.", "DRB."),
    "3": ("RRU.", "CARR.", "VS."),
}
HOURS_IN_FILE = {"VendorA": 1, "VendorB": 6}
SUSPECT_SHARE, MISSING_SHARE, LATE_SHARE = 0.002, 0.004, 0.01


def sources(network: Network) -> list[Source]:
    """One element manager per RAN vendor; one writes measCollecFile, the other measDataFile."""
    out = []
    for vendor, form, root in (("VendorA", "list", "measCollecFile"), ("VendorB", "pair", "measDataFile")):
        rows = np.flatnonzero(network.cells["vendor"] == vendor)
        elements = []
        for site in np.unique(network.site[rows]):
            members = rows[network.site[rows] == site]
            elements.append(
                Element(
                    f"ManagedElement={network.cells['enb_id'][members[0]]}",
                    str(network.cells["software_version"][members[0]]),
                    [int(m) for m in members],
                )
            )
        if elements:
            out.append(
                Source(f"OMC-{vendor}", vendor, form, root, elements, list(network.cells["meas_obj_ldn"]))
            )
    return out


class Feed:
    """Where files end up: most in their folder, some late, some never, one cut off."""

    def __init__(self, folder: Path, rng: np.random.Generator) -> None:
        self.folder, self.rng = folder, rng
        self.cut = False

    def put(self, sub: str, name: str, content: bytes, packed: bool, last_day: bool) -> None:
        """Write one file."""
        luck = self.rng.random()
        if luck < MISSING_SHARE and not last_day:
            return
        if not last_day and not self.cut and self.rng.random() < 0.2:
            self.cut = True
            content = content[: int(len(content) * 0.7)]
            packed = False
        folder = self.folder / ("late" if luck > 1 - LATE_SHARE else sub)
        write(folder / name, content, packed)


def _blocks(
    counters: dict[str, NDArray[np.float64]],
    column: int,
    begin_s: float,
    period_s: int,
    rng: np.random.Generator,
) -> list[Block]:
    blocks = []
    for info, prefixes in GROUPS.items():
        names = [n for n in counters if n.startswith(prefixes)]
        values = np.stack([counters[n][:, column] for n in names], axis=1).astype(np.float64)
        doubtful = frozenset(np.flatnonzero(rng.random(len(values)) < SUSPECT_SHARE).tolist())
        blocks.append(Block(info, f"job{info}", begin_s, period_s, names, values, doubtful))
    return blocks


def write_cells(
    network: Network, state: State, period: Period, folder: Path, rng: np.random.Generator
) -> Any:
    """PM files of all cells, day by day; yields the vendor-only samples of each day for the sample tables."""
    feed = Feed(folder, rng)
    out = sources(network)
    for day in range(period.days):
        last = day == period.days - 1
        parts = 4 if last else 1
        physics = Radio(network, state, slice(day * 24, day * 24 + 24))
        counters = cell_counters(physics, parts, rng)
        counters["VS.Board.TemperatureMax"] = np.round(rng.normal(41, 3, counters["RRU.PrbTotDl"].shape), 0)
        period_s = 3600 // parts
        blocks = [
            _blocks(counters, i, day * 86400.0 + i * period_s, period_s, rng) for i in range(24 * parts)
        ]
        for source in out:
            together = 1 if last else HOURS_IN_FILE[source.vendor]
            for first in range(0, 24 * parts, together):
                begin = day * 86400.0 + first * period_s
                end = begin + together * period_s
                chosen = [b for group in blocks[first : first + together] for b in group]
                content = document(source, period, begin, end, chosen)
                packed = source.vendor == "VendorB" or first % 3 == 0
                feed.put(
                    f"{source.vendor}/{day:02d}", file_name(source, period, begin, end), content, packed, last
                )
        yield day, vendor_samples(physics, rng)


def write_nodes(
    network: Network, state: State, period: Period, folder: Path, rng: np.random.Generator
) -> None:
    """PM files of the IMS nodes, six hours in each."""
    counters = node_counters(network, state, rng)
    for node_type in ("scscf", "icscf", "as", "mgcf"):
        nodes = [n for n in counters if network.nodes[n].node_type == node_type]
        names = list(counters[nodes[0]])
        elements = [
            Element(f"ManagedElement={network.nodes[n].node_id}", network.nodes[n].version, [i])
            for i, n in enumerate(nodes)
        ]
        source = Source(
            f"IMS-{node_type.upper()}",
            "VendorC",
            "list",
            "measCollecFile",
            elements,
            [f"{node_type.upper()}Function=1" for _ in nodes],
        )
        for first in range(0, period.hours, 6):
            blocks = []
            for hour in range(first, min(first + 6, period.hours)):
                values = np.array([[counters[n][name][hour] for name in names] for n in nodes])
                blocks.append(Block("ims", "job9", hour * 3600.0, 3600, names, values))
            begin, end = first * 3600.0, min(first + 6, period.hours) * 3600.0
            content = document(source, period, begin, end, blocks)
            write(folder / "ims" / file_name(source, period, begin, end), content, first % 12 == 0)
