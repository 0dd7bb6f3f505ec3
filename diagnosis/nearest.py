"""How far from the complaint the records of the ticket's person lie."""

from __future__ import annotations

import polars as pl

from diagnosis.workspace import ROW, Workspace, seconds


def near(work: Workspace, sightings: pl.DataFrame) -> pl.DataFrame:
    """All records of each ticket's person.

    `distance_min` to the complaint time (0 inside the record); `after_s`: how long after the complaint came
    in the record began.
    """
    tickets = work.frame.select(
        ROW,
        "complaint_at",
        "category",
        "person",
        "ticket.msisdn",
        "ticket.direction",
        "ticket.other_party_number",
        "ticket.received_at",
    )
    keys = pl.concat(
        [
            tickets.with_columns(key=pl.col("ticket.msisdn")),
            tickets.with_columns(key=pl.lit("imsi:") + pl.col("person")),
        ]
    ).filter(pl.col("key").is_not_null() & pl.col("complaint_at").is_not_null())
    end = pl.coalesce("ended_at", "started_at")
    before = seconds(end, pl.col("complaint_at"))
    after = seconds(pl.col("complaint_at"), pl.col("started_at"))
    return keys.join(sightings, on="key").with_columns(
        distance_min=pl.max_horizontal(before, after, pl.lit(0.0)) / 60,
        after_s=seconds(pl.col("ticket.received_at"), pl.col("started_at")),
    )
