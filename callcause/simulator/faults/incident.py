"""One instance of a fault, and the ticket that complains of it."""

from __future__ import annotations

from dataclasses import dataclass

from callcause.simulator.faults.fault import Fault
from callcause.simulator.removal import CELL_COUNTERS, Inputs


@dataclass
class Incident:
    """One instance of a fault with the ticket that complains of it."""

    ticket: int
    fault: Fault
    event: str
    at: float
    start: float
    end: float
    strength: float
    hazard: float
    cell: int
    node: int
    role: str
    edge_db: float
    removed: Inputs = ()

    @property
    def customer(self) -> int:
        """Row of the subscriber: customers stand first, in the order of the tickets."""
        return self.ticket

    @property
    def undecidable(self) -> bool:
        """Whether what was removed leaves nothing that decides."""
        return bool(self.removed) and self.removed != (CELL_COUNTERS,)
