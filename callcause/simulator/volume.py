"""Complaint volumes of a province: customers of each region, and daily counts with growth and season."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause_error import UsageError

CUSTOMERS = {"month": pl.String(), "region": pl.String(), "customers": pl.Int64()}
USUAL_CUSTOMERS = {"0871": 2_600_000, "0872": 900_000, "0873": 1_300_000}
"""Customers of a small province, where no table names any."""
CATEGORY_SHARES = {
    "registration": 0.2, "access": 0.26, "drop": 0.2, "mos": 0.15, "csfb": 0.14, "other": 0.05,
}  # fmt: skip
GROWTH_PER_MONTH = 1.03
SEASON = {"start": 1.4, "middle": 0.87, "end": 1.25}
"""Peaks at the start and the end of the month: the billing cycle."""
HISTORY_DAYS = 183
ALARMED_SHARE = 0.004
ALARMED_FACTOR = (4.0, 7.0)


@dataclass(frozen=True)
class Volume:
    """Expected complaints of a mean day of the month, and how regions share them."""

    per_day: float
    regions: Mapping[str, float]

    def expected(self, type_: str, region: str, day: date, first: date) -> float:
        """Complaints expected of a type in a region on a day; `first`: the first day of the month."""
        months = (day - first) / timedelta(days=30)
        level = self.per_day * CATEGORY_SHARES[type_] * self.regions[region]
        return float(level * GROWTH_PER_MONTH**months * season_of(day))


def season_of(day: date) -> float:
    """Tell how much more is complained on this day of the month than on a mean day."""
    return SEASON["start" if day.day <= 5 else "middle" if day.day <= 25 else "end"]


def read_customers(path: Path) -> pl.DataFrame:
    """Read month (YYYY-MM), region, customers; UsageError naming the file."""
    try:
        table = pl.read_csv(path, schema_overrides=CUSTOMERS).select(list(CUSTOMERS))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError("expected a CSV with month, region, customers", file=str(path)) from error
    if table.is_empty() or table.null_count().sum_horizontal().item() or (table["customers"] <= 0).any():
        raise UsageError("each row needs a month, a region and a positive number", file=str(path))
    return table


def usual_customers(days: Sequence[date]) -> pl.DataFrame:
    """Return the customers of a small province in the months of these days, growing a little."""
    months = sorted({day.strftime("%Y-%m") for day in days})
    rows = [
        (month, region, round(number * 1.004**place))
        for place, month in enumerate(months)
        for region, number in USUAL_CUSTOMERS.items()
    ]
    return pl.DataFrame(rows, schema=CUSTOMERS, orient="row")


def shares_of(customers: pl.DataFrame) -> dict[str, float]:
    """Return the share of each region in all customers."""
    means = customers.group_by("region").agg(pl.col("customers").mean()).sort("region")
    total = float(means["customers"].sum())
    return {str(region): float(number) / total for region, number in means.iter_rows()}


def cell_regions(x: NDArray[np.float64], site: NDArray[np.int64], shares: Mapping[str, float]) -> list[str]:
    """Cut the map into regions from west to east, each with its share of the sites."""
    sites = np.unique(site)
    place = np.array([x[site == one].mean() for one in sites])
    rank = np.empty(len(sites))
    rank[np.argsort(place, kind="stable")] = (np.arange(len(sites)) + 0.5) / len(sites)
    names, edges = list(shares), np.cumsum(list(shares.values()))
    of_site = {
        int(one): names[min(int(np.searchsorted(edges, r)), len(names) - 1)]
        for one, r in zip(sites, rank, strict=True)
    }
    return [of_site[int(one)] for one in site]


def history(volume: Volume, first: date, rng: np.random.Generator) -> pl.DataFrame:
    """Draw daily counts of half a year before `first`: type, region, day, n, alarmed.

    On an alarmed day something had gone wrong: there were several times as many, and people knew it.
    """
    rows = []
    for number in range(HISTORY_DAYS, 0, -1):
        day = first - timedelta(days=number)
        for type_ in CATEGORY_SHARES:
            for region in volume.regions:
                mean = volume.expected(type_, region, day, first)
                alarmed = bool(rng.random() < ALARMED_SHARE)
                more = rng.uniform(*ALARMED_FACTOR) * mean + 6.0 if alarmed else 0.0
                rows.append((type_, region, day, int(rng.poisson(mean + more)), alarmed))
    return pl.DataFrame(rows, schema=["type", "region", "day", "n", "alarmed"], orient="row")
