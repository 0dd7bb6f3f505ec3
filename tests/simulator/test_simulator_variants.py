"""Harder networks: what they lack is lacking in the files, and the truth says when nobody can tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from callcause.simulator import simulate
from callcause.simulator.faults import ALL
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.plan import deal
from callcause.simulator.period import default_period
from callcause.simulator.pm_files import DARK_H, dark_hours
from callcause.simulator.removal import (
    CELL_COUNTERS,
    SOLE_COLUMNS,
    THIN,
    decisive_inputs,
    has_counters,
    lacking_columns,
)
from callcause.simulator.state import build_state
from callcause.simulator.topology import build_network
from callcause.simulator.traffic import hourly_profile
from callcause.simulator.variant import NAMES, SPARE_COLUMNS, variant_of
from callcause.simulator.vendor_names import VENDOR, in_vendor_names
from callcause_error import UsageError
from collectors.pm.counter_map import load_maps
from collectors.records.schema import load_schemas


@pytest.fixture(scope="module")
def harder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(
        tmp_path_factory.mktemp("harder"), cells=36, days=2, tickets=240, seed=4, variant="harder"
    )


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema_length=0)


def columns_of(path: Path) -> set[str]:
    return set(path.open(encoding="utf-8").readline().strip().split(","))


def an_incident(fault_index: int = 0, removed: tuple[str, ...] = ()) -> Incident:
    return Incident(0, ALL[fault_index], "", 36_000.0, 0.0, 90_000.0, 0.5, 0.0, 1, -1, "mo", 0.0, removed)


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_the_same_for_the_same_stream(name: str) -> None:
    first, second = (variant_of(name, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert first.name == name


def test_an_unknown_variant_is_refused_with_a_suggestion() -> None:
    with pytest.raises(UsageError, match="harder"):
        variant_of("hader", np.random.default_rng(1))


def test_perturbed_networks_differ_from_seed_to_seed() -> None:
    drawn = [variant_of("perturbed", np.random.default_rng(seed)) for seed in range(6)]
    assert len({v.noise for v in drawn}) == len({v.effect for v in drawn}) == 6
    assert {v.vendor_names for v in drawn} == {True, False}


def test_every_column_that_may_be_lost_or_removed_is_one_of_its_record() -> None:
    schemas = load_schemas()
    for kind, columns in {**SPARE_COLUMNS, **{k: tuple(v) for k, v in THIN.items()}}.items():
        assert set(columns) <= set(schemas[kind].field_names), kind
    for need in {need for needs in SOLE_COLUMNS.values() for need in needs}:
        kind, _, column = need.partition(".")
        assert column in schemas[kind].field_names, need


def test_a_column_that_may_be_lost_is_never_one_that_alone_decides() -> None:
    sole = {need for needs in SOLE_COLUMNS.values() for need in needs}
    assert not sole & {f"{kind}.{c}" for kind, columns in SPARE_COLUMNS.items() for c in columns}


def test_a_fault_that_a_record_decides_can_lose_it_or_what_it_tells() -> None:
    by_call = next(f for f in ALL if f.category == "access" and f.decisive == "call")
    assert decisive_inputs(by_call, by_call.event[0]) == (("call",), ("call.*",))
    locked = next(f for f in ALL if f.event == ("csfb_locked",))
    assert ("call.lte_locked",) in decisive_inputs(locked, "csfb_locked")


def test_a_fault_that_configuration_decides_cannot_lose_what_decides() -> None:
    switched_off = next(f for f in ALL if f.config.get("csfb_enabled"))
    assert decisive_inputs(switched_off, switched_off.event[0]) == ()


def test_a_thin_probe_writes_who_where_and_when_only() -> None:
    columns = ("id", "started_at", "final_status", "t_100")
    assert lacking_columns(("call.*",), "call", columns) == ("final_status", "t_100")
    assert lacking_columns(("call.t_100",), "call", columns) == ("t_100",)
    assert lacking_columns(("registration.*",), "call", columns) == ()


def test_only_a_removed_input_that_decides_makes_a_ticket_undecidable() -> None:
    assert not an_incident().undecidable
    assert not an_incident(removed=(CELL_COUNTERS,)).undecidable
    assert an_incident(removed=("call",)).undecidable


def test_counters_are_dark_around_the_complaint_in_its_cell_only() -> None:
    dark = dark_hours([an_incident(removed=(CELL_COUNTERS,)), an_incident(removed=("call",))], 4, 24)
    assert dark[1].sum() == dark.sum() == 2 * DARK_H + 1
    assert dark[1, 10]


def test_only_a_fault_of_a_cell_shows_in_its_counters() -> None:
    assert {f.scope for f in ALL if has_counters(f)} == {"cell"}
    assert any(has_counters(f) for f in ALL)


def test_without_a_mix_every_fault_comes_once_and_with_one_some_come_often() -> None:
    even = deal(len(ALL), np.random.default_rng(2))
    mixed = deal(len(ALL), np.random.default_rng(2), mix=1.2)
    assert len({id(f) for f in even}) == len(ALL)
    assert max(sum(f is g for g in mixed) for f in ALL) >= 4


def test_noise_widens_the_spread_of_objects_and_hours() -> None:
    period = default_period(2)
    network = build_network(60, 5, period, np.random.default_rng(1))
    profile = hourly_profile(period.hours)
    calm, loud = (build_state(network, profile, np.random.default_rng(1), noise) for noise in (1.0, 2.0))
    for name in ("ul_noise_dbm", "coverage_loss_db", "dl_delay_ms"):
        assert loud.cell[name].std() == pytest.approx(2 * calm.cell[name].std(), rel=0.1)


def test_the_own_names_of_a_vendor_are_those_of_the_map_and_keep_every_count() -> None:
    shape = (3, 4)
    counters = {name: np.full(shape, 40.0) for name in ("RRC.ConnEstabAtt.sum", "ERAB.EstabAddAttNbr.1")}
    counters["ERAB.SessionTimeQCI.1"] = np.full(shape, 400.0)
    counters["DRB.PdcpSduLossRateUl.1"] = np.full(shape, 20_000.0)
    written = in_vendor_names(counters)
    assert written["pmRrcConnEstabAtt"] is counters["RRC.ConnEstabAtt.sum"]
    assert written["pmErabEstabAttAddedQci[1]"] is counters["ERAB.EstabAddAttNbr.1"]
    lost, received = written["pmPdcpPktLostUlQci[1]"], written["pmPdcpPktReceivedUlQci[1]"]
    assert np.allclose(1e6 * lost / (lost + received), 20_000.0)
    known = load_maps().choose(VENDOR, counters=tuple(written)).name
    assert known == "ericsson"


def test_columns_that_the_network_lost_stand_in_no_file(harder: Path) -> None:
    paths = {
        "call": "records/call.csv",
        "cell": "inventory/cell.csv",
        "subscriber": "inventory/subscriber.csv",
    }
    gone = {kind: set(SPARE_COLUMNS[kind]) - columns_of(harder / "network" / p) for kind, p in paths.items()}
    assert any(gone.values())
    for path in (harder / "network" / "records").glob("call_probe_*.csv"):
        assert not gone["call"] & columns_of(path)


def test_the_records_of_a_thin_probe_lack_their_outcome(harder: Path) -> None:
    truth = read(harder / "truth.csv").filter(pl.col("removed_input").is_in(["call.*", "registration.*"]))
    assert truth.height > 0
    assert set(truth["cause_id"]) == {"cannot_tell"}
    thin = sorted((harder / "network" / "records").glob("*_probe_*.csv"))
    assert thin
    for path in thin:
        whole = columns_of(path.with_name(f"{path.name.split('_probe_')[0]}.csv"))
        assert columns_of(path) < whole


def test_no_record_stands_in_two_files(harder: Path) -> None:
    for kind in ("call", "registration"):
        ids = [i for p in (harder / "network" / "records").glob(f"{kind}*.csv") for i in read(p)["id"]]
        assert len(ids) == len(set(ids))


def test_the_truth_stands_where_only_counters_were_removed(harder: Path) -> None:
    truth = read(harder / "truth.csv").filter(pl.col("removed_input") == CELL_COUNTERS)
    assert truth.filter(pl.col("cause_id") != pl.col("injected")).is_empty()


def test_the_second_vendor_writes_names_of_its_own(harder: Path) -> None:
    import gzip

    files = sorted((harder / "network" / "pm").rglob("*OMC-VendorB.xml.gz"))
    text = gzip.decompress(files[-1].read_bytes()).decode()
    assert 'vendorName="Ericsson"' in text
    assert "pmErabEstabAttAddedQci[1]" in text
    assert "ERAB.EstabAddAttNbr.1" not in text
