"""The user's device model against its peers, and on-net calls against off-net ones.

Checks ACC-16, ACC-17, DRP-18, MOS-20, CSF-20.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from diagnosis.source import among
from diagnosis.workspace import Name, Workspace

_TIME = pl.Datetime("us", "UTC")
RATIOS = ("access", "drop", "mos", "csfb")
NAMES = {
    "model_vs_peer_ratio": Name("float", "population"),
    **{f"model_vs_peer_ratio.{c}": Name("float", "population") for c in RATIOS},
    "on_net_ok": Name("boolean", "call", ("call.started_at",)),
}
# User behaviour and normal ends are no failures (runbooks.md section 5).
_USER_FINAL = (200, 404, 480, 484, 486, 487, 600, 603, 604)
# KPIs that may come split by device model, `better` up: the failure ratio is 100 - value.
_SPLIT_KPIS = {
    "access": ("session_establishment_success_ratio", True),
    "drop": ("volte_call_drop_ratio", False),
    "mos": ("mos_poor_share", False),
    "csfb": ("csfb_call_success_ratio", True),
}


def derive(work: Workspace) -> None:
    """Add the values of NAMES."""
    kinds = ("call", "voice_slice", "node_kpi")
    limits = f"{work.settings.model_min_calls}/{work.settings.model_min_failures}"
    table = work.tables.kept(f"model_ratios/{limits}", kinds, lambda: _model_ratios(work))
    work.frame = work.frame.join(
        table, left_on="model_tac", right_on="imei_tac", how="left", maintain_order="left"
    )
    of_category = pl.lit(None, dtype=pl.Float64)
    for category in RATIOS:
        of_category = (
            pl.when(pl.col("category") == category)
            .then(f"model_vs_peer_ratio.{category}")
            .otherwise(of_category)
        )
    work.derive(of_category.alias("model_vs_peer_ratio"))
    _derive_on_net(work)


def _failures(work: Workspace) -> pl.DataFrame:
    """Return tries and failures per model and category, from the call records and voice slices."""
    answered = pl.col("t_200").is_not_null() | (pl.col("final_status") == 200).fill_null(False)
    fallback = pl.col("csfb_flag").fill_null(False)
    rejected = ~answered & ~pl.col("final_status").is_in(_USER_FINAL).fill_null(False)
    cut = answered & (pl.col("releasing_side") == "network").fill_null(False)
    unalerted = pl.col("t_alerting").is_null() & pl.col("t_esr").is_not_null()
    calls = work.tables.lazy("call").filter(pl.col("imei_tac").is_not_null())
    per_model = calls.group_by("imei_tac").agg(
        access_n=(~fallback).sum(),
        access_f=(rejected & ~fallback).sum(),
        drop_n=(answered & ~fallback).sum(),
        drop_f=(cut & ~fallback).sum(),
        csfb_n=fallback.sum(),
        csfb_f=(fallback & unalerted).sum(),
    )
    voice = (
        work.tables.lazy("voice_slice")
        .filter(pl.col("mos").is_not_null())
        .select("call_id", poor=pl.col("mos") < 3)
        .join(calls.select("id", "imei_tac"), left_on="call_id", right_on="id")
        .group_by("imei_tac")
        .agg(mos_n=pl.len(), mos_f=pl.col("poor").sum())
    )
    both = per_model.join(voice, on="imei_tac", how="left")
    return both.with_columns(pl.exclude("imei_tac").cast(pl.Float64)).collect()


def _model_ratios(work: Workspace) -> pl.DataFrame:
    """`model_vs_peer_ratio.<category>` per imei_tac: smoothed failure ratios, null under the sample guard."""
    counts = _failures(work)
    guard, least = work.settings.model_min_calls, work.settings.model_min_failures
    columns = []
    for category in RATIOS:
        n, f = pl.col(f"{category}_n"), pl.col(f"{category}_f")
        rest_n, rest_f = n.sum() - n, f.sum() - f
        ratio = ((f + 0.5) / (n + 1)) / ((rest_f + 0.5) / (rest_n + 1))
        # Few failures make any quotient a matter of chance: with enough calls they only say "not worse".
        steady = pl.when(f >= least).then(ratio).otherwise(pl.min_horizontal(ratio, pl.lit(1.0)))
        columns.append(
            pl.when((n >= guard) & (rest_n >= guard)).then(steady).alias(f"model_vs_peer_ratio.{category}")
        )
    own = counts.select("imei_tac", *columns)
    split = _split_ratios(work)
    both = own.join(split, on="imei_tac", how="full", coalesce=True, suffix="_split")
    names = [f"model_vs_peer_ratio.{c}" for c in RATIOS]
    return both.select("imei_tac", *(pl.coalesce(name, f"{name}_split").alias(name) for name in names))


def _split_ratios(work: Workspace) -> pl.DataFrame:
    """Return the same from node_kpi rows that are split by `imei_tac=`.

    Numerators and denominators summed.
    """
    split = pl.col("split").str.starts_with("imei_tac=") & (pl.col("denominator") > 0)
    rows = work.tables.where("node_kpi", split, ("kpi_id", "split", "numerator", "denominator"))
    result = rows.select(imei_tac=pl.col("split").str.strip_prefix("imei_tac=")).unique()
    for category, (kpi, up) in _SPLIT_KPIS.items():
        sums = (
            rows.filter((pl.col("kpi_id") == kpi) & pl.col("numerator").is_not_null())
            .group_by(imei_tac=pl.col("split").str.strip_prefix("imei_tac="))
            .agg(n=pl.col("denominator").sum(), x=pl.col("numerator").sum())
        )
        f = pl.col("n") - pl.col("x") if up else pl.col("x")
        ratio = ((f + 0.5) / (pl.col("n") + 1)) / (
            (f.sum() - f + 0.5) / (pl.col("n").sum() - pl.col("n") + 1)
        )
        guard = work.settings.model_min_calls
        enough = (pl.col("n") >= guard) & (pl.col("n").sum() - pl.col("n") >= guard)
        named = sums.select("imei_tac", pl.when(enough).then(ratio).alias(f"model_vs_peer_ratio.{category}"))
        result = result.join(named, on="imei_tac", how="left")
    return result


def _derive_on_net(work: Workspace) -> None:
    """Whether on-net calls worked: the user's own within a day, else the share of all within an hour."""
    answered = pl.col("t_200").is_not_null() | pl.col("t_180").is_not_null()
    worked = answered | pl.col("final_status").is_in(_USER_FINAL).fill_null(False)
    on_net = pl.col("called_operator") == "own"
    network = _network_on_net(work, on_net, worked)
    work.frame = work.frame.join(network, on="read_hour", how="left", maintain_order="left")
    work.join_rows(_own_on_net(work, on_net & worked))
    work.derive(on_net_ok=pl.coalesce("_own_ok", "_network_ok"))
    work.frame = work.frame.drop("_own_ok", "_network_ok")


