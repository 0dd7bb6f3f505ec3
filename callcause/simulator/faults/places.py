"""Where faults happen: cells and nodes, handed out so that two faults seldom meet."""

from __future__ import annotations

import numpy as np

from callcause.simulator.faults.fault import Span
from callcause.simulator.topology import Network

GUARD_S = 2.6 * 3600


class Places:
    """Hands out cells and nodes so that two faults seldom meet."""

    def __init__(self, network: Network, rng: np.random.Generator) -> None:
        self.network, self.rng = network, rng
        self.order = list(rng.permutation(network.size))
        self.faulty: dict[int, int] = {}
        self.sites: dict[int, int] = {}
        self.closed: set[int] = set()
        self.busy: dict[int, list[tuple[float, float]]] = {}
        self.outages: list[tuple[int, float, float]] = []

    def calm(self, at: float) -> bool:
        """Whether no incident of a core node is near."""
        return all(at < start - GUARD_S or at > end + GUARD_S for _, start, end in self.outages)

    def in_service(self, node: int, at: float) -> bool:
        """Whether the node itself has no incident and no work near an instant."""
        return all(n != node or at < start - GUARD_S or at > end + GUARD_S for n, start, end in self.outages)

    def faulty_cell(self, alone: bool, span: Span) -> int:
        """Take a cell without a fault on the site with the fewest; `alone` closes the site for the others.

        `span`: when the fault lasts; here a cell has one fault for all of the period.
        """
        open_cells = [c for c in self.order if int(self.network.site[c]) not in self.closed]
        free = [c for c in open_cells if c not in self.faulty] or open_cells or self.order
        cell = int(min(free, key=lambda c: self.sites.get(int(self.network.site[c]), 0)))
        self.faulty[cell] = self.faulty.get(cell, 0) + 1
        self._count(cell)
        if alone:
            self.closed.add(int(self.network.site[cell]))
        return cell

    def _count(self, cell: int) -> None:
        site = int(self.network.site[cell])
        self.sites[site] = self.sites.get(site, 0) + 1

    def good_cell(self, pool: str, span: Span) -> int:
        """Take a cell without a fault in `span` (where one is left), of an MME pool when one is asked for."""
        cells = (
            np.flatnonzero(self.network.cells["mme_pool"] == pool) if pool else np.arange(self.network.size)
        )
        usable = [int(c) for c in cells if int(self.network.site[c]) not in self.closed] or [0]
        good = [c for c in usable if c not in self.faulty] or usable
        fewest = min(self.sites.get(int(self.network.site[c]), 0) for c in good)
        calm = [c for c in good if self.sites.get(int(self.network.site[c]), 0) == fewest]
        cell = calm[int(self.rng.integers(0, len(calm)))]
        self._count(cell)
        return cell

    def free_at(self, node: int, start: float, end: float, guard: float = GUARD_S) -> bool:
        """Whether no fault of the node comes within `guard` of the window."""
        return all(end + guard < s or e + guard < start for s, e in self.busy.get(node, []))

    def faulty_node(self, nodes: list[int], start: float, end: float) -> int:
        """Take a node whose faults keep apart; when all are taken, the one with the fewest."""
        free = [n for n in nodes if self.free_at(n, start, end)]
        usable = [n for n in nodes if len(self.busy.get(n, [])) < 60]
        best = free or sorted(usable or nodes, key=lambda n: len(self.busy.get(n, [])))[:1]
        node = int(best[int(self.rng.integers(0, len(best)))])
        self.busy.setdefault(node, []).append((start, end))
        return node
