"""Ladders of captured messages, drawn in place of the stages that a record tells of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from dashboards.report.ladder import hop_steps, ladder_svg
from dashboards.report.story import Story

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def hop(sequence: int, source: str, target: str, **more: Any) -> dict[str, Any]:
    given = {"is_request": True, "answered": True, "message": "INVITE", "protocol": "SIP", **more}
    return {
        "record_id": "CL-1", "sequence": sequence, "at": AT + timedelta(milliseconds=sequence),
        "from_type": source, "to_type": target, "from_node": None, "to_node": None, "status": None, **given,
    }  # fmt: skip


def answer(
    sequence: int, source: str, target: str, status: int, text: str = "", **more: Any
) -> dict[str, Any]:
    return hop(sequence, source, target, is_request=False, answered=None, status=status, text=text, **more)


def test_each_message_is_an_arrow_between_the_lanes_of_its_nodes() -> None:
    steps = hop_steps([hop(0, "ue", "pcscf"), hop(1, "pcscf", "icscf"), hop(2, "icscf", "scscf")])
    assert [(step.source, step.target) for step in steps] == [
        ("ue", "pcscf"),
        ("pcscf", "icscf"),
        ("icscf", "scscf"),
    ]
    assert not any(step.bad for step in steps)


def test_the_called_phone_stands_at_the_far_end() -> None:
    steps = hop_steps([hop(0, "ue", "pcscf", from_node="calling"), hop(1, "pcscf", "ue", to_node="called")])
    assert [(step.source, step.target) for step in steps] == [("ue", "pcscf"), ("pcscf", "far")]


def test_errors_and_requests_without_an_answer_are_bad_and_challenges_are_not() -> None:
    steps = hop_steps(
        [
            hop(0, "pcscf", "scscf", answered=False),
            answer(1, "scscf", "pcscf", 503, "Service Unavailable"),
            answer(2, "scscf", "pcscf", 401, "Unauthorized"),
            answer(3, "scscf", "pcscf", 200, "OK"),
            hop(4, "ue", "pcscf", message="ACK", answered=None),
        ]
    )
    assert [step.bad for step in steps] == [True, True, False, False, False]
    assert [step.text for step in steps] == [
        "INVITE (no answer)",
        "503 Service Unavailable (INVITE)",
        "401 Unauthorized (INVITE)",
        "200 OK (INVITE)",
        "ACK",
    ]


def test_results_of_diameter_are_read_with_their_vendor() -> None:
    steps = hop_steps(
        [
            answer(0, "hss", "scscf", 2001, protocol="DIAMETER", message="MAR"),
            answer(1, "hss", "icscf", 5001, protocol="DIAMETER", message="UAR", vendor=10415),
        ]
    )
    assert [(step.text, step.bad) for step in steps] == [("2001 (MAR)", False), ("10415/5001 (UAR)", True)]


def test_rungs_are_drawn_in_time_order_and_their_text_is_escaped() -> None:
    rows = [answer(1, "scscf", "pcscf", 500, "<script>"), hop(0, "pcscf", "scscf")]
    svg = ladder_svg(hop_steps(rows), "call")
    assert svg.index("INVITE<") < svg.index("500")
    assert "<script>" not in svg


def test_a_leg_without_rungs_of_its_own_shows_those_of_the_other_leg() -> None:
    rows = [hop(0, "ue", "pcscf")]
    story = Story(result={"ticket_id": "T"}, ticket={}, hops={"CL-1": rows})
    assert story.hops_of({"id": "CL-1", "other_leg_id": "CL-2"}) == rows
    assert story.hops_of({"id": "CL-2", "other_leg_id": "CL-1"}) == rows
    assert not story.hops_of({"id": "RG-1"})
