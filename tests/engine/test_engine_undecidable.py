"""A record that is not there could overturn what is left: then nobody can tell."""

from __future__ import annotations

from engine_evidence import diagnosed, first

UNREGISTERED = {
    "ticket.category": "csfb",
    "ticket.description": "电话一打就掉到2G",
    "call.csfb_flag": True,
    "call.registered": False,
    "ticket.answer_icon_present": "no",
}
# What would decide another reason for being in CS was read, and is in order.
READ = {
    "device_model.volte_supported": True,
    "registration.ue_voice_domain": "ims_ps_preferred",
    "registration.ims_vops": True,
}
FAILED = "fallback to 2G and then the call fails"


def test_not_registered_without_a_registration_record_asks_for_that_record() -> None:
    result = diagnosed({**UNREGISTERED, "has.registration": False}).results()[0]
    assert result["verdict"] == "cannot_tell"
    assert result["causes"][0]["id"] == "csfb-not-registered"
    assert "registration" in [need["need"] for need in result["missing"]]


def test_not_registered_with_a_registration_record_stands() -> None:
    assert first({**UNREGISTERED, **READ})[0] == ("cause", "csfb-not-registered")


def test_not_registered_stays_open_while_the_voice_domain_of_the_phone_is_not_read() -> None:
    row = {**UNREGISTERED, "device_model.volte_supported": True, "has.registration": True}
    result = diagnosed(row).results()[0]
    assert result["verdict"] == "cannot_tell"
    assert "registration.ue_voice_domain" in [need["need"] for need in result["missing"]]


def test_not_registered_stays_open_while_nobody_knows_what_the_phone_can_do() -> None:
    row = {**UNREGISTERED, "registration.ue_voice_domain": "ims_ps_preferred"}
    assert first(row)[0][0] == "cannot_tell"


def test_an_earlier_registration_that_is_still_valid_counts_as_a_record() -> None:
    row = {**UNREGISTERED, **READ, "has.registration": False, "has.registration_recent": True}
    assert first(row)[0][0] == "cause"


def test_why_a_phone_falls_back_explains_no_failed_fallback_of_which_the_call_is_missing() -> None:
    row = {
        "ticket.category": "csfb",
        "ticket.description": FAILED,
        "device_model.volte_supported": False,
    }
    verdicts = [verdict for verdict, _ in first({**row, "has.call": False}, {**row, "has.call": True})]
    assert verdicts == ["cannot_tell", "no_fault"]


def test_a_late_return_explains_no_call_that_never_alerted() -> None:
    row = {
        "ticket.category": "csfb",
        "ticket.description": FAILED,
        "call.csfb_flag": True,
        "return_to_lte_delay": 7.0,
        "csfb_setup_delay": float("inf"),
        "call.registered": True,
    }
    assert first({**row, "has.registration": False})[0][0] == "cannot_tell"
    assert first({**row, "csfb_setup_delay": 6.0, "has.registration": False})[0] == (
        "cause",
        "csfb-no-fast-return",
    )


def test_the_stage_leads_where_the_wording_asks_about_it() -> None:
    row = {
        "ticket.category": "csfb",
        "call.csfb_flag": True,
        "device_model.volte_supported": False,
        "sdcch_block_ratio": 9.0,
        "tch_block_ratio": 9.0,
    }
    asked = {**row, "ticket.description": "it falls to 2G and the call does not get through"}
    assert first(asked)[0][1] == "csfb-2g-cell-fault"
