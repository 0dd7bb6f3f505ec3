"""Physical and processing state of cells and nodes over the hours of the period.

Counters, KPI samples and call records are all computed from these arrays; a fault changes nothing else
(besides configuration and the events that it makes likely).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator.topology import Network

Grid = NDArray[np.float64]

# quantity -> (mean of the level of an object, spread between objects, noise from hour to hour)
CELL_QUANTITIES: dict[str, tuple[float, float, float]] = {
    "coverage_loss_db": (0.0, 2.5, 0.1),  # extra loss, both directions
    "uplink_loss_db": (0.0, 0.8, 0.1),  # extra loss, uplink only
    "ul_noise_dbm": (-117.0, 0.9, 0.3),  # noise and interference per PRB
    "dl_noise_rise_db": (0.0, 0.5, 0.1),  # downlink interference above the planned one
    "load_scale": (0.42, 0.07, 0.02),  # PRB share at the busiest hour
    "cce_extra": (0.0, 1.0, 0.5),  # % of CCE
    "unavailable_s": (0.0, 0.0, 0.0),  # s of an hour
    "rach_fail": (0.006, 0.001, 0.0004),
    "s1_fail": (0.001, 0.0003, 0.0001),
    "qci1_fail": (0.003, 0.0008, 0.0003),
    "qci5_fail": (0.002, 0.0005, 0.0002),
    "drop": (0.0012, 0.0003, 0.0001),  # abnormal QCI1 releases per call
    "reestablish": (0.003, 0.0006, 0.0002),  # re-establishments per connection
    "reestablish_fail": (0.03, 0.008, 0.003),
    "ho_fail": (0.006, 0.0012, 0.0004),
    "ho_late": (0.4, 0.2, 0.1),  # per hour at the busiest hour
    "ho_early": (0.3, 0.15, 0.1),
    "ho_wrong": (0.2, 0.1, 0.05),
    "srvcc_fail": (0.02, 0.004, 0.002),
    "srvcc_share": (0.01, 0.002, 0.0005),
    "paging_discard": (0.0001, 0.00003, 0.00001),
    "ul_loss": (0.0, 0.0, 0.0),  # % packets lost besides the radio's own
    "dl_loss": (0.0, 0.0, 0.0),
    "dl_discard": (0.05, 0.015, 0.005),  # % discarded by the PDCP timer
    "dl_delay_ms": (18.0, 2.0, 1.0),
    "bearer_time_ms": (80.0, 10.0, 4.0),
    "transport_loss": (0.01, 0.004, 0.002),  # % on S1-U
    "transport_jitter_ms": (3.0, 0.6, 0.3),
    "gbr_share": (12.0, 2.0, 0.6),  # % PRB used by GBR bearers at the busiest hour
    "users_scale": (120.0, 20.0, 5.0),  # RRC users at the busiest hour
    "volte_off": (0.0, 0.0, 0.0),  # share of QCI5 and QCI1 attempts that never come
    "sdcch_block": (0.002, 0.0005, 0.0002),  # of the 2G cell at the site
    "tch_block": (0.004, 0.001, 0.0004),
    "gsm_loss_db": (0.0, 1.5, 0.2),
}

# the same everywhere, and not drawn
FIXED_QUANTITIES: dict[str, float] = {
    "ul_load_share": 0.7,  # PRB share in uplink, of that in downlink
    "initial_share": 0.06,  # QCI1 bearers that come with the initial context
}

NODE_QUANTITIES: dict[str, tuple[float, float]] = {
    "init_reg_fail": (0.006, 0.001),
    "rereg_fail": (0.004, 0.001),
    "third_party_fail": (0.003, 0.0005),
    "uar_fail": (0.002, 0.0004),
    "mar_fail": (0.002, 0.0004),
    "sar_fail": (0.002, 0.0004),
    "lir_fail": (0.002, 0.0004),
    "udr_fail": (0.002, 0.0004),
    "session_fail": (0.006, 0.001),
    "diameter_timeout": (0.0001, 0.00004),
    "dns_fail": (0.0008, 0.0002),
    "attach_fail": (0.006, 0.001),
    "combined_fail": (0.005, 0.001),
    "pdn_fail": (0.005, 0.001),
    "dedicated_fail": (0.003, 0.0006),
    "update_fail": (0.003, 0.0006),
    "paging_fail": (0.008, 0.0012),
    "service_request_fail": (0.006, 0.001),
    "path_switch_fail": (0.003, 0.0005),
    "rx_fail": (0.003, 0.0006),
    "sv_fail": (0.01, 0.002),
    "sgs_fail": (0.008, 0.0012),
    "fallback_fail": (0.008, 0.0012),
    "relay_fail": (0.0006, 0.0002),
    "as_fail": (0.002, 0.0005),
    "s6a_fail": (0.001, 0.0003),
    "cpu": (0.38, 0.05),
    "users_lost": (0.0, 0.0),
    "deregistered": (0.0004, 0.0001),
    "fallback_delay_s": (7.2, 0.4),
    "return_delay_s": (1.9, 0.2),
    "srvcc_gap_ms": (190.0, 12.0),
    "qci1_released": (0.0005, 0.0001),
}


@dataclass
class State:
    """`cell[name]` is cells x hours, `node[name]` is nodes x hours, `profile` relative traffic per hour."""

    cell: dict[str, Grid]
    node: dict[str, Grid]
    profile: Grid

    @property
    def hours(self) -> int:
        """Hours in the period."""
        return len(self.profile)

    def at(self, name: str, cell: NDArray[Any], second: NDArray[np.float64]) -> Grid:
        """Look up the cell quantity at (cell, time), row by row."""
        hour = np.clip((second // 3600).astype(np.int64), 0, self.hours - 1)
        return np.asarray(self.cell[name][cell, hour], dtype=np.float64)


def _grid(mean: float, spread: float, noise: float, shape: tuple[int, int], rng: np.random.Generator) -> Grid:
    """Draw the level of each object and its noise from hour to hour; never far below a positive mean."""
    level = mean + spread * rng.standard_normal((shape[0], 1))
    grid = level + noise * rng.standard_normal(shape)
    return np.maximum(grid, mean * 0.2) if mean > 0 else np.asarray(grid, dtype=np.float64)


def build_state(network: Network, profile: Grid, rng: np.random.Generator, noise: float = 1.0) -> State:
    """Healthy state of every cell and node, each with its own level and noise; `noise` scales both."""
    shape = (network.size, len(profile))
    cell = {
        name: _grid(mean, noise * spread, noise * hourly, shape, rng)
        for name, (mean, spread, hourly) in CELL_QUANTITIES.items()
    }
    cell |= {name: np.full(shape, value) for name, value in FIXED_QUANTITIES.items()}
    nodes = (len([n for n in network.nodes if n.node_type != "enb"]), len(profile))
    node = {
        name: _grid(mean, noise * spread, noise * spread / 2, nodes, rng)
        for name, (mean, spread) in NODE_QUANTITIES.items()
    }
    return State(cell, node, profile)


def overlap_of_hours(start_s: float, end_s: float, hours: int) -> Grid:
    """For every hour the share (0 to 1) that lies in [start_s, end_s)."""
    edge = np.arange(hours) * 3600.0
    covered = np.minimum(edge + 3600.0, end_s) - np.maximum(edge, start_s)
    return np.asarray(np.clip(covered, 0.0, 3600.0) / 3600.0, dtype=np.float64)
