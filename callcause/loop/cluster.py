"""Clusters: tickets that share an element within a day, and whether that is more than chance.

Section 4 and check G-03: three or more tickets on one key within 24 hours, and more than the normal daily
volume of that key explains. The chance level is the Poisson tail P(N >= n | normal volume), raised to that
of any entity of the kind: of a hundred cells one has three tickets of different causes soon enough. Keys
differ in what they say; the one with the least chance gives the incident its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import gammainc

Numbers = NDArray[Any]
KEYS = (
    "alarm",
    "cell",
    "ring",
    "tracking_area",
    "node",
    "device_model",
    "software_version",
    "change",
)
"""What tickets may share, the most telling first.

`alarm`, `change`: the evidence of the diagnoses is the same alarm or the same planned work. `ring`: the cell
or one of its first-ring neighbours.
"""
PAIRS = {"ticket_id": pl.String(), "at": pl.Datetime("us", "UTC"), "key": pl.String(), "entity": pl.String()}


class ClusterSettings(BaseModel):
    """When tickets are a cluster. `chance`: it must be rarer than this (default-unverified)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    least: int = Field(default=3, ge=2)
    window_h: float = Field(default=24.0, gt=0)
    chance: float = Field(default=0.01, gt=0, lt=1)
    usual_per_day: float = Field(default=0.2, gt=0, description="normal volume of a key that no history has")

    @property
    def window(self) -> timedelta:
        """The time within which tickets count together."""
        return timedelta(hours=self.window_h)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Tickets that share an entity: `expected` in the window, `chance` of so many on any entity of its kind.

    `among`: how many entities of its kind there are.
    """

    key: str
    entity: str
    tickets: tuple[str, ...]
    expected: float
    chance: float
    among: int = 1

    def of(self, tickets: Sequence[str]) -> Cluster:
        """Return the cluster that some of its tickets are by themselves."""
        chance = float(
            _chance(np.array([len(tickets)]), np.array([self.expected]), np.array([self.among]))[0]
        )
        return replace(self, tickets=tuple(tickets), chance=chance)


def _chance(n: Numbers, expected: Numbers, among: Numbers) -> Numbers:
    """Chance of `n` or more, by Poisson, on at least one of `among` entities."""
    return np.asarray(-np.expm1(among * np.log1p(-np.minimum(gammainc(n, expected), 1.0 - 1e-12))))


def clusters(
    pairs: pl.DataFrame, usual: pl.DataFrame, settings: ClusterSettings | None = None
) -> list[Cluster]:
    """Find clusters among (ticket, key, entity) pairs, least chance first.

    `pairs`: ticket_id, at, key, entity (PAIRS), any order, of any span of time; the window slides.
    `usual`: key, entity, per_day. A ticket may be in clusters of several keys; `incidents` decides where
    it belongs.
    """
    chosen = settings or ClusterSettings()
    if pairs.is_empty():
        return []
    dense = _densest(pairs, chosen)
    rows = dense.filter(pl.col("n") >= chosen.least).join(usual, on=["key", "entity"], how="left")
    kinds = pl.concat([usual.select("key", "entity"), pairs.select("key", "entity")]).unique()
    rows = rows.join(kinds.group_by("key").len("among"), on="key")
    expected = rows["per_day"].fill_null(chosen.usual_per_day).clip(1e-6).to_numpy() * chosen.window_h / 24.0
    chance = _chance(rows["n"].to_numpy(), expected, rows["among"].to_numpy())
    rows = rows.with_columns(pl.Series("expected", expected), pl.Series("chance", chance))
    rows = rows.filter(pl.col("chance") < chosen.chance).sort("chance", "key", "entity")
    return [
        Cluster(r["key"], r["entity"], tuple(sorted(r["tickets"])), r["expected"], r["chance"], r["among"])
        for r in rows.iter_rows(named=True)
    ]


def _densest(pairs: pl.DataFrame, settings: ClusterSettings) -> pl.DataFrame:
    """Find the window with the most tickets of each key and entity: key, entity, n, tickets."""
    once = pairs.unique(["ticket_id", "key", "entity"]).sort("key", "entity", "at", "ticket_id")
    rolled = once.rolling("at", period=settings.window, closed="both", group_by=["key", "entity"]).agg(
        pl.col("ticket_id").unique().alias("tickets")
    )
    counted = rolled.with_columns(pl.col("tickets").list.len().alias("n"))
    return counted.sort("n", "at", descending=[True, False]).unique(
        ["key", "entity"], keep="first", maintain_order=True
    )


def incidents(found: Sequence[Cluster], settings: ClusterSettings | None = None) -> list[Cluster]:
    """Put each ticket into one cluster: of those that it is in, the one with the least chance.

    Equal chances go to the more telling key. What another cluster leaves of one must be a cluster by itself.
    """
    chosen = settings or ClusterSettings()
    order = sorted(
        found, key=lambda c: (c.chance, KEYS.index(c.key) if c.key in KEYS else len(KEYS), c.entity)
    )
    taken: set[str] = set()
    kept: list[Cluster] = []
    for cluster in order:
        mine = [ticket for ticket in cluster.tickets if ticket not in taken]
        left = cluster if len(mine) == len(cluster.tickets) else cluster.of(mine)
        if stands(left, chosen):
            taken.update(mine)
            kept.append(left)
    return kept


def stands(cluster: Cluster, settings: ClusterSettings) -> bool:
    """Whether it has enough tickets, and more than chance explains."""
    return len(cluster.tickets) >= settings.least and cluster.chance < settings.chance


def five_minute_counts(at: pl.Series) -> pl.DataFrame:
    """Complaints per five minutes from the first to the last, empty bins included: start, n."""
    counts = (
        pl.DataFrame({"start": at.dt.truncate("5m")})
        .group_by("start")
        .agg(pl.len().cast(pl.Int64).alias("n"))
    )
    if counts.is_empty():
        return counts
    rows = counts.sort("start").upsample("start", every="5m")
    return rows.with_columns(pl.col("n").fill_null(0))


def outage_bins(counts: pl.DataFrame, usual_per_bin: float, chance: float = 1e-4) -> pl.DataFrame:
    """Five-minute bins with more complaints than chance allows: start, n, chance."""
    tail = gammainc(counts["n"].to_numpy(), max(usual_per_bin, 1e-9))
    rows = counts.with_columns(pl.Series("chance", np.asarray(tail, dtype=np.float64)))
    return rows.filter(pl.col("chance") < chance)
