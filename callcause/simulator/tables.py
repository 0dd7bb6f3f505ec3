"""Columns to record tables: CSV as probes write it, Parquet for the large sample tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from callcause.simulator.legs import Columns
from callcause.simulator.period import Period

INTEGERS = frozenset(
    {
        "first_tac",
        "tac",
        "final_status",
        "first_error_code",
        "last_error_code",
        "erab_fail_cause",
        "rx_vendor",
        "rx_code",
        "rx_abort_cause",
        "gx_rule_failure_code",
        "s1ap_cause",
        "handover_count",
        "handover_failures",
        "reestablishment_count",
        "srvcc_cause",
        "emm_cause",
        "esm_cause",
        "challenge_count",
        "cx_vendor",
        "cx_code",
        "expires",
        "first_error_status",
        "packets_expected",
        "packets_lost",
        "similar_ta_commands",
        "target_pci",
        "target_real_pci",
        "target_frequency",
        "target_lac",
        "target_real_lac",
        "reported_count",
        "handover_attempts",
        "handover_successes",
        "inactivity_timer",
        "inactivity_timer_qci1",
        "star_level",
        "repeat_count",
        "period",
        "qci",
    }
)
MOMENTS = frozenset(
    {
        "ended_at",
        "register_sent_at",
        "first_reply_at",
        "next_register_at",
        "start",
        "period_start",
        "raised_at",
        "cleared_at",
        "planned_start",
        "planned_end",
        "actual_start",
        "actual_end",
        "updated_at",
        "volte_opened_at",
        "received_at",
        "entered_at",
        "occurred_at",
        "started_at",
        "first_error_at",
        "t_100",
        "t_183",
        "t_180",
        "t_200",
        "t_end",
        "t_update_sent",
        "t_update_answered",
        "t_qci1_requested",
        "t_qci1_established",
        "t_qci1_released",
        "t_esr",
        "t_redirect",
        "t_cm_service_request",
        "t_alerting",
        "t_channel_release",
        "t_tau_accept",
    }
)


def series(name: str, column: NDArray[Any], period: Period) -> pl.Series:
    """One column: NaN and -1 of flags become null, seconds become instants, whole numbers integers."""
    if name in MOMENTS:
        known = pl.Series(name, column, dtype=pl.Float64).fill_nan(None)
        return ((known * 1000.0).round().cast(pl.Int64) + period.epoch_ms).cast(pl.Datetime("ms", "UTC"))
    if column.dtype == np.int8:
        return pl.Series(name, column).replace(-1, None).cast(pl.Boolean)
    if column.dtype == object:
        return pl.Series(name, list(column))
    values = pl.Series(name, column)
    if values.dtype.is_float():
        values = values.fill_nan(None)
        return values.cast(pl.Int64) if name in INTEGERS else values.round(6)
    return values


def frame(columns: Columns, period: Period) -> pl.DataFrame:
    """All columns as one frame, in the order given."""
    return pl.DataFrame([series(name, column, period) for name, column in columns.items()])


def with_offset(table: pl.DataFrame) -> pl.DataFrame:
    """Instants as RFC 3339 text with the local offset and milliseconds."""
    moments = [name for name, kind in table.schema.items() if isinstance(kind, pl.Datetime)]
    return table.with_columns(
        (pl.col(name).dt.offset_by("8h").dt.strftime("%Y-%m-%dT%H:%M:%S%.3f") + "+08:00").alias(name)
        for name in moments
    )


def write_csv(table: pl.DataFrame, path: Path) -> None:
    """UTF-8, header row, empty = not known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with_offset(table).write_csv(path)


def spoiled(table: pl.DataFrame, column: str, text: str, rows: list[int]) -> pl.DataFrame:
    """Return the table as text with a few cells that a broken probe wrote."""
    written = with_offset(table).with_columns(pl.col(column).cast(pl.String))
    broken = pl.Series(rows, dtype=pl.UInt32)
    here = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(broken.implode())
    return written.with_columns(pl.when(here).then(pl.lit(text)).otherwise(pl.col(column)).alias(column))


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Parquet with instants in UTC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path, compression="zstd", compression_level=1, statistics=False)
