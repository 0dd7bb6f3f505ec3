"""The growing table of evidence that the derivations add their columns to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.evidence_settings import EvidenceSettings
from diagnosis.source import Tables, means_not_happened

ROW = "row"
TypeName = Literal["boolean", "integer", "float", "string", "datetime", "list"]


@dataclass(frozen=True, slots=True)
class Name:
    """What is said about one derived name: its type, where it was read, and what it was made from.

    `place` is a place key (`call`, `cell`, a KPI id, ...). `inputs` are names: the reason of the first
    unknown one stands for this one when it is null. `known` names a boolean column that is true where a null
    says that there is nothing to compare (an event that did not begin), which is a MISS and not NO_DATA.
    """

    type: TypeName
    place: str
    inputs: tuple[str, ...] = ()
    known: str | None = None


@dataclass(slots=True)
class Workspace:
    """One row per ticket (`row` = 0..n-1 in ticket_id order), and the tables it is filled from."""

    tables: Tables
    settings: EvidenceSettings
    frame: pl.DataFrame
    related: dict[str, pl.DataFrame] = field(default_factory=dict)
    absent_keys: dict[str, list[str]] = field(default_factory=dict)
    """The few different texts of each `<role>.absent`; a role is joined once, so they stay."""

    def derive(self, *expressions: pl.Expr, **named: pl.Expr) -> None:
        """Add columns computed from columns of the same row."""
        self.frame = self.frame.with_columns(*expressions, **named)

    def limit(self, name: str) -> pl.Expr:
        """Return a limit of the settings, per row where a region has one of its own."""
        default = float(getattr(self.settings, name))
        regional = {r: limits[name] for r, limits in self.settings.regional.items() if name in limits}
        if not regional or "ticket.region" not in self.frame.columns:
            return pl.lit(default)
        of_region = pl.col("ticket.region").replace_strict(regional, default=default, return_dtype=pl.Float64)
        return of_region.fill_null(default)

    def join_rows(self, columns: pl.DataFrame) -> None:
        """Add columns of a frame that has at most one line per `row`."""
        self.frame = self.frame.join(columns, on=ROW, how="left", maintain_order="left")

    def can_see(self, kind: str, field_name: str, role: str | None = None) -> pl.Expr:
        """Return true where the record of the row exists and its source has the column.

        With a known word in it.
        """
        role = role or kind
        key = f"{role}.{ABSENT}"
        if key not in self.absent_keys:
            self.absent_keys[key] = known_texts(self.frame[key])
        return pl.col(f"has.{role}") & sees(key, self.absent_keys[key], field_name)

    def not_happened(self, kind: str, field_name: str, role: str | None = None) -> pl.Expr:
        """Return true where the field is empty and that says that the event did not happen."""
        role = role or kind
        if field_name not in means_not_happened(kind):
            return pl.lit(False)
        return pl.col(f"{role}.{field_name}").is_null() & self.can_see(kind, field_name, role)


def known_texts(column: pl.Series) -> list[str]:
    """Return the different texts of a column, in order."""
    return column.unique().drop_nulls().sort().to_list()


def sees(key: str, texts: Sequence[str], field_name: str) -> pl.Expr:
    """Whether the `absent` text of the row does not name the field; null where there is no text.

    `texts` are the few different ones of column `key`: mostly all of them name the field, or none does, and
    then no text needs to be compared.
    """
    marks = (f"|{field_name}|", f"|?{field_name}|")
    blind = [text for text in texts if any(mark in text for mark in marks)]
    if blind and len(blind) < len(texts):
        return ~pl.col(key).is_in(blind)
    return pl.when(pl.col(key).is_not_null()).then(pl.lit(not blind))


def any_known(*parts: pl.Expr) -> pl.Expr:
    """Return true when one part is true; false when one is false and none true.

    Null only when all are null.
    """
    return (
        pl.when(pl.any_horizontal(*(part.fill_null(False) for part in parts)))
        .then(pl.lit(True))
        .when(pl.any_horizontal(*(part.is_not_null() for part in parts)))
        .then(pl.lit(False))
    )


def seconds(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Seconds from start to end as a float."""
    return (end - start).dt.total_microseconds() / 1e6


def hours(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Hours from start to end as a float."""
    return seconds(start, end) / 3600
