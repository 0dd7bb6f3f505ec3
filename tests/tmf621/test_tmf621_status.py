"""Which steps of the loop a wanted TMF621 status takes, from every state to every status."""

from __future__ import annotations

import itertools

import pytest

from callcause.loop.life import State, next_states
from callcause.tmf621.status import (
    CANCELLED,
    CLOSED,
    HELD,
    PENDING,
    REJECTED,
    STATUS_OF,
    STATUSES,
    states_of,
    status_of,
    steps_to,
)

BY_HAND = {State.ESCALATED, State.MERGED}


def test_every_state_has_one_status_and_is_found_under_it() -> None:
    assert set(STATUS_OF) == set(State)
    assert sorted(s for status in STATUSES for s in states_of(status)) == sorted(str(s) for s in State)


@pytest.mark.parametrize("state", list(State))
def test_who_waits_for_the_customer_is_pending_until_the_end(state: State) -> None:
    shown = status_of(str(state), waiting=True)
    assert shown == (status_of(str(state)) if status_of(str(state)) in (CLOSED, HELD) else PENDING)


@pytest.mark.parametrize(("state", "status"), list(itertools.product(State, STATUSES)))
def test_the_way_to_a_status_takes_steps_that_the_loop_allows_and_ends_there(
    state: State, status: str
) -> None:
    way = steps_to(state, status)
    if way is None:
        assert status in (PENDING, CANCELLED, REJECTED, HELD) or not _reachable(state, status)
        return
    assert (way == []) == (STATUS_OF[state] == status)
    for before, after in itertools.pairwise([state, *way]):
        assert after in next_states(before)
    assert STATUS_OF[way[-1] if way else state] == status
    assert not BY_HAND & set(way)


def _reachable(state: State, status: str) -> bool:
    seen, rest = {state}, [state]
    while rest:
        new = set(next_states(rest.pop())) - seen - BY_HAND
        seen |= new
        rest += new
    return any(STATUS_OF[found] == status for found in seen - {state})
