"""Everything users tried: background attempts, the customers' history, and the failing attempts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.csfb_flow import FALLBACKS
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.places import GUARD_S, Places
from callcause.simulator.period import Period
from callcause.simulator.subscribers import Population
from callcause.simulator.topology import Network
from callcause.simulator.traffic import random_times

NODE_TYPES = (
    "mme",
    "sgw",
    "pgw",
    "pcrf",
    "sbc",
    "icscf",
    "scscf",
    "as",
    "hss",
    "dns",
    "mgcf",
    "rtp_proxy",
    "msc",
    "emsc",
)
ORDINARY = {
    "busy": 0.03,
    "no_answer": 0.04,
    "cancelled": 0.02,
    "declined": 0.01,
    "rlf": 0.0012,
    "paging": 0.003,
    "setup_lost_radio": 0.0008,
    "erab_unspecified": 0.0006,
}
OPERATORS = ("own", "other_mobile", "fixed", "service_number")


@dataclass
class Attempts:
    """One row per attempt: `event` befalls it, `ticket` is -1 for others, `nodes` goes by node type.

    `hidden`: no record of it; `removed`: inputs that its records lack, joined by `;`.
    """

    time: NDArray[np.float64]
    cell: NDArray[np.int64]
    user: NDArray[np.int64]
    event: NDArray[Any]
    ticket: NDArray[np.int64]
    strength: NDArray[np.float64]
    edge_db: NDArray[np.float64]
    nodes: dict[str, NDArray[np.int64]]
    talk_s: NDArray[np.float64]
    operator: NDArray[Any]
    own_is_mo: NDArray[np.bool_]
    peer: NDArray[np.int64]
    peer_cell: NDArray[np.int64]
    hidden: NDArray[np.bool_]
    removed: NDArray[Any]

    @property
    def size(self) -> int:
        """Number of attempts."""
        return len(self.time)


def assign_nodes(
    network: Network, people: Population, rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Choose the node of each type that serves each subscriber; MME and MSC by the pool of the home cell."""
    serving: dict[str, NDArray[np.int64]] = {}
    for kind in NODE_TYPES:
        nodes = [
            n for n in network.of_type(kind) if kind != "as" or network.nodes[n].node_id.startswith("MMTEL")
        ]
        serving[kind] = rng.choice(np.array(nodes), people.size)
        if kind in ("mme", "msc"):
            pools = network.cells["mme_pool" if kind == "mme" else "mapped_msc_pool"][people.home]
            for pool in sorted({str(p) for p in pools}):
                rows = np.flatnonzero(pools == pool)
                inside = np.array([n for n in nodes if network.nodes[n].pool == pool])
                serving[kind][rows] = rng.choice(inside, len(rows))
    return serving


def steer_customers(
    incidents: list[Incident],
    places: Places,
    network: Network,
    people: Population,
    serving: dict[str, NDArray[np.int64]],
) -> None:
    """Move customers to the cell of their incident; a faulty node serves only those who complain."""
    rng = places.rng
    for incident in incidents:
        customer = incident.customer
        people.home[customer] = incident.cell
        for kind in NODE_TYPES:
            options = _options(kind, incident, network)
            if incident.node in options:
                serving[kind][customer] = incident.node
                continue
            free = [n for n in options if places.free_at(n, incident.at, incident.at, GUARD_S)]
            free = free or [n for n in options if places.in_service(n, incident.at)] or options
            serving[kind][customer] = free[int(rng.integers(0, len(free)))]


def _options(kind: str, incident: Incident, network: Network) -> list[int]:
    nodes = [n for n in network.of_type(kind) if kind != "as" or network.nodes[n].node_id.startswith("MMTEL")]
    if kind in ("mme", "msc"):
        pool = network.cells["mme_pool" if kind == "mme" else "mapped_msc_pool"][incident.cell]
        nodes = [n for n in nodes if network.nodes[n].pool == pool] or nodes
    return nodes


