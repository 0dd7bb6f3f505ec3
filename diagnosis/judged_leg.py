"""The leg to judge: the customer's own, or the other party's where the fault began there (G-04, MOS-01)."""

from __future__ import annotations

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.record_join import join_record
from diagnosis.source import among, fields
from diagnosis.workspace import ROW, Workspace

# What stays the customer's own: who talks to whom, with which phone, and how the call was set up.
CUSTOMERS = frozenset(
    {
        "icid",
        "sip_call_id",
        "other_leg_id",
        "started_at",
        "calling_number",
        "called_number",
        "called_operator",
        "imsi",
        "imei_tac",
        "registered",
        "t_200",
        "final_status",
        "csfb_flag",
        # Nodes of the IMS: an alarm on them is looked for where the customer was served (G-02).
        "sbc_name",
        "pcscf_name",
        "icscf_name",
        "scscf_name",
        "as_name",
        "media_relay_name",
    }
)
CORE_NAMES = frozenset({"mme_name", "pgw_name", "pcrf_name", "msc_name"})
CORE = ("mme", "sgw", "pgw", "pcrf", "msc")
BEHIND_ENB = ("S11", "S5", "Gx", "Sv")
# Causes of S1AP that end no call (codes.csv): group -> numbers.
HARMLESS_S1AP = {"RNL": (2, 16, 17, 18, 19, 22, 23, 24, 33, 34, 35, 36), "NAS": (0,), "MISC": (3,)}
ACCESS_SIDE = ("Uu", "S1-MME", "X2", "S11", "S5", "Gx", "Sv")
"""Interfaces of one leg; an error behind them belongs to both."""
TRACES = (
    "leg",
    "t_200",
    "csfb_flag",
    "s1ap_group",
    "s1ap_cause",
    "srvcc_cause",
    "redirected_with_qci1",
    "terminal_dead",
    "first_error_interface",
    "first_error_at",
    "t_qci1_released",
)
WAY = ("ue", "s1u", "sbc", "far_end")  # of the speech from a phone up; down to a phone the other way
AIR_AND_S1 = ("ue", "s1u")


def judge_legs(work: Workspace) -> None:
    """Put the other party's record in the place of `call.` where the fault began in that leg.

    Adds `other_party_judged`, and `other_core_judged` where the core cut that leg. A drop is judged in the
    leg that lost its connection first, bad voice in the leg where the loss begins. Both legs must be known:
    else the own one stays.
    """
    far = _far_legs(work)
    category = pl.col("category").fill_null("")
    # The guess of a vague text may be wrong: an answered call that a leg lost is a drop whatever it says.
    drops = far.filter(~category.is_in(["mos", "registration"]))
    voices = far.filter(category == "mos")
    found = pl.concat([_lost_first(work, drops), _lossy_first(work, voices)])
    work.join_rows(found.select(ROW, other_party_judged=pl.lit(True)))
    work.derive(pl.col("other_party_judged").fill_null(False), other_core_judged=pl.lit(False))
    if not found.is_empty():
        _put(work, far.join(found, on=ROW, how="semi"))


def _far_legs(work: Workspace) -> pl.DataFrame:
    """Row, category, own call, other call: where the store has both legs."""
    own, called = pl.col("call_id"), pl.col("called_id")
    other = pl.when(own == called).then("calling_id").otherwise(called)
    rows = work.frame.select(ROW, "category", "call_id", "ticket.one_way", other_id=other)
    return rows.filter(pl.col("other_id").is_not_null() & (pl.col("other_id") != own))


def _lost(side: str) -> pl.Expr:
    """Whether a leg shows by itself that it was cut: S1AP, SRVCC, a redirection, the phone, a first error."""
    group, cause = pl.col(f"{side}s1ap_group"), pl.col(f"{side}s1ap_cause")
    harmless = pl.any_horizontal(*((group == g) & cause.is_in(causes) for g, causes in HARMLESS_S1AP.items()))
    parts = (
        cause.is_not_null() & ~harmless.fill_null(False),
        pl.col(f"{side}srvcc_cause").is_not_null(),
        pl.col(f"{side}redirected_with_qci1"),
        pl.col(f"{side}terminal_dead"),
        pl.col(f"{side}first_error_interface").is_in(ACCESS_SIDE),
    )
    return pl.any_horizontal(*(part.fill_null(False) for part in parts))


def _lost_first(work: Workspace, far: pl.DataFrame) -> pl.DataFrame:
    """Rows whose other leg was cut, and the own one not or later."""
    ids = pl.concat([far["call_id"], far["other_id"]])
    calls = work.tables.where("call", among("id", ids), ("id", *TRACES)).unique(
        "id", keep="first", maintain_order=True
    )
    both = far.join(calls, left_on="call_id", right_on="id").join(
        calls, left_on="other_id", right_on="id", suffix="_other"
    )
    own = both.select(ROW, **{f"own.{name}": pl.col(name) for name in TRACES})
    other = both.select(**{f"other.{name}": pl.col(f"{name}_other") for name in TRACES})
    earlier = (_moment("other.") < _moment("own.")).fill_null(False)
    fell_back = pl.col("own.csfb_flag").fill_null(False)
    answered = pl.col("own.t_200").is_not_null() | pl.col("other.t_200").is_not_null()
    return (
        own.hstack(other)
        .filter(answered & ~fell_back & _lost("other.") & (~_lost("own.") | earlier))
        .select(ROW)
    )


