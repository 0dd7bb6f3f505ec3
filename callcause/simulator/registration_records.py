"""Registration records from the attempts."""

from __future__ import annotations

import numpy as np

from callcause.simulator import registration_flow as flow
from callcause.simulator.attempts import Attempts
from callcause.simulator.call_records import NAMED, access_info, node_names, set_radio
from callcause.simulator.legs import REMOVED, Columns, Mask, only
from callcause.simulator.state import State
from callcause.simulator.subscribers import Population
from callcause.simulator.topology import Network

NAMES = (
    "sbc_name",
    "pcscf_name",
    "icscf_name",
    "scscf_name",
    "as_name",
    "mme_name",
    "pgw_name",
    "pcrf_name",
    "msc_name",
)


def registration_records(
    a: Attempts, network: Network, people: Population, state: State, rng: np.random.Generator
) -> Columns:
    """Columns of record `registration` and `REMOVED` in time order; hidden rows are left out."""
    c = flow.run_registrations(a.time, a.event, rng)
    radio: Columns = {}
    set_radio(radio, network, state, a.cell, a.time, a.edge_db, rng)
    c["rsrp"] = radio["rsrp_last"]
    c["imsi"], c["impi"] = people.columns["imsi"][a.user], people.columns["impi"][a.user]
    c["impu"] = np.array([v.split(";")[0] for v in people.columns["impu"][a.user]], dtype=object)
    c["imei_tac"] = people.models["imei_tac"][people.model[a.user]]
    c["ecgi"], c["tac"] = network.cells["ecgi"][a.cell], network.cells["tac"][a.cell].astype(float)
    no_sip = np.isnan(c["register_sent_at"])
    c["p_access_network_info"] = only(~no_sip, access_info(network.cells, a.cell))
    legacy = people.legacy[people.model[a.user]]
    c["ue_voice_domain"] = np.where(legacy, "cs_only", c["ue_voice_domain"])
    for name in NAMES:
        known = node_names(network, a.nodes, name) if name in NAMED else c[name]
        c[name] = only(_reached(c, name, no_sip), known)
    # A registration that could not have reached the S-CSCF names none, but an S-CSCF that failed is named.
    failed_there = (
        (c["first_error_node"] == "scscf") | (c["cx_command"] == "SAR") | (c["cx_command"] == "MAR")
    )
    known = node_names(network, a.nodes, "scscf_name")
    c["scscf_name"] = only((np.nan_to_num(c["final_status"]) == 200) | failed_there, known)
    order = np.argsort(a.time, kind="stable")
    order = order[~a.hidden[order]]
    c["id"] = np.array([f"RG-{900_000 + i}" for i in range(a.size)], dtype=object)
    c[REMOVED] = a.removed
    head = ["id", "started_at", "ended_at", "imsi"]
    return {name: c[name][order] for name in [*head, *[n for n in c if n not in head]]}


def _reached(c: Columns, name: str, no_sip: Mask) -> Mask:
    """Whether the attempt came as far as this node."""
    if name == "mme_name":
        return np.ones(len(no_sip), dtype=bool)
    if name == "msc_name":
        return np.asarray(c["attach_result"] == "accept")
    if name in ("pgw_name", "pcrf_name"):
        return np.asarray(c["pdn_result"] != None)  # noqa: E711 - element by element
    if name in ("icscf_name", "as_name"):
        answered = np.asarray(c["cx_command"] != None)  # noqa: E711 - element by element
        return answered if name == "icscf_name" else np.nan_to_num(c["final_status"]) == 200
    return ~no_sip
