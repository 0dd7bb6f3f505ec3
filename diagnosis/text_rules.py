"""Disambiguation rules over the complaint text (knowledge base, complaint handling, section 7).

All texts at once as polars expressions; the patterns are data in `data/text_rules.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

DATA = Path(__file__).parent / "data"
TEXT = "ticket.description"


@lru_cache(maxsize=1)
def text_rules() -> Mapping[str, Any]:
    """Return the patterns and rules as they stand in the data file."""
    rules: dict[str, Any] = yaml.safe_load((DATA / "text_rules.yaml").read_text("utf-8"))
    return rules


def collect_text_flags(frame: pl.DataFrame, text: str = TEXT) -> pl.DataFrame:
    """Row-aligned flags of the complaint text.

    `out_of_scope_text`: billing, or data without a call word (rules 2 and 6); null without a text.
    `direction_hint`: MT where others report that they cannot reach the customer (rule 4), else null.
    `roaming_hint`, `off_net_hint`: true or null (rule 5). `csfb_wording`: `why` (falls to 2G) or
    `stage` (slow, failed, no return), null when the text does not tell (section 8).
    """
    lower = frame.select(pl.col(text).str.to_lowercase().alias("text"))
    unique = lower.unique(maintain_order=True)
    flags = unique.with_columns(
        _out_of_scope(pl.col("text")).alias("out_of_scope_text"),
        *(_hint(pl.col("text"), name, pattern) for name, pattern in text_rules()["hints"].items()),
        _csfb_wording(pl.col("text")).alias("csfb_wording"),
    )
    return lower.join(flags, on="text", how="left", nulls_equal=True, maintain_order="left").drop("text")


def without_denials(text: pl.Expr) -> pl.Expr:
    """Return the text without what it says did not happen: `the call does not drop` is no drop."""
    pattern = f"(?i){text_rules()['denials']}"
    return text.str.replace_all(pattern, " ${after}")


def rule_log_odds(text: pl.Expr, category: str) -> pl.Expr:
    """Sum of the log-odds that the disambiguation rules give to a category."""
    rules = [rule for rule in text_rules()["categories"] if rule["category"] == category]
    parts = [pl.when(_holds(text, rule)).then(rule["log_odds"]).otherwise(0.0) for rule in rules]
    return pl.sum_horizontal(pl.lit(0.0), *parts)


@lru_cache(maxsize=4096)
def rules_met(text: str) -> tuple[tuple[int, str], ...]:
    """Return (rule number, category) of every disambiguation rule that one text meets, for `because`."""
    rules = text_rules()["categories"]
    row = pl.DataFrame({"text": [text.lower()]})
    held = row.select(_holds(pl.col("text"), rule).alias(str(i)) for i, rule in enumerate(rules)).row(0)
    return tuple((rule["rule"], rule["category"]) for rule, met in zip(rules, held, strict=True) if met)


def _has(text: pl.Expr, words: str) -> pl.Expr:
    return text.str.contains(text_rules()["words"][words])


def _holds(text: pl.Expr, rule: Mapping[str, Any]) -> pl.Expr:
    wanted = [_has(text, words) for words in rule["all"]]
    unwanted = [~_has(text, words) for words in rule["none"]]
    return pl.all_horizontal(*wanted, *unwanted)


def _out_of_scope(text: pl.Expr) -> pl.Expr:
    met = pl.any_horizontal(*(_holds(text, rule) for rule in text_rules()["out_of_scope"]))
    return pl.when(text.str.strip_chars().str.len_chars() > 0).then(met)


def _hint(text: pl.Expr, name: str, pattern: str) -> pl.Expr:
    found = text.str.contains(pattern)
    if name == "direction_mt":
        return pl.when(found).then(pl.lit("MT")).alias("direction_hint")
    return pl.when(found).then(pl.lit(True)).alias(f"{name}_hint")


def _csfb_wording(text: pl.Expr) -> pl.Expr:
    """Let the stage words win: `falls to 2G and never comes back` asks about the stage."""
    patterns = text_rules()["csfb_wording"]
    stage = pl.when(text.str.contains(patterns["stage"])).then(pl.lit("stage"))
    return stage.when(text.str.contains(patterns["why"])).then(pl.lit("why"))
