"""Mass complaints of a month: outages, planned work and local faults of which many customers complain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.faults import ALL, Fault
from callcause.simulator.faults.fault import Span
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.places import GUARD_S, Places
from callcause.simulator.faults.plan import lasting
from callcause.simulator.topology import Network

LOCAL_H = (6.0, 20.0)
"""How long a local fault lasts of which several customers complain."""
SIZES = {"core outage": (9, 16), "site outage": (5, 9), "planned work": (5, 10), "local fault": (3, 6)}


@dataclass(frozen=True)
class Surge:
    """One mass incident: its head is the ticket whose incident acts on the network."""

    id: str
    kind: str
    fault: Fault
    tickets: int


def draw_surges(share: float, tickets: int, rng: np.random.Generator) -> list[Surge]:
    """Draw mass incidents that together have about `share` of all tickets; every kind comes in turn."""
    found: list[Surge] = []
    left = round(share * tickets)
    kinds = [str(kind) for kind in rng.permutation(list(SIZES))]
    while left >= 3:
        kind = kinds[len(found) % len(kinds)]
        low, high = SIZES[kind]
        size = min(left, int(rng.integers(low, high + 1)))
        options = [fault for fault in ALL if kind_of(fault) == kind]
        fault = options[int(rng.integers(0, len(options)))]
        found.append(Surge(f"M-{len(found) + 1:02d}", kind, fault, size))
        left -= size
    return found


def kind_of(fault: Fault) -> str:
    """Say which kind of mass incident a fault can be; empty for none."""
    if any(change.startswith("planned_") for change in fault.changes):
        return "planned work"
    if "area_outage" in fault.changes:
        return "site outage"
    if fault.cause == "all-mass-fault":
        return "core outage"
    local = fault.scope == "cell" and fault.hazard[0] > 0 and fault.cell and not fault.changes
    return "local fault" if local and not (lasting(fault) or fault.own or fault.model) else ""


def quiet(fault: Fault) -> Fault:
    """Return the fault as one more customer meets it: nothing happens to the network a second time."""
    return replace(fault, cell={}, node={}, changes=(), alarms=(), hazard=(0.0, 0.0))


def siblings(
    head: Incident, surge: Surge, first: int, network: Network, places: Places, rng: np.random.Generator
) -> list[Incident]:
    """Return the incidents of the other customers, numbered from `first`."""
    found = []
    pool = network.nodes[head.node].pool if head.node >= 0 and head.fault.node_type == "mme" else ""
    span = (head.start, head.end)
    for number in range(surge.tickets - 1):
        cell = head.cell if head.fault.scope == "cell" else places.good_cell(pool, span)
        fault = quiet(head.fault)
        role = fault.role if fault.role != "any" else ("mo", "mt")[int(rng.random() < 0.35)]
        found.append(
            replace(
                head, ticket=first + number, fault=fault, cell=cell, role=role, removed=(), hazard=0.0,
                event=str(rng.choice(list(fault.event))), at=float(rng.uniform(*_inside(head))),
                edge_db=float(rng.uniform(*fault.edge_db)),
            )
        )  # fmt: skip
    return found


def _inside(head: Incident) -> Span:
    """Return when others meet it: within its course, at its ends only shortly."""
    margin = 0.05 * (head.end - head.start)
    return head.start + margin, max(head.end - margin, head.start + margin + 1.0)


class MonthPlaces(Places):
    """Hands out cells by time too: over a month a cell may have one fault after another."""

    def __init__(self, network: Network, rng: np.random.Generator) -> None:
        super().__init__(network, rng)
        self.cell_spans: dict[int, list[Span]] = {}
        self.site_spans: dict[int, list[Span]] = {}

    def faulty_cell(self, alone: bool, span: Span) -> int:
        """Take a cell that has the fewest other faults in `span`; `alone` keeps the others off its site."""
        cell = int(min(self.order, key=lambda c: self._meets(int(c), span)))
        self.order.remove(cell)
        self.order.append(cell)
        self.cell_spans.setdefault(cell, []).append(span)
        if alone:
            self.site_spans.setdefault(int(self.network.site[cell]), []).append(span)
        return cell

    def good_cell(self, pool: str, span: Span) -> int:
        """Take a cell with the fewest faults in `span`, of an MME pool when one is asked for."""
        served = np.flatnonzero(self.network.cells["mme_pool"] == pool)
        cells: NDArray[np.int64] = served if len(served) else np.arange(self.network.size)
        faults = [self._meets(int(c), span) for c in cells]
        calm = [int(c) for c, n in zip(cells, faults, strict=True) if n == min(faults)]
        return calm[int(self.rng.integers(0, len(calm)))]

    def _meets(self, cell: int, span: Span) -> int:
        site = int(self.network.site[cell])
        return 10 * _overlaps(self.site_spans.get(site, ()), span) + _overlaps(
            self.cell_spans.get(cell, ()), span
        )


def _overlaps(spans: Sequence[Span], span: Span) -> int:
    return sum(span[0] - GUARD_S < end and start - GUARD_S < span[1] for start, end in spans)
