"""Early warning (投诉信息预警, EWM): base value, coefficient, protection value.

Raised, reviewed, published, recovered.

The document names the three parts and not how they combine. Default here, not verified: a warning is
raised when `count > base * coefficient + protection` (`offset`). The other reading, `count > max(base *
coefficient, protection)` (`floor`), can be set: with `offset` a type of small volume needs a clear excess
before it warns, which is what a value against false alarms is for; with `floor` the protection value
matters for small volumes only.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from callcause.loop.life import LoopError

HALF_YEAR = timedelta(days=183)
SEASON = ("start", "middle", "end")
"""Days of the month.

1 to 5, 6 to 25, 26 to the last (peaks at start and end of the billing cycle, PLAN23).
"""
LEAST_DAYS = 28
"""With fewer days of history there is no base value, and no warning (default-unverified)."""


class WarningSettings(BaseModel):
    """How base, coefficient and protection value combine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    combine: Literal["offset", "floor"] = "offset"
    coefficient: float = Field(default=1.5, gt=0)
    protection: float = Field(default=5.0, ge=0)
    recipients: tuple[str, ...] = ()
    issuing_department: str = "Complaint centre"


class WarningState(StrEnum):
    """raised -> reviewed (approved or rejected) -> published -> recovered."""

    RAISED = "raised"
    APPROVED = "approved"
    REJECTED = "rejected"
    PUBLISHED = "published"
    RECOVERED = "recovered"


WARNING_ZH = {
    WarningState.RAISED: "已触发",
    WarningState.APPROVED: "审核通过",
    WarningState.REJECTED: "审核未通过",
    WarningState.PUBLISHED: "已发布",
    WarningState.RECOVERED: "预警恢复",
}
_NEXT = {
    WarningState.RAISED: {WarningState.APPROVED, WarningState.REJECTED, WarningState.RECOVERED},
    WarningState.APPROVED: {WarningState.PUBLISHED},
    WarningState.PUBLISHED: {WarningState.RECOVERED},
    WarningState.REJECTED: set(),
    WarningState.RECOVERED: set(),
}


def check_warning_step(now: WarningState, to: WarningState) -> None:
    """Refuse a step that is not in the order of EWM; LoopError `illegal_transition`."""
    if to not in _NEXT[now]:
        allowed = ", ".join(sorted(_NEXT[now])) or "nothing"
        raise LoopError("illegal_transition", f"a warning that is {now} may become {allowed}", key="state")


def season() -> pl.Expr:
    """Season of the day of month in column `day`: start, middle or end."""
    of_month = pl.col("day").dt.day()
    return (
        pl.when(of_month <= 5)
        .then(pl.lit("start"))
        .when(of_month <= 25)
        .then(pl.lit("middle"))
        .otherwise(pl.lit("end"))
    )


def filled(counts: pl.DataFrame, first: date, last: date) -> pl.DataFrame:
    """Daily counts (type, region, day, n) with a row for every day: a day without complaints counts 0."""
    days = pl.date_range(first, last, eager=True).alias("day").to_frame()
    groups = counts.select("type", "region").unique()
    return (
        groups.join(days, how="cross")
        .join(counts, on=["type", "region", "day"], how="left")
        .with_columns(pl.col("n").fill_null(0))
        .sort("type", "region", "day")
    )


def base_values(counts: pl.DataFrame, day: date) -> pl.DataFrame:
    """Give the base value of each type and region for a day: type, region, base, days.

    Mean of the half year before without the days in alarm, times the season of the day of month. `counts`:
    type, region, day, n, alarmed (bool; a day in alarm enters neither mean nor season). No base under 28
    days.
    """
    window = counts.filter(
        (pl.col("day") < day) & (pl.col("day") >= day - HALF_YEAR) & ~pl.col("alarmed").fill_null(False)
    ).with_columns(season().alias("season"))
    keys = ["type", "region"]
    means = window.group_by(keys).agg(pl.col("n").mean().alias("mean"), pl.len().alias("days"))
    wanted = pl.Series("day", [day]).to_frame().select(season()).item()
    seasonal = (
        window.filter(pl.col("season") == wanted)
        .group_by(keys)
        .agg(pl.col("n").mean().alias("of_season"), pl.len().alias("season_days"))
    )
    rows = means.join(seasonal, on=keys, how="left").filter(pl.col("days") >= LEAST_DAYS)
    # Few days of a season say little: they count like ten days of the plain mean.
    share = pl.col("season_days").fill_null(0) / (pl.col("season_days").fill_null(0) + 10)
    base = share * pl.col("of_season").fill_null(pl.col("mean")) + (1 - share) * pl.col("mean")
    return rows.select(*keys, base.alias("base"), pl.col("days").cast(pl.Int64)).sort(keys)


def threshold(settings: WarningSettings) -> pl.Expr:
    """Give the count above which a warning is raised, from column `base`."""
    scaled = pl.col("base") * settings.coefficient
    if settings.combine == "offset":
        return scaled + settings.protection
    return pl.max_horizontal(scaled, pl.lit(settings.protection))


def judge(today: pl.DataFrame, bases: pl.DataFrame, settings: WarningSettings) -> pl.DataFrame:
    """Judge the counts of a period: type, region, n, base, threshold, level ("" = none), share_over.

    `today`: type, region, n. A type without a base is not judged and has level null. Level `serious` from
    twice the threshold.
    """
    rows = today.join(bases, on=["type", "region"], how="left").with_columns(
        threshold(settings).alias("threshold")
    )
    over = pl.col("n") / pl.col("threshold")
    level = (
        pl.when(over > 2).then(pl.lit("serious")).when(over > 1).then(pl.lit("warning")).otherwise(pl.lit(""))
    )
    return rows.with_columns(
        pl.when(pl.col("base").is_not_null()).then(level).alias("level"), over.alias("share_over")
    ).sort("type", "region")
