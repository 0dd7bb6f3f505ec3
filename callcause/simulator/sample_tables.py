"""Tables `cell_kpi` and `node_kpi`: samples that do not come in PM files."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause.simulator.node_samples import node_kpis
from callcause.simulator.period import Period
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


def node_kpi(network: Network, state: State, period: Period, rng: np.random.Generator) -> pl.DataFrame:
    """Hourly samples of all core and IMS nodes; each system writes node names its own way."""
    start = np.arange(state.hours) * 3600.0
    types = {
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
    parts = []
    for node, kpi, value, numerator, denominator in node_kpis(network, state, rng):
        item = network.nodes[node]
        table = frame(
            {
                "period_start": start,
                "numerator": numerator,
                "denominator": denominator,
                "value": np.round(value, 4),
            },
            period,
        )
        kind = "SCC-AS" if item.node_id.startswith("SCCAS") else types[item.node_type]
        parts.append(
            table.select(
                pl.lit(item.names[len(kpi) % SPELLINGS]).alias("node_id"),
                pl.lit(kind).alias("node_type"),
                "period_start",
                pl.lit(3600, pl.Int64).alias("period"),
                pl.lit(kpi).alias("kpi_id"),
                "numerator",
                "denominator",
                "value",
            )
        )
    return pl.concat(parts)
