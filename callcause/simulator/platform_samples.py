"""What monitoring platforms tell ready made: the network by its signalling records, voice quality by cell.

Probes see every call of the network, not only those whose records are kept, so their figures are drawn
from the state that faults changed. All random streams are their own: counters and records do not depend on
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator import radio
from callcause.simulator.cell_counters import CALLS_PER_BUSY_HOUR, Radio
from callcause.simulator.node_samples import Sample
from callcause.simulator.state import State
from callcause.simulator.topology import Network

Grid = NDArray[Any]
NETWORK = "network"
REST = 2000
"""Cells of the operator that are not simulated, with nodes of their own: like the median of the others."""
ORIGINATING = 0.52
SLICES_OF_CALL = 17.0
"""Voice slices of 5 s in a mean call."""
MOS_SPREAD, SWALLOWED_PERCENT = 0.35, 10.0
# code -> share of the failures that a healthy network has: users first
SIP_CODES = {"486": 0.42, "480": 0.27, "603": 0.08, "408": 0.07, "503": 0.06, "500": 0.05, "580": 0.05}
Q850_CAUSES = {"16": 0.71, "31": 0.09, "17": 0.08, "19": 0.05, "18": 0.03, "41": 0.02, "127": 0.02}
PARTS_OF_BOTH = ("csfb_fallback_success_ratio", "csfb_call_success_ratio")
"""KPIs of nodes whose source tells originating and terminating calls apart as well."""
PartSample = tuple[int | None, str, str, Grid, Grid, Grid]
"""Node (None: the network), KPI, split, value, numerator, denominator."""


def network_samples(network: Network, state: State, rng: np.random.Generator) -> list[PartSample]:
    """Hourly KPIs of the network, by the signalling records of all its calls."""
    calls = rng.poisson(CALLS_PER_BUSY_HOUR * (REST + network.size) * state.profile)
    unconnected = _of_cells(state, "qci1_fail") + _of_nodes(network, state, "session_fail", "scscf")
    cut = _of_cells(state, "drop") + _of_nodes(network, state, "qci1_released", "mme")
    found = _connected(calls, unconnected, rng)
    answered = rng.binomial(calls, 0.74)
    for kpi, chance in (
        ("volte_call_drop_ratio", cut),
        ("session_completion_success_ratio", 0.996),
        ("esrvcc_share_of_calls", _of_cells(state, "srvcc_share")),
        ("amr_wb_codec_share", 0.93),
    ):
        found.append((None, kpi, "", *_share(answered, chance, rng)))
    voice_s = np.floor(answered * 84.0)
    found.append((None, "volte_voice_time_share", "", *_share(voice_s.astype(np.int64), 0.965, rng)))
    failures = np.maximum(calls - answered, 1)
    found += _mix("sip_failure_mix", "code", failures, SIP_CODES, rng)
    found += _mix("q850_cause_mix", "cause", np.maximum(answered, 1), Q850_CAUSES, rng)
    return found


def _of_cells(state: State, quantity: str) -> Grid:
    """Mean over the whole network of a quantity of cells, hour by hour."""
    return _with_rest(state.cell[quantity], len(state.cell[quantity]))


def _of_nodes(network: Network, state: State, quantity: str, node_type: str) -> Grid:
    """Mean over the nodes of a type, each by the cells that it serves."""
    return _with_rest(state.node[quantity][network.of_type(node_type)], network.size)


def _with_rest(grid: Grid, cells: int) -> Grid:
    share = np.clip(grid, 0.0, 1.0)
    rest = REST * np.median(share)  # over all hours: the other nodes and cells have no part in a fault
    return np.asarray((cells * share.mean(axis=0) + rest) / (cells + REST), dtype=np.float64)


def _share(total: Grid, chance: Grid | float, rng: np.random.Generator) -> tuple[Grid, Grid, Grid]:
    """Value in % (NaN where there was no case), numerator and denominator of counted cases."""
    counted = rng.binomial(total, np.clip(chance, 0.0, 1.0)) * 1.0
    return _percent(counted, total), counted, total * 1.0


def _percent(counted: Grid, total: Grid) -> Grid:
    return np.asarray(np.where(total > 0, 100.0 * counted / np.maximum(total, 1), np.nan))


def _connected(calls: Grid, unconnected: Grid, rng: np.random.Generator) -> list[PartSample]:
    """Connect ratio of both directions, and the delay until it rings."""
    tried = rng.binomial(calls, ORIGINATING)
    kpi = "volte_network_connect_ratio"
    delay_s = 2.3 + rng.normal(0.0, 0.05, len(calls)) + 4.0 * unconnected
    return [
        (None, kpi, "direction=mo", *_share(tried, 1.0 - unconnected, rng)),
        (None, kpi, "direction=mt", *_share(calls - tried, 1.0 - unconnected, rng)),
        (None, "call_setup_delay", "", delay_s, delay_s * calls, calls * 1.0),
    ]


def _mix(
    kpi: str, key: str, total: Grid, shares: dict[str, float], rng: np.random.Generator
) -> list[PartSample]:
    """Split failures or releases by their code: the shares of an hour add up to 1."""
    counted = rng.multinomial(total, np.array(list(shares.values())) / sum(shares.values())) * 1.0
    whole = total * 1.0
    return [
        (None, kpi, f"{key}={code}", counted[:, i] / whole, counted[:, i], whole)
        for i, code in enumerate(shares)
    ]


def parts_of(samples: Sequence[Sample], rng: np.random.Generator) -> list[PartSample]:
    """Parts that the source of some node KPIs tells beside the whole; together they are the whole."""
    found: list[PartSample] = []
    for node, kpi, value, good, total in samples:
        if kpi in PARTS_OF_BOTH:
            found += _by_direction(node, kpi, good.astype(np.int64), total.astype(np.int64), rng)
        elif kpi == "sbc_load":
            ports = value * rng.uniform(0.7, 0.9, len(value))
            found.append((node, kpi, "part=cpu_load", value, good, total))
            found.append((node, kpi, "part=port_use", ports, good, total))
    return found


def _by_direction(node: int, kpi: str, good: Grid, total: Grid, rng: np.random.Generator) -> list[PartSample]:
    tried = rng.binomial(total, ORIGINATING)
    reached = rng.hypergeometric(good, total - good, tried)
    pairs = (("mo", reached, tried), ("mt", good - reached, total - tried))
    return [(node, kpi, f"direction={name}", _percent(n, of), n * 1.0, of * 1.0) for name, n, of in pairs]


def voice_samples(physics: Radio, rng: np.random.Generator) -> dict[tuple[str, str], tuple[Grid, Grid, Grid]]:
    """Voice quality of cells by probes: (KPI, split) -> value, numerator, denominator."""
    busy = physics.profile[None, :] * physics.available * (1 - np.clip(physics.cell["volte_off"], 0, 1))
    slices = rng.poisson(CALLS_PER_BUSY_HOUR * SLICES_OF_CALL * busy)
    losses = {"ul": physics.loss_ul, "dl": physics.loss_dl + physics.cell["dl_discard"]}
    delay_ms = 90.0 + physics.cell["dl_delay_ms"]
    wide = np.zeros(slices.shape, dtype=bool)
    found, worst = {}, np.full(slices.shape, np.inf)
    for direction, loss in losses.items():
        mos = radio.mean_opinion_score(loss, delay_ms, wide)
        poor = radio.normal_tail(3.0, mos, MOS_SPREAD)
        swallowed = 1.0 - radio.normal_tail(SWALLOWED_PERCENT, loss, 3.0)
        split = f"direction={direction}"
        found["mos_poor_share", split] = _share(slices, poor, rng)
        found["swallowed_word_sample_share", split] = _share(slices, swallowed, rng)
        worst = np.minimum(worst, mos)
    good = 1.0 - radio.normal_tail(3.5, worst, MOS_SPREAD)
    found["mos_good_share", ""] = _share(2 * slices, good, rng)
    return found
