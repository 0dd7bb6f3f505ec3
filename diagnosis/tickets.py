"""Which tickets are diagnosed, when and where each of them happened."""

from __future__ import annotations

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.source import normalise
from diagnosis.workspace import ROW

CATEGORY_GUESS = "category_guess"
# What the customer said became of the call, as a category (Yunnan manual, section 2 of the runbooks).
_ANSWER_CATEGORY = {
    "not_connected": "access",
    "cut": "drop",
    "bad_voice": "mos",
    "connected_on_2g": "csfb",
}


def ticket_rows(tickets: pl.DataFrame) -> pl.DataFrame:
    """Return one row per ticket in the order of its id, with all fields as `ticket.<field>`.

    Adds `row`, `complaint_at` (UTC) and `category`: what the caller guessed in `category_guess` from the
    category told, the text and the answers together, else what was told, else what the customer answered.
    """
    guess = tickets.select("id", CATEGORY_GUESS) if CATEGORY_GUESS in tickets.columns else None
    rows = normalise(tickets.lazy(), "ticket").unique("id", keep="first", maintain_order=True).sort("id")
    named = rows.rename({name: f"ticket.{name}" for name in rows.columns}).with_row_index(ROW)
    if guess is not None:
        named = named.join(guess.unique("id", keep="first"), left_on="ticket.id", right_on="id", how="left")
        named = named.sort(ROW)
    else:
        named = named.with_columns(pl.lit(None, dtype=pl.String).alias(CATEGORY_GUESS))
    answered = pl.col("ticket.answer_call_outcome").replace_strict(_ANSWER_CATEGORY, default=None)
    return named.with_columns(
        complaint_at=pl.coalesce("ticket.occurred_at", "ticket.received_at"),
        # `other` names none of the five trees, so it must not stand in the way of a guess that does.
        category=pl.coalesce(
            *(
                pl.when(told != "other").then(told)
                for told in (pl.col(CATEGORY_GUESS), pl.col("ticket.category"))
            ),
            answered.cast(pl.String),
        ),
    ).with_columns(pl.lit(True).alias("has.ticket"), pl.col(f"ticket.{ABSENT}").cast(pl.String))
