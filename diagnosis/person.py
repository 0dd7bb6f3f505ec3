"""The person behind a number: its IMSI pseudonym and subscriber record."""

from __future__ import annotations

import polars as pl

from diagnosis.record_join import join_record
from diagnosis.source import among
from diagnosis.workspace import Workspace


def imsi_of(work: Workspace, numbers: pl.Series) -> pl.DataFrame:
    """Return each of the number pseudonyms with the IMSI pseudonym that the records give it.

    Subscriber data win over registrations, registrations over calls.
    """
    tables = work.tables
    calls = tables.where(
        "call",
        among("calling_number", numbers) | among("called_number", numbers),
        ("leg", "calling_number", "called_number", "imsi"),
    )
    own = among("msisdn", numbers)
    pairs = pl.concat(
        [
            tables.where("subscriber", own, ("msisdn", "imsi")).select("msisdn", "imsi", rank=pl.lit(0)),
            tables.where("registration", own, ("msisdn", "imsi")).select("msisdn", "imsi", rank=pl.lit(1)),
            calls.filter(pl.col("leg") == "mo").select(
                pl.col("calling_number").alias("msisdn"), "imsi", rank=pl.lit(2)
            ),
            calls.filter(pl.col("leg") == "mt").select(
                pl.col("called_number").alias("msisdn"), "imsi", rank=pl.lit(2)
            ),
        ]
    ).drop_nulls()
    return (
        pairs.sort("rank", "msisdn", "imsi")
        .unique("msisdn", keep="first", maintain_order=True)
        .select("msisdn", "imsi")
    )


def add_person(work: Workspace) -> None:
    """Add `subscriber.<field>` and `person`, the IMSI pseudonym of the ticket's number."""
    numbers = work.frame["ticket.msisdn"].drop_nulls().unique()
    rows = work.tables.where("subscriber", among("msisdn", numbers))
    join_record(work, rows, "subscriber", "subscriber", left_on="ticket.msisdn", right_on="msisdn")
    found = imsi_of(work, numbers).rename({"imsi": "person"})
    work.frame = work.frame.join(
        found, left_on="ticket.msisdn", right_on="msisdn", how="left", maintain_order="left"
    ).with_columns(person=pl.coalesce("subscriber.imsi", "person"))
