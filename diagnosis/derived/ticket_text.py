"""Is the ticket usable, and is it about a call at all (G-01)?"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl
import yaml

from diagnosis.workspace import Name, Workspace

NAMES = {
    "missing_required": Name("integer", "ticket"),
    "out_of_scope_text": Name("boolean", "ticket", ("ticket.description",)),
}


@cache
def _rules() -> dict[str, Any]:
    text = files("diagnosis").joinpath("data/text_rules.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def _says(word_class: str) -> pl.Expr:
    return pl.col("ticket.description").str.to_lowercase().str.contains(str(_rules()["words"][word_class]))


def _filled(name: str) -> pl.Expr:
    return (pl.col(name).str.strip_chars().str.len_chars() > 0).fill_null(False)


def derive(work: Workspace) -> None:
    """Add the values of NAMES: MSISDN, time, and place as text or ECGI are required."""
    place = _filled("ticket.place_text") | _filled("ticket.ecgi")
    has = [_filled("ticket.msisdn"), pl.col("ticket.occurred_at").is_not_null(), place]
    out_of_scope = [
        pl.all_horizontal(*(_says(word) for word in rule["all"]), *(~_says(word) for word in rule["none"]))
        for rule in _rules()["out_of_scope"]
    ]
    described = pl.when(_filled("ticket.description"))
    work.derive(
        missing_required=pl.sum_horizontal(*((~part).cast(pl.Int64) for part in has)),
        out_of_scope_text=described.then(pl.any_horizontal(*out_of_scope)),
    )
