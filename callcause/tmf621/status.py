"""Which TMF621 status each state of the loop is, and which steps of the loop lead to a wanted status.

The table stands in docs/tmf621.md. A ticket that waits for the customer is `pending`, whatever its state.
"""

from __future__ import annotations

from collections import deque

from callcause.loop.life import State, next_states

ACKNOWLEDGED, REJECTED, PENDING, HELD = "acknowledged", "rejected", "pending", "held"
IN_PROGRESS, CANCELLED, CLOSED, RESOLVED = "inProgress", "cancelled", "closed", "resolved"
STATUSES = (ACKNOWLEDGED, REJECTED, PENDING, HELD, IN_PROGRESS, CANCELLED, CLOSED, RESOLVED)

STATUS_OF: dict[State, str] = {
    State.RECEIVED: ACKNOWLEDGED,
    State.ENTERED: ACKNOWLEDGED,
    State.DIAGNOSED: ACKNOWLEDGED,
    State.DISPATCHED: IN_PROGRESS,
    State.ACCEPTED: IN_PROGRESS,
    State.IN_PROGRESS: IN_PROGRESS,
    State.ESCALATED: IN_PROGRESS,
    State.REOPENED: IN_PROGRESS,
    State.RESOLVED: RESOLVED,
    State.REPLIED: RESOLVED,
    State.CALLED_BACK: RESOLVED,
    State.CLOSED: CLOSED,
    State.MERGED: HELD,
}

_GOAL = {
    ACKNOWLEDGED: State.ENTERED,
    IN_PROGRESS: State.IN_PROGRESS,
    RESOLVED: State.RESOLVED,
    CLOSED: State.CLOSED,
}
_BY_HAND = frozenset({State.ESCALATED, State.MERGED})
"""Steps that no status asks for by itself."""


def status_of(state: str, *, waiting: bool = False) -> str:
    """Return the TMF621 status of a state."""
    found = STATUS_OF[State(state)]
    return PENDING if waiting and found not in (CLOSED, HELD) else found


def states_of(status: str) -> list[str]:
    """Return the states that have a status; none for one that no state has."""
    return [str(state) for state, name in STATUS_OF.items() if name == status]


def steps_to(state: State, status: str) -> list[State] | None:
    """Return the shortest way from a state to a status: empty = there already, None = there is none."""
    if STATUS_OF[state] == status:
        return []
    goal = _GOAL.get(status)
    if goal is None:
        return None
    ways: deque[tuple[State, list[State]]] = deque([(state, [])])
    seen = {state}
    while ways:
        at, way = ways.popleft()
        if at is goal:
            return way
        for following in sorted(next_states(at) - _BY_HAND - seen):
            seen.add(following)
            ways.append((following, [*way, following]))
    return None
