"""The network: sites and sectors on a hexagonal grid, 2G cells, neighbours, core nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from callcause.simulator import radio
from callcause.simulator.period import Period

PLMN = "460-00"
Rows = dict[str, NDArray[Any]]
SITES_PER_TAC = 5
ARFCNS = (62, 74, 85, 96, 512, 525, 538, 551, 564, 577)
VENDORS = ("VendorA", "VendorB")


@dataclass
class Node:
    """One core node; `names` are all the spellings under which records call it."""

    node_id: str
    node_type: str
    names: list[str]
    pool: str = ""
    region: str = ""
    vendor: str = "VendorC"
    version: str = "V300R002"
    lacs: list[int] = field(default_factory=list)


@dataclass
class Network:
    """Inventory as arrays (row = cell), neighbours as arrays (row = relation), nodes as objects."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    azimuth: NDArray[np.float64]
    site: NDArray[np.int64]
    cells: Rows
    gsm_cgi: NDArray[Any]
    neighbours: Rows
    nodes: list[Node]
    mean_rsrp: NDArray[np.float64]
    strongest_other: NDArray[np.float64]
    regions: tuple[str, ...] = ("0871",)
    """Region of each cell, or the one region of all."""

    def region_of(self, cell: int) -> str:
        """Region code of a cell."""
        return self.regions[cell % len(self.regions)]

    @property
    def size(self) -> int:
        """Number of LTE cells."""
        return len(self.x)

    def of_type(self, *types: str) -> list[int]:
        """List the indices of the nodes of these types."""
        return [i for i, node in enumerate(self.nodes) if node.node_type in types]


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _grid(sites: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hexagonal grid, spacing 650 m, each site up to 90 m off its place."""
    width = int(np.ceil(np.sqrt(sites)))
    index = np.arange(sites)
    row, column = index // width, index % width
    x = (column + 0.5 * (row % 2)) * 650.0 + rng.uniform(-90, 90, sites)
    y = row * 650.0 * 0.866 + rng.uniform(-90, 90, sites)
    return x, y


# Planned configuration: one standard value everywhere, as after an audit.
PLANNED: dict[str, float | int | bool] = {
    "earfcn_dl": 38400,
    "bandwidth": 20.0,
    "indoor": False,
    "volte_enabled": True,
    "volte_licence": True,
    "rrc_user_limit": 400,
    "gbr_limit": 60.0,
    "inactivity_timer": 10,
    "inactivity_timer_qci1": 60,
    "sr_period": 20,
    "t_reordering": 50,
    "drx_cycle_qci1": 40,
    "rohc_enabled": True,
    "tti_bundling": True,
    "qci1_redirect_blocked": True,
    "reselection_threshold_2g": 8,
    "srvcc_enabled": True,
    "a2_threshold": -110,
    "b2_configured": True,
    "b2_threshold_serving": -115,
    "b2_threshold_gsm": -95,
    "csfb_enabled": True,
    "fast_return_enabled": True,
    "mtrf_enabled": False,
    "mme_csfb_enabled": True,
    "mme_ims_voice_enabled": True,
}


def _cell_columns(size: int, site: NDArray[np.int64], rng: np.random.Generator) -> Rows:
    """Identity, area and planned configuration of every cell."""
    enb = 345000 + site * 7
    sector = np.arange(size) - np.searchsorted(site, site) + 1
    vendor = _objects([VENDORS[(s // SITES_PER_TAC) % 2] for s in site])
    columns: Rows = {
        "ecgi": _objects([f"{PLMN}-{e}-{s}" for e, s in zip(enb, sector, strict=True)]),
        "cell_name": _objects([f"KM-S{i:04d}-{s}" for i, s in zip(site, sector, strict=True)]),
        "enb_id": enb,
        "pci": (site * 3 + sector - 1 + rng.integers(0, 40) * 3) % 504,
        "downtilt": rng.integers(3, 9, size).astype(float),
        "vendor": vendor,
        "software_version": np.where(vendor == "VendorA", "V100R016", "R21.4"),
        "pdcp_discard_timer_qci1": _objects(["150" if v == "VendorA" else "100" for v in vendor]),
    }
    columns |= {name: np.full(size, value) for name, value in PLANNED.items()}
    columns |= _areas(site)
    columns["managed_element_dn"] = _objects([f"ManagedElement={e}" for e in enb])
    names = zip(enb, columns["cell_name"], vendor, sector, strict=True)
    columns["meas_obj_ldn"] = _objects([_object_name(*name) for name in names])
    return columns


def _areas(site: NDArray[np.int64]) -> Rows:
    """Tracking and location areas and the pools that serve them; each site where the MME thinks it is."""
    tac, side = site // SITES_PER_TAC, 1 + (site // (SITES_PER_TAC * 2)) % 2
    pool = _objects([f"POOL-{s}" for s in side])
    return {
        "tac": 9800 + tac,
        "mapped_lac": 10400 + tac,
        "gsm_lac_at_site": 10400 + tac,
        "mapped_msc_pool": pool,
        "gsm_msc_pool": pool.copy(),
        "mme_pool": _objects([f"MMEPOOL-{s}" for s in side]),
    }


def _object_name(enb: int, cell_name: str, vendor: str, sector: int) -> str:
    if vendor == "VendorA":
        return f"ENBFunction={enb},EUtranCellTDD={cell_name}"
    return f"ENBFunction=1,EUtranCellTDD={sector},CellName={cell_name}"


def _levels(network: tuple[NDArray[Any], ...], px: NDArray[Any], py: NDArray[Any]) -> NDArray[np.float64]:
    """RSRP of sources (last axis) at points; sources and points broadcast."""
    x, y, azimuth = network
    dx, dy = px - x, py - y
    bearing = np.degrees(np.arctan2(dx, dy)) % 360.0
    level = (
        radio.RS_POWER_DBM + radio.antenna_gain_db(bearing, azimuth) - radio.path_loss_db(np.hypot(dx, dy))
    )
    return np.asarray(level, dtype=np.float64)


def _nearest_sites(x: NDArray[np.float64], y: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """For every site its `count` nearest sites, itself first; in blocks, so that memory stays small."""
    blocks = []
    for start in range(0, len(x), 256):
        distance = np.hypot(x[start : start + 256, None] - x, y[start : start + 256, None] - y)
        blocks.append(np.argsort(distance, axis=1, kind="stable")[:, :count])
    return np.concatenate(blocks)


def _relations(
    position: tuple[NDArray[Any], ...],
    site: NDArray[np.int64],
    near: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
    """First-ring relations with their overlap, and per cell the mean RSRP and the strongest other cell.

    Sixty-four points are thrown into every sector; the best eight other sectors of the ring become
    neighbours. Overlap = share of points where the other lies within 6 dB of the serving cell.
    """
    x, y, azimuth = position
    n, ring = len(x), _ring(site, near)
    angle = np.radians(azimuth[:, None] + rng.uniform(-60, 60, (n, 64)))
    distance = 40.0 + 340.0 * np.sqrt(rng.uniform(0, 1, (n, 64)))
    px, py = x[:, None] + distance * np.sin(angle), y[:, None] + distance * np.cos(angle)
    own = _levels((x[:, None], y[:, None], azimuth[:, None]), px, py)
    other = _levels(
        (x[ring][:, None], y[ring][:, None], azimuth[ring][:, None]), px[..., None], py[..., None]
    )
    other = other + rng.normal(0, radio.SHADOWING_DB / 2, other.shape)
    mean_other = other.mean(axis=1)
    keep = np.argsort(-mean_other, axis=1, kind="stable")[:, : min(8, ring.shape[1])]
    rows = np.repeat(np.arange(n), keep.shape[1])
    picked = np.take_along_axis(ring, keep, axis=1)
    overlap = 100.0 * (np.abs(own[..., None] - other) < 6.0).mean(axis=1)
    relations: Rows = {
        "source": rows,
        "target": picked.ravel(),
        "overlap_share": np.minimum(np.take_along_axis(overlap, keep, axis=1).ravel() * 0.35, 9.0),
        "reported_rsrp": np.take_along_axis(mean_other, keep, axis=1).ravel() - 6.0,
    }
    return relations, own.mean(axis=1) - 6.0, other.max(axis=2).mean(axis=1) - 9.0


def _ring(site: NDArray[np.int64], near: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every cell the other cells of its site and of the sites near it, as many for each."""
    order = np.argsort(site, kind="stable")
    first = np.searchsorted(site[order], np.arange(near.shape[0]))
    count = np.bincount(site)
    others = [
        np.array([c for s in near[site[i]] for c in range(first[s], first[s] + count[s]) if c != i])
        for i in range(len(site))
    ]
    width = min(len(o) for o in others)
    return np.stack([o[:width] for o in others])


def build_network(cells: int, tickets: int, period: Period, rng: np.random.Generator) -> Network:
    """Lay out `cells` cells (three per site) with everything that belongs to them."""
    sites = -(-cells // 3)
    site = np.repeat(np.arange(sites), 3)[:cells].astype(np.int64)
    site_x, site_y = _grid(sites, rng)
    turn = rng.uniform(-20, 20, sites)
    sector = np.arange(cells) % 3
    azimuth = (sector * 120.0 + turn[site]) % 360.0
    position = (site_x[site], site_y[site], azimuth)
    near = _nearest_sites(site_x, site_y, min(5, sites))
    relations, mean_rsrp, strongest_other = _relations(position, site, near, rng)
    columns = _cell_columns(cells, site, rng)
    columns["latitude"] = np.round(25.04 + position[1] / 111_000.0, 6)
    columns["longitude"] = np.round(102.71 + position[0] / 100_600.0, 6)
    columns["azimuth"] = np.round(azimuth, 0) % 360
    cgi = _objects(
        [f"{PLMN}-{lac}-{20000 + s}" for lac, s in zip(columns["gsm_lac_at_site"], site, strict=True)]
    )
    columns["csfb_gsm_arfcns"] = _objects([";".join(map(str, _site_arfcns(s, near))) for s in site])
    network = Network(
        *position, site, columns, cgi, {}, core_nodes(columns, cells, tickets), mean_rsrp, strongest_other
    )
    network.neighbours = _neighbour_columns(network, relations, near, period, rng)
    return network


def _site_arfcns(site: int, near: NDArray[np.int64]) -> list[int]:
    return sorted({gsm_arfcn(int(s)) for s in near[site][:3]})


def gsm_arfcn(site: int) -> int:
    """Broadcast frequency of the 2G cell of a site."""
    return ARFCNS[site % len(ARFCNS)]


def _neighbour_columns(
    network: Network, relations: Rows, near: NDArray[np.int64], period: Period, rng: np.random.Generator
) -> Rows:
    source, target = relations["source"], relations["target"]
    n, cells = len(source), network.cells
    gsm_source = np.repeat(np.arange(network.size), min(2, near.shape[1]))
    gsm_site = np.concatenate([near[network.site[c]][:2] for c in range(network.size)])
    gsm_cell = np.searchsorted(network.site, gsm_site)
    m = len(gsm_source)
    attempts = rng.poisson(60 + 12 * relations["overlap_share"])
    both = {
        "source_ecgi": (cells["ecgi"][source], cells["ecgi"][gsm_source]),
        "target_rat": (_objects(["EUTRAN"] * n), _objects(["GERAN"] * m)),
        "target_id": (cells["ecgi"][target], network.gsm_cgi[gsm_cell]),
        "target_pci": (cells["pci"][target].astype(float), np.full(m, np.nan)),
        "target_real_pci": (cells["pci"][target].astype(float), np.full(m, np.nan)),
        "target_frequency": (np.full(n, 38400.0), np.array([float(gsm_arfcn(int(s))) for s in gsm_site])),
        "target_lac": (np.full(n, np.nan), cells["gsm_lac_at_site"][gsm_cell].astype(float)),
        "target_real_lac": (np.full(n, np.nan), cells["gsm_lac_at_site"][gsm_cell].astype(float)),
        "is_first_ring": (np.ones(n, bool), np.ones(m, bool)),
        "is_defined": (np.ones(n, bool), np.ones(m, bool)),
        "reported_count": (rng.poisson(attempts * 1.5).astype(float), rng.poisson(15, m).astype(float)),
        "handover_attempts": (attempts.astype(float), rng.poisson(6, m).astype(float)),
        "overlap_share": (np.round(relations["overlap_share"], 2), np.full(m, np.nan)),
        "reported_rsrp": (np.round(relations["reported_rsrp"], 1), np.round(rng.normal(-82, 5, m), 1)),
        "source": (source, gsm_source),
        "target": (target, gsm_cell),
    }
    columns: Rows = {key: np.concatenate(pair) for key, pair in both.items()}
    columns["handover_successes"] = rng.binomial(columns["handover_attempts"].astype(int), 0.993).astype(
        float
    )
    columns["updated_at"] = np.full(n + m, float(-period.days * 3600))
    return columns


def _numbered(node_type: str, label: str, host: str, count: int, **more: Any) -> list[Node]:
    nodes = []
    for i in range(1, count + 1):
        node_id = f"{label}-{i}"
        names = [node_id, f"{label}{i:02d}", f"{host}{i}.ims.example.net", f"ManagedElement={node_id}"]
        nodes.append(Node(node_id, node_type, names, region="0871", **more))
    return nodes


def core_nodes(cells: Rows, size: int, tickets: int) -> list[Node]:
    """Core and IMS nodes; more of them where more users and more complaints are served."""
    more = size // 500 + tickets // 60
    nodes: list[Node] = []
    for node_type, label, host, count in (
        ("mme", "MME", "mme", 6 + more),
        ("sgw", "SGW", "sgw", 2 + more),
        ("pgw", "PGW", "pgw", 4 + more),
        ("pcrf", "PCRF", "pcrf", 4 + more),
        ("sbc", "SBC", "sbc", 5 + more),
        ("icscf", "ICSCF", "icscf", 3 + more),
        ("scscf", "SCSCF", "scscf", 6 + more),
        ("as", "MMTEL", "mmtel", 5 + more),
        ("as", "SCCAS", "sccas", 3),
        ("hss", "HSS", "hss", 4 + more),
        ("dns", "DNS", "dns", 3 + more),
        ("mgcf", "MGCF", "mgcf", 3 + more),
        ("mgw", "MGW", "mgw", 2),
        ("rtp_proxy", "RTP", "rtp", 5 + more),
        ("msc", "MSC", "msc", 4 + 2 * more),
        ("emsc", "EMSC", "emsc", 2),
    ):
        nodes += _numbered(node_type, label, host, count)
    _place_pools(nodes, cells)
    for node in nodes:
        if node.node_type == "sbc":
            node.names.append(node.names[2].replace("sbc", "pcscf"))
    for enb in np.unique(cells["enb_id"]):
        nodes.append(Node(f"ENB-{enb}", "enb", [f"ENB-{enb}", str(enb)], region="0871", vendor="VendorA"))
    return nodes


def _place_pools(nodes: list[Node], cells: Rows) -> None:
    lacs = {
        pool: sorted({int(v) for v in cells["mapped_lac"][cells["mapped_msc_pool"] == pool]})
        for pool in ("POOL-1", "POOL-2")
    }
    for node in nodes:
        number = int(node.node_id.rsplit("-", 1)[1])
        if node.node_type == "mme":
            node.pool = f"MMEPOOL-{1 + number % 2}"
        if node.node_type in ("msc", "emsc"):
            node.pool = f"POOL-{1 + number % 2}"
            node.lacs = lacs[node.pool]
