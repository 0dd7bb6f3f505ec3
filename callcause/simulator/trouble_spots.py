"""Cells that are at their limits all the time, as every network has some; no complaint is about them.

Where 4G ends most calls go over to GSM; a station hall is full; the neighbours of a new site are planned
wrongly. With them each KPI of a cell has enough cases to be judged somewhere, and some cell beyond its limit.
"""

from __future__ import annotations

import numpy as np

from callcause.simulator.state import State

END_OF_LTE: dict[str, float] = {
    "coverage_loss_db": 32.0,
    "uplink_loss_db": 14.0,
    "srvcc_share": 0.7,
    "srvcc_fail": 0.16,
    "reestablish": 0.09,
    "reestablish_fail": 0.16,
    "drop": 0.02,
    "qci1_fail": 0.05,
    "ul_loss": 9.0,
    "dl_loss": 9.0,
    "gsm_loss_db": 6.0,
}
FULL_HALL: dict[str, float] = {
    "load_scale": 1.2,
    "ul_load_share": 0.3,
    "users_scale": 330.0,
    "cce_extra": 20.0,
    "initial_share": 0.7,
    "qci1_fail": 0.05,
    "qci5_fail": 0.03,
    "rach_fail": 0.07,
    "s1_fail": 0.02,
    "bearer_time_ms": 320.0,
    "dl_delay_ms": 70.0,
    "dl_discard": 0.9,
    "paging_discard": 0.003,
    "sdcch_block": 0.03,
    "tch_block": 0.06,
}
WRONG_NEIGHBOURS: dict[str, float] = {
    "ho_fail": 0.06,
    "ho_late": 12.0,
    "ho_early": 9.0,
    "ho_wrong": 11.0,
    "dl_noise_rise_db": 34.0,
    "ul_noise_dbm": 12.0,
}
SPOTS = (END_OF_LTE, FULL_HALL, WRONG_NEIGHBOURS)


def put_spots(state: State, cells: int) -> None:
    """Make the last cells of the network trouble spots: what is added to their state, hour after hour."""
    for number, spot in enumerate(SPOTS):
        cell = cells - 1 - number
        for quantity, added in spot.items():
            state.cell[quantity][cell] += np.float64(added)
