"""What incidents do: changes of state, configuration, neighbours, subscriptions and phones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.network_changes import NETWORK_CHANGES
from callcause.simulator.state import State, overlap_of_hours
from callcause.simulator.subscribers import Population
from callcause.simulator.topology import Network


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
