"""Whether the ticket is usable, and about a call at all (G-01)."""

from __future__ import annotations

import polars as pl

from diagnosis.text_rules import collect_text_flags
from diagnosis.workspace import Name, Workspace

NAMES = {
    "missing_required": Name("integer", "ticket"),
    "out_of_scope_text": Name("boolean", "ticket", ("ticket.description",)),
    "csfb_wording": Name("string", "ticket", ("ticket.description",)),
}


def _filled(name: str) -> pl.Expr:
    return (pl.col(name).str.strip_chars().str.len_chars() > 0).fill_null(False)


def derive(work: Workspace) -> None:
    """Add the values of NAMES: MSISDN, time, and place as text or ECGI are required."""
    place = _filled("ticket.place_text") | _filled("ticket.ecgi")
    has = [_filled("ticket.msisdn"), pl.col("ticket.occurred_at").is_not_null(), place]
    flags = collect_text_flags(work.frame).select("out_of_scope_text", "csfb_wording")
    work.frame = work.frame.hstack(flags)
    work.derive(missing_required=pl.sum_horizontal(*((~p).cast(pl.Int64) for p in has)))
