"""The files of a simulated month: what its people know, and the truth that only the actors know."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from callcause_error import UsageError

NEEDED = ("network", "tickets.csv", "truth.csv", "history.csv", "surges.csv", "mass_incidents.csv",
          "customers.csv", "month.json")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one ticket."""

    cause: str
    mass: str
    remedied_at: datetime
    effect: str
    satisfaction: int | None
    escalates_to: int
    repeat_of: str

    @property
    def confirmed(self) -> str:
        """The cause that the department finds; `not_found` where nobody can tell or nothing was wrong."""
        return "not_found" if self.cause in ("cannot_tell", "no_fault") else self.cause


@dataclass(frozen=True, slots=True)
class Month:
    """One month. `surges`: (type, region, day) on which a warning is right; `mass`: kind by mass incident."""

    folder: Path
    begin: datetime
    end: datetime
    zone: ZoneInfo
    tickets: list[dict[str, str]]
    truth: Mapping[str, Truth]
    surges: frozenset[tuple[str, str, date]]
    mass: Mapping[str, Mapping[str, str]]
    history: list[dict[str, Any]]

    @property
    def customers(self) -> pl.DataFrame:
        """Month, region, customers."""
        schema = {"month": pl.String(), "region": pl.String(), "customers": pl.Int64()}
        return pl.read_csv(self.folder / "customers.csv", schema_overrides=schema)


def read_month(folder: Path) -> Month:
    """Read the folder that `callcause simulate --loop` wrote; UsageError where it is none."""
    missing = [name for name in NEEDED if not (folder / name).exists()]
    if missing:
        raise UsageError(
            f"is no simulated month: {missing[0]} is missing", file=str(folder),
            hint="write one with `callcause simulate --loop`",
        )  # fmt: skip
    about = json.loads((folder / "month.json").read_text())
    zone = ZoneInfo(about["zone"])
    tickets = [{k: v for k, v in row.items() if v} for row in _rows(folder / "tickets.csv")]
    surges = [row for row in _rows(folder / "surges.csv") if row["surge"] == "true"]
    return Month(
        folder,
        datetime.fromisoformat(about["begin"]),
        datetime.fromisoformat(about["end"]),
        zone,
        sorted(tickets, key=lambda row: (datetime.fromisoformat(row["entered_at"]), row["id"])),
        {row["ticket_id"]: _truth(row) for row in _rows(folder / "truth.csv")},
        frozenset((row["type"], row["region"], date.fromisoformat(row["day"])) for row in surges),
        {row["mass_id"]: row for row in _rows(folder / "mass_incidents.csv")},
        [_day(row) for row in _rows(folder / "history.csv")],
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _truth(row: Mapping[str, str]) -> Truth:
    return Truth(
        row["cause_id"],
        row["mass_id"],
        datetime.fromisoformat(row["remedied_at"]),
        row["effect"],
        int(row["satisfaction"]) if row["satisfaction"] else None,
        int(row["escalates_to"]),
        row["repeat_of"],
    )


def _day(row: Mapping[str, str]) -> dict[str, Any]:
    return {**row, "n": int(row["n"]), "alarmed": row["alarmed"] == "true"}
