"""Which flow a ticket goes through, and that each has its template in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from callcause.loop.flow import flow_of, flows
from callcause.state.ticket import Ticket

RULES = {"basic", "over_level", "major_escalated", "product_and_system", "fast", "assistance"} | {
    f"provincial_{name}" for name in ("over_level", "major")
}
"""The flows that the management rules name (complaint handling, row 10)."""


def ticket(**told: Any) -> Ticket:
    usual = {"severity": "normal", "level": 0, "category": "drop", "handoffs": 0, "verdict": "cause"}
    return Ticket(id="T", **{**usual, **told})


def test_every_flow_of_the_rules_has_a_template_with_steps_in_both_languages() -> None:
    assert set(flows()) == RULES
    for flow in flows().values():
        assert len(flow["steps"]) >= 3
        for text in (flow["name"], *flow["steps"]):
            assert text["en"]
            assert text["zh"]


@pytest.mark.parametrize(
    ("told", "flow"),
    [
        ({}, "basic"),
        ({"verdict": "no_fault"}, "fast"),
        ({"handoffs": 1, "verdict": "no_fault"}, "assistance"),
        ({"category": "other"}, "product_and_system"),
        ({"level": 1, "category": "other"}, "over_level"),
        ({"level": 2}, "provincial_over_level"),
        ({"severity": "major"}, "major_escalated"),
        ({"severity": "major", "level": 1}, "provincial_major"),
        ({"category": None, "verdict": None}, "basic"),
    ],
)
def test_who_asks_comes_before_what_it_is_about(told: dict[str, Any], flow: str) -> None:
    found = flow_of(ticket(**told))
    assert found["id"] == flow
    assert found["name"] == flows()[flow]["name"]
