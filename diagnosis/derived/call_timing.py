"""Delays inside the call.

An end that never came is infinite, a stage that never began is nothing to compare.
"""

from __future__ import annotations

import polars as pl

from diagnosis.workspace import Name, Workspace, seconds

NAMES = {
    "t_100_delay_s": Name("float", "call", ("call.t_100",), known="invite_unseen"),
    "qci1_delay_s": Name(
        "float",
        "call",
        ("call.t_qci1_requested", "call.t_183", "call.t_qci1_established"),
        known="qci1_not_asked",
    ),
    "update_delay_s": Name(
        "float", "call", ("call.t_update_sent", "call.t_update_answered"), known="update_not_sent"
    ),
    "final_delay_s": Name("float", "call", ("call.t_end",)),
    "qci1_active": Name("boolean", "call", ("call.t_qci1_established", "call.t_qci1_released")),
    "csfb_setup_delay": Name("float", "csfb_setup_delay", ("call.t_esr", "call.t_alerting")),
    "return_to_lte_delay": Name(
        "float", "return_to_lte_delay", ("call.t_channel_release", "call.t_tau_accept")
    ),
}
NEVER = float("inf")
_RELEASE_SLACK_S = 2.0  # a bearer released this shortly before the end was up at the end


def derive(work: Workspace) -> None:
    """Add the values of NAMES."""
    started, ended = pl.col("call.started_at"), pl.col("call.t_end")
    signalling = [
        "call.icid",
        "call.sip_call_id",
        "call.t_100",
        "call.t_183",
        "call.t_180",
        "call.final_status",
    ]
    # A record of a call made in CS from the start has no INVITE: only SIP in it tells that there was one.
    unseen = pl.col("call.csfb_flag").fill_null(False) & pl.all_horizontal(
        *(pl.col(n).is_null() for n in signalling)
    )
    work.derive(
        invite_unseen=pl.col("has.call") & unseen,
        qci1_not_asked=_empty(work, "t_qci1_requested") & _empty(work, "t_183"),
        update_not_sent=_empty(work, "t_update_sent"),
    )
    _derive_setup(work, started, ended)
    established, released = pl.col("call.t_qci1_established"), pl.col("call.t_qci1_released")
    at_end = pl.coalesce("call.first_error_at", "call.t_end")
    work.derive(
        final_delay_s=_delay(work, started, "t_end"),
        qci1_active=pl.when(_empty(work, "t_qci1_established"))
        .then(pl.lit(False))
        .when(established.is_not_null() & _empty(work, "t_qci1_released"))
        .then(pl.lit(True))
        .when(established.is_not_null())
        .then(seconds(released, at_end) <= _RELEASE_SLACK_S),
    )
    _derive_fallback(work)


def _empty(work: Workspace, name: str) -> pl.Expr:
    return work.not_happened("call", name)


def _delay(work: Workspace, start: pl.Expr, end: str) -> pl.Expr:
    """Seconds to an event of the call; infinite where the probe saw that it never came."""
    missing = start.is_not_null() & _empty(work, end)
    return pl.when(missing).then(pl.lit(NEVER)).otherwise(seconds(start, pl.col(f"call.{end}")))


def _derive_setup(work: Workspace, started: pl.Expr, ended: pl.Expr) -> None:
    # Any later answer proves that the INVITE arrived, whether or not the probe caught the 100.
    first = pl.min_horizontal("call.t_100", "call.t_183", "call.t_180", "call.t_200")
    answered = pl.coalesce(first, pl.when(pl.col("call.final_status").is_not_null()).then(ended))
    silent = answered.is_null() & _empty(work, "t_100") & pl.col("call.final_status").is_null()
    asked = pl.coalesce("call.t_qci1_requested", "call.t_183")
    work.derive(
        t_100_delay_s=pl.when(pl.col("invite_unseen"))
        .then(pl.lit(None, dtype=pl.Float64))
        .when(silent)
        .then(pl.lit(NEVER))
        .otherwise(seconds(started, answered)),
        qci1_delay_s=_delay(work, asked, "t_qci1_established"),
        update_delay_s=_delay(work, pl.col("call.t_update_sent"), "t_update_answered"),
    )


def _derive_fallback(work: Workspace) -> None:
    """CSFB stages of the own call; where it has none, the KPI of the MME."""
    setup = _delay(work, pl.col("call.t_esr"), "t_alerting")
    back = _delay(work, pl.col("call.t_channel_release"), "t_tau_accept")
    for name, own in (("csfb_setup_delay", setup), ("return_to_lte_delay", back)):
        node = pl.col(name) if name in work.frame.columns else pl.lit(None, dtype=pl.Float64)
        work.derive(
            own.is_not_null().alias(f"{name}__own"),
            pl.coalesce(own, node).alias(name),
        )
