"""Clusters: tickets that share an element within a day, and whether that is more than chance.

Section 4 and check G-03: three or more tickets on one key within 24 hours, and more than the normal daily
volume of that key explains. The chance level is the Poisson tail P(N >= n | normal volume). Keys differ in
what they say; the one with the least chance gives the incident its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import gammainc

KEYS = (
    "cell",
    "ring",
    "tracking_area",
    "node",
    "device_model",
    "software_version",
    "change",
)
"""What tickets may share, the most local first; `ring` = the cell or one of its first-ring neighbours."""
PAIRS = {"ticket_id": pl.String(), "at": pl.Datetime("us", "UTC"), "key": pl.String(), "entity": pl.String()}


class ClusterSettings(BaseModel):
    """When tickets are a cluster. `chance`: it must be rarer than this for its key (default-unverified)."""

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
    """Tickets that share an entity: `chance` = probability of so many by chance, `expected` in the window."""

    key: str
    entity: str
    tickets: tuple[str, ...]
    expected: float
    chance: float


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
    expected = rows["per_day"].fill_null(chosen.usual_per_day).clip(1e-6).to_numpy() * chosen.window_h / 24.0
    chance = gammainc(rows["n"].to_numpy(), expected)  # of so many or more, by Poisson
    rows = rows.with_columns(pl.Series("expected", expected), pl.Series("chance", chance))
    rows = rows.filter(pl.col("chance") < chosen.chance).sort("chance", "key", "entity")
    return [
        Cluster(r["key"], r["entity"], tuple(sorted(r["tickets"])), float(r["expected"]), float(r["chance"]))
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


def incidents(found: Sequence[Cluster]) -> list[Cluster]:
    """Put each ticket into one cluster: of those that it is in, the one with the least chance.

    Equal chances go to the more local key. A cluster that keeps fewer tickets than it needs is dropped.
    """
    order = sorted(
        found, key=lambda c: (c.chance, KEYS.index(c.key) if c.key in KEYS else len(KEYS), c.entity)
    )
    taken: set[str] = set()
    kept: list[Cluster] = []
    for cluster in order:
        mine = [ticket for ticket in cluster.tickets if ticket not in taken]
        if len(mine) >= max(2, round(0.5 * len(cluster.tickets))) and len(mine) >= 2:
            taken.update(mine)
            kept.append(Cluster(cluster.key, cluster.entity, tuple(mine), cluster.expected, cluster.chance))
    return kept


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
