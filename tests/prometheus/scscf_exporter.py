"""What an S-CSCF exports, and the rows that a collector made of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from collectors.store import Store

SCSCF = """kamailio_core_uptime {uptime}
kamailio_ims_auth_mar_timeouts {timeouts}
kamailio_ims_auth_mar_replies_received {answers}
kamailio_ims_registrar_scscf_sar_timeouts 0
kamailio_ims_registrar_scscf_sar_replies_received 0
kamailio_ims_registrar_scscf_accepted_regs {accepted}
kamailio_ims_registrar_scscf_rejected_regs 5
"""


def scscf(uptime: float, timeouts: float, answers: float, accepted: float = 10) -> str:
    return SCSCF.format(uptime=uptime, timeouts=timeouts, answers=answers, accepted=accepted)


def samples(root: Path) -> pl.DataFrame:
    with Store.open(root) as store:
        return store.records("node_sample").sort("counter", "period_end").collect()


def kpis(root: Path) -> pl.DataFrame:
    with Store.open(root) as store:
        return store.records("node_kpi").sort("kpi_id", "period_start").collect()
