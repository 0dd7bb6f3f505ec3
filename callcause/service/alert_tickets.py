"""Tickets that nobody wrote: one for each failed attempt at an alerted element, one for the element itself.

An alert says that something fails at a cell or node; those who met it have call and registration
records. Each of them is diagnosed as if its customer had complained, so that the causes come from attempts
that did fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import polars as pl

from callcause.service.alert_element import Element
from callcause.service.alert_message import digest
from callcause.service.settings import AlertSettings
from callcause.service.ticket_record import frame_of
from collectors.records import load_schemas
from collectors.store import Store
from diagnosis.derived.reasons import abnormal_release
from diagnosis.serving import node_name

CATEGORIES = ("registration", "access", "drop", "mos", "csfb", "other")
# SIP answers that say what a user did (codes.csv, fault class `user`), no failure of the network.
USER_ANSWERS = (404, 484, 486, 487, 600, 603, 604)
NUMBER = "num_"


class Failures:
    """Failed attempts of one store near one moment."""

    def __init__(self, store: Store, settings: AlertSettings) -> None:
        self._store, self._settings = store, settings

    def tickets(self, element: Element, prefix: str) -> pl.DataFrame:
        """Rows of the record `ticket`: the element itself first, then the attempts nearest to its moment."""
        attempts = self.attempts(element)
        records = [_ticket_of_element(element, prefix)]
        records += [
            _ticket_of_attempt(element, prefix, number, row)
            for number, row in enumerate(attempts.iter_rows(named=True), 1)
        ]
        return frame_of(records)

    def attempts(self, element: Element) -> pl.DataFrame:
        """One row a user: msisdn, at, ecgi, category; nearest to the moment first, at most the sample."""
        both = pl.concat([self._calls(element), self._registrations(element)])
        wanted = element.category if element.category in CATEGORIES else None
        if wanted:
            both = both.filter(pl.col("category") == wanted)
        distance = (pl.col("at") - pl.lit(element.at)).abs()
        near = both.sort(distance, "at", "msisdn", "id").unique("msisdn", keep="first", maintain_order=True)
        return near.head(self._settings.sample)

    def _calls(self, element: Element) -> pl.DataFrame:
        rows = self._near("call", element)
        rows = rows.filter(self._at(element, ("first_ecgi", "last_ecgi"), "call"))
        answered = pl.col("t_200").is_not_null() | (pl.col("final_status") == 200)
        refused = (pl.col("final_status") >= 400) & ~pl.col("final_status").is_in(USER_ANSWERS)
        failed = refused | abnormal_release() | pl.col("first_error_code").is_not_null()
        number = pl.when(pl.col("leg") == "mt").then("called_number").otherwise("calling_number")
        category = (
            pl.when(pl.col("csfb_flag").fill_null(False))
            .then(pl.lit("csfb"))
            .when(answered.fill_null(False))
            .then(pl.lit("drop"))
            .otherwise(pl.lit("access"))
        )
        return _shaped(
            rows.filter(failed.fill_null(False)), number, pl.coalesce("last_ecgi", "first_ecgi"), category
        )

    def _registrations(self, element: Element) -> pl.DataFrame:
        rows = self._near("registration", element).filter(self._at(element, ("ecgi",), "registration"))
        failed = (
            (pl.col("final_status") != 200)
            | pl.col("first_error_node").is_not_null()
            | pl.col("attach_result").is_in(["reject", "no_answer"])
            | pl.col("pdn_result").is_in(["reject", "no_answer"])
        )
        return _shaped(
            rows.filter(failed.fill_null(False)), pl.col("msisdn"), pl.col("ecgi"), pl.lit("registration")
        )

    def _near(self, kind: str, element: Element) -> pl.DataFrame:
        window = timedelta(minutes=self._settings.window_min)
        rows = self._store.records(kind)
        return rows.filter(
            pl.col("started_at").is_between(element.at - window, element.at + window)
        ).collect()

    def _at(self, element: Element, cell_columns: Sequence[str], kind: str) -> pl.Expr:
        """Choose attempts that the element served. A node that no record names served all of them."""
        if element.kind == "network":
            return pl.lit(True)
        if element.kind == "cell":
            return pl.any_horizontal(pl.col(name) == element.id for name in cell_columns)
        nodes = self._store.records("node").collect()
        own = pl.col("node_id") == element.id if element.kind == "node" else pl.col("region") == element.id
        served = self._named(nodes.filter(own), kind)
        anywhere = element.kind == "node" and element.known
        return pl.any_horizontal(*served) if served else pl.lit(anywhere)

    def _named(self, nodes: pl.DataFrame, kind: str) -> list[pl.Expr]:
        names = pl.concat([nodes["node_id"], nodes["names"].explode()]).drop_nulls()
        alike = names.to_frame("name").select(node_name(pl.col("name"))).to_series().to_list()
        columns = _name_columns(kind, nodes["node_type"].to_list())
        return (
            [node_name(pl.col(column)).is_in(alike).fill_null(False) for column in columns] if alike else []
        )


def _name_columns(kind: str, node_types: Sequence[str]) -> Iterator[str]:
    """Columns of a record that name nodes of these types; none for an HSS, which no record names."""
    from diagnosis.serving import NAMED_BY

    known = load_schemas()[kind].field_names
    wanted = {name for node_type in node_types for name in NAMED_BY.get(node_type, ())}
    return (name for name in known if name in wanted)


def _shaped(rows: pl.DataFrame, number: pl.Expr, ecgi: pl.Expr, category: pl.Expr) -> pl.DataFrame:
    shaped = rows.select(
        id="id",
        msisdn=number.cast(pl.String),
        at="started_at",
        ecgi=ecgi.cast(pl.String),
        category=category.cast(pl.String),
    )
    return shaped.filter(pl.col("msisdn").str.starts_with(NUMBER).fill_null(False))


def _ticket_of_element(element: Element, prefix: str) -> dict[str, Any]:
    """Make a ticket with place and time only; its number belongs to nobody."""
    return {
        **_common(element, f"{prefix}.0", element.at.isoformat()),
        "msisdn": NUMBER + digest(prefix, 12),
        "ecgi": element.id if element.kind == "cell" else None,
        "category": element.category if element.category in CATEGORIES else None,
    }


def _ticket_of_attempt(element: Element, prefix: str, number: int, row: dict[str, Any]) -> dict[str, Any]:
    return {
        **_common(element, f"{prefix}.{number}", row["at"].isoformat()),
        "msisdn": row["msisdn"],
        "ecgi": row["ecgi"],
        "category": row["category"],
    }


def _common(element: Element, name: str, at: str) -> dict[str, Any]:
    """Fields that all have. `repeat_of`: attempts of one alert are no cluster of complaints."""
    return {
        "id": name,
        "received_at": at,
        "occurred_at": at,
        "place_text": element.area,
        "region": element.region,
        "repeat_of": name.partition(".")[0],
        "absent": ["description"],
    }
