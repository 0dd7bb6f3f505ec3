"""Which call, leg and registration are the customer's own."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from evidence_scene import CELL, NEXT, NOON, Scene, a_call, a_slice, an_attempt, minutes, table

from diagnosis.tickets import ticket_rows


def test_the_nearest_call_of_the_number_is_the_own_call(scene: Scene) -> None:
    look = scene(call=[a_call(id="far", started_at=minutes(-20)), a_call(id="near", started_at=minutes(3))])
    assert look["call.id"] == "near"


def test_a_call_of_another_number_is_not_taken(scene: Scene) -> None:
    look = scene(call=[a_call(calling_number="m-other", called_number="m-third")])
    assert look["call.id"] is None
    assert look["has.call"] is False


def test_a_call_outside_the_window_is_not_taken(scene: Scene) -> None:
    look = scene(call=[a_call(started_at=minutes(-45), t_end=minutes(-40))])
    assert look["call.id"] is None
    assert look["nearest_record_min"] == pytest.approx(40)


def test_the_distance_inside_a_call_is_zero(scene: Scene) -> None:
    look = scene(call=[a_call(started_at=minutes(-10), t_end=minutes(10))])
    assert look["nearest_record_min"] == 0


def test_a_registration_counts_as_a_record(scene: Scene) -> None:
    look = scene(registration=[an_attempt(started_at=minutes(-7), ended_at=minutes(-6))])
    assert look["nearest_record_min"] == pytest.approx(6)


def test_no_record_at_all_is_infinitely_far(scene: Scene) -> None:
    assert scene()["nearest_record_min"] == float("inf")


def test_without_a_number_no_distance_is_known(scene: Scene) -> None:
    look = scene({"msisdn": None})
    assert look["nearest_record_min"] is None
    assert look.reason("nearest_record_min") == "field_empty"


@pytest.mark.parametrize(
    ("category", "fits"),
    [
        ("access", {"final_status": 503}),
        (
            "drop",
            {
                "final_status": 200,
                "t_200": minutes(5),
                "t_end": minutes(9),
                "reasons": '[{"protocol":"S1AP-RNL","cause":21,"text":""}]',
            },
        ),
        ("csfb", {"csfb_flag": True}),
    ],
)
def test_a_call_that_ended_as_complained_about_goes_before_a_nearer_one(
    scene: Scene, category: str, fits: dict[str, object]
) -> None:
    good = a_call(
        id="good", t_200=NOON, final_status=200, t_end=minutes(4), releasing_side="calling", icid="x"
    )
    look = scene({"category": category}, call=[good, a_call(id="fits", started_at=minutes(5), **fits)])
    assert look["call.id"] == "fits"


def test_a_call_with_voice_slices_goes_first_for_a_voice_complaint(scene: Scene) -> None:
    answered = {"t_200": minutes(0), "final_status": 200}
    calls = [a_call(id="mute", icid="a", **answered), a_call(id="CL-1", started_at=minutes(6), **answered)]
    voice = [
        {
            "call_id": "CL-1",
            "leg": "mo",
            "direction": "uplink",
            "start": minutes(6),
            "length": 5.0,
            "loss": 1.0,
        }
    ]
    assert scene({"category": "mos"}, call=calls, voice_slice=voice)["call.id"] == "CL-1"


def test_a_failure_of_the_network_goes_before_a_nearer_busy_line(scene: Scene) -> None:
    busy = a_call(id="busy", final_status=486, icid="a")
    failed = a_call(id="failed", final_status=504, started_at=minutes(-4), icid="b")
    assert scene({"category": "access"}, call=[busy, failed])["call.id"] == "failed"


def test_a_failure_outside_the_uncertainty_of_the_complaint_gives_way_to_the_nearer_call(
    scene: Scene,
) -> None:
    busy = a_call(id="busy", final_status=486, icid="a")
    failed = a_call(id="failed", final_status=504, started_at=minutes(-20), icid="b")
    assert scene({"category": "access"}, call=[busy, failed])["call.id"] == "busy"


def a_talk(name: str, at: float, **fields: object) -> dict[str, object]:
    """An answered call of four minutes that a user ended."""
    times = {"started_at": minutes(at), "t_200": minutes(at), "t_end": minutes(at + 4)}
    return a_call(
        **{"id": name, "icid": name, "final_status": 200, "releasing_side": "calling", **times, **fields}
    )


def test_a_release_by_the_network_is_a_cut_without_any_reason_header(scene: Scene) -> None:
    calls = [a_talk("normal", 0), a_talk("cut", 8, releasing_side="network", releasing_node="msc")]
    assert scene({"category": "drop"}, call=calls)["call.id"] == "cut"


@pytest.mark.parametrize("at", [-50, 40])
def test_a_cut_far_from_the_told_time_goes_before_a_nearer_call_that_ended_well(
    scene: Scene, at: float
) -> None:
    told = {"category": "drop", "received_at": minutes(120)}
    calls = [a_talk("normal", 0), a_talk("cut", at, releasing_side="network")]
    assert scene(told, call=calls)["call.id"] == "cut"


def test_a_cut_more_than_an_hour_away_is_not_what_is_told_of(scene: Scene) -> None:
    calls = [a_talk("normal", 0), a_talk("cut", -75, releasing_side="network")]
    assert scene({"category": "drop"}, call=calls)["call.id"] == "normal"


def test_a_cut_near_the_told_time_goes_before_one_far_from_it(scene: Scene) -> None:
    calls = [a_talk(name, at, releasing_side="network") for name, at in (("far", -50), ("near", 12))]
    assert scene({"category": "drop"}, call=calls)["call.id"] == "near"


def test_where_no_record_lies_in_the_window_a_far_cut_is_not_taken_for_one(scene: Scene) -> None:
    look = scene({"category": "drop"}, call=[a_talk("cut", -50, releasing_side="network")])
    assert look["call.id"] is None
    assert look["nearest_record_min"] == pytest.approx(46)


def test_a_call_that_began_after_the_complaint_came_in_is_not_what_it_tells_of(scene: Scene) -> None:
    told = {"category": "drop", "received_at": minutes(6)}
    calls = [a_talk("before", -14), a_talk("after", 15, releasing_side="network")]
    assert scene(told, call=calls)["call.id"] == "after", (
        "a call that fits, though late, before one that does not"
    )
    told = {"category": "access", "received_at": minutes(6)}
    calls = [
        a_call(id=name, icid=name, final_status=503, started_at=minutes(at))
        for name, at in (("before", -14), ("after", 12))
    ]
    assert scene(told, call=calls)["call.id"] == "before"


@pytest.mark.parametrize("bad", [{"mos": 2.1, "loss": 0.0}, {"mos": None, "loss": 8.0}])
def test_a_call_with_bad_voice_goes_before_a_nearer_good_one(
    scene: Scene, bad: dict[str, float | None]
) -> None:
    answered = {"t_200": minutes(0), "final_status": 200}
    calls = [
        a_call(id="good", icid="a", **answered),
        a_call(id="poor", icid="b", started_at=minutes(6), **answered),
    ]
    voice = [
        a_slice(call_id="good", mos=4.1, loss=0.1),
        a_slice(call_id="poor", start=minutes(6), **bad),
    ]
    assert scene({"category": "mos"}, call=calls, voice_slice=voice)["call.id"] == "poor"


def test_a_slow_fallback_goes_before_a_nearer_normal_one(scene: Scene) -> None:
    def fallback(name: str, at: float, setup_min: float) -> dict[str, object]:
        times = {"started_at": minutes(at), "t_esr": minutes(at), "t_alerting": minutes(at + setup_min)}
        answered = {"t_200": minutes(at + setup_min), "final_status": 200}
        return a_call(id=name, icid=name, csfb_flag=True, **times, **answered)

    calls = [fallback("normal", 0, 0.1), fallback("slow", 4, 0.3)]
    assert scene({"category": "csfb"}, call=calls)["call.id"] == "slow"


def test_the_call_is_chosen_by_what_text_and_ticket_say_together() -> None:
    rows = table("ticket", [{"id": "T-1", "received_at": NOON, "category": "access"}])
    for guess, expected in (("drop", "drop"), ("other", "access"), (None, "access")):
        guessed = rows.with_columns(category_guess=pl.lit(guess, pl.String))
        assert ticket_rows(guessed)["category"].to_list() == [expected]


def test_the_named_other_party_goes_before_a_nearer_call(scene: Scene) -> None:
    calls = [a_call(id="near"), a_call(id="named", icid="b", started_at=minutes(9), called_number="m-named")]
    look = scene({"category": "access", "other_party_number": "m-named"}, call=calls)
    assert look["call.id"] == "named"


def test_the_mt_leg_is_the_own_leg_of_a_called_customer(scene: Scene) -> None:
    mo = a_call(id="mo", calling_number="m-friend", called_number="m-customer", first_ecgi=NEXT)
    mt = a_call(
        id="mt", leg="mt", calling_number="m-friend", called_number="m-customer", started_at=minutes(0.01)
    )
    look = scene({"direction": "MT"}, call=[mo, mt])
    assert (look["call.id"], look["called.id"], look["calling.id"]) == ("mt", "mt", "mo")
    assert look["cell.ecgi"] == CELL


def test_the_other_leg_is_found_by_its_id_when_there_is_no_icid(scene: Scene) -> None:
    mo = a_call(id="mo", icid=None, other_leg_id="mt")
    mt = a_call(id="mt", icid=None, leg="mt", calling_number=None, called_number=None)
    look = scene(call=[mo, mt])
    assert (look["call.id"], look["called.id"]) == ("mo", "mt")


def test_with_only_the_other_partys_leg_its_radio_is_not_the_customers(scene: Scene) -> None:
    mo = a_call(calling_number="m-friend", called_number="m-customer", rsrp_last=-120.0, final_status=480)
    look = scene({"direction": "MT"}, call=[mo])
    assert look["call.final_status"] == 480
    assert look["call.rsrp_last"] is None
    assert look["cell.ecgi"] is None
    assert look["has.called"] is False


def test_a_call_is_found_by_the_imsi_of_the_subscriber(scene: Scene) -> None:
    call = a_call(calling_number=None, imsi="i-customer")
    look = scene(call=[call], subscriber=[{"msisdn": "m-customer", "imsi": "i-customer"}])
    assert look["call.id"] == "CL-1"


def test_a_registration_is_found_by_the_number_that_its_impu_held(scene: Scene) -> None:
    assert scene(registration=[an_attempt()])["registration.id"] == "RG-1"


def test_a_failed_attempt_goes_first_for_a_registration_complaint(scene: Scene) -> None:
    good = an_attempt(id="good", final_status=200)
    bad = an_attempt(id="bad", final_status=403, started_at=minutes(-12))
    assert scene({"category": "registration"}, registration=[good, bad])["registration.id"] == "bad"


def test_attach_state_comes_from_the_latest_attach_of_the_day(scene: Scene) -> None:
    attach = an_attempt(id="attach", started_at=NOON - timedelta(hours=6), attach_type="eps", ims_vops=False)
    look = scene(
        registration=[attach, an_attempt(id="again", registration_type="reregistration", final_status=200)]
    )
    assert look["registration.id"] == "again"
    assert look["registration.ims_vops"] is False


def test_attach_state_older_than_a_day_is_not_used(scene: Scene) -> None:
    attach = an_attempt(started_at=NOON - timedelta(hours=30), attach_type="eps", ims_vops=False)
    assert scene(registration=[attach])["registration.ims_vops"] is None


def test_an_old_attach_reject_is_not_the_result_of_now(scene: Scene) -> None:
    old = an_attempt(
        started_at=NOON - timedelta(hours=6), attach_type="eps", attach_result="reject", emm_cause=15
    )
    look = scene(registration=[old])
    assert look["registration.attach_result"] is None
    assert look["registration.emm_cause"] is None


def test_the_device_model_comes_from_the_call_before_the_ticket(scene: Scene) -> None:
    models = [{"imei_tac": "1", "model": "told"}, {"imei_tac": "2", "model": "seen"}]
    look = scene({"imei_tac": "1"}, call=[a_call(imei_tac="2")], device_model=models)
    assert look["device_model.model"] == "seen"


def test_tickets_come_in_the_order_of_their_ids_whatever_the_file_order() -> None:
    rows = [{"id": name, "received_at": NOON} for name in ("T-3", "T-1", "T-2")]
    assert ticket_rows(table("ticket", rows))["ticket.id"].to_list() == ["T-1", "T-2", "T-3"]


def test_the_evidence_does_not_depend_on_the_order_of_the_records(scene: Scene) -> None:
    calls = [a_call(id=f"c{i}", icid=f"x{i}", started_at=minutes(i % 3)) for i in range(9)]
    one, other = scene(call=calls), scene(call=calls[::-1])
    assert one.evidence.frame.equals(other.evidence.frame)


def test_two_tickets_of_one_number_each_find_their_own_call(scene: Scene) -> None:
    late = minutes(300)
    tickets = [{"id": "T-1"}, {"id": "T-2", "occurred_at": late}]
    look = scene(tickets, call=[a_call(id="first"), a_call(id="second", icid="y", started_at=late)])
    assert look.evidence.frame["call.id"].to_list() == ["first", "second"]


def test_the_chosen_records_are_listed_for_the_report(scene: Scene) -> None:
    mt = a_call(id="CL-2", leg="mt", started_at=minutes(0.01))
    look = scene(call=[a_call(), mt], registration=[an_attempt()])
    assert look.evidence.related["call"].rows() == [(0, "CL-1"), (0, "CL-2")]
    assert look.evidence.related["registration"].rows() == [(0, "RG-1")]


def test_an_answer_unknown_is_no_answer(scene: Scene) -> None:
    look = scene({"answer_icon_present": "unknown"})
    assert look["ticket.answer_icon_present"] is None
    assert look.reason("ticket.answer_icon_present") == "value_unknown"


def test_an_empty_source_gives_a_row_per_ticket_with_nothing_known(scene: Scene) -> None:
    look = scene()
    assert look.evidence.frame.height == 1
    assert (
        look.evidence.frame.select(pl.col("^has\\.(call|registration|cell|subscriber)$")).row(0)
        == (False,) * 4
    )