def _blank(
    times: NDArray[np.float64],
    user: NDArray[np.int64],
    people: Population,
    serving: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> Attempts:
    n = len(times)
    return Attempts(
        times,
        people.home[user].copy(),
        user,
        np.full(n, "", dtype=object),
        np.full(n, -1),
        rng.uniform(0.2, 1, n),
        np.zeros(n),
        {kind: nodes[user] for kind, nodes in serving.items()},
        np.minimum(rng.gamma(1.3, 65.0, n) + 4.0, 1500.0),
        np.full(n, "own", dtype=object),
        np.ones(n, bool),
        np.full(n, -1),
        np.full(n, -1),
        np.zeros(n, bool),
        np.full(n, "", dtype=object),
    )


def _reach(a: Attempts, incident: Incident, people: Population) -> NDArray[np.bool_]:
    fault = incident.fault
    within = (a.time >= incident.start) & (a.time < incident.end) & (a.ticket < 0)
    if fault.scope == "cell":
        return np.asarray(within & (a.cell == incident.cell))
    if fault.scope == "node":
        return np.asarray(within & (a.nodes[fault.node_type] == incident.node))
    if fault.scope == "model":
        return np.asarray(within & (people.model[a.user] == people.defective[fault.model]))
    return np.zeros(a.size, dtype=bool)


def _meet(
    a: Attempts, incidents: list[Incident], people: Population, kind: str, rng: np.random.Generator
) -> None:
    """Let attempts of others in reach of an incident meet its event with its hazard."""
    for incident in incidents:
        if incident.hazard <= 0 or not fits(incident.event, incident.fault.record, kind):
            continue
        rows = np.flatnonzero(_reach(a, incident, people))
        rows = rows[rng.random(len(rows)) < incident.hazard]
        if incident.fault.operator == "other":
            rows = rows[a.operator[rows] != "own"]
        a.event[rows] = incident.event


def fits(event: str, record: str, kind: str) -> bool:
    """Whether an event of a fault belongs to attempts of this kind (call or registration)."""
    return event.startswith("reg_") if kind == "registration" else record != "registration"


def _legacy(a: Attempts, people: Population) -> None:
    """Phones without VoLTE make their calls in CS and never ask for the ims PDN."""
    a.event[people.legacy[people.model[a.user]] & ~np.isin(a.event, list(FALLBACKS))] = "csfb_good"


def background_calls(
    network: Network,
    people: Population,
    incidents: list[Incident],
    period: Period,
    profile: NDArray[np.float64],
    serving: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> Attempts:
    """Make calls of other users (last two days or more), with the ordinary failures of a healthy network."""
    per_cell = 70 if network.size <= 300 else 30
    n = round(network.size * per_cell * period.traffic_share)
    first = period.traffic_start_s
    customers = len(incidents)
    user = rng.integers(customers, people.size, n)
    a = _blank(random_times(n, first, period.seconds - 1800, profile, rng), user, people, serving, rng)
    a.operator = rng.choice(np.array(OPERATORS, dtype=object), n, p=[0.7, 0.18, 0.09, 0.03])
    draw, edge = rng.random(n), 0.0
    for event, share in ORDINARY.items():
        a.event[(draw >= edge) & (draw < edge + share)] = event
        edge += share
    a.event[(a.event == "paging") & (a.operator != "own")] = ""
    _meet(a, incidents, people, "call", rng)
    _legacy(a, people)
    _pair(a, people, customers, rng)
    return a


def _pair(a: Attempts, people: Population, customers: int, rng: np.random.Generator) -> None:
    """Choose the other party: another subscriber for calls inside the network."""
    a.peer = np.where(a.operator == "own", rng.integers(customers, people.size, a.size), -1)
    a.peer_cell = np.where(a.peer >= 0, people.home[np.maximum(a.peer, 0)], -1)
    on_called_side = np.isin(
        a.event,
        [
            "paging",
            "callee_unregistered",
            "domain_error",
            "no_roaming_number",
            "update_silent",
            "csfb_cs_retry",
            "csfb_sgs_page",
            "csfb_wrong_la",
            "csfb_lac_differs_mt",
        ],
    )
    a.own_is_mo &= ~on_called_side


def ticket_calls(
    people: Population,
    incidents: list[Incident],
    serving: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> Attempts:
    """Earlier good calls of each customer, and the one that the complaint is about."""
    rows = _calls_of(incidents, rng)
    user = np.array([i.customer for i, _, _ in rows], dtype=np.int64)
    a = _blank(np.array([t for _, t, _ in rows]), user, people, serving, rng)
    a.operator = np.where(
        np.arange(a.size) % 3 == 0, rng.choice(np.array(OPERATORS[1:3], dtype=object), a.size), "own"
    )
    for row, (incident, _, own) in enumerate(rows):
        if own:
            _complain_of(a, row, incident)
    own_on = a.own_is_mo.copy()
    _legacy_history(a, people)
    _pair(a, people, len(incidents), rng)
    a.own_is_mo = np.where(a.ticket >= 0, own_on, a.own_is_mo)
    return a


def _calls_of(incidents: list[Incident], rng: np.random.Generator) -> list[tuple[Incident, float, bool]]:
    """List calls as incident, time and whether the complaint is about it; earlier ones come behind those."""
    wanted = [i for i in incidents if i.fault.record in ("call", "both")]
    history = [
        (i, max(60.0, i.at - rng.uniform(3 * 3600, 36 * 3600)))
        for i in incidents
        if i.fault.scope != "none" or i.fault.text == "good"
        for _ in range(3)
    ]
    silent = [
        (i, max(60.0, i.at - rng.uniform(30 * 3600, 60 * 3600)))
        for i in incidents
        if i.fault.text == "no_record"
        for _ in range(2)
    ]
    return [(i, i.at, True) for i in wanted] + [(i, t, False) for i, t in history + silent]


def _complain_of(a: Attempts, row: int, incident: Incident) -> None:
    a.event[row], a.ticket[row] = incident.event, incident.ticket
    a.strength[row], a.edge_db[row] = incident.strength, incident.edge_db
    a.own_is_mo[row] = incident.role == "mo"
    a.operator[row] = {"other": "other_mobile"}.get(incident.fault.operator, incident.fault.operator)
    a.talk_s[row] = max(a.talk_s[row], 45.0)
    a.hidden[row] = incident.removed == ("call",)
    a.removed[row] = ";".join(incident.removed)
    a.cell[row] = incident.cell


def _legacy_history(a: Attempts, people: Population) -> None:
    a.event[(a.ticket < 0) & people.legacy[people.model[a.user]]] = "csfb_good"


def joined(first: Attempts, second: Attempts) -> Attempts:
    """Both sets in one."""
    merged = {
        name: np.concatenate([getattr(first, name), getattr(second, name)])
        for name in vars(first)
        if name != "nodes"
    }
    nodes = {kind: np.concatenate([first.nodes[kind], second.nodes[kind]]) for kind in first.nodes}
    return Attempts(**merged, nodes=nodes)


def registrations(
    calls: Attempts,
    network: Network,
    people: Population,
    incidents: list[Incident],
    period: Period,
    profile: NDArray[np.float64],
    serving: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> Attempts:
    """Registrations of others over the last two days, and those of the customers around their complaint."""
    customers = len(incidents)
    n = round(network.size * (30 if network.size <= 300 else 12) * period.traffic_share)
    first = period.traffic_start_s
    user = rng.integers(customers, people.size, n)
    a = _blank(random_times(n, first, period.seconds - 1800, profile, rng), user, people, serving, rng)
    a.event[rng.random(n) < 0.004] = "reg_aka_sqn"
    _meet(a, incidents, people, "registration", rng)
    a.event[people.legacy[people.model[a.user]]] = "reg_never_tries"
    rows = [row for incident in incidents for row in _own_registrations(incident, people, rng)]
    others = _registered_peers(calls, incidents, people, serving, rng)
    own = _blank(
        np.array([r[1] for r in rows]), np.array([r[0].customer for r in rows]), people, serving, rng
    )
    for row, (incident, _, event, is_own) in enumerate(rows):
        own.event[row] = event
        own.cell[row] = incident.cell
        if is_own:
            own.ticket[row], own.edge_db[row] = incident.ticket, incident.edge_db
            own.hidden[row] = incident.removed == ("registration",)
            own.removed[row] = ";".join(incident.removed)
    return joined(joined(own, others), a)


def _registered_peers(
    calls: Attempts,
    incidents: list[Incident],
    people: Population,
    serving: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> Attempts:
    """Register the other party of every call complained of, as a phone in service is."""
    rows = np.flatnonzero((calls.ticket >= 0) & (calls.peer >= len(incidents)))
    rows = rows[~people.legacy[people.model[calls.peer[rows]]]]
    times = np.maximum(30.0, calls.time[rows] - rng.uniform(300, 1500, len(rows)))
    return _blank(times, calls.peer[rows], people, serving, rng)


def _own_registrations(
    incident: Incident, people: Population, rng: np.random.Generator
) -> list[tuple[Incident, float, str, bool]]:
    """(incident, time, event, whether it is the one complained of) of one customer."""
    fault, at = incident.fault, incident.at
    rows: list[tuple[Incident, float, str, bool]] = []
    if fault.text in ("incomplete", "out_of_scope") or "never_registered" in fault.changes:
        return rows
    if fault.text == "no_record":
        return [(incident, max(30.0, at - 40 * 3600), "", False)]
    if people.legacy[people.model[incident.customer]]:
        return [(incident, max(30.0, at - rng.uniform(60, 1500)), "reg_never_tries", True)]
    if "phone_left" in fault.changes:
        return [(incident, max(30.0, at - rng.uniform(900, 2700)), "reg_left", False)]
    if fault.record == "registration":
        once = not fault.user and rng.random() < 0.7
        if "registered_before" in fault.changes:
            rows.append((incident, max(30.0, at - rng.uniform(1900, 2900)), "", False))
        elif once:
            rows.append((incident, max(30.0, at - rng.uniform(3, 20) * 3600), "", False))
        return [*rows, (incident, at, incident.event, True)]
    event = fault.own.get("registration", "")
    event = event if isinstance(event, str) else event[int(rng.integers(0, len(event)))]
    return [(incident, max(30.0, at - rng.uniform(300, 1600)), event, bool(event))]
