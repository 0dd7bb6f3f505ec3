"""Network KPIs: sums over nodes and cells, exact and without strangers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.formula import kpi_columns
from collectors.kpi.network import network_rows

CATALOGUE = load_catalogue()
NINE = datetime(2024, 3, 11, 9, tzinfo=UTC)
REG = "ims_initial_registration_success_ratio"
DROP = "erab_drop_ratio_qci1_network"


def rows(*given_: tuple[str, str, float | None, float | None], kpi: str = REG, hour: int = 0) -> pl.DataFrame:
    """Rows of (entity, kind, value, samples)."""
    schema: dict[str, Any] = {
        "entity": pl.String,
        "entity_kind": pl.String,
        kpi: pl.Float64,
        f"{kpi}__n": pl.Float64,
    }
    frame = pl.DataFrame(list(given_), schema=schema, orient="row")
    return frame.with_columns(period_start=pl.lit(NINE + timedelta(hours=hour)))


def test_numerators_and_denominators_are_summed_over_the_nodes() -> None:
    got = network_rows(rows(("S1", "node", 50.0, 100.0), ("S2", "node", 100.0, 900.0)), CATALOGUE).row(
        0, named=True
    )
    assert (got[REG], got[f"{REG}__n"]) == (pytest.approx(95.0), 1000)
    assert (got["entity"], got["entity_kind"], got["period_start"], got["period_s"]) == (
        "network",
        "network",
        NINE,
        3600,
    )


def test_hours_stay_apart() -> None:
    frame = pl.concat([rows(("S1", "node", 50.0, 100.0)), rows(("S1", "node", 90.0, 100.0), hour=1)])
    assert network_rows(frame, CATALOGUE)[REG].to_list() == [50.0, 90.0]


def test_a_node_of_another_type_is_not_summed_in() -> None:
    types = pl.DataFrame({"entity": ["S1", "P1"], "node_type": ["scscf", "pcscf"]})
    frame = rows(("S1", "node", 50.0, 100.0), ("P1", "node", 100.0, 100.0), ("unknown", "node", 100.0, 100.0))
    assert network_rows(frame, CATALOGUE, types)[REG].to_list() == [50.0]
    assert network_rows(frame, CATALOGUE)[f"{REG}__n"].to_list() == [300]


def test_cells_are_summed_for_enb_and_nodes_are_not() -> None:
    frame = rows(
        ("460-00-1-1", "cell", 1.0, 100.0),
        ("460-00-1-2", "cell", 0.0, 300.0),
        ("X", "node", 9.0, 9e9),
        kpi=DROP,
    )
    got = network_rows(frame, CATALOGUE).row(0, named=True)
    assert (got[DROP], got[f"{DROP}__n"]) == (0.25, 400)


def test_a_row_without_samples_or_value_cannot_be_summed() -> None:
    frame = rows(("S1", "node", 50.0, None), ("S2", "node", None, 500.0), ("S3", "node", 80.0, 10.0))
    got = network_rows(frame, CATALOGUE).row(0, named=True)
    assert (got[REG], got[f"{REG}__n"]) == (80.0, 10)


def test_an_hour_without_anything_to_sum_has_no_row() -> None:
    assert network_rows(rows(("S1", "node", None, 0.0)), CATALOGUE).is_empty()
    assert network_rows(rows(("S1", "node", 1.0, 5.0), kpi="s6a_success_ratio"), CATALOGUE).is_empty()


def test_the_network_row_is_not_summed_into_itself() -> None:
    frame = rows(("S1", "node", 50.0, 100.0), ("network", "network", 99.0, 1e6))
    assert network_rows(frame, CATALOGUE)[REG].to_list() == [50.0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 400)), min_size=1, max_size=12))
def test_the_network_value_is_the_formula_over_the_summed_counters(cells: list[tuple[int, int]]) -> None:
    counters = pl.DataFrame(
        {
            "entity": [f"c{i}" for i in range(len(cells))],
            "entity_kind": "cell",
            "period_start": NINE,
            "ERAB.RelActNbr.1": [float(drops) for drops, _ in cells],
            "ERAB.EstabInitSuccNbr.1": [float(done // 2) for _, done in cells],
            "ERAB.EstabAddSuccNbr.1": [float(done - done // 2) for _, done in cells],
        }
    )
    got = network_rows(kpi_columns(counters, CATALOGUE, [DROP]), CATALOGUE)
    whole = 100 * sum(drops for drops, _ in cells) / sum(done for _, done in cells)
    assert got[DROP].item() == pytest.approx(whole)
