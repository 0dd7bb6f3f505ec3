"""Why a call went to 2G, and why the fallback went badly."""

from __future__ import annotations

from functools import partial

from callcause.simulator.faults.fault import Fault

C = partial(Fault, category="csfb", record="both")
WHY, STAGE = "why", "stage"

CSFB: tuple[Fault, ...] = (
    C("csfb-expected-for-terminal", event=("csfb_good",), own={"registration": "reg_never_tries"}, model="legacy",
      text=WHY),
    C("csfb-expected-for-terminal", event=("csfb_good",), own={"registration": "reg_never_tries"}, text=WHY,
      answers={"answer_volte_switch": ("off",)}),
    C("csfb-ue-domain-preference", event=("csfb_good",), own={"registration": "reg_cs_only"}, text=WHY,
      decisive="registration"),
    C("csfb-ue-domain-preference", event=("csfb_good",), own={"registration": "reg_cs_preferred"}, text=WHY,
      decisive="registration"),
    C("csfb-volte-not-enabled-here", scope="cell", event=("csfb_good",), own={"registration": "reg_vops_zero"},
      config={"mme_ims_voice_enabled": (False,)}, cell={"volte_off": (0.85, 0.95)}, text=WHY),
    C("csfb-volte-not-enabled-here", scope="cell", event=("csfb_good",), own={"registration": "reg_cell_off"},
      config={"volte_enabled": (False,)}, cell={"volte_off": (1.0, 1.0)}, text=WHY),
    C("csfb-tcall-expiry", event=("csfb_tcall",), text=WHY, decisive="call", role="mo"),
    C("csfb-tqos-expiry", event=("csfb_tqos",), text=WHY, decisive="call", role="mo"),
    C("csfb-sip-error-retry", event=("csfb_after_sip", "csfb_after_500"), text=WHY, model="broad", role="mo",
      decisive="call"),
    C("csfb-cs-retry", event=("csfb_cs_retry",), text=WHY, role="mt", decisive="call"),
    C("csfb-combined-attach-failed", event=("csfb_no_lu",), text=STAGE, decisive="registration",
      own={"registration": ("reg_eps_only", "reg_msc_down", "reg_sms_only")}),
    C("csfb-ta-la-map-wrong", scope="cell", event=("csfb_wrong_la",), text=STAGE, role="mt",
      changes=("la_not_on_msc",)),
    C("csfb-lac-border-mismatch", scope="cell", event=("csfb_lac_differs", "csfb_lac_differs_mt"), text=STAGE,
      changes=("lac_differs",)),
    C("csfb-different-msc-pool", scope="cell", event=("csfb_lac_differs_mt",), text=STAGE, role="mt",
      changes=("pool_differs",)),
    C("csfb-sgs-link-or-paging", scope="node", node_type="mme", event=("csfb_sgs_page",), text=STAGE, role="mt",
      node={"sgs_fail": (0.05, 0.4), "fallback_fail": (0.01, 0.05)}, before_h=(1.0, 2.0), lasts_h=(0.5, 1.0)),
    C("csfb-mme-function-off", scope="cell", event=("csfb_no_lu",), text=STAGE, config={"mme_csfb_enabled": (False,)}),
    C("csfb-fallback-frequency-missing", scope="cell", event=("csfb_no_arfcn",), text=STAGE, changes=("arfcn_none",)),
    C("csfb-fallback-frequency-missing", scope="cell", event=("csfb_stale_arfcn",), text=STAGE,
      changes=("arfcn_stale",)),
    C("csfb-enb-switch-or-licence-off", scope="cell", event=("csfb_no_redirect",), text=STAGE,
      config={"csfb_enabled": (False,)}),
    C("csfb-2g-cell-fault", scope="cell", event=("csfb_2g_weak",), text=STAGE, cell={"gsm_loss_db": (14.0, 24.0)}),
    C("csfb-2g-cell-fault", scope="cell", event=("csfb_2g_blocked",), text=STAGE,
      cell={"sdcch_block": (0.03, 0.2), "tch_block": (0.03, 0.2)}),
    C("csfb-slow-fallback", event=("csfb_slow",), text=STAGE, decisive="call"),
    C("csfb-no-fast-return", scope="cell", event=("csfb_no_return",), text=STAGE,
      config={"fast_return_enabled": (False, False, True)}, hazard=(0.5, 0.8)),
    C("csfb-idle-reselection", scope="cell", event=("csfb_idle_left",), text=STAGE,
      config={"reselection_threshold_2g": (30, 36)}, decisive="call"),
    C("csfb-security-incomplete", event=("csfb_security",), text=STAGE, own={"registration": "reg_security"},
      decisive="registration"),
    C("csfb-counter-artefact", event=("csfb_locked",), text=STAGE, decisive="call"),
    C("csfb-terminal-defect", scope="model", event=("csfb_phone",), text=STAGE, model="csfb", hazard=(0.4, 0.8),
      before_h=(240.0, 300.0)),
)
