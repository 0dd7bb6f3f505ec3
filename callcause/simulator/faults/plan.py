"""From tickets to incidents: who complains about what, where and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.faults import ALL, Fault
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.network_changes import NETWORK_CHANGES
from callcause.simulator.faults.places import Places
from callcause.simulator.period import Period
from callcause.simulator.removal import CELL_COUNTERS, Inputs, decisive_inputs, has_counters
from callcause.simulator.topology import Network
from callcause.simulator.variant import Variant

QUIET_H = (5.2, 6.8)
COUNTERS_REMOVED = 0.5  # of the tickets that may lose an input: how many lose counters that do not decide
MT_SHARE = 0.35


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
    """Choose when, where and to whom the fault happens. What a seed gives hangs on the order of the draws."""
    rng, (tickets, variant) = places.rng, kind
    at = _calm_moment(fault, places, period, profile, tickets)
    start = max(0.0, at - 3600.0 * rng.uniform(*fault.before_h))
    end = at + 3600.0 * rng.uniform(*fault.lasts_h)
    node, pool = _node(fault, places, start, end)
    span = (0.0, float(period.seconds)) if lasting(fault) else (start, end)
    if fault.scope == "cell":
        cell = places.faulty_cell(_closes_site(fault), span)
    else:
        cell = places.good_cell(pool, span)
    role = fault.role if fault.role != "any" else ("mo", "mt")[int(rng.random() < MT_SHARE)]
    event = str(rng.choice(list(fault.event)))
    # Near an incident a ticket without its own record could as well belong to that: no truth.
    removed = _removed(fault, event, rng) if rng.random() < variant.removed and places.calm(at) else ()
    strength = float(rng.uniform(0.25, 1.0))
    hazard = float(min(1.0, variant.effect * rng.uniform(*fault.hazard)))
    edge_db = float(rng.uniform(*fault.edge_db))
    return Incident(
        ticket, fault, event, at, start, end, strength, hazard, cell, node, role, edge_db, removed
    )


def _calm_moment(
    fault: Fault, places: Places, period: Period, profile: NDArray[np.float64], tickets: int
) -> float:
    """When the customer fails; far from incidents of core nodes where nothing but the ticket tells of it."""
    at = _when(fault, period, profile, tickets, places.rng)
    for _ in range(24 if fault.text == "no_record" else 0):
        if places.calm(at):
            break
        at = _when(fault, period, profile, tickets, places.rng)
    return at


def _node(fault: Fault, places: Places, start: float, end: float) -> tuple[int, str]:
    """Take the node of the fault and the MME pool that it serves: -1 and no pool where it has none."""
    if fault.scope != "node":
        return -1, ""
    network = places.network
    nodes = network.of_type(fault.node_type)
    if fault.node_type == "as":
        nodes = [n for n in nodes if network.nodes[n].node_id.startswith("MMTEL")]
    node = places.faulty_node(nodes, start, end)
    if _is_outage(fault):
        places.outages.append((node, start, end))
    return node, network.nodes[node].pool if fault.node_type == "mme" else ""


def _removed(fault: Fault, event: str, rng: np.random.Generator) -> Inputs:
    """Choose what the ticket loses: an input that decides, or counters of the cell, which do not alone."""
    plain = not (fault.user or fault.config or fault.changes or fault.alarms or fault.answers)
    options = [o for o in decisive_inputs(fault, event) if plain or o in (("subscriber",), ("neighbour",))]
    if options:
        return options[int(rng.integers(0, len(options)))]
    return (CELL_COUNTERS,) if has_counters(fault) and rng.random() < COUNTERS_REMOVED else ()
