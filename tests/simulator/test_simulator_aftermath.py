"""What follows a complaint in a month of the loop: remedy, effect, the customer's word."""

from __future__ import annotations

import numpy as np
import pytest

from callcause.simulator.aftermath import (
    CURED,
    LONGEST_H,
    NOT_CURED,
    NOTHING,
    Aftermath,
    follow,
    set_end,
    stays,
)
from callcause.simulator.faults import ALL, Fault
from callcause.simulator.faults.incident import Incident
from callcause.simulator.period import HOUR_S
from callcause.simulator.removal import CELL_COUNTERS, Inputs

DRAWS = 400
LASTING = next(f for f in ALL if f.cell and f.lasts_h[1] > 12)
HARMLESS = next(f for f in ALL if f.scope == "none")


def incident(fault: Fault, removed: Inputs = ()) -> Incident:
    return Incident(0, fault, "", 1000.0, 0.0, 5000.0, 1.0, 0.5, 0, -1, "mo", 0.0, removed)


def drawn(one: Incident, **more: float) -> list[Aftermath]:
    rng = np.random.default_rng(7)
    return [follow(one, rng, **more) for _ in range(DRAWS)]


def test_a_remedy_comes_hours_after_the_complaint_and_not_after_days() -> None:
    hours = [(after.remedied_s - 1000.0) / HOUR_S for after in drawn(incident(LASTING))]
    assert min(hours) >= 4
    assert max(hours) <= 4 + LONGEST_H


def test_most_remedies_cure_and_the_customer_is_the_happier_for_it() -> None:
    found = drawn(incident(LASTING))
    by_effect = {e: [a for a in found if a.effect == e] for e in (CURED, NOT_CURED, NOTHING)}
    assert not by_effect[NOTHING]
    assert 0.7 < len(by_effect[CURED]) / DRAWS < 0.92
    assert {a.satisfaction for a in by_effect[CURED]} == {None, 3, 4, 5}
    assert {a.satisfaction for a in by_effect[NOT_CURED]} == {None, 1, 2}


def test_only_who_is_angry_complains_again_or_escalates() -> None:
    for after in drawn(incident(LASTING)):
        angry = after.effect == NOT_CURED or after.satisfaction in (1, 2)
        assert angry or (after.again_s is None and after.escalates_to == 0)
        assert after.again_s is None or after.again_s >= after.remedied_s + 8 * HOUR_S


@pytest.mark.parametrize(
    ("fault", "removed", "nothing"),
    [(HARMLESS, (), True), (LASTING, ("call",), True), (LASTING, (CELL_COUNTERS,), False)],
)
def test_where_no_fault_can_be_told_there_is_nothing_to_remedy(
    fault: Fault, removed: Inputs, nothing: bool
) -> None:
    assert all((a.effect == NOTHING) is nothing for a in drawn(incident(fault, removed)))


def test_who_complains_of_a_mass_incident_is_cured_with_it_and_not_before() -> None:
    end_s = 40 * HOUR_S
    found = drawn(incident(LASTING), end_s=end_s)
    assert all(after.effect == CURED and after.remedied_s >= end_s for after in found)


def test_a_fault_of_the_network_ends_with_a_remedy_that_works_and_else_goes_on() -> None:
    after = drawn(incident(LASTING))
    cured = next(a for a in after if a.effect == CURED)
    failed = next(a for a in after if a.effect == NOT_CURED)
    for found, more_h in ((cured, 0), (failed, 30)):
        one = incident(LASTING)
        set_end(one, found)
        assert one.end == found.remedied_s + more_h * HOUR_S


def test_an_outage_and_a_fault_of_the_user_end_by_themselves() -> None:
    for fault in ALL:
        one = incident(fault)
        set_end(one, drawn(one)[0])
        assert (one.end != 5000.0) == stays(one)
    assert {stays(incident(fault)) for fault in ALL} == {True, False}
