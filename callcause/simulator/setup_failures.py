"""Ways in which the set-up of a call ends, as data."""

from __future__ import annotations

from callcause.simulator.events import Error, SetupFailure

S = SetupFailure
RELEASE = "UE CONTEXT RELEASE REQUEST"


def _sip(node: str, code: int | None, interface: str = "Mw") -> Error:
    return Error(interface, "INVITE", "SIP-INVITE", code, node)


SETUP: dict[str, SetupFailure] = {
    # the users themselves
    "busy": S(
        "t_183",
        (0.6, 1.2),
        (486, 486, 600),
        side="called",
        node="ue",
        reaches_peer=True,
        reasons=(("Q.850", 17, "User busy"),),
    ),
    "declined": S(
        "t_180",
        (1.0, 6.0),
        (603,),
        side="called",
        node="ue",
        reaches_peer=True,
        own={"session_rejected_by_as": False},
    ),
    "cancelled": S("t_180", (8.0, 25.0), (487,), side="calling", node="ue", reaches_peer=True),
    "no_answer": S(
        "t_180",
        (45.0, 60.0),
        (480,),
        side="called",
        node="ue",
        reaches_peer=True,
        reasons=(("Q.850", 19, "No answer from user"),),
    ),
    "wrong_number": S(
        "t_100", (0.2, 0.6), (404, 484, 604), side="network", node="cscf", own={"number_valid": False}
    ),
    # signalling towards the P-CSCF
    "no_100": S("started_at", (10.0, 12.0), (None, 408), _sip("sbc", None, "Gm"), node="ue"),
    "no_100_radio": S(
        "started_at", (10.0, 12.0), (None, 408), Error("Uu", "INVITE", "", None, "ue"), node="ue"
    ),
    "rrc_failed": S(
        "started_at",
        (10.0, 14.0),
        (None, 408),
        Error("Uu", "RRC CONNECTION REQUEST", "", None, "enb"),
        node="enb",
    ),
    # admission
    "erab_congestion": S(
        "t_qci1_requested",
        (0.2, 1.0),
        (580, 503),
        Error("S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 25, "enb"),
        node="enb",
        own={"erab_fail_cause": 25.0, "erab_fail_group": "RNL", "gx_rule_failure_code": 10.0},
    ),
    "erab_limit": S(
        "t_qci1_requested",
        (0.2, 1.0),
        (580, 503),
        Error("S1-MME", "E-RAB SETUP RESPONSE", "S1AP-MISC", 1, "enb"),
        node="enb",
        own={"erab_fail_cause": 1.0, "erab_fail_group": "MISC"},
    ),
    "erab_unspecified": S(
        "t_qci1_requested",
        (0.2, 1.0),
        (580,),
        Error("S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 0, "enb"),
        node="enb",
        own={"erab_fail_cause": 0.0, "erab_fail_group": "RNL"},
    ),
    # radio of one end during set-up
    "setup_lost_radio": S(
        "t_update_sent",
        (5.0, 9.0),
        (408, 503, 580),
        Error("S1-MME", RELEASE, "S1AP-RNL", 21, "enb"),
        node="enb",
        reaches_peer=True,
        own={"s1ap_group": "RNL", "s1ap_cause": 21.0},
    ),
    "setup_lost_update": S(
        "t_update_sent",
        (2.5, 5.5),
        (408, 504),
        Error("Uu", "UPDATE", "", None, "ue"),
        node="enb",
        reaches_peer=True,
        own={"handover_failures": 1.0, "s1ap_group": "RNL", "s1ap_cause": 21.0},
    ),
    # the QCI1 bearer
    "qci1_rx_5063": S(
        "t_183",
        (6.2, 9.0),
        (580, 503),
        Error("Rx", "AAA", "DIAMETER", 5063, "pcrf"),
        node="pcrf",
        own={"rx_vendor": 10415.0, "rx_code": 5063.0},
    ),
    "qci1_rx_5065": S(
        "t_183",
        (6.2, 9.0),
        (580, 503),
        Error("Rx", "AAA", "DIAMETER", 5065, "pcrf"),
        node="pcrf",
        own={"rx_vendor": 10415.0, "rx_code": 5065.0},
    ),
    "qci1_pgw": S(
        "t_qci1_requested",
        (6.2, 9.0),
        (580,),
        Error("S5", "CREATE BEARER RESPONSE", "", None, "pgw"),
        node="pgw",
        own={"gx_rule_failure_code": 4.0},
    ),
    "qci1_not_supported": S(
        "t_qci1_requested",
        (6.1, 8.0),
        (580,),
        Error("S1-MME", "E-RAB SETUP RESPONSE", "S1AP-RNL", 37, "enb"),
        node="enb",
        own={"erab_fail_cause": 37.0, "erab_fail_group": "RNL"},
    ),
    "codec": S(
        "t_100",
        (0.8, 2.0),
        (488, 488, 606, 415),
        _sip("ue", 488, "Gm"),
        side="called",
        node="ue",
        reaches_peer=True,
        warning=("304 Media type not available", "SDP not acceptable"),
    ),
    "paging": S(
        "t_100",
        (7.0, 11.0),
        (408, 480),
        Error("S1-MME", "PAGING", "", None, "ue"),
        node="mme",
        reaches_peer=True,
        own={"paging_sent": True, "paging_answered": False},
    ),
    "domain_error": S(
        "t_100",
        (2.0, 6.0),
        (480, 404),
        Error("Sh", "UDA", "SIP-INVITE", 480, "as"),
        node="as",
        reaches_peer=True,
        own={"domain_selected": "cs", "registered": True, "paging_sent": None},
    ),
    "no_roaming_number": S(
        "t_100",
        (2.0, 6.0),
        (480, 500),
        Error("Sh", "UDA", "SIP-INVITE", 480, "as"),
        node="as",
        reaches_peer=True,
        own={"domain_selected": "cs", "roaming_number_obtained": False, "paging_sent": None},
    ),
    "update_silent": S(
        "t_update_sent",
        (6.0, 6.4),
        (408,),
        _sip("ue", None, "Gm"),
        side="network",
        node="as",
        reaches_peer=True,
        reasons=(("RELEASE_CAUSE", 5, "SIP response time-out"),),
    ),
    "as_no_user": S(
        "t_100",
        (0.1, 0.5),
        (500,),
        _sip("as", 500, "ISC"),
        node="as",
        warning=("SCC AS: query adb failed", "399 query adb failed"),
    ),
    "as_error": S("t_100", (0.3, 2.5), (500, 503), _sip("as", 503, "ISC"), node="as"),
    "cscf_busy": S("t_100", (0.3, 2.0), (500,), _sip("scscf", 503), node="cscf"),
    "cscf_dead": S(
        "t_100", (8.8, 9.4), (504,), _sip("scscf", None), node="cscf", warning=("Server Time-Out",)
    ),
    "hung_session": S(
        "t_100", (0.1, 0.6), (403,), _sip("as", 403, "ISC"), node="as", warning=("User is busy",)
    ),
    "no_right": S(
        "t_100", (0.1, 0.6), (403,), _sip("scscf", 403), node="cscf", warning=("Number analysis failed",)
    ),
    "inactivity": S(
        "t_183",
        (9.5, 13.5),
        (487, 503, 580),
        Error("S1-MME", RELEASE, "S1AP-RNL", 20, "enb"),
        node="enb",
        reaches_peer=True,
        own={"s1ap_group": "RNL", "s1ap_cause": 20.0, "rrc_released_in_setup": True},
    ),
    "trunk": S(
        "t_100",
        (3.0, 9.0),
        (502, 504),
        _sip("mgcf", 502),
        node="mgcf",
        reasons=(("Q.850", 38, "Network out of order"),),
    ),
    "no_acm": S("t_100", (12.0, 20.0), (484,), _sip("mgcf", 484), node="mgcf", own={"number_valid": True}),
    "phone_defect": S("t_183", (1.0, 4.0), (400, 500, 580), _sip("ue", 400, "Gm"), side="calling", node="ue"),
    "policy": S(
        "t_100",
        (0.1, 0.5),
        (603, 403),
        _sip("as", 603, "ISC"),
        node="as",
        own={"session_rejected_by_as": True},
    ),
    # one HSS fault, many faces
    "hss_busy": S("t_100", (0.2, 2.0), (500, 504), Error("Cx", "LIA", "DIAMETER", 3004, "hss"), node="cscf"),
    "hss_5012": S("t_100", (0.2, 2.0), (500, 480), Error("Cx", "SAA", "DIAMETER", 5012, "hss"), node="cscf"),
    "hss_silent": S("t_100", (2.6, 6.0), (500, 504, 408), Error("Cx", "LIR", "", None, "hss"), node="cscf"),
    "hss_sh": S("t_100", (0.2, 2.0), (500,), Error("Sh", "UDA", "DIAMETER", 3002, "hss"), node="as"),
    "dns": S("t_100", (0.001, 0.005), (500,), _sip("dns", None), node="cscf"),
    "state_lost": S(
        "started_at",
        (0.01, 0.06),
        (403,),
        _sip("pcscf", 403, "Gm"),
        node="sbc",
        warning=("You must register first", "Forbidden - must register first"),
    ),
    "caller_unregistered": S(
        "started_at",
        (0.01, 0.06),
        (403,),
        _sip("pcscf", 403, "Gm"),
        node="sbc",
        warning=("You must register first", "Forbidden - must register first"),
        own={"registered": False},
    ),
    "callee_unregistered": S(
        "t_100",
        (0.1, 0.8),
        (480,),
        _sip("scscf", 480),
        node="cscf",
        reaches_peer=True,
        own={"registered": False, "paging_sent": False, "paging_answered": None},
    ),
    "core_outage": S("t_100", (0.2, 9.0), (500, 503, 504, 480), _sip("scscf", None), node="cscf"),
    "site_down": S(
        "started_at",
        (10.0, 14.0),
        (None, 408),
        Error("Uu", "RRC CONNECTION REQUEST", "", None, "enb"),
        node="enb",
    ),
}
