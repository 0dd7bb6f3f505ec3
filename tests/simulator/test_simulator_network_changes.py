"""Changes that faults make to neighbours and core maps: each leaves the trace that gives it away."""

from __future__ import annotations

import numpy as np
import pytest

from callcause.simulator.faults import ALL
from callcause.simulator.faults.incident import Incident
from callcause.simulator.faults.network_changes import NETWORK_CHANGES
from callcause.simulator.faults.places import GUARD_S, Places
from callcause.simulator.faults.plan import lasting
from callcause.simulator.period import default_period
from callcause.simulator.topology import Network, build_network

SEEDS = (1, 2, 3)


def network() -> Network:
    return build_network(60, 30, default_period(2), np.random.default_rng(11))


def incident(cell: int) -> Incident:
    return Incident(0, ALL[0], "", 0.0, 0.0, 1.0, 1.0, 0.0, cell, -1, "mo", 0.0)


def changed(name: str, cell: int, seed: int) -> tuple[Network, Network]:
    """The network before and after a change."""
    before, after = network(), network()
    NETWORK_CHANGES[name](after, incident(cell), np.random.default_rng(seed))
    return before, after


def relations(made: Network, cell: int, rat: str = "EUTRAN") -> np.ndarray:
    return np.flatnonzero((made.neighbours["source"] == cell) & (made.neighbours["target_rat"] == rat))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("cell", [0, 17, 59])
def test_a_missing_neighbour_is_undefined_and_reported_all_the_time(cell: int, seed: int) -> None:
    before, after = changed("missing_neighbour", cell, seed)
    (row,) = np.flatnonzero(before.neighbours["is_defined"] != after.neighbours["is_defined"])
    near = after.neighbours
    assert near["source"][row] == cell
    assert near["overlap_share"][row] == max(before.neighbours["overlap_share"][relations(before, cell)])
    assert near["reported_count"][row] >= 150
    assert near["handover_attempts"][row] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stale_pci_differs_from_the_real_one_and_handovers_fail(seed: int) -> None:
    before, after = changed("stale_pci", 8, seed)
    near = after.neighbours
    rows = relations(after, 8)
    stale = rows[near["target_pci"][rows] != near["target_real_pci"][rows]]
    assert len(stale) == 1
    assert near["target_pci"][stale[0]] % 3 != near["target_real_pci"][stale[0]] % 3
    assert near["handover_successes"][stale[0]] <= 0.6 * near["handover_attempts"][stale[0]]
    kept = np.delete(np.arange(len(near["source"])), stale)
    assert np.array_equal(before.neighbours["target_pci"][kept], near["target_pci"][kept], equal_nan=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wrong_lac_is_wrong_towards_every_2g_neighbour(seed: int) -> None:
    _, after = changed("wrong_gsm_lac", 8, seed)
    near, rows = after.neighbours, relations(after, 8, "GERAN")
    assert len(rows)
    assert (near["target_lac"][rows] != near["target_real_lac"][rows]).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pci_of_the_same_residue_stands_in_inventory_and_relations_alike(seed: int) -> None:
    _, after = changed("mod3", 8, seed)
    near, cells = after.neighbours, after.cells
    rows = relations(after, 8)
    row = rows[np.argmax(near["overlap_share"][rows])]
    target = int(near["target"][row])
    assert int(cells["pci"][target]) % 3 == int(cells["pci"][8]) % 3
    assert near["overlap_share"][row] >= 18
    same = (near["target"] == target) & (near["target_rat"] == "EUTRAN")
    assert (near["target_pci"][same] == float(cells["pci"][target])).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_map_to_a_foreign_area_is_known_to_no_msc_of_the_pool(seed: int) -> None:
    _, after = changed("la_not_on_msc", 8, seed)
    mapped = int(after.cells["mapped_lac"][8])
    assert mapped == int(after.cells["gsm_lac_at_site"][8])
    assert all(mapped not in node.lacs for node in after.nodes)


@pytest.mark.parametrize("name", ["lac_differs", "pool_differs"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_area_at_the_site_is_another_one_of_a_real_msc(name: str, seed: int) -> None:
    _, after = changed(name, 8, seed)
    cells = after.cells
    assert cells["gsm_lac_at_site"][8] != cells["mapped_lac"][8]
    pool = cells["mapped_msc_pool" if name == "lac_differs" else "gsm_msc_pool"][8]
    owners = [n.pool for n in after.nodes if int(cells["gsm_lac_at_site"][8]) in n.lacs]
    assert pool in owners
    assert (cells["gsm_msc_pool"][8] != cells["mapped_msc_pool"][8]) == (name == "pool_differs")


def test_frequencies_to_fall_back_to_are_none_or_of_other_cells() -> None:
    _, none = changed("arfcn_none", 8, 1)
    _, stale = changed("arfcn_stale", 8, 1)
    assert none.cells["csfb_gsm_arfcns"][8] is None
    own = [str(a) for a in str(network().cells["csfb_gsm_arfcns"][8]).split(";")]
    assert not set(stale.cells["csfb_gsm_arfcns"][8].split(";")) & set(own)


@pytest.mark.parametrize("name", sorted(NETWORK_CHANGES))
def test_a_change_touches_no_inventory_row_of_a_cell_that_has_nothing_to_do_with_it(name: str) -> None:
    before, after = changed(name, 8, 1)
    near = {8, *(int(t) for t in before.neighbours["target"][relations(before, 8)])}
    for column, values in before.cells.items():
        differs = [i for i in range(before.size) if str(values[i]) != str(after.cells[column][i])]
        assert set(differs) <= near, column


def test_every_change_is_one_of_a_fault_and_stays_for_the_whole_period() -> None:
    named = {change for fault in ALL for change in fault.changes}
    assert set(NETWORK_CHANGES) <= named
    assert all(lasting(fault) for fault in ALL if set(fault.changes) & set(NETWORK_CHANGES))


def test_a_node_takes_no_second_fault_near_the_first_while_another_is_free() -> None:
    places = Places(network(), np.random.default_rng(3))
    taken = [places.faulty_node([4, 5, 6], 1000.0 * n, 1000.0 * n + 500) for n in range(3)]
    assert sorted(taken) == [4, 5, 6]
    assert not places.free_at(taken[0], 500 + GUARD_S - 1, 500 + GUARD_S)
    assert places.free_at(taken[0], 600 + GUARD_S, 700 + GUARD_S)
    # All are taken now: one of them takes a second fault rather than none.
    assert places.faulty_node([4, 5, 6], 0.0, 100.0) in (4, 5, 6)


def test_cells_with_a_fault_stand_on_different_sites_while_there_are_any() -> None:
    places = Places(network(), np.random.default_rng(3))
    cells = [places.faulty_cell(alone=n % 4 == 0, span=(0.0, 1.0)) for n in range(20)]
    assert len({int(places.network.site[c]) for c in cells}) == 20
    good = {places.good_cell("", (0.0, 1.0)) for _ in range(30)}
    assert not good & set(cells)
    assert not {int(places.network.site[c]) for c in good} & places.closed
