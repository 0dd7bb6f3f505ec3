"""Call records of both legs and their voice slices, from the attempts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator import call_flow, csfb_flow, radio, voice_path
from callcause.simulator.attempts import Attempts
from callcause.simulator.legs import FLAGS, NUMBERS, REMOVED, TEXTS, TIMES, Columns, only
from callcause.simulator.state import State
from callcause.simulator.subscribers import Population
from callcause.simulator.topology import Network, Rows

NAMED = {
    "sbc_name": ("sbc", 2),
    "pcscf_name": ("sbc", 4),
    "scscf_name": ("scscf", 2),
    "icscf_name": ("icscf", 2),
    "as_name": ("as", 2),
    "mme_name": ("mme", 1),
    "pgw_name": ("pgw", 0),
    "pcrf_name": ("pcrf", 2),
    "msc_name": ("msc", 1),
    "media_relay_name": ("rtp_proxy", 2),
}
SIP_NAMES = ("pcscf_name", "scscf_name", "icscf_name", "as_name")


def node_names(network: Network, nodes: dict[str, NDArray[np.int64]], column: str) -> NDArray[Any]:
    """Name the node as records of this kind do call the node (every probe has its own way)."""
    kind, spelling = NAMED[column]
    place = nodes[kind]
    known = np.array([n.names[min(spelling, len(n.names) - 1)] for n in network.nodes], dtype=object)
    if column in SIP_NAMES:
        known = np.array(
            [f"sip:{name}" if i % 2 else f"sip:{name}:5060" for i, name in enumerate(known)], dtype=object
        )
    names: NDArray[Any] = known[place]
    return names


def access_info(cells: Rows, cell: NDArray[np.int64]) -> NDArray[Any]:
    """P-Access-Network-Info: MCC MNC, TAC (4 hex), ECI (7 hex)."""
    text = []
    for ecgi, tac in zip(cells["ecgi"], cells["tac"], strict=True):
        enb, number = ecgi.split("-")[2:]
        eci = int(enb) * 256 + int(number)
        text.append(f"3GPP-E-UTRAN-TDD; utran-cell-id-3gpp=46000{int(tac):04X}{eci:07X}")
    values: NDArray[Any] = np.array(text, dtype=object)[cell]
    return values


def set_radio(
    c: Columns,
    network: Network,
    state: State,
    cell: NDArray[np.int64],
    time: NDArray[np.float64],
    edge_db: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Set the last radio measurements of a leg; return its air loss, columns uplink and downlink."""
    lost = state.at("coverage_loss_db", cell, time) + edge_db
    shadow = rng.normal(0, radio.SHADOWING_DB * 0.8, len(cell))
    shadow = np.where(edge_db > 0, -np.abs(shadow), shadow)  # who stands at the edge stands in a shadow
    rsrp = network.mean_rsrp[cell] + shadow - lost
    other = network.strongest_other[cell] + rng.normal(0, 2.5, len(cell)) - 0.8 * lost
    hour = np.clip((time // 3600).astype(int), 0, state.hours - 1)
    load = state.at("load_scale", cell, time) * state.profile[hour]
    sinr = radio.sinr_db(rsrp, other, load, np.maximum(state.at("dl_noise_rise_db", cell, time), 0))
    extra = state.at("uplink_loss_db", cell, time)
    pusch = radio.pusch_rsrp_dbm(rsrp, extra)
    uplink = radio.uplink_sinr_db(pusch, state.at("ul_noise_dbm", cell, time))
    c["rsrp_last"] = np.round(np.clip(rsrp, -140, -44), 0)
    c["sinr_last"] = np.round(np.clip(sinr, -20, 40), 1)
    c["pusch_rsrp_last"] = np.round(pusch + rng.normal(0, 1, len(cell)), 0)
    c["ul_sinr_last"] = np.round(np.clip(uplink + rng.normal(0, 0.5, len(cell)), -20, 40), 1)
    c["power_headroom_last"] = np.round(radio.power_headroom_db(rsrp, extra), 0)
    up = radio.voice_loss_percent(uplink) * 0.8 + 0.08 + state.at("ul_loss", cell, time)
    down = radio.voice_loss_percent(sinr) * 0.8 + 0.06 + state.at("dl_loss", cell, time)
    return np.clip(np.stack([up, down], axis=1), 0.0, 80.0)


def _neighbour_cell(network: Network) -> NDArray[np.int64]:
    """For every cell its strongest neighbour that is defined."""
    near = network.neighbours
    usable = np.flatnonzero((near["target_rat"] == "EUTRAN") & near["is_defined"].astype(bool))
    best = np.arange(network.size)
    best[near["source"][usable][::-1]] = near["target"][usable][::-1]
    return best


class CallRecords:
    """Legs of all attempts: `own` and `peer` columns, which were recorded, and the air loss of `own`."""

    def __init__(
        self, attempts: Attempts, network: Network, people: Population, state: State, rng: np.random.Generator
    ) -> None:
        self.attempts, self.network, self.people, self.state = attempts, network, people, state
        talk = attempts.talk_s
        self.own, self.peer, reached = call_flow.run_calls(talk, attempts.event, rng)
        arfcns = network.cells["csfb_gsm_arfcns"][attempts.cell]
        csfb_flow.run_fallbacks(self.own, attempts.event, talk, arfcns, network.gsm_cgi[attempts.cell], rng)
        voice_path.apply_to_calls(self.own, attempts.event, rng)
        self.csfb = self.own["csfb_flag"] == 1
        self.air = set_radio(self.own, network, state, attempts.cell, attempts.time, attempts.edge_db, rng)
        self._soften_gsm()
        partner = np.maximum(attempts.peer_cell, 0)
        set_radio(self.peer, network, state, partner, attempts.time, np.zeros(attempts.size), rng)
        self.has_peer = (attempts.peer >= 0) & (reached | ~attempts.own_is_mo) & ~self.csfb
        self._shift_times()
        self._identify(rng)

    def _soften_gsm(self) -> None:
        lost = self.state.at("gsm_loss_db", self.attempts.cell, self.attempts.time)
        level = self.own["gsm_rxlev"]
        weak = np.isin(self.attempts.event, ["csfb_2g_weak"])
        self.own["gsm_rxlev"] = np.clip(np.where(weak, level, level - np.maximum(lost, 0)), -110, -47).round()

    def _shift_times(self) -> None:
        for leg in (self.own, self.peer):
            for name in TIMES:
                leg[name] = leg[name] + self.attempts.time

    def _identify(self, rng: np.random.Generator) -> None:
        a, cells = self.attempts, self.network.cells
        number = np.arange(a.size)
        ids = np.array([f"CL-{4_410_000 + 2 * i}" for i in number], dtype=object)
        other = np.array([f"CL-{4_410_001 + 2 * i}" for i in number], dtype=object)
        icid = np.array(
            [f"i{v:016x}={i:09d}" for i, v in enumerate(rng.integers(0, 2**62, a.size))], dtype=object
        )
        own_number = self.people.number(a.user)
        peer_number = np.where(a.peer >= 0, self.people.number(np.maximum(a.peer, 0)), _outside(a, rng))
        moved = _neighbour_cell(self.network)
        for leg, user, cell, is_mo, mine, others in (
            (self.own, a.user, a.cell, a.own_is_mo, ids, other),
            (self.peer, np.maximum(a.peer, 0), np.maximum(a.peer_cell, 0), ~a.own_is_mo, other, ids),
        ):
            leg["id"], leg["icid"] = mine, only(~self.csfb | ~np.isnan(leg["t_100"]), icid)
            leg["other_leg_id"] = only(self.has_peer, others)
            leg["leg"] = np.where(is_mo, "mo", "mt").astype(object)
            leg["calling_number"] = np.where(a.own_is_mo, own_number, peer_number)
            leg["called_number"] = np.where(a.own_is_mo, peer_number, own_number)
            leg["called_operator"] = np.where(a.own_is_mo, a.operator, "own")
            leg["imsi"] = self.people.columns["imsi"][user]
            leg["imei_tac"] = self.people.models["imei_tac"][self.people.model[user]]
            first, last = _cells_of(leg, cell, moved)
            leg["first_ecgi"], leg["last_ecgi"] = cells["ecgi"][first], cells["ecgi"][last]
            leg["first_tac"] = cells["tac"][first].astype(float)
            leg["p_access_network_info"] = access_info(cells, first)
            leg["sip_call_id"] = np.array([f"{v[3:]}@ue.example.net" for v in mine], dtype=object)
            leg["sdp_offered_codecs"] = np.where(leg["codec"] == "AMR", "AMR", "AMR-WB;AMR").astype(object)
            self._paging(leg, is_mo)
            for name in NAMED:
                leg[name] = node_names(self.network, a.nodes, name)
            self._hide_unused_nodes(leg)

    def _paging(self, leg: Columns, is_mo: NDArray[np.bool_]) -> None:
        called = ~is_mo & (leg["csfb_flag"] != 1)
        for name in ("paging_sent", "paging_answered"):
            reached = ~np.isnan(leg["t_183"])
            leg[name] = np.where(called & (leg[name] == -1) & reached, 1, leg[name]).astype(np.int8)
        leg["domain_selected"] = only(~is_mo, leg["domain_selected"])

    def _hide_unused_nodes(self, leg: Columns) -> None:
        plain_cs = self.csfb & np.isnan(leg["t_100"])
        for name in (
            "sbc_name",
            "pcscf_name",
            "scscf_name",
            "icscf_name",
            "as_name",
            "pcrf_name",
            "pgw_name",
        ):
            leg[name][plain_cs] = None
        leg["media_relay_name"][np.isnan(leg["t_200"])] = None
        leg["msc_name"][~self.csfb] = None

    def legs(self) -> Columns:
        """All recorded legs, in time order, with the columns of the record and `REMOVED`."""
        keep_own = ~self.attempts.hidden
        keep_peer = self.has_peer & ~self.attempts.hidden
        columns: Columns = {}
        for name in (*TEXTS[:3], "leg", *TIMES, *NUMBERS, *FLAGS, *TEXTS[4:]):
            columns[name] = np.concatenate([self.own[name][keep_own], self.peer[name][keep_peer]])
        removed = self.attempts.removed
        columns[REMOVED] = np.concatenate([removed[keep_own], removed[keep_peer]])
        order = np.lexsort((columns["id"].astype(str), columns["started_at"]))
        return {name: column[order] for name, column in columns.items()}

    def slices(self, rng: np.random.Generator) -> Columns:
        """Voice slices: of complaints and of one in five other calls, three to eight of each."""
        a = self.attempts
        talked = (self.own["t_end"] - self.own["t_200"] > 6.0) & ~self.csfb & (a.removed != "voice_slice")
        chosen = np.flatnonzero(talked & ~a.hidden & ((a.ticket >= 0) | (rng.random(a.size) < 0.2)))
        count = np.clip((self.own["t_end"] - self.own["t_200"])[chosen] // 5, 1, 3).astype(int)
        count = np.where(a.ticket[chosen] >= 0, np.minimum(count + 3, 8), count)
        length = (self.own["t_end"] - self.own["t_200"])[chosen]
        count = np.minimum(count, (length // 5).astype(int))
        row = np.repeat(chosen, count)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        start = self.own["t_end"][row] - 5.0 * (np.repeat(count, count) - nth)
        call = {name: self.own[name][row] for name in ("id", "leg", "last_ecgi", "codec")}
        transport = (
            np.maximum(self.state.at("transport_loss", a.cell[row], start), 0.0),
            np.maximum(self.state.at("transport_jitter_ms", a.cell[row], start), 0.5),
        )
        air = self.air[row]
        parts = voice_path.run_voice(
            call, start, a.event[row], a.strength[row], air, transport, ("ue", "s1u", "sbc", "far_end"), rng
        )
        joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        order = np.lexsort((joined["call_id"].astype(str), joined["start"]))
        return {name: column[order] for name, column in joined.items()}


def _cells_of(
    leg: Columns, cell: NDArray[np.int64], moved: NDArray[np.int64]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """First and last cell: a call with handovers came from the neighbour; the trouble is where it ended."""
    with_handover = np.nan_to_num(leg["handover_count"]) > 0
    return np.where(with_handover, moved[cell], cell), cell


def _outside(a: Attempts, rng: np.random.Generator) -> NDArray[Any]:
    digits = rng.integers(10_000_000, 99_999_999, a.size)
    prefix = {"other_mobile": "86186", "fixed": "86871", "service_number": "", "own": "86138"}
    return np.array(
        [
            f"{prefix[o]}{d}" if o != "service_number" else f"95{d % 900 + 100}"
            for o, d in zip(a.operator, digits, strict=True)
        ],
        dtype=object,
    )
