"""An in-memory record source, and one ticket looked at through the evidence builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from collectors.kpi.catalogue import load_catalogue
from collectors.records.schema import load_schemas
from diagnosis.evidence import Evidence, EvidenceSettings, build

NOON = datetime(2024, 3, 11, 12, 0, tzinfo=UTC)
CELL, SISTER, NEXT, THIRD = "460-00-1-1", "460-00-1-2", "460-00-2-1", "460-00-3-1"
RING = [
    {"source_ecgi": CELL, "target_rat": "EUTRAN", "target_id": t, "is_first_ring": True}
    for t in (NEXT, THIRD)
]
NODES = [
    {"node_id": "SCSCF-3", "node_type": "scscf", "names": ["scscf3.ims.net"], "region": "0871"},
    {"node_id": "SCSCF-4", "node_type": "scscf", "names": ["scscf4.ims.net"], "region": "0871"},
    {"node_id": "SBC-1", "node_type": "sbc", "names": ["pcscf-in-sbc.net"]},
    {"node_id": "HSS-1", "node_type": "hss", "names": ["hss1"]},
    {"node_id": "MME-1", "node_type": "mme", "names": ["mme1"], "pool": "A"},
    {"node_id": "MME-2", "node_type": "mme", "names": ["mme2"], "pool": "B"},
]
Row = Mapping[str, Any]
PARTS = ("", "__n", "__base", "__mad", "__base_n")


def minutes(n: float) -> datetime:
    """A time so many minutes after noon, the complaint time of the default ticket."""
    return NOON + timedelta(minutes=n)


def table(kind: str, rows: Sequence[Row]) -> pl.DataFrame:
    """Rows with every column of the schema.

    What a row does not name is empty, what `absent` names is unseen.
    """
    schema = load_schemas()[kind].polars_schema()
    full = [{"absent": [], **row} for row in rows]
    return pl.DataFrame(full, schema=schema) if full else pl.DataFrame(schema=schema)


@dataclass
class MemorySource:
    """RecordSource over rows given as dicts; KPI readings by (entity, kpi)."""

    tables: dict[str, pl.DataFrame]
    readings: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    asked: list[tuple[str, datetime]] = field(default_factory=list)

    def records(self, kind: str) -> pl.LazyFrame:
        return self.tables.get(kind, table(kind, [])).lazy()

    def kpi_at(self, keys: pl.DataFrame, kpi_ids: Sequence[str]) -> pl.DataFrame:
        self.asked += list(keys.select("entity", "at").iter_rows())
        rows = []
        for row, entity, at in keys.select("row", "entity", "at").iter_rows():
            line: dict[str, Any] = {"row": row}
            for kpi in kpi_ids:
                told = self.readings.get((entity, kpi), {"why": "no_period"})
                line |= {f"{kpi}{part}": told.get(part) for part in PARTS}
                line |= {f"{kpi}__from": at if "" in told else None, f"{kpi}__why": told.get("why", "")}
            rows.append(line)
        schema: dict[str, Any] = {"row": keys.schema["row"]}
        for kpi in kpi_ids:
            schema |= {f"{kpi}{part}": pl.Float64 for part in PARTS}
            schema |= {f"{kpi}__from": pl.Datetime("us", "UTC"), f"{kpi}__why": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row" if not rows else None)


@dataclass
class Look:
    """One ticket's evidence."""

    evidence: Evidence
    source: MemorySource
    row: int = 0

    def __getitem__(self, name: str) -> Any:
        return self.evidence.frame[name][self.row]

    def reason(self, name: str) -> str | None:
        return self._say(self.evidence.reason(name))

    def known(self, name: str) -> bool:
        return bool(self._say(self.evidence.known(name)))

    def at(self, name: str) -> str | None:
        column = self.evidence.place(name).at
        return None if column is None else self[column]

    def _say(self, expression: pl.Expr) -> Any:
        return self.evidence.frame.with_columns(expression.alias("_said"))["_said"][self.row]


def default_ticket(**fields: Any) -> dict[str, Any]:
    base = {
        "id": "T-1",
        "received_at": minutes(60),
        "occurred_at": NOON,
        "msisdn": "m-customer",
        "place_text": "north gate",
        "description": "通话中突然断了",
    }
    return {**base, **fields}


def a_call(**fields: Any) -> dict[str, Any]:
    base = {
        "id": "CL-1",
        "icid": "icid-1",
        "leg": "mo",
        "started_at": NOON,
        "calling_number": "m-customer",
        "called_number": "m-friend",
        "first_ecgi": CELL,
    }
    return {**base, **fields}


def an_attempt(**fields: Any) -> dict[str, Any]:
    return {"id": "RG-1", "started_at": NOON, "imsi": "i-customer", "msisdn": "m-customer", **fields}


def a_slice(**fields: Any) -> dict[str, Any]:
    base = {
        "call_id": "CL-1",
        "leg": "mo",
        "direction": "uplink",
        "point": "s1u",
        "start": NOON,
        "length": 5.0,
        "packets_expected": 250,
        "packets_lost": 0,
        "loss": 0.0,
    }
    return {**base, **fields}


def alarm(**fields: Any) -> dict[str, Any]:
    base = {"id": "AL-1", "perceived_severity": "major", "alarmed_object": CELL, "raised_at": minutes(-30)}
    return {**base, "service_affecting": True, **fields}


CALL = a_call(t_end=minutes(2))
Scene = Callable[..., Look]


@pytest.fixture
def scene() -> Scene:
    """Build evidence: `ticket` = one dict or a list, other record kinds = lists of dicts.

    `kpi` = readings.
    """

    def make(
        ticket: Row | Sequence[Row] | None = None,
        *,
        kpi: Mapping[tuple[str, str], Any] | None = None,
        settings: EvidenceSettings | None = None,
        **records: Sequence[Row],
    ) -> Look:
        given = [ticket or {}] if ticket is None or isinstance(ticket, Mapping) else list(ticket)
        tickets = table("ticket", [default_ticket(**row) for row in given])
        readings = {
            key: value if isinstance(value, Mapping) else {"": value, "__n": 1000.0, "why": ""}
            for key, value in (kpi or {}).items()
        }
        tables = {kind: table(kind, rows) for kind, rows in records.items()}
        source = MemorySource({"ticket": tickets, **tables}, readings)
        return Look(build(source, tickets, load_catalogue(), settings or EvidenceSettings()), source)

    return make
