"""Counters and KPI samples of LTE cells, computed from their state by radio and traffic physics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator import radio
from callcause.simulator.state import State
from callcause.simulator.topology import Network

Grid = NDArray[Any]
Counters = dict[str, Grid]
QUANTILES = np.array([-1.5, -0.75, 0.0, 0.75, 1.5])
CALLS_PER_BUSY_HOUR = 260.0
CQI_STEP_DB = 1.9
RELEASE_CAUSES = ("20", "21", "1", "26", "25")


class Radio:
    """Radio quantities (arrays cells x hours) for the mean place of a cell and for a spread of places."""

    def __init__(self, network: Network, state: State, hours: slice) -> None:
        cell = {name: grid[:, hours] for name, grid in state.cell.items()}
        profile = state.profile[hours]
        self.cell, self.profile = cell, profile
        self.load_dl = np.clip(cell["load_scale"] * profile * 100.0, 1.0, 99.5)
        self.load_ul = np.clip(self.load_dl * cell["ul_load_share"], 1.0, 99.0)
        self.rsrp = network.mean_rsrp[:, None] - cell["coverage_loss_db"]
        other = network.strongest_other[:, None] - 0.8 * cell["coverage_loss_db"]
        rise = np.maximum(cell["dl_noise_rise_db"], 0.0)
        self.sinr = radio.sinr_db(self.rsrp, other, self.load_dl / 100.0, rise)
        self.pusch = radio.pusch_rsrp_dbm(self.rsrp, cell["uplink_loss_db"])
        self.loss_ul = np.zeros_like(self.rsrp)
        self.loss_dl = np.zeros_like(self.rsrp)
        self.pusch_weak = np.zeros_like(self.rsrp)
        for z in QUANTILES:
            shift = z * radio.SHADOWING_DB
            pusch = radio.pusch_rsrp_dbm(self.rsrp + shift, cell["uplink_loss_db"])
            uplink = radio.uplink_sinr_db(pusch, cell["ul_noise_dbm"])
            downlink = radio.sinr_db(self.rsrp + shift, other, self.load_dl / 100.0, rise)
            self.loss_ul += radio.voice_loss_percent(uplink) / len(QUANTILES)
            self.loss_dl += radio.voice_loss_percent(downlink) / len(QUANTILES)
        self.pusch_weak = np.where(self.pusch >= -104.0, 0.002, radio.normal_tail(-124.0, self.pusch, 6.0))
        self.loss_ul = np.clip(self.loss_ul * 0.8 + 0.08 + cell["ul_loss"], 0.0, 80.0)
        self.loss_dl = np.clip(self.loss_dl * 0.8 + 0.06 + cell["dl_loss"], 0.0, 80.0)
        self.available = 1.0 - np.clip(cell["unavailable_s"], 0.0, 3600.0) / 3600.0


def _binomial(n: NDArray[np.int64], fail: Grid, rng: np.random.Generator) -> NDArray[np.int64]:
    return n - rng.binomial(n, np.clip(fail, 0.0, 1.0))


def cell_counters(physics: Radio, parts: int, rng: np.random.Generator) -> Counters:
    """Counters in TS 32.425 names per cell and period (cells x hours * parts); counts are whole numbers.

    `parts` is the number of granularity periods of an hour: 1 or 4.
    """
    c = {name: np.repeat(grid, parts, axis=1) for name, grid in physics.cell.items()}
    traffic = np.repeat(physics.profile, parts)[None, :] * np.repeat(physics.available, parts, axis=1) / parts
    level = 1.0 + 0.25 * np.tanh(c["load_scale"] - 0.42)
    users = np.clip(np.repeat(physics.profile, parts)[None, :] * c["users_scale"], 1.0, 1200.0)
    calls = rng.poisson(CALLS_PER_BUSY_HOUR * traffic * level * (1.0 - np.clip(c["volte_off"], 0, 1)))
    out: Counters = {}
    rrc = rng.poisson(2400.0 * traffic * level)
    rrc_ok = _binomial(rrc, c["rach_fail"], rng)
    signalled = _binomial(rrc_ok, c["s1_fail"], rng)
    out["RRC.ConnEstabAtt.sum"], out["RRC.ConnEstabSucc.sum"] = rrc, rrc_ok
    out["S1SIG.ConnEstabAtt"], out["S1SIG.ConnEstabSucc"] = rrc_ok, signalled
    _bearers(out, c, calls, traffic, parts, rng)
    _mobility(out, c, calls, rrc, traffic, rng)
    _load(out, physics, parts, users, rng)
    _voice_bearer(out, physics, c, parts, rng)
    return out


def _bearers(
    out: Counters,
    c: Counters,
    calls: NDArray[np.int64],
    traffic: Grid,
    parts: int,
    rng: np.random.Generator,
) -> None:
    initial = rng.binomial(calls, np.clip(c["initial_share"], 0, 1))
    added = calls - initial
    initial_ok, added_ok = _binomial(initial, c["qci1_fail"], rng), _binomial(added, c["qci1_fail"], rng)
    signalling = rng.poisson(900.0 * traffic * (1.0 - np.clip(c["volte_off"], 0, 1)))
    out["ERAB.EstabInitAttNbr.1"], out["ERAB.EstabInitSuccNbr.1"] = initial, initial_ok
    out["ERAB.EstabAddAttNbr.1"], out["ERAB.EstabAddSuccNbr.1"] = added, added_ok
    out["ERAB.EstabInitAttNbr.5"] = signalling
    out["ERAB.EstabInitSuccNbr.5"] = _binomial(signalling, c["qci5_fail"], rng)
    out["ERAB.EstabAddAttNbr.5"] = out["ERAB.EstabAddSuccNbr.5"] = np.zeros_like(signalling)
    for kind, tried, done in (("Init", initial, initial_ok), ("Add", added, added_ok)):
        failed = tried - done
        first = rng.binomial(failed, 0.55)
        out[f"ERAB.Estab{kind}FailNbr.25"], out[f"ERAB.Estab{kind}FailNbr.0"] = first, failed - first
    hand_in = rng.poisson(0.35 * np.maximum(calls, 0))
    dropped = rng.binomial(initial_ok + added_ok + hand_in, np.clip(c["drop"], 0, 1))
    out["ERAB.EstabIncHoSuccNbr.1"], out["ERAB.RelActNbr.1"] = hand_in, dropped
    talk = rng.gamma(np.maximum(calls, 1) * 2.0, 42.0)
    out["ERAB.SessionTimeQCI.1"] = np.floor(np.where(calls > 0, talk, 0))
    out["ERAB.UsageNbrMean.1"] = np.round(out["ERAB.SessionTimeQCI.1"] * parts / 3600.0, 3)
    out["ERAB.EstabTimeMean.1"] = np.where(calls > 0, np.round(c["bearer_time_ms"], 1), np.nan)
    split = rng.multinomial(dropped, [0.05, 0.6, 0.12, 0.15, 0.08])
    for i, cause in enumerate(RELEASE_CAUSES):
        out[f"UECNTX.RelReq.{cause}"] = split[..., i] + (rng.poisson(40 * traffic) if cause == "20" else 0)


def _mobility(
    out: Counters,
    c: Counters,
    calls: NDArray[np.int64],
    rrc: NDArray[np.int64],
    traffic: Grid,
    rng: np.random.Generator,
) -> None:
    again = rng.binomial(rrc, np.clip(c["reestablish"], 0, 1))
    out["RRC.ConnReEstabAtt.sum"] = again
    out["RRC.ConnReEstabSucc.sum"] = _binomial(again, c["reestablish_fail"], rng)
    for kind, volume in (("IntraEnb", 380.0), ("InterEnb", 620.0)):
        attempts = rng.poisson(volume * traffic)
        out[f"HO.{kind}OutAtt.sum"] = attempts
        out[f"HO.{kind}OutSucc.sum"] = _binomial(attempts, c["ho_fail"], rng)
    for kind, name in (("TooLate", "ho_late"), ("TooEarly", "ho_early"), ("ToWrongCell", "ho_wrong")):
        out[f"HO.OutFail.{kind}"] = rng.poisson(np.maximum(c[name], 0.0) * traffic)
    to_gsm = rng.binomial(calls, np.clip(c["srvcc_share"], 0, 1))
    out["HO.IartOutAtt.sum"] = to_gsm
    out["HO.IartOutSucc.sum"] = _binomial(to_gsm, c["srvcc_fail"], rng)
    paged = rng.poisson(9000.0 * traffic)
    out["PAG.ReceivedNbr"] = paged
    out["PAG.DiscardedNbr"] = rng.binomial(paged, np.clip(c["paging_discard"], 0, 1))


def _load(out: Counters, physics: Radio, parts: int, users: Grid, rng: np.random.Generator) -> None:
    shape = users.shape
    out["RRC.ConnMax"] = np.floor(users * rng.uniform(0.97, 1.06, shape))
    for name, load in (("RRU.PrbTotDl", physics.load_dl), ("RRU.PrbTotUl", physics.load_ul)):
        out[name] = np.floor(np.clip(np.repeat(load, parts, axis=1) + rng.normal(0, 1.5, shape), 0, 100))
    out["RRU.CellUnavailableTime"] = np.floor(
        np.repeat(3600.0 * (1 - physics.available) / parts, parts, axis=1)
    )
    mean = np.clip(np.repeat(physics.sinr, parts, axis=1) / CQI_STEP_DB + 3.2, 0.6, 14.5)
    edges = (np.arange(15) + 0.5)[:, None, None]
    below = radio.normal_tail(0.0, mean[None] - edges, 2.4)
    share = np.diff(np.concatenate([np.zeros((1, *shape)), below, np.ones((1, *shape))]), axis=0)
    samples = np.floor(users * 220.0 / parts)
    for cqi in range(16):
        out[f"CARR.WBCQIDist.Bin{cqi}"] = np.floor(samples * np.clip(share[cqi], 0, 1))


def _voice_bearer(out: Counters, physics: Radio, c: Counters, parts: int, rng: np.random.Generator) -> None:
    shape = c["dl_discard"].shape
    for name, loss in (
        ("DRB.PdcpSduLossRateUl.1", physics.loss_ul),
        ("DRB.PdcpSduAirLossRateDl.1", physics.loss_dl),
    ):
        out[name] = np.floor(np.repeat(loss, parts, axis=1) * rng.gamma(40, 1 / 40, shape) * 1e4)
    out["DRB.PdcpSduDropRateDl.1"] = np.floor(
        np.maximum(c["dl_discard"], 0) * rng.gamma(30, 1 / 30, shape) * 1e4
    )
    out["DRB.PdcpSduDelayDl.1"] = np.round(
        c["dl_delay_ms"] + 12.0 * np.repeat(physics.load_dl, parts, axis=1) / 100, 1
    )


def vendor_samples(
    physics: Radio, rng: np.random.Generator
) -> dict[tuple[str, str], tuple[Grid, Grid, Grid]]:
    """Sample what only the vendor's own system has: (kpi id, split) -> value, numerator, denominator."""
    c, profile = physics.cell, physics.profile[None, :]
    samples = np.floor(3000.0 * profile * physics.available + 5)
    nothing = np.full(samples.shape, np.nan)
    covered = rng.binomial(samples.astype(np.int64), 1.0 - radio.normal_tail(-110.0, physics.rsrp, 8.0)) * 1.0
    weak = rng.binomial(samples.astype(np.int64), np.clip(physics.pusch_weak, 0, 1)) * 1.0
    calls = np.floor(CALLS_PER_BUSY_HOUR * profile * physics.available * (1 - np.clip(c["volte_off"], 0, 1)))
    packets = calls * 84.0 * 25.0
    moves = rng.poisson(calls * 0.8)
    moved = _binomial(moves, c["ho_fail"], rng) * 1.0
    noise = c["ul_noise_dbm"] + rng.normal(0, 0.3, samples.shape)
    cce = np.clip(physics.load_dl * 0.75 + c["cce_extra"] + 6.0, 0, 100)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            ("ul_interference_per_prb", ""): (noise, nothing, nothing),
            ("rsrp_mean", ""): (physics.rsrp + rng.normal(0, 0.2, samples.shape), nothing, samples),
            ("mr_coverage_ratio", ""): (100 * covered / samples, covered, samples),
            ("dl_sinr_and_low_cqi_share", "value=sinr"): (physics.sinr, nothing, samples),
            ("pusch_rsrp_weak_share", ""): (100 * weak / samples, weak, samples),
            ("cce_utilisation", "value=utilisation"): (cce, nothing, nothing),
            ("gbr_prb_share", ""): (np.clip(c["gbr_share"] * profile, 0, 100), nothing, nothing),
            ("qci1_packets_ul", ""): (packets, nothing, nothing),
            ("qci1_packets_dl", ""): (packets, nothing, nothing),
            ("carried_over_erabs_qci1", ""): (np.floor(calls * 84 / 3600), nothing, nothing),
            ("volte_user_handover_success_ratio", ""): (
                100 * moved / np.maximum(moves, 1),
                moved,
                moves * 1.0,
            ),
        }
