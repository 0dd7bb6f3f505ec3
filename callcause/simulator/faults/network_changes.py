"""The named changes that faults make to neighbours and to the maps of the core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.faults.incident import Incident
from callcause.simulator.topology import Network


def _rows(network: Network, cell: int, rat: str) -> NDArray[np.int64]:
    near = network.neighbours
    return np.flatnonzero((near["source"] == cell) & (near["target_rat"] == rat))


def _missing_neighbour(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    """Leave the relation with the largest overlap undefined; phones report the cell all the time."""
    near, rows = network.neighbours, _rows(network, incident.cell, "EUTRAN")
    row = int(rows[np.argmax(near["overlap_share"][rows])])
    near["is_defined"][row] = False
    near["reported_count"][row] = float(rng.integers(150, 600))
    near["handover_attempts"][row] = near["handover_successes"][row] = 0.0
    near["target_pci"][row] = np.nan


def _stale_pci(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    near, rows = network.neighbours, _rows(network, incident.cell, "EUTRAN")
    row = int(rows[np.argmax(near["handover_attempts"][rows])])
    near["target_pci"][row] = (near["target_real_pci"][row] + float(rng.integers(1, 160)) * 3 + 1) % 504
    near["handover_successes"][row] = np.floor(near["handover_attempts"][row] * rng.uniform(0.1, 0.6))


def _wrong_gsm_lac(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    near = network.neighbours
    rows = _rows(network, incident.cell, "GERAN")
    near["target_lac"][rows] = near["target_real_lac"][rows] + float(rng.integers(1, 9))


def _mod3(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    """Plan a PCI of the same residue on the neighbour that overlaps most, and turn its antenna here."""
    near, rows = network.neighbours, _rows(network, incident.cell, "EUTRAN")
    row = int(rows[np.argmax(near["overlap_share"][rows])])
    residue = int(network.cells["pci"][incident.cell]) % 3
    target = int(near["target"][row])
    pci = (int(network.cells["pci"][target]) // 3 * 3 + residue) % 504
    network.cells["pci"][target] = pci
    same = (near["target"] == target) & (near["target_rat"] == "EUTRAN")
    near["target_pci"][same] = near["target_real_pci"][same] = float(pci)
    near["overlap_share"][row] = round(float(rng.uniform(18, 40)), 1)
    near["reported_rsrp"][row] = round(float(rng.uniform(-88, -80)), 1)


def _overlap(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    near, rows = network.neighbours, _rows(network, incident.cell, "EUTRAN")
    strongest = rows[np.argsort(-near["overlap_share"][rows])][:4]
    near["overlap_share"][strongest] = np.round(rng.uniform(14, 35, len(strongest)), 1)


def _map_lac(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    """Map the site to a location area that belongs to no MSC of the pool."""
    network.cells["mapped_lac"][incident.cell] = 10900 + int(rng.integers(0, 90))
    network.cells["gsm_lac_at_site"][incident.cell] = network.cells["mapped_lac"][incident.cell]


def _lac_differs(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    pool = network.cells["mapped_msc_pool"][incident.cell]
    lacs = sorted({lac for n in network.nodes if n.node_type == "msc" and n.pool == pool for lac in n.lacs})
    own = int(network.cells["mapped_lac"][incident.cell])
    other = [lac for lac in lacs if lac != own] or [own + 1]
    if other == [own + 1]:
        for node in network.nodes:
            if node.pool == pool and node.node_type == "msc":
                node.lacs = [*node.lacs, own + 1]
    network.cells["gsm_lac_at_site"][incident.cell] = other[int(rng.integers(0, len(other)))]


def _pool_differs(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    cells, cell = network.cells, incident.cell
    cells["gsm_msc_pool"][cell] = "POOL-2" if cells["mapped_msc_pool"][cell] == "POOL-1" else "POOL-1"
    lacs = sorted(
        {
            lac
            for n in network.nodes
            if n.node_type == "msc" and n.pool == cells["gsm_msc_pool"][cell]
            for lac in n.lacs
        }
        - {int(cells["mapped_lac"][cell])}
    )
    cells["gsm_lac_at_site"][cell] = lacs[int(rng.integers(0, len(lacs)))] if lacs else 10800


def _arfcn_none(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    network.cells["csfb_gsm_arfcns"][incident.cell] = None


def _arfcn_stale(network: Network, incident: Incident, rng: np.random.Generator) -> None:
    network.cells["csfb_gsm_arfcns"][incident.cell] = "125;611"


NETWORK_CHANGES = {
    "missing_neighbour": _missing_neighbour,
    "stale_pci": _stale_pci,
    "wrong_gsm_lac": _wrong_gsm_lac,
    "mod3": _mod3,
    "overlap": _overlap,
    "la_not_on_msc": _map_lac,
    "lac_differs": _lac_differs,
    "pool_differs": _pool_differs,
    "arfcn_none": _arfcn_none,
    "arfcn_stale": _arfcn_stale,
}
