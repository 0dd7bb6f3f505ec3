"""Faults show in the files by their physics."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from callcause.simulator import call_flow, csfb_flow, registration_flow, simulate, voice_path
from callcause.simulator.faults import ACCESS, ALL, CSFB, DROP, REGISTRATION, VOICE
from callcause.simulator.faults.plan import deal
from callcause.simulator.state import CELL_QUANTITIES, NODE_QUANTITIES, overlap_of_hours

EVENTS = {
    **call_flow.SETUP,
    **call_flow.DROPS,
    **csfb_flow.FALLBACKS,
    **registration_flow.EVENTS,
    **voice_path.VOICE,
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One ticket of every kind, at least."""
    return simulate(tmp_path_factory.mktemp("wide"), cells=150, days=2, tickets=2 * len(ALL), seed=21)


def read(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_csv(folder / name, infer_schema_length=0)


def truth_of(folder: Path, *events: str) -> pl.DataFrame:
    return read(folder, "truth.csv").filter(
        pl.col("event").is_in(events) & (pl.col("removed_input").fill_null("") == "")
    )


def own_calls(folder: Path, truth: pl.DataFrame) -> pl.DataFrame:
    """The customer's leg nearest to the complaint."""
    tickets = read(folder, "tickets.csv").select("id", "msisdn", "occurred_at")
    calls = read(folder, "network/records/call.csv")
    moment = pl.col("started_at").str.to_datetime("%+", time_zone="UTC")
    legs = pl.concat(
        [
            calls.filter(leg=leg).with_columns(number=pl.col(number), at=moment)
            for leg, number in (("mo", "calling_number"), ("mt", "called_number"))
        ]
    )
    joined = truth.join(tickets, left_on="ticket_id", right_on="id").join(
        legs, left_on="msisdn", right_on="number"
    )
    gap = (
        (pl.col("at") - pl.col("occurred_at").str.to_datetime("%+", time_zone="UTC")).dt.total_seconds().abs()
    )
    return (
        joined.with_columns(gap=gap)
        .sort("gap")
        .unique("ticket_id", keep="first")
        .filter(pl.col("gap") < 1200)
    )


def kpi(folder: Path, kpi_id: str, day: int = 1) -> pl.DataFrame:
    table = pl.read_parquet(folder / f"network/samples/cell_kpi_{day:02d}.parquet").filter(
        pl.col("kpi_id") == kpi_id
    )
    return table.group_by("ecgi").agg(pl.col("value").median())


def test_at_least_ninety_causes_can_happen() -> None:
    causes = {f.cause for f in ALL if f.cause not in ("cannot_tell", "no_fault")}
    assert len(causes) >= 90
    for group, least in ((REGISTRATION, 20), (ACCESS, 20), (DROP, 20), (VOICE, 18), (CSFB, 18)):
        assert len({f.cause for f in group}) >= least


def test_every_event_and_quantity_that_a_fault_names_exists() -> None:
    for fault in ALL:
        assert set(fault.event) - {""} <= set(EVENTS), fault.cause
        assert set(fault.cell) <= set(CELL_QUANTITIES), fault.cause
        assert set(fault.node) <= set(NODE_QUANTITIES), fault.cause


def test_every_event_is_used_by_a_fault_or_is_ordinary() -> None:
    used = {event for fault in ALL for event in fault.event}
    for fault in ALL:
        registration = fault.own.get("registration", "")
        used |= {registration} if isinstance(registration, str) else set(registration)
    spare = {"erab_unspecified", "reg_left"}
    assert set(EVENTS) - used == spare


def test_enough_tickets_bring_every_kind_of_fault() -> None:
    dealt = deal(len(ALL), np.random.default_rng(1))
    assert {id(f) for f in dealt} == {id(f) for f in ALL}


def test_every_cause_of_the_list_appears_in_a_wide_run(wide: Path) -> None:
    injected = set(read(wide, "truth.csv")["injected"])
    assert injected == {f.cause for f in ALL}


def test_weak_coverage_lowers_the_level_of_the_call_and_of_the_cell(wide: Path) -> None:
    truth = truth_of(wide, "rlf", "setup_lost_radio").filter(
        pl.col("injected").is_in(["drop-weak-coverage", "acc-poor-coverage"])
    )
    assert truth.height > 0
    weak = own_calls(wide, truth)["rsrp_last"].cast(pl.Float64)
    everyone = read(wide, "network/records/call.csv")["rsrp_last"].cast(pl.Float64)
    assert weak.mean() < everyone.mean() - 15
    level = kpi(wide, "rsrp_mean")
    assert (
        level.filter(pl.col("ecgi").is_in(truth["cell"].implode()))["value"].mean()
        < level["value"].mean() - 6
    )


def test_uplink_interference_raises_the_noise_and_leaves_the_downlink_alone(wide: Path) -> None:
    truth = read(wide, "truth.csv").filter(pl.col("injected") == "drop-uplink-interference")
    noise, level = kpi(wide, "ul_interference_per_prb"), kpi(wide, "rsrp_mean")
    inside = pl.col("ecgi").is_in(truth["cell"].implode())
    assert noise.filter(inside)["value"].min() > noise["value"].median() + 5
    assert abs(level.filter(inside)["value"].mean() - level["value"].mean()) < 6


def test_a_dropped_call_was_answered_and_ends_with_its_bearer(wide: Path) -> None:
    drops = read(wide, "truth.csv").filter(
        (pl.col("category") == "drop") & pl.col("event").is_in(list(call_flow.DROPS))
    )
    calls = own_calls(wide, drops)
    assert calls.height > 20
    assert calls["t_200"].null_count() == 0
    assert (calls["final_status"] == "200").all()
    assert (calls["t_end"] > calls["t_200"]).all()
    assert calls["t_qci1_released"].null_count() == 0


def test_a_failed_set_up_has_no_answer_and_no_talk(wide: Path) -> None:
    calls = own_calls(wide, truth_of(wide, *call_flow.SETUP))
    assert calls.height > 20
    assert calls["t_200"].null_count() == calls.height
    assert calls["codec"].null_count() == calls.height


def test_one_hss_fault_has_many_final_codes_but_one_first_error(wide: Path) -> None:
    finals: set[int | None] = set()
    for name, event in registration_flow.EVENTS.items():
        if name.startswith("reg_hss"):
            finals |= set(event.status)
            assert event.error[0] == "hss"
    assert {403, 500, 504} <= finals
    own = own_calls(wide, truth_of(wide, "hss_busy", "hss_5012", "hss_silent", "hss_sh"))
    assert own.height > 0
    assert set(own["first_error_node"]) == {"hss"}
    assert set(own["first_error_interface"]) <= {"Cx", "Sh"}


def test_an_overloaded_s_cscf_is_hidden_behind_another_code() -> None:
    busy = registration_flow.EVENTS["reg_scscf_busy"]
    assert busy.status == (504,)
    assert busy.error == ("scscf", 503)


def test_a_removed_record_is_gone_and_the_truth_says_so(wide: Path) -> None:
    removed = read(wide, "truth.csv").filter(pl.col("removed_input") == "call")
    assert removed.height > 0
    assert set(removed["cause_id"]) == {"cannot_tell"}
    assert own_calls(wide, removed).height == 0


def test_tickets_about_good_calls_have_a_good_call(wide: Path) -> None:
    truth = read(wide, "truth.csv").filter(
        (pl.col("cause_id") == "no_fault") & (pl.col("category") != "registration")
    )
    calls = own_calls(wide, truth)
    assert calls.height == truth.height > 0
    assert (calls["final_status"] == "200").all()
    assert calls["first_error_interface"].null_count() == calls.height


def test_loss_shows_from_its_segment_on(wide: Path) -> None:
    calls = own_calls(wide, truth_of(wide, "voice_transport"))
    slices = pl.read_parquet(wide / "network/records/voice_slice.parquet")
    slices = slices.join(calls.select("id"), left_on="call_id", right_on="id")
    mean = {
        (row["direction"], row["point"]): row["loss"]
        for row in slices.group_by("direction", "point").agg(pl.col("loss").mean()).iter_rows(named=True)
    }
    assert mean["uplink", "s1u"] < 1 < mean["uplink", "sbc"]
    assert mean["downlink", "sbc"] < 1 < mean["downlink", "s1u"]


def test_a_dead_relay_takes_packets_in_and_sends_none(wide: Path) -> None:
    calls = own_calls(wide, truth_of(wide, "voice_relay", "voice_nat"))
    slices = pl.read_parquet(wide / "network/records/voice_slice.parquet")
    slices = slices.join(calls.select("id", "event"), left_on="call_id", right_on="id").filter(
        direction="downlink"
    )
    assert slices.filter(point="sbc")["loss"].max() < 5
    assert slices.filter(point="s1u")["loss"].min() == 100
    reachable = slices.filter(pl.col("event") == "voice_relay")["rtp_address_reachable"]
    assert reachable.all()


def test_fallback_stages_follow_each_other(wide: Path) -> None:
    calls = read(wide, "network/records/call.csv").filter(csfb_flag="true")
    stages = [
        "t_esr",
        "t_redirect",
        "t_cm_service_request",
        "t_alerting",
        "t_channel_release",
        "t_tau_accept",
    ]
    times = calls.select(pl.col(stages).str.to_datetime("%+", time_zone="UTC"))
    for first, second in itertools.pairwise(stages):
        both = times.drop_nulls([first, second])
        assert (both[second] >= both[first]).all(), (first, second)


def test_missing_neighbours_are_reported_but_not_defined(wide: Path) -> None:
    near = read(wide, "network/inventory/neighbour.csv")
    truth = read(wide, "truth.csv").filter(pl.col("injected") == "drop-missing-neighbour")
    for cell in truth["cell"]:
        row = near.filter((pl.col("source_ecgi") == cell) & (pl.col("is_defined") == "false"))
        assert row.height >= 1
        assert row["reported_count"].cast(pl.Float64).max() > 100


def test_equal_pci_residues_without_overlap_are_everywhere(wide: Path) -> None:
    near = read(wide, "network/inventory/neighbour.csv").filter(target_rat="EUTRAN")
    cells = read(wide, "network/inventory/cell.csv").select("ecgi", own_pci="pci")
    joined = near.join(cells, left_on="source_ecgi", right_on="ecgi")
    equal = joined.filter(
        (pl.col("own_pci").cast(pl.Int64) % 3) == (pl.col("target_real_pci").cast(pl.Int64) % 3)
    )
    overlap = equal["overlap_share"].cast(pl.Float64)
    assert (overlap < 10).sum() > 10


def test_hours_that_a_fault_covers_in_part_count_in_part() -> None:
    share = overlap_of_hours(5400.0, 9000.0, 4)
    assert share.tolist() == pytest.approx([0.0, 0.5, 0.5, 0.0])


def test_every_registration_ends_at_one_stage(wide: Path) -> None:
    table = read(wide, "network/records/registration.csv")
    no_pdn = table.filter(pl.col("pdn_result") == "reject")
    assert no_pdn["register_sent_at"].null_count() == no_pdn.height
    rejected = table.filter(pl.col("attach_result") == "reject")
    assert rejected["pdn_result"].null_count() == rejected.height
    done = table.filter(pl.col("final_status") == "200")
    assert done["first_reply_at"].null_count() == 0