def _moment(side: str) -> pl.Expr:
    return pl.coalesce(f"{side}first_error_at", f"{side}t_qci1_released")


def _lossy_first(work: Workspace, far: pl.DataFrame) -> pl.DataFrame:
    """Rows whose speech is first lost between the other phone and its S1-U (MOS-05, S38).

    Of the two directions the one that the customer names is asked, else the worse one.
    """
    lost = _lost_on_the_way(work, far)
    limit = work.frame.select(ROW, limit=work.limit("lossy_percent"))
    lossy = lost.join(limit, on=ROW).filter(pl.col("loss") >= pl.col("limit"))
    worst = lossy.group_by(ROW, "heard").agg(pl.col("loss").max().alias("worst"))
    first = lossy.sort(ROW, "heard", "step").unique([ROW, "heard"], keep="first", maintain_order=True)
    named = pl.col("ticket.one_way").replace_strict(
        {"customer_cannot_hear": True, "other_cannot_hear": False}, default=None, return_dtype=pl.Boolean
    )
    asked = (
        first.join(worst, on=[ROW, "heard"])
        .join(far.select(ROW, named=named), on=ROW)
        .filter(pl.col("named").is_null() | (pl.col("named") == pl.col("heard")))
    )
    # Where both directions are as bad the own leg goes first.
    told = asked.sort(ROW, "worst", "of_other", descending=[False, True, False])
    told = told.unique(ROW, keep="first", maintain_order=True)
    return told.filter(pl.col("of_other") & pl.col("point").is_in(AIR_AND_S1)).select(ROW)


def _lost_on_the_way(work: Workspace, far: pl.DataFrame) -> pl.DataFrame:
    """Loss at each step of the speech: `heard` by the customer or not, `step` in its direction."""
    ids = pl.concat([far["call_id"], far["other_id"]])
    columns = ("call_id", "direction", "point", "packets_expected", "packets_lost", "loss")
    slices = work.tables.where("voice_slice", among("call_id", ids), columns)
    legs = pl.concat(
        [
            far.select(ROW, call_id="call_id", of_other=pl.lit(False)),
            far.select(ROW, call_id="other_id", of_other=pl.lit(True)),
        ]
    )
    up = pl.col("direction") == "uplink"
    place = pl.col("point").replace_strict(
        {point: step for step, point in enumerate(WAY)}, default=None, return_dtype=pl.Int64
    )
    counted = pl.col("packets_expected").is_not_null() & pl.col("packets_lost").is_not_null()
    expected, missed = (pl.when(counted).then(name).sum() for name in ("packets_expected", "packets_lost"))
    points = legs.join(slices, on="call_id").group_by(ROW, "of_other", "direction", "point")
    return points.agg(
        loss=pl.when(expected > 0).then(100 * missed / expected).otherwise(pl.col("loss").mean())
    ).with_columns(
        heard=up == pl.col("of_other"), step=pl.when(up).then(place).otherwise(2 * len(WAY) - place)
    )


def _put(work: Workspace, judged: pl.DataFrame) -> None:
    """Exchange the columns of `call.` and the id of the call in the judged rows."""
    columns = work.frame.columns
    rows = work.tables.where("call", among("id", judged["other_id"]))
    there = Workspace(work.tables, work.settings, judged.select(ROW, "other_id"))
    join_record(there, rows, "call", "_other", left_on="other_id", right_on="id")
    work.join_rows(there.frame)
    work.derive(other_core_judged=pl.col("other_party_judged") & _cut_by_core())
    work.derive(
        *(_exchanged(name) for name in (*fields("call"), ABSENT) if name not in CUSTOMERS),
        pl.when("other_party_judged").then("other_id").otherwise("call_id").alias("call_id"),
    )
    work.frame = work.frame.select(columns)


def _cut_by_core() -> pl.Expr:
    parts = (
        pl.col("_other.releasing_node").is_in(CORE),
        pl.col("_other.first_error_interface").is_in(BEHIND_ENB),
        pl.col("_other.s1ap_group") == "NAS",
    )
    return pl.any_horizontal(*(part.fill_null(False) for part in parts))


def _exchanged(name: str) -> pl.Expr:
    """Name nodes of the core of the other party only where that core cut the leg."""
    there = pl.col("other_core_judged" if name in CORE_NAMES else "other_party_judged")
    return pl.when(there).then(f"_other.{name}").otherwise(f"call.{name}").alias(f"call.{name}")
