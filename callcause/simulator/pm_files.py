"""All PM files of the period: two RAN vendors and the IMS, with the troubles that real file feeds have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.cell_counters import Radio, cell_counters, vendor_samples
from callcause.simulator.faults.incident import Incident
from callcause.simulator.node_samples import node_counters
from callcause.simulator.period import Period
from callcause.simulator.pm_writer import Block, Element, Source, document, file_name, write
from callcause.simulator.removal import CELL_COUNTERS
from callcause.simulator.state import State
from callcause.simulator.topology import Network
from callcause.simulator.vendor_names import VENDOR, in_vendor_names

GROUPS = {
    "1": ("RRC.", "S1SIG.", "ERAB.", "UECNTX.", "pmRrc", "pmS1", "pmErab", "pmSession"),
    "2": ("HO.", "PAG.", "DRB.", "pmCellHo", "pmPag", "pmPdcp"),
    "3": ("RRU.", "CARR.", "VS.", "pmCellDown"),
}
DARK_H = 3  # hours before and after a complaint of which a cell without counters has none
HOURS_IN_FILE = {"VendorA": 1, "VendorB": 6}
SUSPECT_SHARE, MISSING_SHARE, LATE_SHARE = 0.002, 0.004, 0.01


def sources(network: Network, vendor_names: bool = False) -> list[Source]:
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
            known_as = VENDOR if vendor_names and vendor == "VendorB" else vendor
            ldn = list(network.cells["meas_obj_ldn"])
            out.append(Source(f"OMC-{vendor}", known_as, form, root, elements, ldn))
    return out


@dataclass(frozen=True)
class PmKind:
    """`trouble`: factor of missing, late and suspect shares; `dark`: cells x hours without any counter."""

    trouble: float = 1.0
    vendor_names: bool = False
    dark: NDArray[np.bool_] | None = None


def dark_hours(incidents: Sequence[Incident], cells: int, hours: int) -> NDArray[np.bool_]:
    """Cells x hours whose counters were removed: those around the complaints that lose them."""
    dark = np.zeros((cells, hours), np.bool_)
    for incident in incidents:
        if incident.removed == (CELL_COUNTERS,):
            hour = int(incident.at // 3600)
            dark[incident.cell, max(0, hour - DARK_H) : hour + DARK_H + 1] = True
    return dark


class Feed:
    """Where files end up: most in their folder, some late, some never, one cut off."""

    def __init__(self, folder: Path, rng: np.random.Generator, trouble: float = 1.0) -> None:
        self.folder, self.rng, self.trouble = folder, rng, trouble
        self.cut = False

    def put(self, sub: str, name: str, content: bytes, packed: bool, last_day: bool) -> None:
        """Write one file."""
        luck = self.rng.random()
        if luck < MISSING_SHARE * self.trouble and not last_day:
            return
        if not last_day and not self.cut and self.rng.random() < 0.2:
            self.cut = True
            content = content[: int(len(content) * 0.7)]
            packed = False
        folder = self.folder / ("late" if luck > 1 - LATE_SHARE * self.trouble else sub)
        write(folder / name, content, packed)


def _blocks(
    counters: dict[str, NDArray[np.float64]],
    column: int,
    begin_s: float,
    period_s: int,
    rng: np.random.Generator,
    trouble: float = 1.0,
) -> list[Block]:
    blocks = []
    for info, prefixes in GROUPS.items():
        names = [n for n in counters if n.startswith(prefixes)]
        values = np.stack([counters[n][:, column] for n in names], axis=1).astype(np.float64)
        doubtful = frozenset(np.flatnonzero(rng.random(len(values)) < SUSPECT_SHARE * trouble).tolist())
        blocks.append(Block(info, f"job{info}", begin_s, period_s, names, values, doubtful))
    return blocks


def write_cells(
    network: Network,
    state: State,
    period: Period,
    folder: Path,
    rng: np.random.Generator,
    kind: PmKind = PmKind(),
) -> Any:
    """PM files of all cells, day by day; yields the vendor-only samples of each day for the sample tables."""
    feed = Feed(folder, rng, kind.trouble)
    out = sources(network, kind.vendor_names)
    for day in range(period.days):
        last = day == period.days - 1
        parts = 4 if last else 1
        physics = Radio(network, state, slice(day * 24, day * 24 + 24))
        counters = cell_counters(physics, parts, rng)
        counters["VS.Board.TemperatureMax"] = np.round(rng.normal(41, 3, counters["RRU.PrbTotDl"].shape), 0)
        period_s = 3600 // parts
        dark = None if kind.dark is None else kind.dark[:, day * 24 : day * 24 + 24]
        if dark is not None and dark.any():
            hidden = np.repeat(dark, parts, axis=1)
            counters = {name: np.where(hidden, np.nan, values) for name, values in counters.items()}
        plain = _day(counters, day, parts, rng, kind.trouble)
        own = _day(in_vendor_names(counters), day, parts, rng, kind.trouble) if kind.vendor_names else plain
        for source in out:
            blocks = own if source.vendor == VENDOR else plain
            together = 1 if last else HOURS_IN_FILE.get(source.vendor, 6)
            for first in range(0, 24 * parts, together):
                begin = day * 86400.0 + first * period_s
                end = begin + together * period_s
                chosen = [b for group in blocks[first : first + together] for b in group]
                content = document(source, period, begin, end, chosen)
                packed = source.vendor != "VendorA" or first % 3 == 0
                feed.put(
                    f"{source.vendor}/{day:02d}", file_name(source, period, begin, end), content, packed, last
                )
        yield day, without(vendor_samples(physics, rng), dark)


def _day(
    counters: dict[str, NDArray[Any]], day: int, parts: int, rng: np.random.Generator, trouble: float
) -> list[list[Block]]:
    """Blocks of each granularity period of one day."""
    period_s = 3600 // parts
    return [
        _blocks(counters, i, day * 86400.0 + i * period_s, period_s, rng, trouble) for i in range(24 * parts)
    ]


def without(
    samples: dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]],
    dark: NDArray[np.bool_] | None,
) -> dict[tuple[str, str], tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Return the samples with nothing in the dark hours."""
    if dark is None or not dark.any():
        return samples
    return {
        key: (np.where(dark, np.nan, value), np.where(dark, np.nan, top), np.where(dark, np.nan, bottom))
        for key, (value, top, bottom) in samples.items()
    }


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
