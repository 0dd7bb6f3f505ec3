"""Service indicators of section 5.

By region, department, category and month, each with what it was counted from.

A share whose denominator is zero is null, never zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

REPEAT_DAYS = 30
"""Same number and category within this many days is a repeat (no number is given in SD; default)."""
DIMENSIONS = ("month", "region", "department", "category")
UTC_TIME = pl.Datetime("us", "UTC")
LIFE = {
    "ticket_id": pl.String(),
    "customer": pl.String(),
    "region": pl.String(),
    "department": pl.String(),
    "category": pl.String(),
    "level": pl.Int64(),
    "received_at": UTC_TIME,
    "entered_at": UTC_TIME,
    "first_response_at": UTC_TIME,
    "replied_at": UTC_TIME,
    "closed_at": UTC_TIME,
    "solved": pl.Boolean(),
    "timely": pl.Boolean(),
    "satisfaction": pl.Int64(),
    "handoffs": pl.Int64(),
    "exchanges": pl.Int64(),
    "entry_late": pl.Boolean(),
    "overdue_reason": pl.String(),
}
"""Columns of a ticket's life as the indicators read it; null = not known or not yet."""


def with_repeats(tickets: pl.DataFrame, days: int = REPEAT_DAYS) -> pl.DataFrame:
    """Add `repeat`: the same customer complained in the same category within the days before.

    A ticket without a customer is not judged: null.
    """
    ordered = tickets.sort("received_at", "ticket_id")
    before = pl.col("received_at").shift(1).over("customer", "category")
    near = (pl.col("received_at") - before) <= pl.duration(days=days)
    return ordered.with_columns(
        pl.when(pl.col("customer").is_not_null()).then(near.fill_null(False)).alias("repeat")
    )


def indicators(
    tickets: pl.DataFrame,
    customers: pl.DataFrame,
    by: Sequence[str] = ("month",),
    zone: str = "Asia/Shanghai",
) -> pl.DataFrame:
    """Compute every indicator for each group of `by` (of DIMENSIONS).

    `tickets`: LIFE. `customers`: month (YYYY-MM), region, customers; appeals per million are given only
    for groups whose dimensions the number of customers has (month, region). Month is that of receipt in
    `zone`.
    """
    return grouped(judged(tickets, zone), customers, by)


def judged(tickets: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Add to LIFE what every grouping needs: `repeat`, and the `month` of receipt in `zone`."""
    local = pl.col("received_at").dt.convert_time_zone(zone)
    return with_repeats(tickets).with_columns(local.dt.strftime("%Y-%m").alias("month"))


def grouped(rows: pl.DataFrame, customers: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Compute every indicator of `judged` rows for each group; see `indicators`."""
    made = rows.group_by(list(by)).agg(*_counts()).sort(list(by)) if by else rows.select(*_counts())
    return _with_appeals(_shares(made), customers, by)


def _counts() -> list[pl.Expr]:
    closed = pl.col("closed_at").is_not_null()
    hours = [
        ("response_h", pl.col("first_response_at") - pl.col("received_at")),
        ("handling_h", pl.col("closed_at") - pl.col("entered_at")),
    ]
    return [
        pl.len().cast(pl.Int64).alias("tickets"),
        closed.sum().cast(pl.Int64).alias("closed"),
        (closed & pl.col("timely")).sum().cast(pl.Int64).alias("closed_timely"),
        pl.col("repeat").sum().cast(pl.Int64).alias("repeats"),
        pl.col("repeat").is_not_null().sum().cast(pl.Int64).alias("repeat_judged"),
        pl.col("solved").sum().cast(pl.Int64).alias("solved"),
        (closed & (pl.col("handoffs") == 0)).sum().cast(pl.Int64).alias("direct"),
        pl.col("exchanges").mean().alias("exchanges_per_ticket"),
        pl.col("handoffs").mean().alias("handoffs_per_ticket"),
        (pl.col("satisfaction") >= 4).sum().cast(pl.Int64).alias("satisfied"),
        pl.col("satisfaction").is_not_null().sum().cast(pl.Int64).alias("rated"),
        pl.col("entry_late").sum().cast(pl.Int64).alias("late_entries"),
        (pl.col("level") >= 2).sum().cast(pl.Int64).alias("appeals"),
        *((took.dt.total_seconds() / 3600).mean().alias(name) for name, took in hours),
    ]


def _shares(counts: pl.DataFrame) -> pl.DataFrame:
    shares = {
        "timely_rate": ("closed_timely", "closed"),
        "repeat_rate": ("repeats", "repeat_judged"),
        "solve_rate": ("solved", "tickets"),
        "direct_completion_share": ("direct", "tickets"),
        "satisfaction": ("satisfied", "rated"),
        "late_entry_share": ("late_entries", "tickets"),
    }
    return counts.with_columns(
        pl.when(pl.col(total) > 0).then(pl.col(part) / pl.col(total)).alias(name)
        for name, (part, total) in shares.items()
    )


def _with_appeals(rows: pl.DataFrame, customers: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Appeals per million customers (12300) and complaints per ten thousand users.

    Where customers are known.
    """
    keys = [name for name in by if name in ("month", "region")]
    if set(by) - {"month", "region"} or not customers.height:
        return rows.with_columns(
            pl.lit(None, pl.Float64).alias("appeals_per_million"),
            pl.lit(None, pl.Float64).alias("complaints_per_10k"),
        )
    # Over several months the mean number of customers counts, over regions their sum.
    monthly = customers.group_by([*dict.fromkeys([*keys, "month"])]).agg(pl.col("customers").sum())
    number = pl.col("customers").mean()
    known = monthly.group_by(keys).agg(number) if keys else monthly.select(number)
    joined = rows.join(known, on=keys, how="left") if keys else rows.with_columns(known["customers"])
    some = pl.when(pl.col("customers") > 0)
    return joined.with_columns(
        some.then(pl.col("appeals") / pl.col("customers") * 1e6).alias("appeals_per_million"),
        some.then(pl.col("tickets") / pl.col("customers") * 1e4).alias("complaints_per_10k"),
    )
