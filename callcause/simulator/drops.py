"""Ways in which a conversation is cut, as data."""

from __future__ import annotations

from callcause.simulator.events import Drop, Error

RELEASE = "UE CONTEXT RELEASE REQUEST"
R21 = Error("S1-MME", RELEASE, "S1AP-RNL", 21, "enb")
X21 = (("S1AP-RNL", 21, ""),)
DROPS: dict[str, Drop] = {
    "normal_early": Drop(
        side="called", node="ue", last_error=None, reasons=(("Q.850", 16, "Normal call clearing"),)
    ),
    "to_cs": Drop(
        Error(),
        node="pcrf",
        last_error=None,
        own={
            "rx_abort_cause": 3.0,
            "esrvcc_flag": True,
            "srvcc_type": "eSRVCC",
            "gx_rule_failure_code": 13.0,
            "s1ap_group": "RNL",
            "s1ap_cause": 24.0,
        },
    ),
    "enb_reset": Drop(Error("S1-MME", "RESET", "S1AP-MISC", 2, "enb"), group="MISC", cause=2),
    "cell_down": Drop(Error("S1-MME", RELEASE, "S1AP-RNL", 10, "enb"), group="RNL", cause=10),
    "link_flap": Drop(
        Error("S1-MME", RELEASE, "S1AP-TL", 0, "enb"), group="TL", cause=0, own={"max_rtp_gap": (2.0, 9.0)}
    ),
    "rlf": Drop(R21, group="RNL", cause=21, reasons=X21, own={"max_rtp_gap": (0.8, 4.0)}),
    "rlf_uplink": Drop(R21, group="RNL", cause=21, reasons=X21, own={"max_rtp_gap": (1.0, 5.0)}),
    "rlf_no_target": Drop(R21, group="RNL", cause=21, reasons=X21, own={"handover_count": 0.0}),
    "x2_expiry": Drop(
        Error("X2", "HANDOVER REQUEST", "S1AP-RNL", 1, "enb"),
        group="RNL",
        cause=1,
        own={"handover_failures": 1.0},
    ),
    "ho_late": Drop(
        Error("Uu", "RRC CONNECTION REESTABLISHMENT REQUEST", "S1AP-RNL", 21, "enb"),
        group="RNL",
        cause=21,
        own={"handover_failures": 2.0, "handover_count": 4.0, "shortest_return": (1.0, 4.0)},
    ),
    "ho_s1": Drop(
        Error("S1-MME", "HANDOVER REQUIRED", "S1AP-RNL", 8, "enb"),
        group="RNL",
        cause=8,
        own={"handover_failures": 1.0, "handover_count": 3.0},
    ),
    "reest_rejected": Drop(
        Error("Uu", "RRC CONNECTION REESTABLISHMENT REJECT", "S1AP-RNL", 26, "enb"),
        group="RNL",
        cause=26,
        own={"reestablishment_count": 1.0, "max_rtp_gap": (0.8, 3.0)},
    ),
    "srvcc_impossible": Drop(R21, group="RNL", cause=21, own={"srvcc_operation_possible": False}),
    "srvcc_unknown_target": Drop(
        Error("Sv", "PS TO CS RESPONSE", "SRVCC", 5, "msc"),
        group="RNL",
        cause=6,
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 5.0},
    ),
    "srvcc_transfer": Drop(
        Error("Sv", "PS TO CS COMPLETE", "SRVCC", 9, "msc"),
        node="msc",
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 9.0},
    ),
    "srvcc_transfer_busy": Drop(
        Error("Sv", "PS TO CS COMPLETE", "SRVCC", 10, "msc"),
        node="msc",
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 10.0},
    ),
    "srvcc_no_arrival": Drop(
        Error("Sv", "PS TO CS CANCEL", "SRVCC", 8, "msc"),
        group="RNL",
        cause=21,
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 8.0},
    ),
    "srvcc_no_2g": Drop(
        Error("Sv", "PS TO CS RESPONSE", "SRVCC", 3, "msc"),
        group="RNL",
        cause=6,
        own={"esrvcc_flag": True, "srvcc_type": "eSRVCC", "srvcc_cause": 3.0},
    ),
    "blind_redirect": Drop(
        Error("S1-MME", RELEASE, "S1AP-RNL", 28, "enb"),
        group="RNL",
        cause=28,
        own={"redirected_with_qci1": True},
    ),
    "mme_release": Drop(
        Error("S1-MME", "UE CONTEXT RELEASE COMMAND", "S1AP-NAS", 3, "mme"), node="mme", group="NAS", cause=3
    ),
    "pgw_release": Drop(
        Error("S5", "DELETE BEARER REQUEST", "", None, "pgw"), node="pgw", own={"rx_abort_cause": 0.0}
    ),
    "pcrf_release": Drop(
        Error("Rx", "ASR", "RX-ABORT-CAUSE", 0, "pcrf"), node="pcrf", own={"rx_abort_cause": 0.0}
    ),
    "ims_dereg": Drop(
        Error("Mw", "BYE", "REASON-SIP", 500, "scscf"),
        node="cscf",
        last_error=("REASON-SIP", 500),
        reasons=(("SIP", 500, "released the session because of user deregistration"),),
    ),
    "ims_timer": Drop(
        Error("Gm", "BYE", "REASON-SIP", 503, "sbc"),
        node="sbc",
        reasons=(("SIP", 503, "Session timer expired"),),
        after_s=(85.0, 95.0),
    ),
    "ims_as": Drop(
        Error("ISC", "BYE", "REASON-SIP", 503, "as"),
        node="as",
        reasons=(("SIP", 503, "Service Unavailable"),),
    ),
    "preempted": Drop(
        Error("S1-MME", RELEASE, "S1AP-RNL", 39, "enb"),
        group="RNL",
        cause=39,
        reasons=(("PREEMPTION", 2, "Reserved resources pre-empted"),),
    ),
    "no_resources": Drop(
        Error("S1-MME", RELEASE, "S1AP-RNL", 25, "enb"), group="RNL", cause=25, own={"rx_abort_cause": 2.0}
    ),
    "media_dead": Drop(
        Error("Gm", "BYE", "REASON-RELEASE_CAUSE", 2, "sbc"),
        node="sbc",
        reasons=(("RELEASE_CAUSE", 2, "RTP/RTCP time-out"),),
        own={"max_rtp_gap": (21.0, 31.0)},
        after_s=(32.0, 120.0),
    ),
    "clash": Drop(
        Error("S1-MME", "E-RAB MODIFY RESPONSE", "S1AP-RNL", 29, "enb"),
        group="RNL",
        cause=29,
        own={"handover_count": 1.0},
    ),
    "phone_dead": Drop(R21, side="calling", node="ue", group="RNL", cause=21, own={"terminal_dead": True}),
    "phone_defect_drop": Drop(
        Error("Uu", "RRC CONNECTION RECONFIGURATION", "S1AP-RNL", 26, "ue"), node="ue", group="RNL", cause=26
    ),
    "inactive_in_call": Drop(
        Error("S1-MME", RELEASE, "S1AP-RNL", 20, "enb"), group="RNL", cause=20, after_s=(9.0, 30.0)
    ),
    "core_outage_drop": Drop(
        Error("S1-MME", "RESET", "S1AP-MISC", 2, "mme"), node="mme", group="MISC", cause=2
    ),
}
