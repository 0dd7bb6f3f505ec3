"""Where the problem is: this user, this cell, this device model, or the whole network (G-05)."""

from __future__ import annotations

from functools import reduce

import polars as pl

from diagnosis.workspace import Name, Workspace

NAMES = {"problem_scope": Name("string", "ticket", ("own_record_bad",))}
_MODEL_TIMES = 3.0
# Category -> KPI, operator and limit of the cell, then of the network (kpis.csv; mos has no network KPI).
_CELL = {
    "registration": ("erab_setup_success_ratio_qci5", "<", 99.0),
    "access": ("volte_radio_connect_ratio", "<", 98.0),
    "drop": ("erab_drop_ratio_qci1_cell", ">", 0.5),
    "mos": ("pdcp_loss_ratio_ul_qci1", ">=", 5.0),
}
_NETWORK = {
    "registration": ("ims_initial_registration_success_ratio", "<", 95.0),
    "access": ("volte_network_connect_ratio", "<", 98.0),
    "drop": ("volte_call_drop_ratio", ">", 0.5),
}
_OPERATORS = {"<": pl.Expr.lt, ">": pl.Expr.gt, ">=": pl.Expr.ge}


def derive(work: Workspace) -> None:
    """Add `problem_scope`: the widest scope that is bad.

    `nowhere` only when user, cell and network are known good.
    """
    cell, network = _bad(_CELL), _bad(_NETWORK)
    model = pl.col("model_vs_peer_ratio") >= _MODEL_TIMES
    work.derive(own_record_bad=_own_bad())
    user = pl.col("own_record_bad")
    scope = (
        pl.when(network)
        .then(pl.lit("network"))
        .when(model)
        .then(pl.lit("model"))
        .when(cell)
        .then(pl.lit("cell"))
        .when(user & cell.is_not_null())
        .then(pl.lit("user"))
        .when(~user & ~cell & network.is_not_null())
        .then(pl.lit("nowhere"))
    )
    work.derive(problem_scope=scope)


def _bad(kpis: dict[str, tuple[str, str, float]]) -> pl.Expr:
    """Whether the KPI of the ticket's category is beyond its limit; null where it is not known."""

    def step(chain: pl.Expr, item: tuple[str, tuple[str, str, float]]) -> pl.Expr:
        category, (kpi, operator, limit) = item
        bad = _OPERATORS[operator](pl.col(kpi), limit)
        return pl.when(pl.col("category") == category).then(bad).otherwise(chain)

    return reduce(step, kpis.items(), pl.lit(None, dtype=pl.Boolean))


def _own_bad() -> pl.Expr:
    """Whether the own record shows a failure of the kind that the ticket tells."""
    answered = pl.col("call.t_200").is_not_null() | (pl.col("call.final_status") == 200).fill_null(False)
    failed = pl.when(pl.col("has.registration")).then(
        (pl.col("registration.final_status") != 200).fill_null(True)
    )
    category = pl.col("category")
    on_call = (
        pl.when(category == "access")
        .then(~answered)
        .when(category == "drop")
        .then(answered & (pl.col("abnormal_reason") | (pl.col("call.releasing_side") == "network")))
        .when(category == "mos")
        .then((pl.col("mos_score") < 3) | (pl.col("rtp_loss_ratio") >= 1))
        .when(category == "csfb")
        .then(pl.col("call.csfb_flag"))
    )
    return (
        pl.when(category == "registration").then(failed).otherwise(pl.when(pl.col("has.call")).then(on_call))
    )
