"""Counter readings of nodes, seconds apart, while an attempt went on."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from diagnosis.derived.attempt import FAILED_FROM, Attempt, window
from diagnosis.serving import node_name
from diagnosis.workspace import ROW, Workspace

PEERS = "diameter_peers_open"


def read(work: Workspace, attempt: Attempt, nodes: pl.DataFrame, counters: Sequence[str]) -> pl.DataFrame:
    """Return readings of counters at the nodes of each row, while its attempt went on."""
    aliases = work.related["aliases"].select(_node="alias", node="node_id")
    samples = work.tables["node_sample"].filter(pl.col("counter").is_in(list(counters)))
    named = samples.with_columns(node_name(pl.col("node_id")).alias("_node")).join(aliases, on="_node")
    return (
        named.join(nodes, on="node")
        .join(window(work, attempt), on=ROW)
        .filter((pl.col("period_end") >= pl.col("begin")) & (pl.col("period_start") <= pl.col("end")))
        .select(ROW, "counter", "node", "period_end", "finish", "value", "increase")
    )


def read_after(readings: pl.DataFrame, seconds: float) -> pl.Series:
    """Rows whose nodes were read so long after the attempt: before that, what happened is not counted yet."""
    late = pl.col("finish") + pl.duration(milliseconds=int(seconds * 1000))
    return readings.filter(pl.col("period_end") >= late)[ROW].unique()


def moved(work: Workspace, attempt: Attempt, nodes: pl.DataFrame, counters: Sequence[str]) -> pl.DataFrame:
    """Rows and counters of nodes that moved while an attempt that failed went on.

    A gauge moved where it read 0: no Diameter peer was open.
    """
    status = pl.col(f"{attempt.role}.final_status")
    lost = work.frame.filter((status >= FAILED_FROM).fill_null(True))
    readings = read(work, attempt, nodes, counters).join(lost.select(ROW), on=ROW, how="semi")
    # A node that was down itself has no peers either, and none at first when it is back.
    down = read(work, attempt, nodes, ("up",)).filter(pl.col("value") == 0)["node"]
    # A gauge tells of the moment of the poll: what it says after the attempt may be something else's doing.
    meanwhile = (pl.col("period_end") <= pl.col("finish")) & ~pl.col("node").is_in(down.implode())
    closed = (pl.col("counter") == PEERS) & (pl.col("value") == 0) & meanwhile
    counted = (pl.col("counter") != PEERS) & (pl.col("increase") > 0)
    return readings.filter(closed | counted)
