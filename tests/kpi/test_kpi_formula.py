"""Formulas against numbers computed by hand, and the sample guard."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from collectors.kpi.catalogue import load_catalogue
from collectors.kpi.expression import compile_expression
from collectors.kpi.formula import guard, guarded, kpi_columns

CATALOGUE = load_catalogue()
AT = datetime(2024, 3, 11, 9, tzinfo=UTC)


def row(period_s: int = 3600, **counters: float | None) -> pl.DataFrame:
    """One row of counters; `__` in a name stands for a dot."""
    columns = {
        name.replace("__", "."): pl.Series([value], dtype=pl.Float64) for name, value in counters.items()
    }
    return pl.DataFrame({"entity": ["c"], "period_start": [AT], "period_s": [period_s], **columns})


def value_of(frame: pl.DataFrame, kpi_id: str) -> tuple[float | None, float | None]:
    one = kpi_columns(frame, CATALOGUE, [kpi_id]).row(0, named=True)
    return one[kpi_id], one[f"{kpi_id}__n"]


RRC = {"RRC__ConnEstabSucc__sum": 950, "RRC__ConnEstabAtt__sum": 1000}
S1 = {"S1SIG__ConnEstabSucc": 198, "S1SIG__ConnEstabAtt": 200}
ERAB = {
    "ERAB__EstabInitSuccNbr__1": 9,
    "ERAB__EstabInitAttNbr__1": 10,
    "ERAB__EstabAddSuccNbr__1": 285,
    "ERAB__EstabAddAttNbr__1": 290,
}


@pytest.mark.parametrize(
    ("kpi_id", "counters", "value", "samples"),
    [
        ("rrc_connection_setup_success_ratio", RRC, 95.0, 1000),
        ("s1_signalling_connection_success_ratio", S1, 99.0, 200),
        ("erab_setup_success_ratio_qci1", ERAB, 98.0, 300),
        ("erab_add_success_ratio_qci1", ERAB, 98.27586206896552, 290),
        ("erab_accessibility_qci1", {**RRC, **S1, **ERAB}, 100 * 0.95 * 0.99 * 0.9, 10),
        ("volte_radio_connect_ratio", {**RRC, **ERAB}, 100 * 0.95 * 0.98, 300),
        (
            "erab_drop_ratio_qci1_cell",
            {
                **ERAB,
                "ERAB__RelActNbr__1": 4,
                "ERAB__EstabIncHoSuccNbr__1": 80,
                "ERAB__CarriedOverNbr__1": 26,
            },
            1.0,
            400,
        ),
        ("erab_drop_ratio_qci1_network", {**ERAB, "ERAB__RelActNbr__1": 3}, 100 * 3 / 294, 294),
        ("erab_retainability_qci1", {"ERAB__RelActNbr__1": 2, "ERAB__SessionTimeQCI__1": 7200}, 1.0, 7200),
        (
            "rrc_reestablishment_share",
            {"RRC__ConnReEstabAtt__sum": 25, "RRC__ConnEstabAtt__sum": 975},
            2.5,
            1000,
        ),
        (
            "intra_lte_handover_success_ratio",
            {
                "HO__IntraEnbOutSucc__sum": 40,
                "HO__IntraEnbOutAtt__sum": 50,
                "HO__InterEnbOutSucc__sum": 149,
                "HO__InterEnbOutAtt__sum": 150,
            },
            94.5,
            200,
        ),
        (
            "pdcp_loss_ratio_ul_qci1",
            {"DRB__PdcpSduLossRateUl__1": 52000, "PDCP__PacketsUl__1": 4000},
            5.2,
            4000,
        ),
        ("mr_coverage_ratio", {"MR__RsrpBelow110": 30, "MR__RsrpSamples": 400}, 92.5, 400),
        ("prb_utilisation", {"RRU__PrbTotUl": 35, "RRU__PrbTotDl": 72}, 72, None),
        ("cell_unavailable_time", {"RRU__CellUnavailableTime": 61}, 61, None),
        ("paging_discard_ratio", {"PAG__DiscardedNbr": 1, "PAG__ReceivedNbr": 500}, 0.2, 500),
        ("tch_block_ratio", {"TCH__SeizBlocked": 8, "TCH__SeizAtt": 200}, 4.0, 200),
        (
            "lte_attach_success_ratio",
            {"attach_accept": 980, "attach_request": 1050, "user_cause_rejects": 50},
            98.0,
            1000,
        ),
        (
            "x2_s1_handover_success_ratio",
            {
                "path_switch_success": 90,
                "path_switch_request": 100,
                "s1_handover_success": 95,
                "s1_handover_request": 100,
            },
            92.5,
            200,
        ),
        ("gx_rx_success_ratio", {"aaa_2001": 48, "raa_2001": 47, "aar": 50, "rar": 50}, 95.0, 100),
        (
            "csfb_call_success_ratio",
            {
                "csfb_alerting_mo": 90,
                "csfb_alerting_mt": 280,
                "extended_service_request_mo": 100,
                "extended_service_request_mt": 300,
            },
            92.5,
            400,
        ),
        (
            "csfb_call_success_ratio.mo",
            {"csfb_alerting_mo": 90, "extended_service_request_mo": 100},
            90.0,
            100,
        ),
        (
            "ims_initial_registration_success_ratio",
            {"UR__SuccInitReg": 188, "UR__AttInitReg": 200},
            94.0,
            200,
        ),
        ("network_initiated_deregistrations", {"UR__AttDeRegHss": 3, "UR__AttDeRegCscf": 4}, 7, None),
        (
            "sbc_load",
            {"SBC__CpuLoad": 40, "SBC__MediaPortsUsed": 90, "SBC__MediaPortsLicensed": 100},
            90,
            None,
        ),
        ("sbc_load", {"SBC__CpuLoad": 40}, 40, None),
        (
            "media_relay_failure_ratio",
            {"relay_sessions_bypassed": 1, "relay_sessions_one_way": 2, "relay_sessions": 150},
            2.0,
            150,
        ),
    ],
)
def test_a_formula_gives_the_number_computed_by_hand(
    kpi_id: str, counters: dict[str, float], value: float, samples: float | None
) -> None:
    got = value_of(row(**counters), kpi_id)
    assert got[0] == pytest.approx(value)
    assert got[1] == (None if samples is None else pytest.approx(samples))


def test_low_cqi_counts_indices_up_to_six() -> None:
    bins = {f"CARR__WBCQIDist__Bin{i}": float(i == 6 or i == 7) * (30 if i == 6 else 70) for i in range(16)}
    assert value_of(row(**bins), "dl_sinr_and_low_cqi_share.low_cqi_share") == (30.0, 100.0)


def test_a_missing_counter_gives_no_value() -> None:
    assert value_of(row(RRC__ConnEstabSucc__sum=5), "rrc_connection_setup_success_ratio") == (None, None)
    assert value_of(
        row(**{**RRC, "RRC__ConnEstabSucc__sum": None}), "rrc_connection_setup_success_ratio"
    ) == (None, 1000)


def test_a_denominator_of_zero_gives_no_value_and_no_samples() -> None:
    frame = row(RRC__ConnEstabSucc__sum=0, RRC__ConnEstabAtt__sum=0)
    assert value_of(frame, "rrc_connection_setup_success_ratio") == (None, 0)
    frame = row(RRC__ConnEstabSucc__sum=3, RRC__ConnEstabAtt__sum=0)
    assert value_of(frame, "rrc_connection_setup_success_ratio") == (None, 0)


def test_one_direction_alone_is_not_the_larger_of_two() -> None:
    assert value_of(row(RRU__PrbTotUl=35), "prb_utilisation") == (None, None)
    assert value_of(row(RRU__PrbTotUl=35), "prb_utilisation.ul") == (35, None)


def test_carry_over_that_no_counter_gives_counts_as_none() -> None:
    counters = {**ERAB, "ERAB__RelActNbr__1": 3, "ERAB__CarriedOverNbr__1": None}
    assert value_of(row(**counters), "erab_drop_ratio_qci1_cell") == (pytest.approx(300 / 294), 294)


def test_packets_come_from_the_session_time_where_no_counter_counts_them() -> None:
    frame = row(DRB__PdcpSduLossRateUl__1=10000, ERAB__SessionTimeQCI__1=100)
    assert value_of(frame, "pdcp_loss_ratio_ul_qci1") == (1.0, 2500)
    assert value_of(frame, "qci1_packets_ul") == (2500, 2500)


def test_traffic_from_the_session_time_is_per_period() -> None:
    assert value_of(row(period_s=900, ERAB__SessionTimeQCI__1=1800), "volte_traffic")[0] == 2.0
    assert value_of(row(ERAB__SessionTimeQCI__1=1800, ERAB__UsageNbrMean__1=0.7), "volte_traffic")[0] == 0.7


def test_failures_by_cause_add_up_over_both_procedures_and_keep_their_split() -> None:
    frame = row(
        ERAB__EstabInitFailNbr__21=4,
        ERAB__EstabAddFailNbr__21=2,
        ERAB__EstabAddFailNbr__25=4,
        ERAB__EstabAddFailNbr__sum=99,
    )
    ids = ["erab_setup_failures_by_cause", "erab_setup_failures_by_cause.top_cause_share"]
    got = kpi_columns(frame, CATALOGUE, ids).row(0, named=True)
    assert got["erab_setup_failures_by_cause"] == 10
    assert got["erab_setup_failures_by_cause[cause=21]"] == 6
    assert got["erab_setup_failures_by_cause[cause=25]"] == 4
    assert got["erab_setup_failures_by_cause.top_cause_share"] == 60.0
    assert "erab_setup_failures_by_cause[cause=sum]" not in got


def test_a_whole_without_causes_is_the_value_and_has_no_largest_share() -> None:
    ids = ["erab_setup_failures_by_cause", "erab_setup_failures_by_cause.top_cause_share"]
    got = kpi_columns(row(ERAB__EstabAddFailNbr__sum=9), CATALOGUE, ids).row(0, named=True)
    assert got["erab_setup_failures_by_cause"] == 9
    assert got["erab_setup_failures_by_cause.top_cause_share"] is None


def test_causes_without_any_counter_give_no_value() -> None:
    assert value_of(row(RRU__PrbTotUl=1), "ue_context_abnormal_releases_by_cause") == (None, None)


def test_all_formulas_run_on_a_frame_without_any_counter_and_give_nothing() -> None:
    got = kpi_columns(row(), CATALOGUE)
    assert got.columns[:3] == ["entity", "period_start", "period_s"]
    values = got.drop("entity", "period_start", "period_s")
    assert values.width >= 2 * len(CATALOGUE.computed_ids)
    assert values.null_count().sum_horizontal()[0] == values.width
    assert set(values.dtypes) == {pl.Float64}


def test_a_kpi_without_formula_is_null_and_not_an_error() -> None:
    assert value_of(row(**RRC), "volte_call_drop_ratio") == (None, None)


def test_a_lazy_frame_gives_the_same() -> None:
    frame = row(**RRC)
    assert kpi_columns(frame.lazy(), CATALOGUE).equals(kpi_columns(frame, CATALOGUE))


@pytest.mark.parametrize(
    ("attempts", "why"), [(0, "few_samples"), (99, "few_samples"), (100, ""), (5000, "")]
)
def test_the_guard_refuses_ratios_of_few_attempts(attempts: float, why: str) -> None:
    frame = kpi_columns(
        row(PAG__DiscardedNbr=0, PAG__ReceivedNbr=attempts), CATALOGUE, ["paging_discard_ratio"]
    )
    assert guard(frame, CATALOGUE)["paging_discard_ratio__why"].item() == why
    value = guarded(frame, CATALOGUE)["paging_discard_ratio"].item()
    assert value == (0.0 if why == "" else None)


def test_the_guard_of_packet_kpis_counts_packets() -> None:
    for packets, why in ((999, "few_samples"), (1000, "")):
        frame = kpi_columns(
            row(DRB__PdcpSduLossRateUl__1=60000, PDCP__PacketsUl__1=packets),
            CATALOGUE,
            ["pdcp_loss_ratio_ul_qci1"],
        )
        assert guard(frame, CATALOGUE)["pdcp_loss_ratio_ul_qci1__why"].item() == why


def test_a_record_value_without_denominator_is_guarded_by_the_packet_kpi() -> None:
    frame = pl.DataFrame({"pdcp_loss_ratio_ul_qci1": [6.0, 6.0], "qci1_packets_ul": [10.0, 5000.0]})
    assert guard(frame, CATALOGUE)["pdcp_loss_ratio_ul_qci1__why"].to_list() == ["few_samples", ""]


def test_a_value_whose_samples_nobody_gave_passes() -> None:
    frame = pl.DataFrame({"paging_discard_ratio": [0.5], "paging_discard_ratio__n": [None]}, strict=False)
    assert guard(frame, CATALOGUE)["paging_discard_ratio__why"].item() == ""


def test_no_value_without_samples_is_a_missing_counter() -> None:
    frame = kpi_columns(row(), CATALOGUE, ["paging_discard_ratio", "rsrp_mean"])
    judged = guard(frame, CATALOGUE)
    assert judged["paging_discard_ratio__why"].item() == "counter_missing"
    assert judged["rsrp_mean__why"].item() == "counter_missing"


def test_a_rate_of_no_session_time_has_few_samples_and_no_missing_counter() -> None:
    frame = kpi_columns(
        row(ERAB__RelActNbr__1=0, ERAB__SessionTimeQCI__1=0), CATALOGUE, ["erab_retainability_qci1"]
    )
    assert guard(frame, CATALOGUE)["erab_retainability_qci1__why"].item() == "few_samples"


def test_every_shipped_formula_names_each_optional_counter_that_it_declares() -> None:
    for kpi in CATALOGUE.kpis:
        named = {n for e in (kpi.value_expression, kpi.samples_expression) if e for n in e.counters}
        assert set(kpi.optional) <= named, kpi.id


@pytest.mark.parametrize(
    "text", ['"a" over ("b")', 'CASE WHEN "a" > 1 THEN 1 END', "'x'", '"a" = 1', "__import__('os')"]
)
def test_only_arithmetic_is_a_formula(text: str) -> None:
    with pytest.raises(ValueError, match=r"formula|function"):
        compile_expression(text)


def test_a_formula_may_use_the_few_functions_of_one_row() -> None:
    frame = pl.DataFrame({"a": [None, 4.0], "b": [-2.0, 9.0]})
    got = [
        frame.select(compile_expression(f"{f}").expr.alias("x"))["x"].to_list()
        for f in (
            'coalesce("a", abs("b"))',
            'greatest("a", "b")',
            'least("a", 1.5e0)',
            '"b" / nullif("a", 4)',
        )
    ]
    assert got == [[2.0, 4.0], [-2.0, 9.0], [1.5, 1.5], [None, None]]
