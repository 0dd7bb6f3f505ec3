"""KPI readings of the elements that served the user, at the hour when it went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial, reduce

import polars as pl

from collectors.kpi.model import Kpi
from diagnosis.workspace import ROW, Workspace

NETWORK = "network"
WHY = pl.Enum(
    ["", "no_period", "few_samples", "counter_missing", "suspect", "no_cell", "no_node", "no_2g_cell"]
)
# KPIs that derived values are made from; always read.
NEEDED = (
    "ul_interference_per_prb",
    "rrc_connection_setup_success_ratio",
    "rrc_connected_max",
    "gbr_prb_share",
    "erab_setup_success_ratio_qci5",
    "ims_dns_failure_ratio",
    "cx_sh_rx_timeout_ratio",
    "cx_location_info_success_ratio",
    "dl_sinr_and_low_cqi_share.low_cqi_share",
    "rsrp_mean",
    "prb_utilisation",
    "pdcp_loss_ratio_ul_qci1",
    "pdcp_air_loss_ratio_dl_qci1",
    "pdcp_discard_ratio_dl_qci1",
    "ims_initial_registration_success_ratio",
    "ims_registered_users",
    "csfb_setup_delay",
    "return_to_lte_delay",
    "session_establishment_success_ratio",
    "volte_radio_connect_ratio",
    "erab_drop_ratio_qci1_cell",
    "volte_network_connect_ratio",
    "volte_call_drop_ratio",
    "erab_drop_ratio_qci1_network",
)
# The Rx time-outs of the PCRF say nothing about the HSS, which is what both users of this KPI ask about.
NOT_READ_AT = {"cx_sh_rx_timeout_ratio": ("pcrf",)}
_PARTS = ("", "__n", "__base", "__mad", "__base_n", "__from", "__why")


def readable(kpis: Iterable[Kpi], names: frozenset[str] | None) -> list[Kpi]:
    """KPIs with an entity (scope other than call) that somebody reads."""
    return [k for k in kpis if k.scope != "call" and (names is None or k.id in names or k.id in NEEDED)]


def add_readings(work: Workspace, kpis: Iterable[Kpi]) -> dict[str, str]:
    """Add `<kpi>` and its companions; return KPI id -> place key (cell, gsm_cell, node:<kpi>, network).

    A node KPI with several types in `read_at` is read at each of them that served the user; the worst stands.
    """
    places: dict[str, str] = {}
    chosen = readable(kpis, work.settings.names)
    by_entity: dict[str, list[Kpi]] = {}
    for kpi in chosen:
        types = [t for t in kpi.read_at if t not in NOT_READ_AT.get(kpi.id, ())]
        if kpi.scope in ("cell", "gsm_cell"):
            by_entity.setdefault(kpi.scope, []).append(kpi)
            places[kpi.id] = kpi.scope
        elif kpi.scope == "network" or not types or types[0].startswith("sum:") or types == ["xdr"]:
            by_entity.setdefault(NETWORK, []).append(kpi)
            places[kpi.id] = NETWORK
        else:
            for node_type in types:
                by_entity.setdefault(node_type, []).append(kpi)
            places[kpi.id] = f"node:{kpi.id}"
    work.derive(
        gsm_cell=pl.col("call.gsm_cgi"),
        read_hour=pl.col("event_at").dt.truncate("1h"),
        network=pl.lit(NETWORK),
    )
    answers = {e: _answers(work, _entity_column(e), [k.id for k in group]) for e, group in by_entity.items()}
    for kpi in chosen:
        _place_reading(work, kpi, [e for e, group in by_entity.items() if kpi in group], answers)
    return places


def _entity_column(entity: str) -> str:
    return {"cell": "serving_ecgi", "gsm_cell": "gsm_cell", NETWORK: "network"}.get(
        entity, f"serving.{entity}"
    )


def _answers(work: Workspace, column: str, ids: list[str]) -> pl.DataFrame:
    """Row-aligned readings of one entity column; equal (entity, hour) pairs are asked for once."""
    wanted = work.frame.select(entity=pl.col(column), at=pl.col("read_hour"))
    keys = wanted.drop_nulls().unique().sort("entity", "at").with_row_index(ROW)
    read = work.tables.source.kpi_at(keys, ids)
    got = keys.join(read.drop("entity", "at", strict=False), on=ROW, how="left", maintain_order="left").drop(
        ROW
    )
    return wanted.join(got, on=["entity", "at"], how="left", maintain_order="left")


def _place_reading(work: Workspace, kpi: Kpi, entities: list[str], answers: dict[str, pl.DataFrame]) -> None:
    """Add the columns of one KPI from the worst of the entities that have a value."""
    parts = [_parts_of(answers[entity], kpi.id) for entity in entities]
    picked = reduce(partial(_worse, kpi), parts)
    lacking = {"cell": "no_cell", "gsm_cell": "no_2g_cell"}.get(entities[0], "no_node")
    why = (
        pl.when(pl.col("entity").is_null())
        .then(pl.lit(lacking))
        .otherwise(pl.col(f"{kpi.id}__why").fill_null("no_period"))
    )
    picked = picked.with_columns(
        why.cast(WHY).alias(f"{kpi.id}__why"),
        (pl.col(f"{kpi.id}__from") + timedelta(hours=1)).alias(f"{kpi.id}__to"),
        pl.col("entity").alias(f"{kpi.id}__entity"),
    ).drop("entity")
    work.frame = work.frame.hstack(picked)


def _parts_of(answer: pl.DataFrame, kpi_id: str) -> pl.DataFrame:
    """Entity and readings of one KPI, row-aligned."""
    return answer.select(pl.col("entity"), *(_part(answer, kpi_id, part) for part in _PARTS))


def _worse(kpi: Kpi, first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Take from each row the worse of two readings; one with a value, then a known entity, goes first."""
    if second["entity"].null_count() == second.height:
        return first
    sign = -1.0 if kpi.better == "up" else 1.0
    mine, other = (frame[kpi.id].fill_nan(None) * sign for frame in (first, second))
    worse = (mine.is_null() & other.is_not_null()) | (other > mine).fill_null(value=False)
    known = first["entity"].is_null() & second["entity"].is_not_null()
    taken = worse | (known & ((mine == other) | (mine.is_null() & other.is_null())).fill_null(value=False))
    if not taken.any():
        return first
    return pl.DataFrame([second[name].zip_with(taken, first[name]) for name in first.columns])


def _part(answer: pl.DataFrame, kpi_id: str, part: str) -> pl.Expr:
    """One companion column with a fixed type, null where the source does not give it."""
    dtype: pl.DataType = pl.Float64()
    if part == "__from":
        dtype = pl.Datetime("us", "UTC")
    elif part == "__why":
        dtype = pl.String()
    name = f"{kpi_id}{part}"
    if name not in answer.columns:
        return pl.lit(None, dtype=dtype).alias(name)
    return pl.col(name).cast(dtype)


def earlier_users(work: Workspace, column: str, before: timedelta) -> pl.Series:
    """`ims_registered_users` of a node some time before the event, row-aligned."""
    kpi = "ims_registered_users"
    wanted = work.frame.select(entity=pl.col(column), at=pl.col("read_hour") - before)
    keys = wanted.drop_nulls().unique().sort("entity", "at").with_row_index(ROW)
    read = work.tables.source.kpi_at(keys, [kpi])
    value = _part(read, kpi, "")
    got = keys.join(read.select(ROW, value), on=ROW, how="left", maintain_order="left").drop(ROW)
    return wanted.join(got, on=["entity", "at"], how="left", maintain_order="left")[kpi]
