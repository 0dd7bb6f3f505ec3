"""Evidence made by hand: values by name, and which of them are known to be empty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from diagnosis.calibration import load_calibration
from diagnosis.classification import collect_text_flags
from diagnosis.engine import decide
from diagnosis.evidence import Place
from diagnosis.outcome import make_plan
from diagnosis.ranking import make_weights
from diagnosis.result import DiagnosisBatch
from diagnosis.settings import DiagnosisSettings
from runbooks.loader import load_runbooks

DATETIME = pl.Datetime("us", "UTC")
BASE = {
    "ticket.category": None,
    "ticket.description": "",
    "has.call": True,
    "has.registration": True,
    "has.subscriber": True,
    "missing_required": 0,
    "out_of_scope_text": False,
    "nearest_record_min": 1.0,
    "call_chosen_min": 1.0,
}


@dataclass(frozen=True)
class HandMade:
    frame: pl.DataFrame
    empty: frozenset[str] = field(default_factory=frozenset)

    def known(self, name: str) -> pl.Expr:
        if name in self.empty:
            return pl.lit(True)
        return pl.col(name).is_not_null() if name in self.frame.columns else pl.lit(False)

    def reason(self, name: str) -> pl.Expr:
        return pl.lit("not_known")

    def place(self, name: str) -> Place:
        return Place(None, None, None)


def evidence(*rows: dict[str, Any], empty: tuple[str, ...] = ()) -> HandMade:
    filled = [{"ticket.id": f"T-{i}", **BASE, **row} for i, row in enumerate(rows)]
    names = list(dict.fromkeys(name for row in filled for name in row))
    frame = pl.DataFrame(
        [{name: row.get(name) for name in names} for row in filled], infer_schema_length=None
    )
    kept = [name for name in ("out_of_scope_text",) if name in frame.columns]
    flags = collect_text_flags(frame).drop(kept)
    return HandMade(frame.with_columns(flags), frozenset(empty))


def diagnosed(*rows: dict[str, Any], empty: tuple[str, ...] = (), **settings: Any) -> DiagnosisBatch:
    weights = make_weights(make_plan(load_runbooks()))
    return decide(
        evidence(*rows, empty=empty), weights, DiagnosisSettings(**settings), load_calibration(), {}
    )


def first(*rows: dict[str, Any], empty: tuple[str, ...] = ()) -> list[tuple[str, str | None]]:
    """(verdict, first cause) of each ticket."""
    results = diagnosed(*rows, empty=empty).results()
    return [(r["verdict"], r["causes"][0]["id"] if r["causes"] else None) for r in results]
