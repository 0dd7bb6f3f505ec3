"""Planned work on the elements that served the user (G-02)."""

from __future__ import annotations

import polars as pl

from diagnosis.derived.alarms import located, served_pairs
from diagnosis.serving import CORE_TYPES
from diagnosis.workspace import ROW, Name, Workspace, hours

NAMES = {
    "change.id": Name("string", "change"),
    "change.service_affecting": Name("boolean", "change"),
    "change.status": Name("string", "change"),
    "change_status_at": Name("string", "change", known="change_none"),
    "change_distance_h": Name("float", "change"),
}
# Whether the work is on the user's own cell or site, on a core node that served, beside them, or in the area.
NEARNESS = {"own": 0, "node": 1, "ring": 2, "area": 3}
_ACTIVE = ("approved", "in_progress")


def derive(work: Workspace) -> None:
    """Add the values of NAMES from the one change that fits best: affecting, active, nearest."""
    none = work.tables.empty("change")
    work.derive(no_change_table=pl.lit(none))
    pairs = _related(work)
    active = pl.col("status_at").is_in(_ACTIVE)
    affecting = pl.col("service_affecting").fill_null(False)
    nearness = pl.col("change_relation").replace_strict(NEARNESS, return_dtype=pl.Int64)
    best = (
        pairs.sort(ROW, ~(affecting & active), ~affecting, "distance_h", nearness, "id", "change_node_type")
        .unique(ROW, keep="first", maintain_order=True)
        .select(
            ROW, "status_at", "distance_h", "change_relation", "change_node_type",
            change_from="period_start", change_to="period_end",
            **{f"change.{n}": pl.col(n) for n in ("id", "service_affecting", "status")},
        )
    )  # fmt: skip
    near = pairs.filter(pl.col("distance_h") <= work.settings.alarm_horizon_h)
    work.related["change"] = near.select(ROW, "id").unique().sort(ROW, "id")
    work.join_rows(best)
    named = pl.any_horizontal(*(pl.col(f"serving.{t}").is_not_null() for t in CORE_TYPES))
    known = pl.lit(not none) & pl.col("complaint_at").is_not_null() & (pl.col("has.cell") | named)
    without = known & pl.col("change.id").is_null()
    work.derive(
        pl.col("status_at").alias("change_status_at"),
        pl.when(without)
        .then(pl.lit(False))
        .otherwise("change.service_affecting")
        .alias("change.service_affecting"),
        pl.when(without).then(pl.lit(float("inf"))).otherwise("distance_h").alias("change_distance_h"),
        without.alias("change_none"),
    )
    work.frame = work.frame.drop("status_at", "distance_h")


def _related(work: Workspace) -> pl.DataFrame:
    """Ticket rows x changes of their elements, with the status and the distance at the complaint time."""
    rows = (
        work.tables["change"]
        .select(
            "id",
            "planned_start",
            "planned_end",
            "actual_start",
            "actual_end",
            "service_affecting",
            "status",
            "impacted_objects",
        )
        .explode("impacted_objects")
        .drop_nulls("impacted_objects")
    )
    objects = located(work, rows, "impacted_objects", pl.lit(None, dtype=pl.String)).with_row_index(
        "_at_index"
    )
    in_progress = (pl.col("status") == "in_progress").fill_null(False) & pl.col("actual_end").is_null()
    objects = objects.with_columns(
        active_from=pl.coalesce("actual_start", "planned_start"),
        active_to=pl.when(~in_progress).then(pl.coalesce("actual_end", "planned_end")),
        change_node_type="node_type",
    )
    near = served_pairs(work, objects).select(ROW, "_at_index", change_relation="relation")
    pairs = pl.concat([near, _in_area(work, objects)]).unique().join(objects, on="_at_index")
    pairs = pairs.join(work.frame.select(ROW, "complaint_at"), on=ROW).drop_nulls("complaint_at")
    return _at_complaint(pairs, work.settings.time_uncertainty_min)


def _in_area(work: Workspace, objects: pl.DataFrame) -> pl.DataFrame:
    """Ticket rows x changes that name the tracking area of the ticket."""
    by_area = objects.filter(pl.col("impacted_objects").str.contains(r"^\d{1,5}$")).select(
        "_at_index", area_tac=pl.col("impacted_objects").cast(pl.Int64)
    )
    return (
        work.frame.select(ROW, "area_tac")
        .join(by_area, on="area_tac")
        .select(ROW, "_at_index", change_relation=pl.lit("area"))
    )


def _at_complaint(pairs: pl.DataFrame, uncertainty_min: float) -> pl.DataFrame:
    """`status_at` and `distance_h`; the period is the actual one where known, else the planned window.

    Work that has begun and shows no end is still going on.
    """
    begun = pl.col("actual_start").is_not_null()
    open_end = begun & pl.col("actual_end").is_null() & (pl.col("status") == "in_progress").fill_null(False)
    start = pl.coalesce("actual_start", "planned_start")
    end = (
        pl.when(open_end)
        .then(pl.max_horizontal("planned_end", "complaint_at"))
        .otherwise(pl.coalesce("actual_end", "planned_end"))
    )
    slack = pl.duration(minutes=int(uncertainty_min))
    rows = pairs.with_columns(period_start=start, period_end=end).with_columns(
        distance_h=pl.max_horizontal(
            hours(pl.col("complaint_at"), pl.col("period_start") - slack),
            hours(pl.col("period_end") + slack, pl.col("complaint_at")),
            pl.lit(0.0),
        )
    )
    status, inside = pl.col("status"), pl.col("distance_h") <= 0
    early = pl.col("complaint_at") < pl.col("period_start")
    run = status.is_in(["in_progress", "done", "rolled_back"])
    return rows.with_columns(
        status_at=pl.when(run & inside).then(pl.lit("in_progress"))
        .when(run & early).then(pl.lit("approved"))
        .when(run & (status == "in_progress")).then(pl.lit("done"))
        .otherwise(status)
    )  # fmt: skip
