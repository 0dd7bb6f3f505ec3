"""Where and when each value was seen: places of the evidence, in the words of a report."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from diagnosis.kpi_readings import NETWORK
from diagnosis.workspace import Workspace


def _named(kind: str, column: str) -> pl.Expr:
    return (pl.lit(kind + " ") + pl.col(column)).alias("text")


PLACES = {
    "ticket": _named("ticket", "ticket.id"),
    "own_records": _named("ticket", "ticket.id"),
    "cluster": (pl.col("cluster_key_type") + " " + pl.col("cluster_key")),
    "subscriber": pl.when(pl.col("has.subscriber")).then(pl.lit("subscriber")),
    "device_model": _named("device model", "model_tac"),
    "population": _named("device model", "model_tac"),
    "registration": _named("registration", "registration_id"),
    "registration_history": pl.coalesce(
        _named("registration", "good_id"), _named("registration", "state_id")
    ),
    "call": _named("call", "call_id"),
    "slices": _named("call", "call_id"),
    "called": _named("call", "called_id"),
    "calling": _named("call", "calling_id"),
    "cell": _named("cell", "serving_ecgi"),
    "neighbour": _named("neighbour of cell", "serving_ecgi"),
    "gsm_cell": _named("cell", "gsm_cell"),
    "alarm": _named("alarm", "alarm.id"),
    "change": _named("change", "change.id"),
    "edge_node": _named("node", "edge_node"),
    NETWORK: pl.lit(NETWORK),
}
"""Where each place is, in the words of a report."""
SPANS = {
    "registration": ("registration.started_at", "registration.ended_at"),
    "call": ("call.started_at", "call.t_end"),
    "slices": ("call.started_at", "call.t_end"),
    "called": ("called.started_at", "called.t_end"),
    "calling": ("calling.started_at", "calling.t_end"),
    "registration_history": ("good_at", "good_until"),
    "alarm": ("alarm.raised_at", "alarm.cleared_at"),
    "change": ("change_from", "change_to"),
}
"""From when to when a place was looked at, where it has a time of its own."""
OTHER_PARTY = " (other party 对端)"
"""Ends the text of a place of the other party: its leg, the cell that served it."""
_JUDGED = ("call", "slices", "cell", "neighbour", "gsm_cell")


def told_place(text: str) -> tuple[str, str]:
    """Kind and id of the text of a place, without whose it is: `cell 460-00-1-1` -> `cell`, `460-00-1-1`."""
    kind, _, name = text.removesuffix(OTHER_PARTY).partition(" ")
    return kind, name


def _whose(key: str, text: pl.Expr) -> pl.Expr:
    """Say of a place that it is the other party's, where it is."""
    judged = pl.col("other_party_judged")
    if key in ("called", "calling"):
        at_other = (pl.col(f"{key}_id") == pl.col("call_id")) == judged
    elif key in _JUDGED:
        at_other = judged
    else:
        return text
    return pl.when(at_other).then(text + OTHER_PARTY).otherwise(text)


def add_places(work: Workspace, kpi_places: Mapping[str, str]) -> None:
    """`at.<place>`, `from.<place>`, `to.<place>` for records and derived values, `<kpi>__at` for KPIs."""
    there = set(work.frame.columns)
    kinds = {"cell": "cell ", "gsm_cell": "cell ", NETWORK: ""}
    work.derive(
        *(_whose(key, expression).alias(f"at.{key}") for key, expression in PLACES.items()),
        *(pl.col(a).alias(f"from.{key}") for key, (a, _) in SPANS.items() if a in there),
        *(pl.col(b).alias(f"to.{key}") for key, (_, b) in SPANS.items() if b in there),
        *(
            _whose(place, pl.lit(kinds.get(place, "node ")) + pl.col(f"{kpi}__entity"))
            .cast(pl.Categorical)
            .alias(f"{kpi}__at")
            for kpi, place in kpi_places.items()
        ),
    )
    _place_fallback_delays(work)
    work.frame = work.frame.drop([f"{kpi}__entity" for kpi in kpi_places])


def _place_fallback_delays(work: Workspace) -> None:
    """CSFB delays stand at the own call where it has them, else at the node of the KPI."""
    for name in ("csfb_setup_delay", "return_to_lte_delay"):
        own, call = pl.col(f"{name}__own"), pl.col("at.call")
        node = pl.col(f"{name}__at").cast(pl.String)
        work.derive(
            pl.when(own).then(call).otherwise(node).alias(f"{name}__at"),
            pl.when(own).then("call.started_at").otherwise(f"{name}__from").alias(f"{name}__start"),
            pl.when(own).then("call.t_end").otherwise(f"{name}__to").alias(f"{name}__end"),
        )
