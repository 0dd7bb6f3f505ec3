"""What platforms tell ready made, and cells at their limits: both agree with the state they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from callcause.simulator import simulate
from callcause.simulator.cell_counters import Radio
from callcause.simulator.node_samples import node_kpis
from callcause.simulator.period import default_period
from callcause.simulator.platform_samples import network_samples, parts_of, voice_samples
from callcause.simulator.state import FIXED_QUANTITIES, State, build_state
from callcause.simulator.topology import Network, build_network
from callcause.simulator.traffic import hourly_profile
from callcause.simulator.trouble_spots import SPOTS, put_spots
from collectors.kpi.catalogue import load_catalogue


@pytest.fixture(scope="module")
def healthy() -> tuple[Network, State]:
    network = build_network(24, 12, default_period(2), np.random.default_rng(1))
    return network, build_state(network, hourly_profile(48), np.random.default_rng(2))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("platforms"), cells=12, days=2, tickets=20, seed=3)


def test_every_network_kpi_of_records_has_a_value_each_hour(healthy: tuple[Network, State]) -> None:
    told = {kpi for _, kpi, *_ in network_samples(*healthy, np.random.default_rng(3))}
    catalogue = load_catalogue()
    wanted = [
        k for k in map(catalogue.kpi, catalogue.ids()) if k.scope == "network" and k.source != "counters"
    ]
    assert told == {kpi.of or kpi.id for kpi in wanted}


def test_a_healthy_network_is_within_the_limits_of_its_kpis(healthy: tuple[Network, State]) -> None:
    catalogue = load_catalogue()
    beyond = {"<": np.less, ">": np.greater}
    for _, kpi, split, value, _, total in network_samples(*healthy, np.random.default_rng(3)):
        assert (total >= 100).all()
        for limit in catalogue.kpi(catalogue.target(kpi, split).partition("[")[0]).limits:
            if limit.name is None:
                assert not beyond[limit.op](value, limit.limit).any(), (kpi, split)


def test_the_codes_of_failures_add_up_to_all_failures(healthy: tuple[Network, State]) -> None:
    samples = network_samples(*healthy, np.random.default_rng(3))
    for kpi in ("sip_failure_mix", "q850_cause_mix"):
        mine = [s for s in samples if s[1] == kpi]
        assert len({s[2] for s in mine}) > 5
        np.testing.assert_allclose(np.sum([s[3] for s in mine], axis=0), 1.0)
        np.testing.assert_array_equal(np.sum([s[4] for s in mine], axis=0), mine[0][5])


def test_a_failing_node_shows_in_the_figures_of_the_network(healthy: tuple[Network, State]) -> None:
    network, state = healthy
    worse = State(state.cell, {k: v.copy() for k, v in state.node.items()}, state.profile)
    worse.node["session_fail"][network.of_type("scscf"), 30] = 0.3

    def connected(of: State) -> np.ndarray:
        return next(
            s[3] for s in network_samples(network, of, np.random.default_rng(3)) if s[2] == "direction=mo"
        )

    assert connected(worse)[30] < connected(state)[30] - 0.2
    assert (connected(state) > 98).all()


def test_both_directions_together_are_the_whole(healthy: tuple[Network, State]) -> None:
    network, state = healthy
    samples = node_kpis(network, state, np.random.default_rng(4))
    parts = parts_of(samples, np.random.default_rng(5))
    for node, kpi, _, good, total in samples:
        mine = [p for p in parts if p[:2] == (node, kpi) and p[2].startswith("direction=")]
        if mine:
            assert {p[2] for p in mine} == {"direction=mo", "direction=mt"}
            np.testing.assert_array_equal(sum(p[4] for p in mine), good)
            np.testing.assert_array_equal(sum(p[5] for p in mine), total)


def test_no_part_of_the_load_of_an_sbc_is_above_the_whole(healthy: tuple[Network, State]) -> None:
    network, state = healthy
    samples = node_kpis(network, state, np.random.default_rng(4))
    parts = parts_of(samples, np.random.default_rng(5))
    wholes = {node: value for node, kpi, value, *_ in samples if kpi == "sbc_load"}
    for node, whole in wholes.items():
        mine = [p[3] for p in parts if p[:2] == (node, "sbc_load")]
        np.testing.assert_array_equal(np.max(mine, axis=0), whole)


def test_voice_probes_hear_what_the_air_loses(healthy: tuple[Network, State]) -> None:
    network, state = healthy
    lossy = State({k: v.copy() for k, v in state.cell.items()}, state.node, state.profile)
    lossy.cell["ul_loss"][0] = 12.0
    samples = voice_samples(Radio(network, lossy, slice(0, 24)), np.random.default_rng(6))
    up, down = (samples["mos_poor_share", f"direction={d}"][0] for d in ("ul", "dl"))
    assert np.nanmin(up[0]) > 50 > np.nanmax(down[0])
    assert np.nanmax(up[1:].mean(axis=1)) < 20
    assert np.nanmax(samples["mos_good_share", ""][0][0]) < 80


def test_a_cell_without_service_has_no_voice_quality(healthy: tuple[Network, State]) -> None:
    network, state = healthy
    dark = State({k: v.copy() for k, v in state.cell.items()}, state.node, state.profile)
    dark.cell["unavailable_s"][2] = 3600.0
    for value, _, total in voice_samples(
        Radio(network, dark, slice(0, 24)), np.random.default_rng(6)
    ).values():
        assert np.isnan(value[2]).all()
        assert (total[2] == 0).all()


def test_platforms_write_only_known_kpis_and_no_empty_value(files: Path) -> None:
    catalogue = load_catalogue()
    nodes = pl.read_csv(files / "network/samples/node_kpi_platform.csv")
    voice = pl.read_parquet(sorted((files / "network/samples").glob("cell_kpi_voice_*.parquet")))
    for table in (nodes, voice):
        assert set(table["kpi_id"].unique()) <= set(catalogue.ids())
        assert table["value"].null_count() == 0
    assert "network" in nodes["node_id"].to_list()
    assert (
        nodes.filter(pl.col("node_id") == "network")["node_type"].null_count()
        == (nodes["node_id"] == "network").sum()
    )


def test_trouble_spots_only_touch_the_last_cells() -> None:
    network = build_network(9, 6, default_period(2), np.random.default_rng(1))
    plain, strained = (build_state(network, hourly_profile(48), np.random.default_rng(2)) for _ in range(2))
    put_spots(strained, network.size)
    for name, grid in plain.cell.items():
        np.testing.assert_array_equal(strained.cell[name][: -len(SPOTS)], grid[: -len(SPOTS)])
    changed = {name for name in plain.cell if not np.array_equal(plain.cell[name], strained.cell[name])}
    assert changed == {name for spot in SPOTS for name in spot}


def test_what_is_not_drawn_is_the_same_everywhere(healthy: tuple[Network, State]) -> None:
    for name, value in FIXED_QUANTITIES.items():
        assert (healthy[1].cell[name] == value).all()
