"""Counters (TS 32.409 names) and KPI samples of core and IMS nodes, from their state."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.state import State
from callcause.simulator.topology import Network

Grid = NDArray[Any]
# attempts counter, success counter, failing quantity, attempts in the busiest hour
PAIRS: dict[str, tuple[tuple[str, str, str, float], ...]] = {
    "scscf": (
        ("UR.AttInitReg", "UR.SuccInitReg", "init_reg_fail", 2600),
        ("UR.AttReReg", "UR.SuccReReg", "rereg_fail", 9000),
        ("UR.Att3rdPartyReg", "UR.Succ3rdPartyReg", "third_party_fail", 5000),
        ("MA.AttMAR", "MA.SuccMAA", "mar_fail", 2600),
        ("UR.AttSAR", "UR.SuccSAA", "sar_fail", 2600),
        ("SC.AttSession", "SC.SuccSession", "session_fail", 5200),
    ),
    "icscf": (("UR.AttUAR", "UR.SuccUAA", "uar_fail", 5000), ("LIQ.AttLIR", "LIQ.SuccLIA", "lir_fail", 7000)),
    "as": (
        ("UR.Att3rdPartyReg", "UR.Succ3rdPartyReg", "third_party_fail", 3000),
        ("DTR.AttUDR", "DTR.SuccUDA", "udr_fail", 2500),
    ),
    "mgcf": (("SC.AttSession", "SC.SuccSession", "session_fail", 2200),),
}
# node type -> kpi id, failing quantity, attempts in the busiest hour
RATIOS: dict[str, tuple[tuple[str, str, float], ...]] = {
    "mme": (
        ("lte_attach_success_ratio", "attach_fail", 3000),
        ("combined_attach_success_ratio", "combined_fail", 2500),
        ("combined_tau_success_ratio", "combined_fail", 6000),
        ("ims_pdn_connection_success_ratio", "pdn_fail", 2600),
        ("volte_paging_success_ratio", "paging_fail", 5200),
        ("service_request_success_ratio", "service_request_fail", 20000),
        ("x2_s1_handover_success_ratio", "path_switch_fail", 9000),
        ("ps_to_cs_success_ratio", "sv_fail", 900),
        ("sgs_paging_success_ratio", "sgs_fail", 900),
        ("csfb_fallback_success_ratio", "fallback_fail", 1100),
        ("csfb_call_success_ratio", "fallback_fail", 1100),
        ("s6a_success_ratio", "s6a_fail", 4000),
    ),
    "pgw": (
        ("ims_pdn_connection_success_ratio", "pdn_fail", 2600),
        ("dedicated_bearer_activation_success_ratio_qci1", "dedicated_fail", 5000),
        ("dedicated_bearer_update_success_ratio_qci1", "update_fail", 2500),
    ),
    "pcrf": (("gx_rx_success_ratio", "rx_fail", 6000),),
}
SHARES: dict[str, tuple[tuple[str, str, float], ...]] = {
    "pcrf": (("cx_sh_rx_timeout_ratio", "diameter_timeout", 6000),),
    "hss": (("cx_sh_rx_timeout_ratio", "diameter_timeout", 16000),),
    "icscf": (
        ("cx_sh_rx_timeout_ratio", "diameter_timeout", 9000),
        ("ims_dns_failure_ratio", "dns_fail", 6000),
    ),
    "scscf": (
        ("cx_sh_rx_timeout_ratio", "diameter_timeout", 6000),
        ("ims_dns_failure_ratio", "dns_fail", 6000),
    ),
    "sbc": (("ims_dns_failure_ratio", "dns_fail", 6000), ("media_relay_failure_ratio", "relay_fail", 4000)),
    "rtp_proxy": (("media_relay_failure_ratio", "relay_fail", 5000),),
    "mgw": (("media_relay_failure_ratio", "relay_fail", 3000),),
    "as": (("as_session_failure_ratio", "as_fail", 5000),),
}
LEVELS: dict[str, tuple[tuple[str, str, float], ...]] = {
    "mme": (
        ("csfb_setup_delay", "fallback_delay_s", 1.0),
        ("return_to_lte_delay", "return_delay_s", 1.0),
        ("srvcc_interruption_time", "srvcc_gap_ms", 1.0),
    ),
    "emsc": (("srvcc_interruption_time", "srvcc_gap_ms", 1.0),),
}
Sample = tuple[int, str, Grid, Grid, Grid]


def _fails(state: State, node: int, quantity: str) -> Grid:
    return np.asarray(np.clip(state.node[quantity][node], 0.0, 1.0), dtype=np.float64)


def spread_to_clients(network: Network, state: State) -> None:
    """Show clients what a failing node does to them: CSCFs wait for the HSS, all ask the same DNS."""
    for server, quantity, clients in (
        ("hss", "diameter_timeout", ("icscf", "scscf")),
        ("dns", "dns_fail", ("sbc", "icscf", "scscf")),
        ("emsc", "sv_fail", ("mme",)),
    ):
        servers = network.of_type(server)
        base = np.median(state.node[quantity][servers], axis=1, keepdims=True)
        extra = np.maximum(state.node[quantity][servers] - base * 2.0, 0.0).sum(axis=0) / len(servers)
        state.node[quantity][network.of_type(*clients)] += extra


def node_counters(network: Network, state: State, rng: np.random.Generator) -> dict[int, dict[str, Grid]]:
    """Hourly TS 32.409 counters by node."""
    out: dict[int, dict[str, Grid]] = {}
    for kind, pairs in PAIRS.items():
        for node in network.of_type(kind):
            counters: dict[str, Grid] = {}
            for tried, done, quantity, busiest in pairs:
                attempts = rng.poisson(busiest * state.profile)
                counters[tried] = attempts * 1.0
                counters[done] = attempts - rng.binomial(attempts, _fails(state, node, quantity)) * 1.0
            if kind == "scscf":
                counters["SC.AnsSession"] = np.floor(counters["SC.SuccSession"] * 0.72)
                counters["UR.MeanInitRegSetupTime"] = np.round(rng.normal(420, 25, state.hours), 0)
                gone = rng.poisson(2600 * state.profile * _fails(state, node, "deregistered"))
                counters["UR.AttDeRegHss"] = gone * 1.0
                counters["UR.AttDeRegCscf"] = rng.poisson(gone + 0.5) * 1.0
            if kind == "icscf":
                counters["IC.403Session"] = rng.poisson(3 * state.profile) * 1.0
            out[node] = counters
    return out


def node_kpis(network: Network, state: State, rng: np.random.Generator) -> list[Sample]:
    """Hourly samples: node, KPI id, value, numerator, denominator."""
    samples: list[Sample] = []
    nothing = np.full(state.hours, np.nan)
    for good, groups in ((True, RATIOS), (False, SHARES)):
        for kind, rows in groups.items():
            for node in network.of_type(kind):
                for kpi, quantity, busiest in rows:
                    total = rng.poisson(busiest * state.profile) + 1
                    failed = rng.binomial(total, _fails(state, node, quantity))
                    counted = (total - failed if good else failed) * 1.0
                    samples.append((node, kpi, 100.0 * counted / total, counted, total * 1.0))
    for kind, rows in LEVELS.items():
        for node in network.of_type(kind):
            samples += [(node, kpi, state.node[q][node], nothing, nothing) for kpi, q, _ in rows]
    samples += _sbc(network, state, rng, nothing)
    return samples


def _sbc(network: Network, state: State, rng: np.random.Generator, nothing: Grid) -> list[Sample]:
    out: list[Sample] = []
    for node in network.of_type("sbc"):
        users = (
            40_000 * (0.9 + 0.1 * state.profile) * (1.0 - np.clip(state.node["users_lost"][node], 0, 0.98))
        )
        load = np.clip(100 * state.node["cpu"][node] * (0.55 + 0.45 * state.profile), 1, 100)
        out.append(
            (node, "ims_registered_users", np.floor(users + rng.normal(0, 60, state.hours)), nothing, nothing)
        )
        out.append((node, "sbc_load", load, nothing, nothing))
    for node in network.of_type("mme"):
        released = rng.poisson(np.clip(state.node["qci1_released"][node], 0, 1) * 5000 * state.profile)
        out.append((node, "mme_abnormal_releases_qci1", released * 1.0, nothing, nothing))
    return out
