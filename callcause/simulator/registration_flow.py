"""Registration: attach, ims PDN, QCI5, REGISTER with its Cx steps, third-party registration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.events import RegistrationEvent as Ev
from callcause.simulator.legs import Columns, blank, choose, draw, numeric, only, put

TIMES = ("started_at", "ended_at", "register_sent_at", "first_reply_at", "next_register_at")
NUMBERS = (
    "tac",
    "emm_cause",
    "esm_cause",
    "challenge_count",
    "final_status",
    "cx_vendor",
    "cx_code",
    "expires",
    "rsrp",
    "first_error_status",
)
FLAGS = ("ims_vops", "auts_present", "second_response_empty")
TEXTS = (
    "id",
    "imsi",
    "impi",
    "impu",
    "imei_tac",
    "ecgi",
    "p_access_network_info",
    "registration_type",
    "attach_type",
    "attach_result",
    "combined_result",
    "ue_voice_domain",
    "ue_usage_setting",
    "apn",
    "pdn_result",
    "pdn_type_requested",
    "pdn_type_assigned",
    "qci5_bearer_result",
    "security_result",
    "pcscf_addresses",
    "reason_text",
    "cx_command",
    "scscf_name",
    "third_party_results",
    "deregistered_by",
    "sbc_name",
    "pcscf_name",
    "icscf_name",
    "as_name",
    "mme_name",
    "pgw_name",
    "pcrf_name",
    "msc_name",
    "first_error_node",
)

STAGES = ("attach", "pdn", "qci5", "register", "challenge", "second", "done")
# Columns that stay empty when the registration ends at or before a stage.
_REACHED_AT: dict[str, tuple[str, ...]] = {
    "attach": ("combined_result", "ims_vops", "security_result"),
    "pdn": ("apn", "pdn_result", "pdn_type_requested", "pdn_type_assigned", "pcscf_addresses"),
    "qci5": ("qci5_bearer_result",),
    "register": ("register_sent_at", "challenge_count"),
    "challenge": ("first_reply_at", "cx_command", "cx_vendor", "cx_code", "icscf_name"),
    "second": ("scscf_name",),
    "done": ("third_party_results", "expires", "as_name"),
}
HSS = "hss"
EVENTS: dict[str, Ev] = {
    # account and terminal: the phone attaches for data, the network shows why voice is not there
    "reg_no_ims_pdn_33": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 33}, error=("hss", None)),
    "reg_never_tries": Ev("pdn", fields={"pdn_result": None, "apn": None, "pdn_type_requested": None}),
    "reg_barred": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 8}, error=("pgw", None)),
    "reg_attach_2": Ev("attach", fields={"attach_result": "reject", "emm_cause": 2}, error=("hss", None)),
    "reg_attach_7": Ev("attach", fields={"attach_result": "reject", "emm_cause": 7}, error=("hss", None)),
    "reg_attach_12": Ev("attach", fields={"attach_result": "reject", "emm_cause": 12}, error=("mme", None)),
    "reg_attach_15": Ev("attach", fields={"attach_result": "reject", "emm_cause": 15}, error=("mme", None)),
    "reg_vops_zero": Ev(
        "pdn", fields={"ims_vops": False, "pdn_result": None, "apn": None, "pdn_type_requested": None}
    ),
    "reg_cell_off": Ev("qci5", fields={"qci5_bearer_result": None}),
    "reg_apn_27": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 27}, error=("mme", None)),
    "reg_apn_26": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 26}, error=("pgw", None)),
    "reg_apn_30": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 30}, error=("pgw", None)),
    "reg_apn_38": Ev("pdn", fields={"pdn_result": "reject", "esm_cause": 38}, error=("pgw", None)),
    "reg_pdn_28": Ev(
        "pdn",
        fields={"pdn_result": "reject", "esm_cause": 28, "pdn_type_requested": "IPv6"},
        error=("pgw", None),
    ),
    "reg_pdn_50": Ev(
        "pdn",
        fields={"pdn_result": "reject", "esm_cause": 50, "pdn_type_requested": "IPv6"},
        error=("pgw", None),
    ),
    "reg_qci5_failed": Ev("qci5", fields={"qci5_bearer_result": "failed"}, error=("enb", None)),
    "reg_qci5_lost": Ev(
        "register", fields={"qci5_bearer_result": "lost"}, error=("enb", None), wait_s=(34, 60)
    ),
    "reg_no_pcscf_list": Ev(
        "qci5", fields={"pcscf_addresses": None, "qci5_bearer_result": "established"}, error=("pgw", None)
    ),
    "reg_silent_sbc": Ev("register", status=(None, None, 408), wait_s=(33, 64), error=("sbc", None)),
    "reg_radio_silent": Ev("register", status=(None,), wait_s=(33, 64), error=("ue", None)),
    "reg_uar_5001": Ev(
        "challenge",
        (403,),
        cx=("UAR", 10415, 5001),
        error=(HSS, None),
        reason=("Forbidden - HSS User Unknown",),
    ),
    "reg_uar_5002": Ev(
        "challenge", (403,), cx=("UAR", 10415, 5002), error=(HSS, None), reason=("Forbidden",)
    ),
    "reg_uar_5004": Ev(
        "challenge",
        (403,),
        cx=("UAR", 10415, 5004),
        error=(HSS, None),
        reason=("Forbidden - HSS Roaming not allowed",),
    ),
    "reg_uar_0_5003": Ev("challenge", (403,), cx=("UAR", 0, 5003), error=(HSS, None), reason=("Forbidden",)),
    "reg_aka_mac": Ev(
        "second",
        (403,),
        cx=("MAR", 0, 2001),
        error=("ue", None),
        reason=("Authentication Failed",),
        fields={"challenge_count": 1, "second_response_empty": True},
    ),
    "reg_aka_sqn": Ev(
        "second",
        (401, 403),
        cx=("MAR", 0, 2001),
        error=("ue", None),
        reason=("Unauthorized",),
        fields={"challenge_count": 3, "auts_present": True},
    ),
    "reg_aka_key": Ev(
        "second",
        (403,),
        cx=("MAR", 0, 2001),
        error=("ue", None),
        reason=("Authentication Failed",),
        fields={"challenge_count": 1},
    ),
    "reg_scscf_busy": Ev(
        "second",
        (504,),
        cx=("UAR", 10415, 2001),
        error=("scscf", 503),
        reason=("No S-CSCF available",),
        fields={"challenge_count": 0},
        wait_s=(0.5, 3),
    ),
    "reg_scscf_dead": Ev(
        "second",
        (504,),
        cx=("UAR", 10415, 2002),
        error=("scscf", None),
        reason=("Server Time-Out",),
        fields={"challenge_count": 0},
        wait_s=(8.8, 9.4),
    ),
    "reg_sar_data": Ev(
        "second",
        (500, 480),
        cx=("SAR", 10415, 5007),
        error=("scscf", 500),
        reason=("Server Internal Error",),
        fields={"challenge_count": 1},
    ),
    "reg_as_failed": Ev("done", (200,), error=("as", 404)),
    "reg_as_down": Ev("done", (200,), error=("as", 503)),
    "reg_lost_expiry": Ev("done", (200,), fields={"deregistered_by": "expiry"}),
    "reg_left": Ev("done", (200,), fields={"deregistered_by": "ue"}),
    "reg_lost_hss": Ev("done", (200,), fields={"deregistered_by": "hss"}),
    "reg_lost_cscf": Ev("done", (200,), fields={"deregistered_by": "cscf"}),
    # one HSS fault, many faces
    "reg_hss_dead": Ev(
        "challenge",
        (500,),
        cx=("UAR", None, None),
        error=(HSS, None),
        reason=("UAR failed",),
        wait_s=(2.6, 3.0),
    ),
    "reg_hss_slow_mar": Ev(
        "second",
        (504,),
        cx=("MAR", None, None),
        error=(HSS, None),
        reason=("No S-CSCF available",),
        wait_s=(4.4, 6.2),
        fields={"challenge_count": 0},
    ),
    "reg_hss_busy_mar": Ev(
        "second",
        (403,),
        cx=("MAR", 0, 3004),
        error=(HSS, None),
        reason=("Private identity not found",),
        fields={"challenge_count": 0},
    ),
    "reg_hss_sar_5012": Ev(
        "second",
        (504,),
        cx=("SAR", 0, 5012),
        error=(HSS, None),
        reason=("No S-CSCF available",),
        fields={"challenge_count": 1},
    ),
    "reg_hss_uar_5012": Ev(
        "challenge",
        (500,),
        cx=("UAR", 0, 5012),
        error=(HSS, None),
        reason=("Forbidden - HSS Unable to comply",),
    ),
    "reg_hss_route": Ev(
        "challenge", (480, 408), cx=("UAR", 0, 3002), error=(HSS, None), reason=("",), wait_s=(0.4, 6.0)
    ),
    "reg_dns": Ev(
        "challenge",
        (500,),
        error=("dns", None),
        reason=("Server Internal Error", ""),
        wait_s=(0.001, 0.005),
        fields={"icscf_name": None},
    ),
    "reg_must_register_first": Ev(
        "challenge",
        (403,),
        error=("pcscf", 403),
        wait_s=(0.01, 0.05),
        reason=("You must register first", "Forbidden - must register first"),
        fields={"icscf_name": None, "registration_type": "reregistration"},
    ),
    # registrations that work, with a remark that matters for CS fallback
    "reg_eps_only": Ev("done", (200,), fields={"combined_result": "eps_only", "emm_cause": 18}),
    "reg_msc_down": Ev("done", (200,), fields={"combined_result": "eps_only", "emm_cause": 16}),
    "reg_sms_only": Ev("done", (200,), fields={"combined_result": "sms_only", "emm_cause": 17}),
    "reg_cs_only": Ev(
        "pdn",
        fields={"ue_voice_domain": "cs_only", "pdn_result": None, "apn": None, "pdn_type_requested": None},
    ),
    "reg_cs_preferred": Ev("done", (200,), fields={"ue_voice_domain": "cs_preferred"}),
    "reg_security": Ev("done", (200,), fields={"security_result": "incomplete"}),
}


GOOD: Mapping[str, Any] = {
    "registration_type": "initial",
    "attach_type": "combined",
    "attach_result": "accept",
    "combined_result": "eps_and_cs",
    "ims_vops": True,
    "ue_voice_domain": "ims_ps_preferred",
    "ue_usage_setting": "voice_centric",
    "apn": "ims",
    "pdn_result": "accept",
    "pdn_type_requested": "IPv4v6",
    "pdn_type_assigned": "IPv6",
    "qci5_bearer_result": "established",
    "security_result": "complete",
    "challenge_count": 1.0,
    "auts_present": False,
    "second_response_empty": False,
    "final_status": 200.0,
    "cx_command": "SAR",
    "cx_vendor": 0.0,
    "cx_code": 2001.0,
    "expires": 3600.0,
    "deregistered_by": "none",
    "register_sent_at": (0.9, 1.9),
}
"""Fields of a registration as it should be; `register_sent_at` is drawn from its span."""


def _good(n: int, rng: np.random.Generator) -> Columns:
    """`n` registrations as they should be; times are seconds after `started_at` = 0."""
    columns = blank(n, TIMES + NUMBERS, FLAGS, TEXTS)
    rows = np.arange(n)
    put(columns, rows, GOOD, rng)
    columns["started_at"] = np.zeros(n)
    columns["first_reply_at"] = columns["register_sent_at"] + rng.gamma(4, 0.02, n)
    columns["ended_at"] = columns["first_reply_at"] + rng.gamma(4, 0.09, n)
    columns["next_register_at"] = columns["ended_at"] + rng.uniform(1700, 3000, n)
    columns["third_party_results"][:] = json.dumps(
        [{"as": "SCC-AS", "status": 200}, {"as": "MMTEL-AS", "status": 200}]
    )
    columns["pcscf_addresses"] = choose(
        ("2001:db8::10;2001:db8::11", "2001:db8::20", "2001:db8::30;2001:db8::31"), n, rng
    )
    again = rng.random(n) < 0.55
    columns["registration_type"][again] = "reregistration"
    columns["challenge_count"][again] = 0.0
    return columns


def _clear_after(columns: Columns, rows: NDArray[np.int64], stage: str) -> None:
    """Stages behind the last one that was reached did not happen: their columns stay empty."""
    for later in STAGES[STAGES.index(stage) + 1 :]:
        for name in _REACHED_AT[later]:
            column = columns[name]
            column[rows] = None if column.dtype == object else -1 if column.dtype == np.int8 else np.nan


def _apply(columns: Columns, rows: NDArray[np.int64], event: Ev, rng: np.random.Generator) -> None:
    n = len(rows)
    _clear_after(columns, rows, event.stage)
    columns["final_status"][rows] = numeric(choose(event.status, n, rng))
    sent = columns["register_sent_at"][rows]
    wait = draw(event.wait_s, n, rng)
    if event.stage in ("challenge", "second"):
        columns["challenge_count"][rows] = 0.0
        columns["first_reply_at"][rows] = sent + wait
        columns["ended_at"][rows] = sent + wait + rng.uniform(0.0, 0.01, n)
    elif event.stage != "done":
        reached = np.where(np.isnan(sent), rng.uniform(0.2, 0.9, n), sent + wait)
        columns["ended_at"][rows] = reached
    if event.stage != "done":
        columns["deregistered_by"][rows] = None
        columns["next_register_at"][rows] = np.nan
    _errors(columns, rows, event, rng)
    put(columns, rows, event.fields, rng)


def _errors(columns: Columns, rows: NDArray[np.int64], event: Ev, rng: np.random.Generator) -> None:
    if event.stage in ("challenge", "second"):
        command, vendor, code = event.cx or (None, None, None)
        put(columns, rows, {"cx_command": command, "cx_vendor": vendor, "cx_code": code}, rng)
    if event.error[0]:
        put(columns, rows, {"first_error_node": event.error[0], "first_error_status": event.error[1]}, rng)
    reason = choose(event.reason, len(rows), rng)
    columns["reason_text"][rows] = only(reason != "", reason)
    if event.stage == "attach":
        put(columns, rows, {"combined_result": "none", "security_result": "complete", "ims_vops": None}, rng)
    if event.stage == "done" and event.error[1] is not None:
        results = [{"as": "SCC-AS", "status": 200}, {"as": "MMTEL-AS", "status": event.error[1]}]
        columns["third_party_results"][rows] = json.dumps(results)
        columns["registration_type"][rows] = "initial"


def _losses(columns: Columns, name: NDArray[Any]) -> None:
    """Renew too late a registration that expired; one that the network ended is not renewed."""
    late = name == "reg_lost_expiry"
    columns["next_register_at"][late] = columns["ended_at"][late] + 3600.0 + 400.0
    gone = (name == "reg_lost_hss") | (name == "reg_lost_cscf") | (name == "reg_left")
    columns["next_register_at"][gone] = np.nan


def run_registrations(
    started_at: NDArray[np.float64], name: NDArray[Any], rng: np.random.Generator
) -> Columns:
    """Run one registration per row; `name` holds the event that befalls it, "" for none."""
    columns = _good(len(started_at), rng)
    for event in sorted({str(v) for v in name if v}):
        _apply(columns, np.flatnonzero(name == event), EVENTS[event], rng)
    _losses(columns, name)
    for time in TIMES:
        columns[time] = columns[time] + started_at
    return columns
