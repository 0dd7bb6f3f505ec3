"""A call from INVITE to release, both legs, and what can go wrong on the way.

`own` is the leg of the user whose end is looked at, `peer` the other one. Times are seconds after the INVITE.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.events import Drop, Error, SetupFailure
from callcause.simulator.legs import FLAGS, NUMBERS, TEXTS, TIMES, Columns, blank, choose, draw, numeric, put

ORDER = ("started_at", "t_100", "t_183", "t_qci1_requested", "t_qci1_established", "t_update_sent",
         "t_update_answered", "t_180", "t_200")  # fmt: skip
S = SetupFailure
RELEASE = "UE CONTEXT RELEASE REQUEST"


def _sip(node: str, code: int | None, interface: str = "Mw") -> Error:
    return Error(interface, "INVITE", "SIP-INVITE", code, node)


SETUP: dict[str, SetupFailure] = {
    # the users themselves
    "busy": S("t_183", (0.6, 1.2), (486, 486, 600), side="called", node="ue", reaches_peer=True,
              reasons=(("Q.850", 17, "User busy"),)),
    "declined": S("t_180", (1.0, 6.0), (603,), side="called", node="ue", reaches_peer=True,
                  own={"session_rejected_by_as": False}),
    "cancelled": S("t_180", (8.0, 25.0), (487,), side="calling", node="ue", reaches_peer=True),
    "no_answer": S("t_180", (45.0, 60.0), (480,), side="called", node="ue", reaches_peer=True,
                   reasons=(("Q.850", 19, "No answer from user"),)),
    "wrong_number": S("t_100", (0.2, 0.6), (404, 484, 604), side="network", node="cscf",
                      own={"number_valid": False}),
    # signalling towards the P-CSCF
    "no_100": S("started_at", (10.0, 12.0), (None, 408), _sip("sbc", None, "Gm"), node="ue"),
    "no_100_radio": S("started_at", (10.0, 12.0), (None, 408), Error("Uu", "INVITE", "", None, "ue"), node="ue"),
    "rrc_failed": S("started_at", (10.0, 14.0), (None, 408), Error("Uu", "RRC CONNECTION REQUEST", "", None, "enb"),
                    node="enb"),
    # admission
    "erab_congestion": S("t_qci1_requested", (0.2, 1.0), (580, 503), Error(
        "S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 25, "enb"), node="enb",
        own={"erab_fail_cause": 25.0, "erab_fail_group": "RNL", "gx_rule_failure_code": 10.0}),
    "erab_limit": S("t_qci1_requested", (0.2, 1.0), (580, 503), Error(
        "S1-MME", "E-RAB SETUP RESPONSE", "S1AP-MISC", 1, "enb"), node="enb",
        own={"erab_fail_cause": 1.0, "erab_fail_group": "MISC"}),
    "erab_unspecified": S("t_qci1_requested", (0.2, 1.0), (580,), Error(
        "S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 0, "enb"), node="enb",
        own={"erab_fail_cause": 0.0, "erab_fail_group": "RNL"}),
    # radio of one end during set-up
    "setup_lost_radio": S("t_update_sent", (5.0, 9.0), (408, 503, 580), Error(
        "S1-MME", RELEASE, "S1AP-RNL", 21, "enb"), node="enb", reaches_peer=True,
        own={"s1ap_group": "RNL", "s1ap_cause": 21.0}),
    "setup_lost_update": S("t_update_sent", (2.5, 5.5), (408, 504), Error("Uu", "UPDATE", "", None, "ue"), node="enb",
                           reaches_peer=True, own={"handover_failures": 1.0, "s1ap_group": "RNL", "s1ap_cause": 21.0}),
    # the QCI1 bearer
    "qci1_rx_5063": S("t_183", (6.2, 9.0), (580, 503), Error("Rx", "AAA", "DIAMETER", 5063, "pcrf"), node="pcrf",
                      own={"rx_vendor": 10415.0, "rx_code": 5063.0}),
    "qci1_rx_5065": S("t_183", (6.2, 9.0), (580, 503), Error("Rx", "AAA", "DIAMETER", 5065, "pcrf"), node="pcrf",
                      own={"rx_vendor": 10415.0, "rx_code": 5065.0}),
    "qci1_pgw": S("t_qci1_requested", (6.2, 9.0), (580,), Error("S5", "CREATE BEARER RESPONSE", "", None, "pgw"),
                  node="pgw", own={"gx_rule_failure_code": 4.0}),
    "qci1_not_supported": S("t_qci1_requested", (6.1, 8.0), (580,), Error(
        "S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 37, "enb"), node="enb",
        own={"erab_fail_cause": 37.0, "erab_fail_group": "RNL"}),
    "codec": S("t_100", (0.8, 2.0), (488, 488, 606, 415), _sip("ue", 488, "Gm"), side="called", node="ue",
               reaches_peer=True, warning=("304 Media type not available", "SDP not acceptable")),
    "paging": S("t_100", (7.0, 11.0), (408, 480), Error("S1-MME", "PAGING", "", None, "ue"), node="mme",
                reaches_peer=True, own={"paging_sent": True, "paging_answered": False}),
    "domain_error": S("t_100", (2.0, 6.0), (480, 404), Error("Sh", "UDA", "SIP-INVITE", 480, "as"), node="as",
                      reaches_peer=True, own={"domain_selected": "cs", "registered": True, "paging_sent": None}),
    "no_roaming_number": S("t_100", (2.0, 6.0), (480, 500), Error("Sh", "UDA", "SIP-INVITE", 480, "as"), node="as",
                           reaches_peer=True, own={"domain_selected": "cs", "roaming_number_obtained": False,
                                                   "paging_sent": None}),
    "update_silent": S("t_update_sent", (6.0, 6.4), (408,), _sip("ue", None, "Gm"), side="network", node="as",
                       reaches_peer=True, reasons=(("RELEASE_CAUSE", 5, "SIP response time-out"),)),
    "as_no_user": S("t_100", (0.1, 0.5), (500,), _sip("as", 500, "ISC"), node="as",
                    warning=("SCC AS: query adb failed", "399 query adb failed")),
    "as_error": S("t_100", (0.3, 2.5), (500, 503), _sip("as", 503, "ISC"), node="as"),
    "cscf_busy": S("t_100", (0.3, 2.0), (500,), _sip("scscf", 503), node="cscf"),
    "cscf_dead": S("t_100", (8.8, 9.4), (504,), _sip("scscf", None), node="cscf",
                   warning=("Server Time-Out",)),
    "hung_session": S("t_100", (0.1, 0.6), (403,), _sip("as", 403, "ISC"), node="as", warning=("User is busy",)),
    "no_right": S("t_100", (0.1, 0.6), (403,), _sip("scscf", 403), node="cscf", warning=("Number analysis failed",)),
    "inactivity": S("t_183", (9.5, 13.5), (487, 503, 580), Error("S1-MME", RELEASE, "S1AP-RNL", 20, "enb"),
                    node="enb", reaches_peer=True,
                    own={"s1ap_group": "RNL", "s1ap_cause": 20.0, "rrc_released_in_setup": True}),
    "trunk": S("t_100", (3.0, 9.0), (502, 504), _sip("mgcf", 502), node="mgcf",
               reasons=(("Q.850", 38, "Network out of order"),)),
    "no_acm": S("t_100", (12.0, 20.0), (484,), _sip("mgcf", 484), node="mgcf", own={"number_valid": True}),
    "phone_defect": S("t_183", (1.0, 4.0), (400, 500, 580), _sip("ue", 400, "Gm"), side="calling", node="ue"),
    "policy": S("t_100", (0.1, 0.5), (603, 403), _sip("as", 603, "ISC"), node="as",
                own={"session_rejected_by_as": True}),
    # one HSS fault, many faces
    "hss_busy": S("t_100", (0.2, 2.0), (500, 504), Error("Cx", "LIA", "DIAMETER", 3004, "hss"), node="cscf"),
    "hss_5012": S("t_100", (0.2, 2.0), (500, 480), Error("Cx", "SAA", "DIAMETER", 5012, "hss"), node="cscf"),
    "hss_silent": S("t_100", (2.6, 6.0), (500, 504, 408), Error("Cx", "LIR", "", None, "hss"), node="cscf"),
    "hss_sh": S("t_100", (0.2, 2.0), (500,), Error("Sh", "UDA", "DIAMETER", 3002, "hss"), node="as"),
    "dns": S("t_100", (0.001, 0.005), (500,), _sip("dns", None), node="cscf"),
    "state_lost": S("started_at", (0.01, 0.06), (403,), _sip("pcscf", 403, "Gm"), node="sbc",
                    warning=("You must register first", "Forbidden - must register first")),
    "caller_unregistered": S("started_at", (0.01, 0.06), (403,), _sip("pcscf", 403, "Gm"), node="sbc",
                             warning=("You must register first", "Forbidden - must register first"),
                             own={"registered": False}),
    "callee_unregistered": S("t_100", (0.1, 0.8), (480,), _sip("scscf", 480), node="cscf", reaches_peer=True,
                             own={"registered": False, "paging_sent": False, "paging_answered": None}),
    "core_outage": S("t_100", (0.2, 9.0), (500, 503, 504, 480), _sip("scscf", None), node="cscf"),
    "site_down": S("started_at", (10.0, 14.0), (None, 408), Error("Uu", "RRC CONNECTION REQUEST", "", None, "enb"),
                   node="enb"),
    "enb_alarm_setup": S("t_update_sent", (1.0, 4.0), (503, 580), Error("S1-MME", RELEASE, "S1AP-MISC", 2, "enb"),
                         node="enb", own={"s1ap_group": "MISC", "s1ap_cause": 2.0}),
}

R21 = Error("S1-MME", RELEASE, "S1AP-RNL", 21, "enb")
X21 = (("S1AP-RNL", 21, ""),)
DROPS: dict[str, Drop] = {
    "normal_early": Drop(side="called", node="ue", last_error=None, reasons=(("Q.850", 16, "Normal call clearing"),)),
    "to_cs": Drop(Error(), node="pcrf", last_error=None, own={
        "rx_abort_cause": 3.0, "esrvcc_flag": True, "srvcc_type": "eSRVCC", "gx_rule_failure_code": 13.0,
        "s1ap_group": "RNL", "s1ap_cause": 24.0}),
    "enb_reset": Drop(Error("S1-MME", "RESET", "S1AP-MISC", 2, "enb"), group="MISC", cause=2),
    "cell_down": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 10, "enb"), group="RNL", cause=10),
    "link_flap": Drop(Error("S1-MME", RELEASE, "S1AP-TL", 0, "enb"), group="TL", cause=0,
                      own={"max_rtp_gap": (2.0, 9.0)}),
    "rlf": Drop(R21, group="RNL", cause=21, reasons=X21, own={"max_rtp_gap": (0.8, 4.0)}),
    "rlf_uplink": Drop(R21, group="RNL", cause=21, reasons=X21, own={"max_rtp_gap": (1.0, 5.0)}),
    "rlf_no_target": Drop(R21, group="RNL", cause=21, reasons=X21, own={"handover_count": 0.0}),
    "x2_expiry": Drop(Error("X2", "HANDOVER REQUEST", "S1AP-RNL", 1, "enb"), group="RNL", cause=1,
                      own={"handover_failures": 1.0}),
    "ho_late": Drop(Error("Uu", "RRC CONNECTION REESTABLISHMENT REQUEST", "S1AP-RNL", 21, "enb"), group="RNL", cause=21,
                    own={"handover_failures": 2.0, "handover_count": 4.0, "shortest_return": (1.0, 4.0)}),
    "ho_s1": Drop(Error("S1-MME", "HANDOVER REQUIRED", "S1AP-RNL", 8, "enb"), group="RNL", cause=8,
                  own={"handover_failures": 1.0, "handover_count": 3.0}),
    "reest_rejected": Drop(Error("Uu", "RRC CONNECTION REESTABLISHMENT REJECT", "S1AP-RNL", 26, "enb"), group="RNL",
                           cause=26, own={"reestablishment_count": 1.0, "max_rtp_gap": (0.8, 3.0)}),
    "srvcc_impossible": Drop(R21, group="RNL", cause=21, own={"srvcc_operation_possible": False}),
    "srvcc_unknown_target": Drop(Error("Sv", "PS TO CS RESPONSE", "SRVCC", 5, "msc"), group="RNL", cause=6, own={
        "esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 5.0}),
    "srvcc_transfer": Drop(Error("Sv", "PS TO CS COMPLETE", "SRVCC", 9, "msc"), node="msc", own={
        "esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 9.0}),
    "srvcc_transfer_busy": Drop(Error("Sv", "PS TO CS COMPLETE", "SRVCC", 10, "msc"), node="msc", own={
        "esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 10.0}),
    "srvcc_no_arrival": Drop(Error("Sv", "PS TO CS CANCEL", "SRVCC", 8, "msc"), group="RNL", cause=21, own={
        "esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 8.0}),
    "srvcc_no_2g": Drop(Error("Sv", "PS TO CS RESPONSE", "SRVCC", 3, "msc"), group="RNL", cause=6, own={
        "esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 3.0}),
    "blind_redirect": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 28, "enb"), group="RNL", cause=28,
                           own={"redirected_with_qci1": True}),
    "mme_release": Drop(Error("S1-MME", "UE CONTEXT RELEASE COMMAND", "S1AP-NAS", 3, "mme"), node="mme", group="NAS",
                        cause=3),
    "pgw_release": Drop(Error("S5", "DELETE BEARER REQUEST", "", None, "pgw"), node="pgw",
                        own={"rx_abort_cause": 0.0}),
    "pcrf_release": Drop(Error("Rx", "ASR", "RX-ABORT-CAUSE", 0, "pcrf"), node="pcrf", own={"rx_abort_cause": 0.0}),
    "ims_dereg": Drop(Error("Mw", "BYE", "REASON-SIP", 500, "scscf"), node="cscf", last_error=("REASON-SIP", 500),
                      reasons=(("SIP", 500, "released the session because of user deregistration"),)),
    "ims_timer": Drop(Error("Gm", "BYE", "REASON-SIP", 503, "sbc"), node="sbc",
                      reasons=(("SIP", 503, "Session timer expired"),), after_s=(85.0, 95.0)),
    "ims_as": Drop(Error("ISC", "BYE", "REASON-SIP", 503, "as"), node="as",
                   reasons=(("SIP", 503, "Service Unavailable"),)),
    "preempted": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 39, "enb"), group="RNL", cause=39,
                      reasons=(("PREEMPTION", 2, "Reserved resources pre-empted"),)),
    "no_resources": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 25, "enb"), group="RNL", cause=25,
                         own={"rx_abort_cause": 2.0}),
    "media_dead": Drop(Error("Gm", "BYE", "REASON-RELEASE_CAUSE", 2, "sbc"), node="sbc",
                       reasons=(("RELEASE_CAUSE", 2, "RTP/RTCP time-out"),), own={"max_rtp_gap": (21.0, 31.0)},
                       after_s=(32.0, 120.0)),
    "clash": Drop(Error("S1-MME", "E-RAB MODIFY RESPONSE", "S1AP-RNL", 29, "enb"), group="RNL", cause=29,
                  own={"handover_count": 1.0}),
    "phone_dead": Drop(R21, side="calling", node="ue", group="RNL", cause=21, own={"terminal_dead": True}),
    "phone_defect_drop": Drop(Error("Uu", "RRC CONNECTION RECONFIGURATION", "S1AP-RNL", 26, "ue"), node="ue",
                              group="RNL", cause=26),
    "inactive_in_call": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 20, "enb"), group="RNL", cause=20,
                             after_s=(9.0, 30.0)),
    "core_outage_drop": Drop(Error("S1-MME", "RESET", "S1AP-MISC", 2, "mme"), node="mme", group="MISC", cause=2),
}


def _answered(n: int, talk_s: NDArray[np.float64], rng: np.random.Generator) -> Columns:
    """Calls as they should be; INVITE at 0."""
    c = blank(n, TIMES + NUMBERS, FLAGS, TEXTS)
    c["started_at"] = np.zeros(n)
    c["t_100"] = rng.gamma(6, 0.02, n) + 0.02
    c["t_183"] = c["t_100"] + rng.gamma(12, 0.09, n) + 0.4
    c["t_qci1_requested"] = c["t_183"] + rng.uniform(0.01, 0.04, n)
    c["t_qci1_established"] = c["t_qci1_requested"] + rng.gamma(6, 0.04, n) + 0.06
    c["t_update_sent"] = c["t_qci1_established"] + rng.uniform(0.05, 0.15, n)
    c["t_update_answered"] = c["t_update_sent"] + rng.gamma(5, 0.04, n)
    c["t_180"] = c["t_update_answered"] + rng.uniform(0.1, 0.5, n)
    c["t_200"] = c["t_180"] + rng.gamma(3, 2.2, n) + 0.8
    c["t_end"] = c["t_200"] + talk_s
    c["t_qci1_released"] = c["t_end"] + rng.uniform(0.02, 0.1, n)
    put(c, np.arange(n), {
        "final_status": 200.0, "releasing_node": "ue", "rx_vendor": 0.0, "rx_code": 2001.0, "registered": True,
        "session_rejected_by_as": False, "paging_sent": None, "domain_selected": "ims", "cs_retry": False,
        "rrc_released_in_setup": False, "handover_failures": 0.0, "reestablishment_count": 0.0, "esrvcc_flag": False,
        "srvcc_type": "none", "srvcc_operation_possible": True, "redirected_with_qci1": False, "terminal_dead": False,
        "max_rtp_gap": (0.05, 0.45), "csfb_flag": False, "lau_before_call": False, "lte_locked": False,
        "number_valid": True, "codec": "AMR-WB",
    }, rng)  # fmt: skip
    c["handover_count"] = rng.poisson(0.5 + talk_s / 120.0).astype(float)
    c["releasing_side"] = choose(("calling", "called"), n, rng)
    return c


def _reasons(reasons: tuple[tuple[str, int, str], ...]) -> str | None:
    if not reasons:
        return None
    return json.dumps([{"protocol": p, "cause": c, "text": t} for p, c, t in reasons])


def _note_error(c: Columns, rows: NDArray[np.int64], error: Error, at: NDArray[np.float64]) -> None:
    if not error.interface:
        return
    c["first_error_interface"][rows] = error.interface
    c["first_error_message"][rows] = error.message or None
    c["first_error_protocol"][rows] = error.protocol or None
    c["first_error_code"][rows] = np.nan if error.code is None else error.code
    c["first_error_node"][rows] = error.node or None
    c["first_error_at"][rows] = at


def _fail_setup(c: Columns, peer: Columns, rows: NDArray[np.int64], event: SetupFailure,
                rng: np.random.Generator) -> None:
    at = c[event.last][rows] + draw(event.wait_s, len(rows), rng)
    status = numeric(choose(event.status, len(rows), rng))
    warning = choose(event.warning or (None,), len(rows), rng)
    for leg in (c, peer):
        for later in ORDER[ORDER.index(event.last) + 1 :]:
            leg[later][rows] = np.nan
        leg["t_end"][rows] = at
        leg["t_qci1_released"][rows] = np.where(np.isnan(leg["t_qci1_established"][rows]), np.nan, at)
        leg["final_status"][rows] = status
        leg["warning_text"][rows] = warning
        leg["reasons"][rows] = _reasons(event.reasons)
        put(leg, rows, {"releasing_side": event.side, "releasing_node": event.node or None, "codec": None,
                        "max_rtp_gap": None, "handover_count": 0.0}, rng)
        if event.last in ("started_at", "t_100"):
            put(leg, rows, {"rx_vendor": None, "rx_code": None}, rng)
        if event.last_error:
            put(leg, rows, {"last_error_protocol": event.last_error[0], "last_error_code": event.last_error[1]}, rng)
    _note_error(c, rows, event.error, at - 0.3 * (at - c[event.last][rows]))
    put(c, rows, event.own, rng)
    put(peer, rows, event.peer, rng)


def _drop(c: Columns, peer: Columns, rows: NDArray[np.int64], event: Drop, rng: np.random.Generator) -> None:
    at = c["t_200"][rows] + draw(event.after_s, len(rows), rng)
    normal = event.last_error is None
    for leg in (c, peer):
        leg["t_end"][rows] = at
        leg["t_qci1_released"][rows] = at - (0.0 if normal else 0.4)
        leg["reasons"][rows] = _reasons(event.reasons)
        put(leg, rows, {"releasing_side": event.side, "releasing_node": event.node}, rng)
        if event.last_error:
            put(leg, rows, {"last_error_protocol": event.last_error[0], "last_error_code": event.last_error[1]}, rng)
    if event.side == "called":
        c["releasing_side"][rows] = choose(("calling", "called"), len(rows), rng)
        peer["releasing_side"][rows] = c["releasing_side"][rows]
    _note_error(c, rows, event.error, at - rng.uniform(0.3, 1.2, len(rows)))
    put(c, rows, {"s1ap_group": event.group or None, "s1ap_cause": event.cause}, rng)
    put(c, rows, event.own, rng)


def run_calls(
    talk_s: NDArray[np.float64], name: NDArray[Any], rng: np.random.Generator
) -> tuple[Columns, Columns, NDArray[np.bool_]]:
    """Run one call per row under its event ("" for none): own leg, peer leg, whether the INVITE reached the peer."""
    own = _answered(len(talk_s), talk_s, rng)
    peer = {key: column.copy() for key, column in own.items()}
    for key in ("t_100", "t_183", "t_180", "t_200", "t_qci1_requested", "t_qci1_established"):
        peer[key] = peer[key] + rng.uniform(-0.02, 0.02, len(talk_s))
    peer["handover_count"] = rng.poisson(0.7, len(talk_s)).astype(float)
    reached = np.ones(len(talk_s), dtype=bool)
    for event in sorted({str(v) for v in name if v}):
        rows = np.flatnonzero(name == event)
        if event in SETUP:
            _fail_setup(own, peer, rows, SETUP[event], rng)
            reached[rows] = SETUP[event].reaches_peer
        elif event in DROPS:
            _drop(own, peer, rows, DROPS[event], rng)
    return own, peer, reached
