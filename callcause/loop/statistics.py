"""Whether a change is more than chance.

Volumes before and after a measure, shares on a control chart, Pareto.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri


@dataclass(frozen=True, slots=True)
class Change:
    """Volumes before and after a measure. `ratio`: rate after / rate before with its 95 % interval.

    `p`: chance.
    """

    before: int
    after: int
    before_days: float
    after_days: float
    ratio: float
    low: float
    high: float
    p: float

    @property
    def certain(self) -> bool:
        """Whether the change is more than chance at 5 %."""
        return self.p < 0.05


def volume_change(before: int, before_days: float, after: int, after_days: float) -> Change:
    """Compare two complaint counts as Poisson rates, exactly: given their sum, one of them is binomial.

    Przyborowski and Wilenski 1940; the interval is that of the binomial share (Clopper and Pearson).
    """
    total = before + after
    if total == 0 or before_days <= 0 or after_days <= 0:
        return Change(before, after, before_days, after_days, np.nan, np.nan, np.nan, 1.0)
    share = after_days / (before_days + after_days)
    from scipy.stats import binomtest  # here: a second of imports that only a report needs

    test = binomtest(after, total, share)
    interval = test.proportion_ci(0.95)
    odds = [_rate_ratio(x, share) for x in (after / total, interval.low, interval.high)]
    return Change(before, after, before_days, after_days, odds[0], odds[1], odds[2], float(test.pvalue))


def _rate_ratio(part: float, share: float) -> float:
    return np.inf if part >= 1 else (part / (1 - part)) * ((1 - share) / share)


def control_chart(rows: pl.DataFrame, goal: float) -> pl.DataFrame:
    """p-chart of a share over periods: adds share, centre, low, high, beyond, goal, reached.

    `rows`: period, hits, total, in order. The limits are three standard deviations of a binomial share
    around the mean of all periods (Shewhart); a period without tickets has no share.
    """
    totals = float(rows["total"].cast(pl.Float64).sum())
    centre = float(rows["hits"].cast(pl.Float64).sum()) / totals if totals else np.nan
    sigma = (centre * (1 - centre) / pl.col("total")).sqrt()
    share = pl.when(pl.col("total") > 0).then(pl.col("hits") / pl.col("total"))
    charted = rows.with_columns(
        share.alias("share"),
        pl.lit(centre, pl.Float64).alias("centre"),
        (centre - 3 * sigma).clip(0, 1).alias("low"),
        (centre + 3 * sigma).clip(0, 1).alias("high"),
        pl.lit(goal, pl.Float64).alias("goal"),
    )
    outside = (pl.col("share") < pl.col("low")) | (pl.col("share") > pl.col("high"))
    return charted.with_columns(outside.alias("beyond"), (pl.col("share") >= goal).alias("reached"))


def pareto(reasons: pl.Series) -> pl.DataFrame:
    """Reasons by count with their share and running share: reason, n, share, running.

    Null counts as not coded.
    """
    named = reasons.fill_null("not coded").alias("reason").to_frame()
    counted = (
        named.group_by("reason")
        .agg(pl.len().cast(pl.Int64).alias("n"))
        .sort("n", "reason", descending=[True, False])
    )
    total = max(counted["n"].sum(), 1)
    return counted.with_columns(
        (pl.col("n") / total).alias("share"), (pl.col("n").cum_sum() / total).alias("running")
    )


def wilson(hits: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927); (0, 1) where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    z = float(ndtri(0.5 + confidence / 2))
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
