"""Of several nodes that served a user the worst reading stands, one with a value before one without."""

from __future__ import annotations

from functools import partial, reduce

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.model import Kpi
from diagnosis.kpi_readings import _parts_of, _worse

RATIO, LOSS = "ims_initial_registration_success_ratio", "cx_sh_rx_timeout_ratio"
READING = st.tuples(
    st.none() | st.sampled_from(["scscf-1", "scscf-2"]),
    st.none() | st.sampled_from([99.0, 98.5, 12.0, float("nan")]),
)
ROWS = st.integers(1, 6).flatmap(
    lambda height: st.lists(st.lists(READING, min_size=height, max_size=height), min_size=1, max_size=4)
)


def answer(kpi: Kpi, rows: list[tuple[str | None, float | None]], number: int) -> pl.DataFrame:
    """Readings of one kind of node; nothing is read where no node is known."""
    values = [None if entity is None else value for entity, value in rows]
    return pl.DataFrame(
        {
            "entity": [None if entity is None else f"{entity}-{number}" for entity, _ in rows],
            kpi.id: values,
            f"{kpi.id}__n": [float(number)] * len(rows),
        },
        schema_overrides={"entity": pl.String, kpi.id: pl.Float64},
    )


def expected(kpi: Kpi, readings: list[pl.DataFrame], row: int) -> str | None:
    """Entity of the row by the rule, told in plain Python."""
    sign = -1.0 if kpi.better == "up" else 1.0

    def order(number: int) -> tuple[bool, float, bool, int]:
        entity, value = readings[number]["entity"][row], readings[number][kpi.id][row]
        has = value is not None and value == value
        return (not has, -sign * value if has else 0.0, entity is None, number)

    best: str | None = readings[min(range(len(readings)), key=order)]["entity"][row]
    return best


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([RATIO, LOSS]), ROWS)
def test_the_worst_node_with_a_value_stands(
    kpi_id: str, table: list[list[tuple[str | None, float | None]]]
) -> None:
    kpi = load_catalogue().kpi(kpi_id)
    readings = [answer(kpi, rows, number) for number, rows in enumerate(table)]
    picked = reduce(partial(_worse, kpi), [_parts_of(frame, kpi.id) for frame in readings])
    assert picked["entity"].to_list() == [expected(kpi, readings, row) for row in range(picked.height)]


def test_the_companions_of_a_reading_come_from_its_node() -> None:
    kpi = load_catalogue().kpi(RATIO)
    readings = [answer(kpi, [("a", 99.0), ("a", 50.0)], 7), answer(kpi, [("b", 20.0), (None, None)], 8)]
    picked = reduce(partial(_worse, kpi), [_parts_of(frame, kpi.id) for frame in readings])
    assert picked[f"{kpi.id}__n"].to_list() == [8.0, 7.0]