def _network_on_net(work: Workspace, on_net: pl.Expr, worked: pl.Expr) -> pl.DataFrame:
    """`read_hour` and `_network_ok`: whether enough of all on-net calls of the hours around it worked."""
    hour = timedelta(hours=1)
    first, last = work.frame["read_hour"].min(), work.frame["read_hour"].max()
    near = pl.col("started_at").is_between(pl.lit(first, _TIME) - hour, pl.lit(last, _TIME) + 2 * hour)
    calls = work.tables.where("call", on_net & near, ("started_at", "t_200", "t_180", "final_status"))
    hourly = (
        calls.group_by(read_hour=pl.col("started_at").dt.truncate("1h"))
        .agg(n=pl.len(), ok=worked.sum())
        .sort("read_hour")
    )
    shifted = [hourly.with_columns(pl.col("read_hour") + pl.duration(hours=shift)) for shift in (-1, 0, 1)]
    around = pl.concat(shifted).group_by("read_hour").agg(pl.col("n", "ok").sum())
    share = 100 * pl.col("ok") / pl.col("n")
    ok = pl.when(pl.col("n") >= work.settings.on_net_min_calls).then(share >= work.settings.on_net_ok_percent)
    return around.with_columns(_network_ok=ok).select("read_hour", "_network_ok")


def _own_on_net(work: Workspace, worked: pl.Expr) -> pl.DataFrame:
    """Row and `_own_ok`: true where the nearest on-net call of the customer that worked is near enough."""
    own_calls = work.tables.where(
        "call",
        worked & among("calling_number", work.frame["ticket.msisdn"]),
        ("calling_number", "started_at"),
    )
    success = own_calls.select("calling_number", at="started_at").drop_nulls().sort("at")
    rows = work.frame.select("row", calling_number="ticket.msisdn", at="event_at").drop_nulls().sort("at")
    return rows.join_asof(
        success.with_columns(own_at=pl.col("at")),
        on="at",
        by="calling_number",
        check_sortedness=False,
        strategy="nearest",
        tolerance="24h",
    ).select("row", _own_ok=pl.when(pl.col("own_at").is_not_null()).then(pl.lit(True)))
