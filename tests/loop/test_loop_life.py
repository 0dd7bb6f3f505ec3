"""A ticket's life: states, what each step needs, ownership, returns."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcause.loop.life import (
    OPEN,
    STATE_ZH,
    LoopError,
    Standing,
    State,
    check_step,
    is_return,
    next_states,
    parse_state,
    takes_ownership,
)

PATH = [
    "received",
    "entered",
    "diagnosed",
    "dispatched",
    "accepted",
    "in_progress",
    "resolved",
    "replied",
    "called_back",
    "closed",
]


def standing(state: str, **more: object) -> Standing:
    return Standing(State(state), **{"replied": True, "satisfaction": 4, **more})


@pytest.mark.parametrize(("now", "to"), list(itertools.pairwise(PATH)))
def test_the_straight_path_is_allowed_step_by_step(now: str, to: str) -> None:
    check_step(standing(now), State(to), department="RAN")


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_state_can_be_escalated_and_merged_with_a_reason_or_a_parent(state: State) -> None:
    if state is not State.ESCALATED:
        check_step(standing(state), State.ESCALATED, why="joint complaint")
    check_step(standing(state, parent="INC-1"), State.MERGED)
    with pytest.raises(LoopError, match="parent"):
        check_step(standing(state), State.MERGED)


@pytest.mark.parametrize(
    ("now", "to"),
    [
        ("received", "closed"),
        ("entered", "dispatched"),
        ("closed", "entered"),
        ("merged", "reopened"),
        ("resolved", "closed"),
    ],
)
def test_a_step_that_skips_the_order_is_refused_and_says_what_is_allowed(now: str, to: str) -> None:
    with pytest.raises(LoopError, match="it may become") as caught:
        check_step(standing(now), State(to), why="x", department="RAN")
    assert caught.value.code == "illegal_transition"


def test_a_ticket_closes_only_after_a_reply() -> None:
    with pytest.raises(LoopError) as caught:
        check_step(standing("called_back", replied=False), State.CLOSED)
    assert caught.value.code == "reply_missing"


@pytest.mark.parametrize(
    ("satisfaction", "no_contact", "closes"),
    [(None, None, False), (None, "  ", False), (2, None, True), (None, "called three times", True)],
)
def test_a_ticket_closes_with_satisfaction_or_a_documented_no_contact(
    satisfaction: int | None, no_contact: str | None, closes: bool
) -> None:
    asked = standing("called_back", satisfaction=satisfaction, no_contact=no_contact)
    if closes:
        check_step(asked, State.CLOSED)
    else:
        with pytest.raises(LoopError):
            check_step(asked, State.CLOSED)


def test_a_merged_ticket_closes_with_its_parent_and_needs_no_reply_of_its_own() -> None:
    with pytest.raises(LoopError) as caught:
        check_step(standing("merged", parent="I", replied=False, satisfaction=None), State.CLOSED)
    assert caught.value.code == "parent_open"
    check_step(
        standing("merged", parent="I", parent_closed=True, replied=False, satisfaction=None), State.CLOSED
    )


@pytest.mark.parametrize("state", ["dispatched", "accepted", "in_progress", "escalated"])
def test_a_returned_ticket_goes_back_to_entered_with_a_reason_and_counts_as_wrong_dispatch(
    state: str,
) -> None:
    check_step(standing(state), State.ENTERED, why="not ours: the alarm is in the EPC")
    assert is_return(State(state), State.ENTERED)
    with pytest.raises(LoopError, match="needs a reason"):
        check_step(standing(state), State.ENTERED)


def test_entering_a_new_ticket_is_no_return() -> None:
    assert not is_return(State.RECEIVED, State.ENTERED)


@pytest.mark.parametrize("state", ["replied", "called_back", "closed"])
def test_a_dissatisfied_customer_reopens_and_the_ticket_is_dispatched_again(state: str) -> None:
    check_step(standing(state), State.REOPENED, why="still no HD icon")
    check_step(standing("reopened"), State.DISPATCHED, department="IMS")


def test_a_dispatch_names_its_department() -> None:
    with pytest.raises(LoopError, match="department"):
        check_step(standing("diagnosed"), State.DISPATCHED)


def test_only_accepting_takes_responsibility_over() -> None:
    assert [state for state in State if takes_ownership(state)] == [State.ACCEPTED]


def test_every_state_has_a_chinese_name_and_a_way_out_but_for_none() -> None:
    assert set(STATE_ZH) == set(State)
    assert all(next_states(state) for state in State)


def test_an_unknown_state_is_refused_with_a_suggestion() -> None:
    with pytest.raises(LoopError, match="did you mean 'resolved'"):
        parse_state("resolvd")


@given(st.lists(st.sampled_from(list(State)), max_size=30))
def test_whatever_is_asked_a_ticket_only_moves_along_allowed_steps(asked: list[State]) -> None:
    state = State.RECEIVED
    for to in asked:
        try:
            check_step(standing(state, parent="I", parent_closed=True), to, why="x", department="RAN")
        except LoopError:
            continue
        assert to in next_states(state)
        state = to
