"""What the counters of the media relay say about the own call, and whether only the phones heard it."""

from __future__ import annotations

import polars as pl

from diagnosis.serving import node_name
from diagnosis.workspace import ROW, Name, Workspace

NAMES = {
    "relay_down": Name("boolean", "call", ("serving.rtp_proxy",)),
    "relay_one_way": Name("boolean", "call", ("serving.rtp_proxy",)),
    "slices_at_phone_only": Name("boolean", "slices"),
}
AFTER_S = 4.0
"""A session is counted when it ends, and read at the next poll, seconds later."""
COUNTED = {"up": "relay_down", "one_way_streams": "relay_one_way"}


def derive(work: Workspace) -> None:
    """Add the values of NAMES; null where the relay was not read during the call."""
    samples = _samples(work)
    told = {
        "up": (pl.col("value") == 0).all(),
        "one_way_streams": (pl.col("increase") > 0).any(),
    }
    for counter, name in COUNTED.items():
        found = samples.filter(pl.col("counter") == counter)
        work.join_rows(found.group_by(ROW).agg(told[counter].alias(name)))
    _add_points(work)


def _samples(work: Workspace) -> pl.DataFrame:
    """Return readings of the serving relay while the own call was answered, and shortly after."""
    samples = work.tables["node_sample"].filter(pl.col("counter").is_in(list(COUNTED)))
    aliases = work.related["aliases"].select(_node="alias", node="node_id")
    named = samples.with_columns(node_name(pl.col("node_id")).alias("_node")).join(aliases, on="_node")
    calls = work.frame.select(
        ROW, node="serving.rtp_proxy", begin="call.t_200", finish="call.t_end"
    ).drop_nulls()
    after = pl.col("finish") + pl.duration(milliseconds=int(AFTER_S * 1000))
    # `up` tells of the moment of the poll, a counter of the time since the poll before.
    polled = (pl.col("counter") == "up") & (pl.col("period_end") <= pl.col("finish"))
    counted = (pl.col("counter") != "up") & (pl.col("period_start") <= after)
    return named.join(calls, on="node").filter((pl.col("period_end") > pl.col("begin")) & (polled | counted))


def _add_points(work: Workspace) -> None:
    slices = work.tables["voice_slice"].select("call_id", "point")
    rows = work.related["call"].join(slices, left_on="id", right_on="call_id")
    alone = (pl.col("point") == "ue").all().alias("slices_at_phone_only")
    work.join_rows(rows.group_by(ROW).agg(alone))
    work.derive(pl.col("slices_at_phone_only").fill_null(False))
