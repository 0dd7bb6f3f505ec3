"""A record becomes a message ladder: what it holds, in time order, and nothing that it does not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dashboards.report.ladder import call_steps, ladder_svg, registration_steps

T0 = datetime(2024, 3, 11, 1, 15, 2, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def texts(steps: list) -> list[str]:
    return [step.text for step in steps]


def test_the_steps_of_a_call_stand_in_time_order() -> None:
    call = {"id": "CL-1", "started_at": at(0), "t_180": at(2.3), "t_100": at(0.1), "t_183": at(1.5)}
    assert texts(call_steps(call)) == ["INVITE", "100 Trying", "183 Session Progress", "180 Ringing"]


def test_an_event_that_did_not_happen_has_no_step() -> None:
    assert "100 Trying" not in texts(call_steps({"started_at": at(0), "t_100": None}))


def test_the_first_error_is_marked_as_bad_and_names_its_code() -> None:
    call = {
        "started_at": at(0),
        "first_error_message": "UE CONTEXT RELEASE REQUEST",
        "first_error_protocol": "S1AP-RNL",
        "first_error_code": 21,
        "first_error_at": at(9),
        "releasing_node": "enb",
    }
    bad = [step for step in call_steps(call) if step.bad]
    assert texts(bad) == ["UE CONTEXT RELEASE REQUEST S1AP-RNL 21"]
    assert bad[0].source == "enb"


def test_a_normal_end_of_an_answered_call_is_a_bye_and_not_bad() -> None:
    steps = call_steps(
        {
            "started_at": at(0),
            "t_200": at(5),
            "t_end": at(60),
            "releasing_side": "calling",
            "final_status": 200,
        }
    )
    assert steps[-1].text == "BYE"
    assert not steps[-1].bad


def test_reasons_of_the_release_are_told() -> None:
    reasons = (
        '[{"protocol": "SIP", "cause": 503, "text": ""}, {"protocol": "S1AP-RNL", "cause": 1, "text": ""}]'
    )
    steps = call_steps(
        {"started_at": at(0), "t_200": at(5), "t_end": at(60), "reasons": reasons, "final_status": 200}
    )
    assert steps[-1].text == "BYE SIP 503, S1AP-RNL 1"
    assert steps[-1].bad


def test_broken_reasons_do_not_break_the_page() -> None:
    steps = call_steps(
        {"started_at": at(0), "t_200": at(5), "t_end": at(60), "reasons": "[{", "final_status": 200}
    )
    assert steps[-1].text == "BYE"


def test_a_failed_call_ends_with_its_final_status() -> None:
    steps = call_steps(
        {"started_at": at(0), "t_end": at(3), "final_status": 504, "releasing_side": "network"}
    )
    assert steps[-1].text == "final 504"
    assert steps[-1].bad


def test_a_registration_shows_the_cx_step_without_answer() -> None:
    record = {
        "started_at": at(0),
        "register_sent_at": at(1),
        "cx_command": "UAR",
        "cx_code": None,
        "final_status": 500,
    }
    steps = registration_steps(record)
    assert "no answer" in texts(steps)
    assert next(step for step in steps if step.text == "no answer").bad


def test_a_registration_that_ended_at_the_attach_has_no_register() -> None:
    steps = registration_steps({"started_at": at(0), "attach_result": "reject", "emm_cause": 11})
    assert texts(steps) == ["Attach request", "Attach reject cause 11"]


def test_only_the_lanes_in_use_are_drawn() -> None:
    svg = ladder_svg(call_steps({"started_at": at(0), "t_100": at(1)}), "call")
    assert "UE" in svg
    assert "MSC" not in svg


def test_no_steps_draw_nothing() -> None:
    assert ladder_svg([], "call") == ""


def test_text_from_the_network_is_escaped() -> None:
    record = {"started_at": at(0), "register_sent_at": at(1), "final_status": 403, "reason_text": "<b>&"}
    assert "<b>" not in ladder_svg(registration_steps(record), "registration")
