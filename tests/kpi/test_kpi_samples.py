"""KPI samples of records: joined by numerators and denominators where these are true, never twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.periods import join_samples, prefer
from collectors.kpi.samples import unknown_kpis

CATALOGUE = load_catalogue()
NINE = datetime(2024, 3, 11, 9, tzinfo=UTC)
PAGING = "paging_discard_ratio"
SCHEMA: dict[str, Any] = {
    "entity": pl.String,
    "kpi_id": pl.String,
    "split": pl.String,
    "period_start": pl.Datetime("us", "UTC"),
    "period": pl.Int32,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "value": pl.Float64,
}


def sample(kpi_id: str, minute: int = 0, period: int = 3600, **given_: Any) -> dict[str, Any]:
    empty = {"entity": "c", "split": None, "numerator": None, "denominator": None, "value": None}
    return {
        **empty,
        "kpi_id": kpi_id,
        "period_start": NINE + timedelta(minutes=minute),
        "period": period,
        **given_,
    }


def joined(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    frame = join_samples(pl.DataFrame(list(rows), schema={**SCHEMA, **more}), CATALOGUE)
    assert frame.height == 1
    return frame.row(0, named=True)


def test_numerators_and_denominators_add_up_before_dividing() -> None:
    got = joined(
        sample(PAGING, 0, 900, numerator=0, denominator=10, value=0.0),
        sample(PAGING, 15, 900, numerator=50, denominator=990, value=5.05),
    )
    assert (got[PAGING], got[f"{PAGING}__n"]) == (pytest.approx(5.0), 1000)
    assert (got["period_start"], got["period_s"], got["covered_s"]) == (NINE, 3600, 1800)


def test_a_value_that_its_numerator_contradicts_is_weighted_instead() -> None:
    """Some systems give failures as numerator of a success ratio."""
    kpi = "rrc_connection_setup_success_ratio"
    got = joined(
        sample(kpi, 0, 900, numerator=1, denominator=100, value=99.0),
        sample(kpi, 15, 900, numerator=30, denominator=300, value=90.0),
    )
    assert (got[kpi], got[f"{kpi}__n"]) == (pytest.approx(92.25), 400)


def test_values_without_denominators_give_the_plain_mean_and_unknown_samples() -> None:
    got = joined(sample(PAGING, 0, 900, value=1.0), sample(PAGING, 15, 900, value=3.0))
    assert (got[PAGING], got[f"{PAGING}__n"]) == (2.0, None)


def test_one_denominator_of_two_is_a_lower_bound_of_the_samples() -> None:
    got = joined(sample(PAGING, 0, 900, value=1.0, denominator=50), sample(PAGING, 15, 900, value=3.0))
    assert (got[PAGING], got[f"{PAGING}__n"]) == (2.0, 50)


def test_no_attempts_give_no_value_and_no_samples() -> None:
    got = joined(sample(PAGING, numerator=0, denominator=0))
    assert (got[PAGING], got[f"{PAGING}__n"]) == (None, 0)


def test_an_idle_quarter_does_not_spoil_the_hour() -> None:
    got = joined(
        sample(PAGING, 0, 900, numerator=0, denominator=0),
        sample(PAGING, 15, 900, numerator=10, denominator=100, value=10.0),
    )
    assert (got[PAGING], got[f"{PAGING}__n"]) == (10.0, 100)


def test_a_value_is_computed_where_only_its_parts_are_given() -> None:
    assert joined(sample(PAGING, numerator=3, denominator=60))[PAGING] == 5.0


def test_a_rate_per_hour_keeps_its_factor() -> None:
    kpi = "erab_retainability_qci1"
    got = joined(
        sample(kpi, 0, 900, numerator=1, denominator=3600, value=1.0),
        sample(kpi, 15, 900, numerator=0, denominator=3600, value=0.0),
    )
    assert (got[kpi], got[f"{kpi}__n"]) == (0.5, 7200)


@pytest.mark.parametrize(
    ("kpi_id", "values", "result"),
    [
        ("handover_failures_late_early_wrong_cell", (2, 4), 6),
        ("rrc_connected_max", (200, 310), 310),
        ("prb_utilisation", (40, 60), 50),
        ("carried_over_erabs_qci1", (7, 9), 7),
        ("ims_registered_users", (1000, 2000), 1500),
    ],
)
def test_counts_maxima_and_means_join_each_in_its_way(
    kpi_id: str, values: tuple[float, float], result: float
) -> None:
    got = joined(sample(kpi_id, 0, 900, value=values[0]), sample(kpi_id, 15, 900, value=values[1]))
    assert got[kpi_id] == result


def test_the_finest_granularity_that_covers_the_hour_counts_alone() -> None:
    quarters = [sample(PAGING, 15 * i, 900, numerator=1, denominator=100, value=1.0) for i in range(4)]
    hour = sample(PAGING, 0, 3600, numerator=20, denominator=401, value=4.99)
    assert joined(*quarters, hour)[f"{PAGING}__n"] == 400
    assert joined(*quarters[:3], hour)[f"{PAGING}__n"] == 401


def test_a_split_stays_apart_from_the_whole() -> None:
    got = joined(
        sample(PAGING, numerator=5, denominator=1000, value=0.5),
        sample(PAGING, numerator=4, denominator=100, value=4.0, split="imei_tac=35123456"),
    )
    assert got[PAGING] == 0.5
    assert got[f"{PAGING}[imei_tac=35123456]"] == 4.0
    assert got[f"{PAGING}[imei_tac=35123456]__n"] == 100


def test_splits_that_name_values_become_values_and_the_whole_is_their_sum() -> None:
    kpi = "csfb_call_success_ratio"
    got = joined(
        sample(kpi, numerator=90, denominator=100, value=90.0, split="direction=mo"),
        sample(kpi, numerator=295, denominator=300, value=98.33, split="mt"),
    )
    assert got[f"{kpi}.mo"] == 90.0
    assert got[f"{kpi}.mt"] == pytest.approx(98.3333, abs=1e-3)
    assert (got[kpi], got[f"{kpi}__n"]) == (pytest.approx(96.25), 400)


def test_a_whole_that_was_given_is_not_computed_from_its_values() -> None:
    kpi = "csfb_call_success_ratio"
    got = joined(
        sample(kpi, numerator=10, denominator=20, value=50.0),
        sample(kpi, numerator=9, denominator=10, value=90.0, split="mo"),
        sample(kpi, numerator=9, denominator=10, value=90.0, split="mt"),
    )
    assert (got[kpi], got[f"{kpi}__n"]) == (50.0, 20)


def test_half_of_a_sum_is_no_sum() -> None:
    kpi = "csfb_call_success_ratio"
    got = joined(sample(kpi, numerator=90, denominator=100, value=90.0, split="mo"))
    assert (got[kpi], got[f"{kpi}__n"]) == (None, None)


def test_the_sinr_is_the_first_of_two_values_and_the_sbc_load_the_larger() -> None:
    both = "dl_sinr_and_low_cqi_share"
    got = joined(
        sample(both, value=-1.5, split="value=sinr"),
        sample(both, value=31.0, split="kpi=low_cqi_share"),
        sample("sbc_load", value=35.0, split="cpu"),
        sample("sbc_load", value=88.0, split="ports"),
    )
    assert (got[both], got[f"{both}.low_cqi_share"]) == (-1.5, 31.0)
    assert got["sbc_load"] == 88.0


def test_a_foreign_qci_is_a_split_and_the_own_one_is_not() -> None:
    kpi = "erab_drop_ratio_qci1_cell"
    got = joined(
        sample(kpi, value=0.4, qci=1),
        sample(kpi, value=2.0, qci=2),
        sample("volte_traffic", value=3.0, qci=1),
        sample("erab_setup_success_ratio_qci5", value=99.0, qci=5),
        sample(PAGING, value=0.1, qci=None),
        sample(PAGING, value=0.7, qci=9, split="a=b"),
        qci=pl.Int64,
    )
    assert (got[kpi], got[f"{kpi}[qci=2]"]) == (0.4, 2.0)
    assert (got["volte_traffic"], got["erab_setup_success_ratio_qci5"]) == (3.0, 99.0)
    assert (got[PAGING], got[f"{PAGING}[a=b;qci=9]"]) == (0.1, 0.7)


def test_unknown_kpis_are_counted_and_left_out() -> None:
    frame = pl.DataFrame(
        [sample("own_kpi", value=1), sample("own_kpi", 60, value=1), sample(PAGING, value=1)], schema=SCHEMA
    )
    assert unknown_kpis(frame, CATALOGUE) == {"own_kpi": 2}
    assert "own_kpi" not in join_samples(frame, CATALOGUE).columns


def test_no_samples_give_an_empty_frame_with_its_keys() -> None:
    got = join_samples(pl.DataFrame(schema=SCHEMA), CATALOGUE)
    assert got.is_empty()
    assert got.columns == ["entity", "period_start", "period_s", "covered_s"]


def test_an_hour_that_a_kpi_lacks_is_null() -> None:
    frame = pl.DataFrame([sample(PAGING, value=1.0), sample("sbc_load", 60, value=50.0)], schema=SCHEMA)
    got = join_samples(frame, CATALOGUE)
    assert got[PAGING].to_list() == [1.0, None]
    assert got["sbc_load"].to_list() == [None, 50.0]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=4, max_size=4),
    st.permutations(range(4)),
)
def test_quarters_join_to_the_ratio_of_the_hour_in_any_order(
    parts: list[tuple[int, int]], order: list[int]
) -> None:
    rows = [
        sample(PAGING, 15 * i, 900, numerator=bad, denominator=bad + good,
               value=100 * bad / (bad + good) if bad + good else None)
        for i, (bad, good) in enumerate(parts)
    ]  # fmt: skip
    got = joined(*(rows[i] for i in order))
    bad, all_ = sum(b for b, _ in parts), sum(b + g for b, g in parts)
    assert got[f"{PAGING}__n"] == all_
    assert got[PAGING] == (pytest.approx(100 * bad / all_) if all_ else None)


def test_of_two_sources_the_first_wins_with_its_own_samples() -> None:
    keys = {"entity": ["a", "b", "c"], "period_start": [NINE] * 3, "period_s": [3600] * 3}
    first = pl.DataFrame(
        {**keys, "covered_s": [3600] * 3, PAGING: [1.0, None, None], f"{PAGING}__n": [10.0, 0.0, None]}
    )
    keys = {"entity": ["a", "b", "d"], "period_start": [NINE] * 3, "period_s": [3600] * 3}
    second = pl.DataFrame(
        {
            **keys,
            "covered_s": [900] * 3,
            PAGING: [2.0, 2.0, 2.0],
            f"{PAGING}__n": [None, 20.0, 20.0],
            "sbc_load": [1.0] * 3,
        }
    )
    got = (
        prefer(first, second)
        .select("entity", PAGING, f"{PAGING}__n", "sbc_load", "covered_s", "period_s")
        .rows()
    )
    assert got == [
        ("a", 1.0, 10.0, 1.0, 3600, 3600),
        ("b", 2.0, 20.0, 1.0, 3600, 3600),
        ("c", None, None, None, 3600, 3600),
        ("d", 2.0, 20.0, 1.0, 900, 3600),
    ]
