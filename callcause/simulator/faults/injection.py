"""From tickets to incidents: who complains about what, where and when; and the changes that a fault makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.faults import ALL, Fault
from callcause.simulator.faults.fault import Span
from callcause.simulator.period import DAY_S, Period
from callcause.simulator.removal import CELL_COUNTERS, Inputs, decisive_inputs, has_counters
from callcause.simulator.state import State, overlap_of_hours
from callcause.simulator.subscribers import Population
from callcause.simulator.topology import Network, gsm_arfcn
from callcause.simulator.variant import Variant

QUIET_H = (5.2, 6.8)
GUARD_S = 2.6 * 3600
COUNTERS_REMOVED = 0.5  # of the tickets that may lose an input: how many lose counters that do not decide


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


def deal(tickets: int, rng: np.random.Generator, mix: float = 0.0) -> list[Fault]:
    """Deal a fault to each ticket: one of each cause before any repeats (in random order), then by weight.

    With a `mix` the weights themselves are drawn and some causes may not come at all.
    """
    weights = np.array([f.weight for f in ALL])
    if mix > 0:
        weights = weights * np.exp(mix * rng.standard_normal(len(ALL)))
        return [ALL[int(i)] for i in rng.choice(len(ALL), tickets, p=weights / weights.sum())]
    order: list[int] = []
    while len(order) < tickets:
        order += [int(i) for i in np.argsort(-np.log(rng.random(len(ALL))) / weights)]
        extra = rng.choice(len(ALL), len(ALL) // 4, p=weights / weights.sum())
        order += [int(i) for i in extra]
    return [ALL[i] for i in order[:tickets]]


def _when(
    fault: Fault, period: Period, profile: NDArray[np.float64], tickets: int, rng: np.random.Generator
) -> float:
    """Pick a waking hour of the last day (last two when there are many tickets); area outages before dawn."""
    wanted = period.complaint_days(tickets)
    days, first = len(wanted), 24 * wanted.start
    if "area_outage" in fault.changes or "planned_cell" in fault.changes:
        return float((first + 24 * rng.integers(0, days) + rng.uniform(*QUIET_H)) * 3600)
    latest = 11 if _is_outage(fault) else 21  # incidents of core nodes leave the rest of the day calm
    hours = np.array([h for h in range(first, period.hours) if 9 <= h % 24 <= latest])
    hour = rng.choice(hours, p=profile[hours] / profile[hours].sum())
    return float((hour + rng.random()) * 3600)


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


def plan(
    network: Network,
    period: Period,
    tickets: int,
    profile: NDArray[np.float64],
    rng: np.random.Generator,
    variant: Variant = Variant(),  # noqa: B008 - frozen
    places: Places | None = None,
    faults: list[Fault] | None = None,
) -> tuple[list[Incident], Places]:
    """All incidents. Places with a fault are given out first, so that the others keep clear of them.

    `faults`: one for each ticket, drawn where they are not given.
    """
    places = places or Places(network, rng)
    faults = faults or deal(tickets, rng, variant.mix)
    incidents: dict[int, Incident] = {}
    ranked = sorted(range(tickets), key=lambda i: _rank(faults[i]))
    for ticket in ranked:
        incidents[ticket] = _place(ticket, faults[ticket], places, period, profile, (tickets, variant))
    return [incidents[i] for i in range(tickets)], places


def _rank(fault: Fault) -> int:
    """Order of placing: incidents of core nodes, then cells, then nodes, then everybody else."""
    if _is_outage(fault):
        return 0
    if _closes_site(fault):
        return 1
    return {"cell": 2, "node": 3}.get(fault.scope, 4)


def lasting(fault: Fault) -> bool:
    """Whether the fault stands in an inventory, which is written once for the whole period."""
    return bool(fault.config) or any(change in NETWORK_CHANGES for change in fault.changes)


def _closes_site(fault: Fault) -> bool:
    """Tell whether the site raises an alarm that stops service: no other complaint is put there."""
    return fault.scope == "cell" and any(alarm.service_affecting for alarm in fault.alarms)


def _is_outage(fault: Fault) -> bool:
    """Tell whether this takes service from many: an incident of a core node, or planned work on one."""
    stops_service = any(alarm.service_affecting for alarm in fault.alarms) or "planned_node" in fault.changes
    return fault.scope == "node" and stops_service


def _place(
    ticket: int,
    fault: Fault,
    places: Places,
    period: Period,
    profile: NDArray[np.float64],
    kind: tuple[int, Variant],
) -> Incident:
    rng, network, (tickets, variant) = places.rng, places.network, kind
    at = _when(fault, period, profile, tickets, rng)
    for _ in range(24 if fault.text == "no_record" else 0):
        if places.calm(at):
            break
        at = _when(fault, period, profile, tickets, rng)
    start = max(0.0, at - 3600.0 * rng.uniform(*fault.before_h))
    end = at + 3600.0 * rng.uniform(*fault.lasts_h)
    node, pool = -1, ""
    if fault.scope == "node":
        nodes = network.of_type(fault.node_type)
        if fault.node_type == "as":
            nodes = [n for n in nodes if network.nodes[n].node_id.startswith("MMTEL")]
        node = places.faulty_node(nodes, start, end)
        if _is_outage(fault):
            places.outages.append((node, start, end))
        pool = network.nodes[node].pool if fault.node_type == "mme" else ""
    span = (0.0, float(period.seconds)) if lasting(fault) else (start, end)
    if fault.scope == "cell":
        cell = places.faulty_cell(_closes_site(fault), span)
    else:
        cell = places.good_cell(pool, span)
    role = fault.role if fault.role != "any" else ("mo", "mt")[int(rng.random() < 0.35)]
    event = str(rng.choice(list(fault.event)))
    # Near an incident a ticket without its own record could as well belong to that: no truth.
    removed = _removed(fault, event, rng) if rng.random() < variant.removed and places.calm(at) else ()
    return Incident(
        ticket,
        fault,
        event,
        at,
        start,
        end,
        float(rng.uniform(0.25, 1.0)),
        float(min(1.0, variant.effect * rng.uniform(*fault.hazard))),
        cell,
        node,
        role,
        float(rng.uniform(*fault.edge_db)),
        removed,
    )


def _removed(fault: Fault, event: str, rng: np.random.Generator) -> Inputs:
    """Choose what the ticket loses: an input that decides, or counters of the cell, which do not alone."""
    plain = not (fault.user or fault.config or fault.changes or fault.alarms or fault.answers)
    options = [o for o in decisive_inputs(fault, event) if plain or o in (("subscriber",), ("neighbour",))]
    if options:
        return options[int(rng.integers(0, len(options)))]
    return (CELL_COUNTERS,) if has_counters(fault) and rng.random() < COUNTERS_REMOVED else ()


def inject(
    incidents: list[Incident],
    network: Network,
    people: Population,
    state: State,
    rng: np.random.Generator,
    effect: float = 1.0,
) -> None:
    """Change state (scaled by `effect`), configuration, neighbours and subscriptions as the incidents say."""
    for incident in incidents:
        _change_state(incident, state, effect)
        fault = incident.fault
        for column, choices in fault.config.items():
            network.cells[column] = _assigned(network.cells[column], incident.cell, _pick(choices, rng))
        for column, choices in fault.user.items():
            people.columns[column] = _assigned(people.columns[column], incident.customer, _pick(choices, rng))
        for change in fault.changes:
            if change in NETWORK_CHANGES:
                NETWORK_CHANGES[change](network, incident, rng)
        _hand_phone(incident, people, rng)


def _pick(choices: tuple[Any, ...], rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(0, len(choices)))]


def _assigned(column: NDArray[Any], row: int, value: Any) -> NDArray[Any]:
    """Return the column with one value changed; it becomes float where an integer has to be emptied."""
    if value is None and column.dtype.kind in "iu":
        column = column.astype(float)
    column[row] = np.nan if value is None and column.dtype.kind == "f" else value
    return column


def _change_state(incident: Incident, state: State, effect: float) -> None:
    """Add the change for the share of each hour that the fault covers (whole for the radio of a cell)."""
    share = effect * overlap_of_hours(incident.start, incident.end, state.hours)
    for name, (low, high) in incident.fault.cell.items():
        level = low + incident.strength * (high - low)
        # A function that is switched off is off: a share of users cannot be weaker than that.
        whole = share / effect if name == "volte_off" else share
        state.cell[name][incident.cell] += level * whole
    for name, (low, high) in incident.fault.node.items():
        state.node[name][incident.node] += (low + incident.strength * (high - low)) * share


def _hand_phone(incident: Incident, people: Population, rng: np.random.Generator) -> None:
    kind, customer = incident.fault.model, incident.customer
    if kind == "legacy" or (not kind and incident.fault.text == "stage" and rng.random() < 0.3):
        people.model[customer] = 24 + int(rng.integers(0, 3))
    elif kind == "broad":
        people.model[customer] = int(rng.choice([0, 7, 14, 21]))
    elif kind:
        people.model[customer] = people.defective[kind]


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


def last_day(second: float, period: Period) -> bool:
    """Whether an instant lies in the last day of the period."""
    return second >= period.seconds - DAY_S


def site_arfcn(network: Network, cell: int) -> int:
    """Frequency of the 2G cell at the site of a cell."""
    return gsm_arfcn(int(network.site[cell]))
