"""Columns of many records at once: floats with NaN, booleans as -1/0/1, text objects with None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
Mask = NDArray[np.bool_]

REMOVED = "removed"  # column beside those of a record: inputs that this record lacks, joined by `;`
TIMES = (
    "started_at",
    "t_100",
    "t_183",
    "t_180",
    "t_200",
    "t_end",
    "t_update_sent",
    "t_update_answered",
    "first_error_at",
    "t_qci1_requested",
    "t_qci1_established",
    "t_qci1_released",
    "t_esr",
    "t_redirect",
    "t_cm_service_request",
    "t_alerting",
    "t_channel_release",
    "t_tau_accept",
)
NUMBERS = (
    "first_tac",
    "final_status",
    "first_error_code",
    "last_error_code",
    "erab_fail_cause",
    "rx_vendor",
    "rx_code",
    "rx_abort_cause",
    "gx_rule_failure_code",
    "s1ap_cause",
    "rsrp_last",
    "sinr_last",
    "pusch_rsrp_last",
    "ul_sinr_last",
    "power_headroom_last",
    "handover_count",
    "handover_failures",
    "shortest_return",
    "reestablishment_count",
    "srvcc_cause",
    "max_rtp_gap",
    "gsm_rxlev",
    "idle_left_lte_after",
)
FLAGS = (
    "registered",
    "session_rejected_by_as",
    "paging_sent",
    "paging_answered",
    "roaming_number_obtained",
    "cs_retry",
    "rrc_released_in_setup",
    "esrvcc_flag",
    "srvcc_operation_possible",
    "redirected_with_qci1",
    "terminal_dead",
    "csfb_flag",
    "lau_before_call",
    "lte_locked",
    "number_valid",
)
TEXTS = (
    "id",
    "icid",
    "sip_call_id",
    "leg",
    "other_leg_id",
    "calling_number",
    "called_number",
    "called_operator",
    "imsi",
    "imei_tac",
    "first_ecgi",
    "last_ecgi",
    "p_access_network_info",
    "warning_text",
    "reasons",
    "releasing_side",
    "releasing_node",
    "first_error_interface",
    "first_error_message",
    "first_error_protocol",
    "last_error_protocol",
    "s1ap_group",
    "sdp_offered_codecs",
    "codec",
    "domain_selected",
    "srvcc_type",
    "csfb_redirect_arfcns",
    "gsm_cgi",
    "sbc_name",
    "pcscf_name",
    "scscf_name",
    "icscf_name",
    "as_name",
    "mme_name",
    "pgw_name",
    "pcrf_name",
    "msc_name",
    "media_relay_name",
    "first_error_node",
    "erab_fail_group",
)


def blank(count: int, numbers: tuple[str, ...], flags: tuple[str, ...], texts: tuple[str, ...]) -> Columns:
    """`count` records with nothing known."""
    columns: Columns = {name: np.full(count, np.nan) for name in numbers}
    columns |= {name: np.full(count, -1, dtype=np.int8) for name in flags}
    columns |= {name: np.full(count, None, dtype=object) for name in texts}
    return columns


def put(
    columns: Columns, rows: NDArray[np.int64], fields: Mapping[str, Any], rng: np.random.Generator
) -> None:
    """Set fields in some rows; a pair of numbers is a span to draw from, None clears."""
    for name, value in fields.items():
        column = columns[name]
        if isinstance(value, tuple):
            column[rows] = rng.uniform(value[0], value[1], len(rows))
        elif value is None and column.dtype != object:
            column[rows] = -1 if column.dtype == np.int8 else np.nan
        else:
            column[rows] = value


def draw(span: tuple[float, float], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """`count` values of a span."""
    return rng.uniform(span[0], span[1], count)


def choose(values: tuple[Any, ...], count: int, rng: np.random.Generator) -> NDArray[Any]:
    """`count` picks out of a tuple, None kept as it is."""
    box = np.empty(len(values), dtype=object)
    box[:] = values
    picked: NDArray[Any] = box[rng.integers(0, len(values), count)]
    return picked


def only(keep: Any, column: NDArray[Any]) -> NDArray[Any]:
    """Return the column with None where `keep` is false."""
    out = column.astype(object)
    out[~np.asarray(keep, dtype=bool)] = None
    return out


def numeric(values: NDArray[Any]) -> NDArray[np.float64]:
    """Objects to floats, None to NaN."""
    return np.array([np.nan if v is None else float(v) for v in values], dtype=np.float64)
