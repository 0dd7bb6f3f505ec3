"""Tables `cell_kpi` and `node_kpi`: samples that do not come in PM files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause.simulator.node_samples import Sample
from callcause.simulator.period import Period
from callcause.simulator.platform_samples import NETWORK, PartSample
from callcause.simulator.state import State
from callcause.simulator.tables import frame
from callcause.simulator.topology import Network

Grid = NDArray[Any]
SPELLINGS = 2


def cell_kpi(
    network: Network,
    day: int,
    samples: dict[tuple[str, str], tuple[Grid, Grid, Grid]],
    state: State,
    period: Period,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Lay out the samples of one day: LTE cells by ECGI, their 2G cells by CGI."""
    n, hours = network.size, next(iter(samples.values()))[0].shape[1]
    start = day * 86400.0 + np.tile(np.arange(hours) * 3600.0, n)
    name = np.repeat(network.cells["ecgi"], hours)
    parts = [_rows(name, start, kpi, split, *values, period) for (kpi, split), values in samples.items()]
    first = np.unique(network.site, return_index=True)[1]
    worst = {c: network.site == network.site[c] for c in first}
    cgi = np.repeat(network.gsm_cgi[first], hours)
    gsm_start = day * 86400.0 + np.tile(np.arange(hours) * 3600.0, len(first))
    window = slice(day * 24, day * 24 + hours)
    for kpi, quantity, busiest in (
        ("sdcch_block_ratio", "sdcch_block", 900),
        ("tch_block_ratio", "tch_block", 600),
    ):
        share = np.stack([state.cell[quantity][worst[c], window].max(axis=0) for c in first])
        tried = rng.poisson(busiest * state.profile[window], share.shape) + 1
        blocked = rng.binomial(tried, np.clip(share, 0, 1))
        parts.append(
            _rows(cgi, gsm_start, kpi, "", 100.0 * blocked / tried, blocked * 1.0, tried * 1.0, period)
        )
    return pl.concat(parts)


def _rows(
    name: NDArray[np.object_],
    start: Grid,
    kpi: str,
    split: str,
    value: Grid,
    numerator: Grid,
    denominator: Grid,
    period: Period,
) -> pl.DataFrame:
    table = frame(
        {
            "ecgi": name,
            "period_start": start,
            "numerator": numerator.ravel(),
            "denominator": denominator.ravel(),
            "value": np.round(value.ravel(), 4),
        },
        period,
    )
    return table.select(
        "ecgi",
        "period_start",
        pl.lit(3600, pl.Int64).alias("period"),
        pl.lit(kpi).alias("kpi_id"),
        pl.lit(1 if "qci1" in kpi else None, pl.Int64).alias("qci"),
        "numerator",
        "denominator",
        "value",
        pl.lit(split or None, pl.String).alias("split"),
    ).filter(pl.col("value").is_not_null())


def voice_kpi(
    network: Network, day: int, samples: dict[tuple[str, str], tuple[Grid, Grid, Grid]], period: Period
) -> pl.DataFrame:
    """Lay out what the voice probes tell of one day as rows of `cell_kpi`."""
    hours = next(iter(samples.values()))[0].shape[1]
    start = day * 86400.0 + np.tile(np.arange(hours) * 3600.0, network.size)
    name = np.repeat(network.cells["ecgi"], hours)
    return pl.concat(
        [_rows(name, start, kpi, split, *values, period) for (kpi, split), values in samples.items()]
    )


NODE_TYPES = {
    "mme": "MME",
    "pgw": "PGW",
    "pcrf": "PCRF",
    "hss": "HSS",
    "sbc": "SBC",
    "icscf": "I-CSCF",
    "scscf": "S-CSCF",
    "rtp_proxy": "RTP-PROXY",
    "mgw": "MGW",
    "emsc": "EMSC",
    "as": "MMTEL-AS",
}


def node_kpi(network: Network, samples: Sequence[Sample], period: Period) -> pl.DataFrame:
    """Hourly samples of all core and IMS nodes; each system writes node names its own way."""
    rows = [
        _node_rows(network, (node, kpi, "", value, good, total), period)
        for node, kpi, value, good, total in samples
    ]
    return pl.concat(rows).drop("split")


def platform_kpi(network: Network, samples: Sequence[PartSample], period: Period) -> pl.DataFrame:
    """Lay out hourly samples of the network and parts of samples of nodes, as rows of `node_kpi`."""
    known = pl.col("value").is_not_null()
    return pl.concat([_node_rows(network, sample, period).filter(known) for sample in samples])


def _node_rows(network: Network, sample: PartSample, period: Period) -> pl.DataFrame:
    node, kpi, split, value, numerator, denominator = sample
    name, kind = _named(network, node, kpi)
    columns = {
        "period_start": np.arange(len(value)) * 3600.0,
        "numerator": numerator,
        "denominator": denominator,
        "value": np.round(value, 4),
    }
    return frame(columns, period).select(
        pl.lit(name).alias("node_id"),
        pl.lit(kind, pl.String).alias("node_type"),
        "period_start",
        pl.lit(3600, pl.Int64).alias("period"),
        pl.lit(kpi).alias("kpi_id"),
        "numerator",
        "denominator",
        "value",
        pl.lit(split or None, pl.String).alias("split"),
    )


def _named(network: Network, node: int | None, kpi: str) -> tuple[str, str | None]:
    """Name and type of a node as the system that tells this KPI writes them."""
    if node is None:
        return NETWORK, None
    item = network.nodes[node]
    kind = "SCC-AS" if item.node_id.startswith("SCCAS") else NODE_TYPES[item.node_type]
    return item.names[len(kpi) % SPELLINGS], kind
