"""Whether the ticket is one of more than chance puts on the same cell, site, area, model or S-CSCF (G-03)."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.serving import site
from diagnosis.workspace import ROW, Name, Workspace

NAMES = {
    "tickets_24h": Name("integer", "cluster"),
    "cluster_tail_p": Name("float", "cluster"),
    "cluster_key_type": Name("string", "cluster"),
    "cluster_key": Name("string", "cluster"),
}
_DAY_H = 24.0


def derive(work: Workspace) -> None:
    """Add the values of NAMES for the key with the smallest tail probability, and `cluster_elements`."""
    keys = _keys(work)
    counted = _counts(work, keys)
    judged = counted.join(_volumes(work, keys, counted), on=["cluster_type", "cluster_key"], how="left")
    k, rate = judged["tickets_24h"].to_numpy(), judged["tickets_per_day"].to_numpy()
    days = work.settings.cluster_window_h / _DAY_H
    judged = judged.with_columns(cluster_tail_p=pl.Series(poisson_tail(k, rate * days)).fill_nan(None))
    many = pl.col("tickets_24h") >= work.settings.cluster_min_tickets
    proven = many & (pl.col("cluster_tail_p") < work.settings.cluster_tail_p)
    work.related["cluster_elements"] = judged.filter(proven).select(ROW, "cluster_type", "cluster_key")
    best = (
        judged.sort(
            ROW,
            many & pl.col("cluster_tail_p").is_not_null(),
            "cluster_tail_p",
            "tickets_24h",
            "cluster_type",
            descending=[False, True, False, True, False],
            nulls_last=True,
        )
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, "tickets_24h", "cluster_tail_p", "cluster_key", cluster_key_type="cluster_type")
    )
    work.join_rows(best)


def poisson_tail(k: NDArray[np.int64], rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(X >= k) for X Poisson with mean `rate`; NaN where the rate is not known.

    Summed upwards from the term of k, whose logarithm is exact enough for any k, so nothing cancels.
    """
    k = np.maximum(k, 0)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(k.max(initial=0)) + 1)))])
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.exp(np.where(k == 0, 0.0, k * np.log(rate)) - rate - logs[k])
        term, total = np.ones_like(rate), np.ones_like(rate)
        for step in range(1, 400):
            term = term * rate / (k + step)
            total += term
            if not np.any(term > 1e-12 * total):
                break
        tail = np.minimum(first * total, 1.0)
    # With so large a mean against k the series above is cut short, and the tail is the better part of 1.
    tail = np.where(rate > k + 200, 1.0, tail)
    return np.where(k == 0, np.where(np.isnan(rate), np.nan, 1.0), tail)


def _stored_tickets(work: Workspace) -> pl.DataFrame:
    """Return the stored tickets of other rows, placed by what they say themselves."""
    rows = work.tables["ticket"]
    return rows.select(
        "id",
        at="received_at",
        again=pl.col("repeat_of").is_not_null(),
        cell="ecgi",
        site=site(pl.col("ecgi")),
        tac=pl.col("tac").cast(pl.String),
        imei_tac="imei_tac",
        scscf=pl.lit(None, dtype=pl.String),
        region="region",
    )


def _keys(work: Workspace) -> pl.DataFrame:
    """Every ticket under each of its keys.

    Those to be diagnosed (`row`), and the other stored ones (no row).
    """
    own = work.frame.select(
        ROW,
        id="ticket.id",
        at="ticket.received_at",
        again=pl.col("ticket.repeat_of").is_not_null(),
        cell="serving_ecgi",
        site="site",
        tac=pl.col("area_tac").cast(pl.String),
        imei_tac="model_tac",
        scscf="serving.scscf",
        region="ticket.region",
    )
    others = _stored_tickets(work).join(own.select("id"), on="id", how="anti")
    both = pl.concat([own, others], how="diagonal")
    long = both.unpivot(
        on=["cell", "site", "tac", "imei_tac", "scscf", "region"],
        index=[ROW, "id", "at", "again"],
        variable_name="cluster_type",
        value_name="cluster_key",
    )
    return long.filter(pl.col("cluster_key").is_not_null() & pl.col("at").is_not_null())


def _counts(work: Workspace, keys: pl.DataFrame) -> pl.DataFrame:
    """Tickets of the key in the 24 h that end, or begin, with the ticket.

    Repeats of one complaint count once.
    """
    window = f"{int(work.settings.cluster_window_h)}h"
    group = ["cluster_type", "cluster_key"]
    number = pl.concat_str(group, separator="|").cast(pl.Categorical).to_physical().alias("_group")
    epoch, mirror = (pl.datetime(year, 1, 1, time_unit="us", time_zone="UTC") for year in (1970, 2200))
    rows = keys.filter(pl.col("cluster_type") != "region").with_columns(
        number, one=(~pl.col("again")).cast(pl.Int64), mirror=epoch + (mirror - pl.col("at"))
    )
    for name, time in (("past", "at"), ("ahead", "mirror")):
        summed = pl.col("one").rolling_sum_by(time, window_size=window, closed="both").over("_group")
        rows = rows.sort(time).with_columns(summed.alias(name))
    total = pl.max_horizontal("past", "ahead").cast(pl.Int64)
    return rows.filter(pl.col(ROW).is_not_null()).select(ROW, *group, tickets_24h=total)


def _volumes(work: Workspace, keys: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Return normal tickets per day of each key.

    Told, else counted over the stored history, else the region's share.
    """
    told = work.tables["ticket_volume"].select(
        cluster_type="key_type", cluster_key="key", told="tickets_per_day"
    )
    wanted = counted.select("cluster_type", "cluster_key").unique()
    span_h = keys.select((pl.col("at").max() - pl.col("at").min()).dt.total_seconds() / 3600).item() or 0.0
    days = span_h / _DAY_H
    long_enough = days >= work.settings.volume_base_days
    peak = counted.group_by("cluster_type", "cluster_key").agg(peak=pl.col("tickets_24h").max())
    history = (
        keys.group_by("cluster_type", "cluster_key")
        .agg(total=pl.len())
        .join(peak, on=["cluster_type", "cluster_key"], how="left")
    )
    # The busiest day is what is being judged: it is left out; half a ticket keeps an empty history honest.
    rest = (pl.col("total") - pl.col("peak").fill_null(0) + 0.5) / max(days - 1, 1.0)
    history = history.select(
        "cluster_type", "cluster_key", counted=rest if long_enough else pl.lit(None, dtype=pl.Float64)
    )
    share = pl.col("cluster_type").replace_strict(
        _regional_share(work, told), default=None, return_dtype=pl.Float64
    )
    return (
        wanted.join(
            told.unique(["cluster_type", "cluster_key"], keep="first"),
            on=["cluster_type", "cluster_key"],
            how="left",
        )
        .join(history, on=["cluster_type", "cluster_key"], how="left")
        .select("cluster_type", "cluster_key", tickets_per_day=pl.coalesce("told", "counted", share))
    )


def _regional_share(work: Workspace, told: pl.DataFrame) -> dict[str, float | None]:
    """Daily volume of the regions by cell and by site; the wide keys get none (a bare count never hits)."""
    volume = float(told.filter(pl.col("cluster_type") == "region")["told"].sum() or 0.0)
    cells = work.tables["cell"]["ecgi"]
    sites = cells.to_frame().select(site(pl.col("ecgi")).n_unique()).item() if len(cells) else 0
    if not volume or not sites:
        return {"cell": None, "site": None}
    return {"cell": volume / cells.n_unique(), "site": volume / sites}
