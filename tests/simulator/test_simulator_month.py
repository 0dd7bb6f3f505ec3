"""A simulated month of a province: counts before it, complaints over all of it, the truth apart."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from callcause.rehearsal.month import read_month
from callcause.simulator.month import simulate_month
from callcause.simulator.volume import Volume, history, read_customers, season_of, shares_of
from callcause_error import UsageError

SIZES = {"cells": 9, "days": 4, "tickets": 24, "calm_days": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("month")
    customers = path / "given.csv"
    customers.write_text("month,region,customers\n2024-04,0871,2000000\n2024-04,0872,1000000\n")
    return simulate_month(path / "month", seed=5, customers=customers, **SIZES)


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / f"{name}.csv", infer_schema_length=None)


def test_complaints_come_over_the_whole_month_and_each_has_its_truth(folder: Path) -> None:
    month = read_month(folder)
    received = [datetime.fromisoformat(row["received_at"]) for row in month.tickets]
    assert month.begin <= min(received)
    assert len({at.date() for at in received}) >= 3
    assert {row["id"] for row in month.tickets} == set(month.truth)
    assert len(month.tickets) >= SIZES["tickets"]


def test_no_ticket_tells_what_only_the_truth_knows(folder: Path) -> None:
    hidden = {"cause_id", "mass_id", "remedied_at", "effect", "satisfaction", "escalates_to"}
    assert not hidden & set(table(folder, "tickets").columns)
    assert hidden <= set(table(folder, "truth").columns)
    network = {path.name for path in (folder / "network").rglob("*") if path.is_file()}
    assert not {"truth.csv", "surges.csv", "mass_incidents.csv"} & network


def test_tickets_are_of_the_regions_that_the_customers_table_names(folder: Path) -> None:
    regions = {row["region"] for row in read_month(folder).tickets}
    assert regions <= {"0871", "0872"}
    assert regions


def test_a_mass_incident_has_as_many_complaints_as_it_says(folder: Path) -> None:
    truth = table(folder, "truth").filter(pl.col("mass_id").fill_null("") != "")
    counted = dict(truth.group_by("mass_id").len().iter_rows())
    mass = table(folder, "mass_incidents")
    assert mass.height
    assert dict(mass.select("mass_id", "tickets").iter_rows()) == counted
    injected = table(folder, "surges")["injected"].sum()
    assert injected == truth.height


def test_half_a_year_of_daily_counts_ends_the_day_before_the_month(folder: Path) -> None:
    counts = table(folder, "history")
    days = counts["day"].unique().sort()
    begin = datetime.fromisoformat(json.loads((folder / "month.json").read_text())["begin"]).date()
    assert len(days) == 183
    assert date.fromisoformat(days[-1]) < begin
    assert counts["alarmed"].sum() > 0
    means = dict(counts.group_by("alarmed").agg(pl.col("n").mean()).iter_rows())
    assert means[True] > means[False] + 3


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = simulate_month(
        tmp_path / "again", seed=5, customers=folder.parent / "given.csv", **SIZES
    )  # fmt: skip

    def digests(root: Path) -> dict[str, str]:
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file()
        }

    assert digests(again) == digests(folder)


def test_the_season_peaks_at_the_ends_of_the_month() -> None:
    start, middle, end = (season_of(date(2024, 4, day)) for day in (2, 15, 28))
    assert start > middle
    assert end > middle


def test_a_table_of_customers_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("month,region\n2024-04,0871\n")
    with pytest.raises(UsageError, match=r"customers\.csv"):
        read_customers(path)
    path.write_text("month,region,customers\n2024-04,0871,0\n")
    with pytest.raises(UsageError, match="positive"):
        read_customers(path)


def test_regions_share_by_their_customers() -> None:
    table = pl.DataFrame({"month": ["2024-04"] * 2, "region": ["a", "b"], "customers": [3, 1]})
    assert shares_of(table) == {"a": 0.75, "b": 0.25}


def test_a_folder_that_is_no_month_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no simulated month"):
        read_month(tmp_path)


def test_counts_grow_towards_the_month() -> None:
    made = history(Volume(400.0, {"0871": 1.0}), date(2024, 4, 1), np.random.default_rng(1))
    calm = made.filter(~pl.col("alarmed")).group_by("day").agg(pl.col("n").sum()).sort("day")["n"]
    assert calm.tail(60).mean() > calm.head(60).mean()
