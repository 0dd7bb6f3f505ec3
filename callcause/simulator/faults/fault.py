"""One kind of fault, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Span = tuple[float, float]


@dataclass(frozen=True)
class Alarm:
    """Alarm that the equipment raises when the fault begins; `on` is cell, enb, node or link."""

    on: str
    problem: str
    severity: str = "major"
    kind: str = "equipmentAlarm"
    probable: str = "equipment malfunction"
    service_affecting: bool = True


@dataclass(frozen=True)
class Fault:
    """What goes wrong, where, how strongly (spans), and what users in reach may meet.

    scope     cell, node, user, model or none: who is in reach
    event     events of the customer's attempt; with several, one is drawn for each incident
    hazard    share of the attempts of others in reach that meet the event
    cell      changes of cell state, node changes of node state (added; drawn by strength)
    config    columns of the cell inventory, user columns of the subscriber, each with values to draw from
    changes   named changes of neighbours and core maps (faults/network_changes)
    before_h  how long before the complaint the fault began; lasts_h how long it lasts after that
    edge_db   how much weaker than usual the customer's place is
    role      mo, mt or any: which end the customer was
    """

    cause: str
    category: str
    scope: str = "user"
    event: tuple[str, ...] = ("",)
    record: str = "call"
    hazard: Span = (0.0, 0.0)
    node_type: str = ""
    cell: dict[str, Span] = field(default_factory=dict)
    node: dict[str, Span] = field(default_factory=dict)
    config: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    user: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    before_h: Span = (6.0, 60.0)
    lasts_h: Span = (24.0, 48.0)
    edge_db: Span = (0.0, 0.0)
    role: str = "any"
    operator: str = "own"
    model: str = ""
    text: str = ""
    weight: float = 1.0
    decisive: str = ""
