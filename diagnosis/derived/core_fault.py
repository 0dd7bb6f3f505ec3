"""Faults of HSS and DNS behind a failed call, decided before what imitates them (ACC-20, ACC-21)."""

from __future__ import annotations

import polars as pl

from diagnosis.derived.registration_stage import HSS_FAULTS
from diagnosis.workspace import Name, Workspace, any_known

NAMES = {
    "cx_sh_no_answer": Name("boolean", "call", ("call.first_error_interface", "call.first_error_code")),
    "core_data_fault": Name(
        "boolean",
        "call",
        ("call.first_error_interface", "call.first_error_node", "call.final_status", "final_delay_s"),
    ),
}


def derive(work: Workspace) -> None:
    """Add the values of NAMES; `core_data_fault` holds the same conditions as ACC-20 and ACC-21."""
    limits = work.settings
    interface, code = pl.col("call.first_error_interface"), pl.col("call.first_error_code")
    see = work.can_see("call", "first_error_interface") & work.can_see("call", "first_error_code")
    on_hss = interface.is_in(["Cx", "Sh"]).fill_null(False)
    work.derive(cx_sh_no_answer=pl.when(see).then(on_hss & code.is_null()))
    diameter = (pl.col("call.first_error_protocol") == "DIAMETER").fill_null(False)
    status = pl.col("call.final_status")
    told = status.is_not_null() | work.not_happened("call", "final_status")
    slow_hss = (pl.col("cx_sh_rx_timeout_ratio") > limits.hss_timeout_percent) & (
        pl.col("cx_location_info_success_ratio") < limits.hss_location_percent
    )
    hss = any_known(
        pl.when(see).then(on_hss & diameter & code.is_in(HSS_FAULTS).fill_null(False)),
        pl.col("cx_sh_no_answer"),
        # The status alone clears nobody: without the readings this condition says nothing.
        pl.when(slow_hss.is_not_null() & told).then(
            slow_hss & status.is_in([408, 480, 500, 504]).fill_null(False)
        ),
    )
    is_500 = pl.when(told).then((status == 500).fill_null(False))
    dns = any_known(
        pl.when(work.can_see("call", "first_error_node")).then(
            (pl.col("call.first_error_node") == "dns").fill_null(False)
        ),
        # Where the ladder is known, haste alone does not tell DNS from another fault.
        is_500 & (pl.col("final_delay_s") < limits.dns_reply_s) & ~pl.col("call_has_ladder"),
        is_500 & (pl.col("ims_dns_failure_ratio") > limits.dns_failure_percent),
    )
    work.derive(core_data_fault=hss | dns)
