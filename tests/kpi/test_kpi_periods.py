"""Joining of counter periods: sums before dividing, each second once, and parts that make the whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.errors import ConfigError
from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.periods import hourly_kpis, join_periods, longer_periods

CATALOGUE = load_catalogue()
NINE = datetime(2024, 3, 11, 9, tzinfo=UTC)
ATT, SUCC = "RRC.ConnEstabAtt.sum", "RRC.ConnEstabSucc.sum"
LOSS, PACKETS = "DRB.PdcpSduLossRateUl.1", "PDCP.PacketsUl.1"
RRC = "rrc_connection_setup_success_ratio"


def wide(*rows: tuple[str, int, int, dict[str, float | None]]) -> pl.DataFrame:
    """Rows of (entity, minute after nine, period in s, counters)."""
    names = list(dict.fromkeys(name for *_, counters in rows for name in counters))
    return pl.DataFrame(
        [
            {
                "entity": entity,
                "entity_kind": "cell",
                "period_start": NINE + timedelta(minutes=minute),
                "period_s": period_s,
                **{name: counters.get(name) for name in names},
            }
            for entity, minute, period_s, counters in rows
        ],
        schema_overrides={"period_s": pl.Int32, **dict.fromkeys(names, pl.Float64)},
    )


def quarters(**counters: list[float | None]) -> pl.DataFrame:
    """Four quarter hours of one cell, `__` in a name stands for a dot."""
    named = {name.replace("__", "."): values for name, values in counters.items()}
    return wide(*(("c", 15 * i, 900, {n: values[i] for n, values in named.items()}) for i in range(4)))


def test_sums_come_before_dividing() -> None:
    frame = quarters(RRC__ConnEstabAtt__sum=[10, 1000, 10, 980], RRC__ConnEstabSucc__sum=[0, 1000, 0, 980])
    got = hourly_kpis(frame, CATALOGUE, [RRC]).row(0, named=True)
    assert got[RRC] == pytest.approx(99.0)  # the mean of the four ratios would be 50
    assert got[f"{RRC}__n"] == 2000
    assert (got["period_start"], got["period_s"], got["covered_s"]) == (NINE, 3600, 3600)


def test_hours_and_entities_stay_apart() -> None:
    frame = wide(
        ("a", 0, 900, {ATT: 1}), ("a", 45, 900, {ATT: 2}), ("a", 60, 900, {ATT: 4}), ("b", 0, 900, {ATT: 8})
    )
    got = join_periods(frame)
    assert got.select("entity", ATT, "covered_s").rows() == [("a", 3, 1800), ("a", 4, 900), ("b", 8, 900)]


def test_all_null_joins_to_null_and_never_to_zero() -> None:
    got = join_periods(quarters(RRC__ConnEstabAtt__sum=[None] * 4, RRU__PrbTotUl=[None] * 4))
    assert got[ATT].to_list() == [None]
    assert got["RRU.PrbTotUl"].to_list() == [None]


@pytest.mark.parametrize(
    ("counter", "values", "joined"),
    [
        ("RRC.ConnEstabAtt.sum", [1, 2, 3, 4], 10),
        ("RRU.PrbTotDl", [10, 20, 30, 60], 30),
        ("RRC.ConnMax", [10, 70, 30, 60], 70),
        ("RRU.CellUnavailableTime", [0, 900, 100, 0], 900),
        ("ERAB.CarriedOverNbr.1", [5, 2, 3, 4], 5),
        ("ERAB.CarriedOverNbr.1", [None, 2, 3, 4], 2),
        ("ERAB.EstabInitFailNbr.21", [1, 0, None, 2], 3),
    ],
)
def test_each_counter_joins_by_its_own_rule(counter: str, values: list[float | None], joined: float) -> None:
    assert join_periods(quarters(**{counter: values}))[counter].item() == joined


def test_a_loss_rate_is_weighted_by_packets() -> None:
    frame = quarters(DRB__PdcpSduLossRateUl__1=[0, 0, 0, 100000], PDCP__PacketsUl__1=[900, 900, 900, 300])
    got = hourly_kpis(frame, CATALOGUE, ["pdcp_loss_ratio_ul_qci1"]).row(0, named=True)
    assert got["pdcp_loss_ratio_ul_qci1"] == pytest.approx(1.0)
    assert got["pdcp_loss_ratio_ul_qci1__n"] == 3000


def test_a_missing_weight_falls_back_to_the_next_and_then_to_time() -> None:
    loss = [0.0, 0.0, 0.0, 100000.0]
    by_session = quarters(
        DRB__PdcpSduLossRateUl__1=loss,
        PDCP__PacketsUl__1=[900, None, 900, 300],
        ERAB__SessionTimeQCI__1=[10, 10, 10, 70],
    )
    assert join_periods(by_session)[LOSS].item() == pytest.approx(70000)
    assert join_periods(quarters(DRB__PdcpSduLossRateUl__1=loss))[LOSS].item() == pytest.approx(25000)
    idle = quarters(DRB__PdcpSduLossRateUl__1=loss, PDCP__PacketsUl__1=[0, 0, 0, 0])
    assert join_periods(idle)[LOSS].item() == pytest.approx(25000)


def test_a_weight_of_a_period_without_value_weighs_nothing() -> None:
    frame = quarters(DRB__PdcpSduLossRateUl__1=[10, None, 10, 40], PDCP__PacketsUl__1=[100, 9999, 100, 100])
    assert join_periods(frame)[LOSS].item() == pytest.approx(20)
    got = hourly_kpis(frame, CATALOGUE, ["pdcp_loss_ratio_ul_qci1"])
    assert got["pdcp_loss_ratio_ul_qci1__n"].item() == 300


def test_a_lost_numerator_takes_its_denominator_with_it() -> None:
    frame = quarters(RRC__ConnEstabAtt__sum=[100, 100, 100, 100], RRC__ConnEstabSucc__sum=[90, None, 90, 90])
    got = hourly_kpis(frame, CATALOGUE, [RRC, "rrc_reestablishment_share"]).row(0, named=True)
    assert got[RRC] == pytest.approx(90.0)
    assert got[f"{RRC}__n"] == 300


def test_a_gap_in_one_kpi_leaves_the_others_whole() -> None:
    frame = quarters(
        RRC__ConnEstabAtt__sum=[100] * 4,
        RRC__ConnEstabSucc__sum=[None, 100, 100, 100],
        PAG__ReceivedNbr=[50] * 4,
        PAG__DiscardedNbr=[1] * 4,
    )
    got = hourly_kpis(frame, CATALOGUE, ["paging_discard_ratio", RRC]).row(0, named=True)
    assert (got["paging_discard_ratio"], got["paging_discard_ratio__n"]) == (2.0, 200)
    assert (got[RRC], got[f"{RRC}__n"]) == (100.0, 300)


def test_two_granularities_of_one_hour_are_counted_once() -> None:
    fine = [("c", 15 * i, 900, {ATT: 10.0}) for i in range(4)]
    got = join_periods(wide(*fine, ("c", 0, 3600, {ATT: 41.0})))
    assert got[ATT].to_list() == [40]
    assert got["covered_s"].to_list() == [3600]


def test_the_coarse_period_counts_where_the_fine_ones_have_a_gap() -> None:
    fine = [("c", 15 * i, 900, {ATT: 10.0}) for i in range(3)]
    assert join_periods(wide(*fine, ("c", 0, 3600, {ATT: 41.0})))[ATT].to_list() == [41]


def test_the_granularity_is_chosen_for_each_counter() -> None:
    fine = [("c", 15 * i, 900, {ATT: 10.0, SUCC: None}) for i in range(4)]
    got = join_periods(wide(*fine, ("c", 0, 3600, {ATT: 41.0, SUCC: 39.0})))
    assert got.select(ATT, SUCC).rows() == [(40, 39)]


def test_a_ratio_takes_both_counters_from_the_same_granularity() -> None:
    fine = [("c", 15 * i, 900, {ATT: 10.0, SUCC: None}) for i in range(4)]
    frame = wide(*fine, ("c", 0, 3600, {ATT: 50.0, SUCC: 45.0}))
    got = hourly_kpis(frame, CATALOGUE, [RRC]).row(0, named=True)
    assert (got[RRC], got[f"{RRC}__n"]) == (90.0, 50)


def test_longer_periods_are_not_divided_but_handed_back() -> None:
    frame = wide(("c", 0, 86400, {ATT: 5}), ("c", 0, 900, {ATT: 1}))
    assert join_periods(frame)[ATT].to_list() == [1]
    assert longer_periods(frame)[ATT].to_list() == [5]
    assert join_periods(frame, "1d")[ATT].to_list() == [5]


def test_an_unknown_span_is_refused() -> None:
    with pytest.raises(ConfigError, match="15m, 30m, 1h, 1d"):
        join_periods(quarters(RRC__ConnMax=[1, 1, 1, 1]), "2h")


def test_a_column_without_rule_is_left_out() -> None:
    got = join_periods(quarters(RRC__ConnMax=[1, 1, 1, 1], own_thing=[1, 1, 1, 1]))
    assert "own_thing" not in got.columns


def test_a_frame_without_rows_joins_to_one_without_rows() -> None:
    frame = quarters(RRC__ConnEstabAtt__sum=[1, 1, 1, 1], RRC__ConnEstabSucc__sum=[1, 1, 1, 1]).clear()
    got = hourly_kpis(frame, CATALOGUE, [RRC])
    assert got.is_empty()
    assert RRC in got.columns


def test_cells_and_nodes_in_one_frame_do_not_disturb_each_other() -> None:
    cell = quarters(RRC__ConnEstabAtt__sum=[100] * 4, RRC__ConnEstabSucc__sum=[99] * 4)
    node = quarters(**{"UR.AttInitReg": [10.0] * 4, "UR.SuccInitReg": [9.0] * 4})
    node = node.with_columns(entity=pl.lit("SCSCF-1"), entity_kind=pl.lit("node"))
    ids = [RRC, "ims_initial_registration_success_ratio"]
    got = hourly_kpis(pl.concat([cell, node], how="diagonal"), CATALOGUE, ids).sort("entity_kind")
    assert got.select(ids).rows() == [(99.0, None), (None, 90.0)]


counts = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 500), st.none() | st.integers(0, 400)),
    min_size=4,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(counts, st.permutations(range(4)))
def test_parts_join_to_the_whole_in_any_order(
    rows: list[tuple[int, int, int | None]], order: list[int]
) -> None:
    frame = quarters(
        RRC__ConnEstabAtt__sum=[float(a + b) for a, b, _ in rows],
        RRC__ConnEstabSucc__sum=[float(a) for a, _, _ in rows],
        PAG__ReceivedNbr=[None if c is None else float(c) for *_, c in rows],
    )
    got = join_periods(frame[order])
    assert got[ATT].item() == sum(a + b for a, b, _ in rows)
    known = [c for *_, c in rows if c is not None]
    assert got["PAG.ReceivedNbr"].item() == (sum(known) if known else None)
    value = hourly_kpis(frame[order], CATALOGUE, [RRC])[RRC].item()
    total = sum(a + b for a, b, _ in rows)
    assert value == (pytest.approx(100 * sum(a for a, _, _ in rows) / total) if total else None)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100000), st.integers(1, 9000)), min_size=4, max_size=4))
def test_joining_twice_is_joining_once(rows: list[tuple[int, int]]) -> None:
    frame = quarters(
        DRB__PdcpSduLossRateUl__1=[float(loss) for loss, _ in rows],
        PDCP__PacketsUl__1=[float(packets) for _, packets in rows],
        RRC__ConnMax=[float(packets) for _, packets in rows],
    )
    once = join_periods(frame)
    twice = join_periods(join_periods(frame, "30m"))
    for name in (LOSS, PACKETS, "RRC.ConnMax"):
        assert twice[name].item() == pytest.approx(once[name].item())
