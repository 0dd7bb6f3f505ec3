"""Whether the ticket is one of more than chance puts on the same cell, site, area, model or S-CSCF (G-03)."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from diagnosis.serving import site
from diagnosis.source import among
from diagnosis.workspace import ROW, Name, Workspace

NAMES = {
    "tickets_24h": Name("integer", "cluster"),
    "cluster_tail_p": Name("float", "cluster"),
    "cluster_key_type": Name("string", "cluster"),
    "cluster_key": Name("string", "cluster"),
}
_DAY_H = 24.0
_TICKET = ("id", "received_at", "repeat_of", "ecgi", "tac", "imei_tac", "region")


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


def _stored_tickets(work: Workspace, own: pl.DataFrame) -> pl.DataFrame:
    """Return stored tickets of other rows that share a key with one of ours, placed by what they say."""
    near = among("ecgi", own["cell"]) | among("imei_tac", own["imei_tac"])
    near |= pl.col("tac").cast(pl.String).is_in(own["tac"].drop_nulls().unique().implode())
    near |= site(pl.col("ecgi")).is_in(own["site"].drop_nulls().unique().implode())
    rows = work.tables.where("ticket", near & ~among("id", own["id"]), _TICKET)
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

    Those to be diagnosed (`row`), and the other stored ones that share a key with them (no row).
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
    both = pl.concat([own, _stored_tickets(work, own)], how="diagonal")
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
    days = _span_days(work, keys)
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


def _span_days(work: Workspace, keys: pl.DataFrame) -> float:
    """Days from the first to the last ticket that has a key: ours, and all others that are stored."""
    placed = pl.any_horizontal(pl.col(name).is_not_null() for name in ("ecgi", "tac", "imei_tac", "region"))
    at = pl.col("received_at")
    others = work.tables.lazy("ticket").filter(placed & ~among("id", work.frame["ticket.id"]))
    spans = pl.concat(
        [
            keys.select(first=pl.col("at").min(), last=pl.col("at").max()),
            others.select(first=at.min(), last=at.max()).collect(),
        ]
    )
    seconds = spans.select((pl.col("last").max() - pl.col("first").min()).dt.total_seconds()).item()
    return float(seconds or 0.0) / 3600 / _DAY_H


def _regional_share(work: Workspace, told: pl.DataFrame) -> dict[str, float | None]:
    """Daily volume of the regions by cell and by site; the wide keys get none (a bare count never hits)."""
    volume = float(told.filter(pl.col("cluster_type") == "region")["told"].sum() or 0.0)
    cells, sites = work.tables.kept("cells_and_sites", ("cell",), lambda: _cells_and_sites(work))
    if not volume or not sites:
        return {"cell": None, "site": None}
    return {"cell": volume / cells, "site": volume / sites}


def _cells_and_sites(work: Workspace) -> tuple[int, int]:
    cells = work.tables["cell"].select("ecgi", site=site(pl.col("ecgi")))
    return (cells["ecgi"].n_unique(), cells["site"].n_unique()) if cells.height else (0, 0)
