"""What live sources saw around the failed attempt: the ladder, the HSS's answers, counters of the nodes.

They fill the fields of the own record that a probe would have filled: the last Cx answer, the node that first
failed, and which node of each type served the attempt. What the record itself tells is never replaced, except
that a fault of HSS or DNS goes before the SIP error that came of it (TS 29.228 5.3; REG-19 to REG-21).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.derived import ladder
from diagnosis.derived.attempt import CALL, REGISTRATION, Attempt
from diagnosis.derived.cx_answer import COUNTERS as CX_COUNTERS
from diagnosis.derived.cx_answer import add_cx
from diagnosis.derived.node_readings import moved, read, read_after
from diagnosis.workspace import ROW, Name, Workspace

NAMES = {
    "registration_silent_node": Name("string", "registration", ("registration_has_ladder",)),
    "call_silent_node": Name("string", "call", ("call_has_ladder",)),
    "registration_has_ladder": Name("boolean", "registration", ()),
    "call_has_ladder": Name("boolean", "call", ()),
}
LATE_S = 2.0
"""A Diameter time-out may be counted so long after SIP has given up, where both wait equally long."""


def derive(work: Workspace) -> None:
    """Add the values of NAMES and fill the records; needs `serving.*` and the node aliases."""
    for attempt in (REGISTRATION, CALL):
        hops = ladder.rungs(work, attempt)
        ladder.add_silence(work, attempt, hops)
        ladder.name_nodes(work, attempt, hops)
        _doubt_silence(work, attempt, hops)
        nodes = ladder.nodes_of(hops)
        add_cx(work, attempt, nodes)
        _add_dns(work, attempt, nodes)
    _leave_open(work, hops, nodes)


def _doubt_silence(work: Workspace, attempt: Attempt, hops: pl.DataFrame) -> None:
    """Leave silence open where an S-CSCF was silent that nobody read: it may have waited for the HSS."""
    silent = ladder.silent(hops).filter(pl.col("to_type") == "scscf").select(ROW, node="to_id").drop_nulls()
    watched = read_after(read(work, attempt, silent, (*CX_COUNTERS, "up")), LATE_S)
    column = attempt.silent_node
    alone = silent.filter(~pl.col(ROW).is_in(watched.implode()))[ROW]
    work.derive(pl.when(~pl.col(ROW).is_in(alone.implode())).then(column).alias(column))


def _add_dns(work: Workspace, attempt: Attempt, nodes: pl.DataFrame) -> None:
    """Blame DNS where the node that failed first could not resolve a name meanwhile."""
    failures = moved(work, attempt, nodes, ("dns_failures",))
    if failures.is_empty():
        return
    types = work.tables["node"].select(node="node_id", node_type="node_type")
    hit = failures.join(types, on="node").select(ROW, "node_type").unique()
    field = f"{attempt.role}.first_error_node"
    blamed = work.frame.select(ROW, node_type=field).join(hit, on=[ROW, "node_type"], how="semi")
    rows = pl.col(ROW).is_in(blamed[ROW].implode())
    work.derive(pl.when(rows).then(pl.lit("dns")).otherwise(field).alias(field))


def _leave_open(work: Workspace, hops: pl.DataFrame, nodes: pl.DataFrame) -> None:
    """Leave open of a failed call what its ladder cannot show: Cx and DNS, where nothing else watched them.

    The node that answered first with an error may have done so because the HSS or DNS failed it.
    """
    watched = read_after(read(work, CALL, nodes, tuple(CX_COUNTERS)), LATE_S)
    resolved = read_after(read(work, CALL, nodes, ("dns_failures",)), 0.0)
    own = pl.col("call.first_error_node").is_in(["pcscf", "icscf", "scscf"]).fill_null(False)
    # 503 is said by the node of itself (RFC 3261 21.5.4), and a silent node has told nothing at all.
    of_others = pl.col("status").is_in([408, *range(500, 503), *range(504, 600)])
    told = ladder.first_error(hops).filter(of_others)[ROW]
    failed = own & pl.col(ROW).is_in(told.implode()) & (pl.col("call_silent_node") == "none")
    passed_on = ladder.passed_on(hops)
    no_cx = failed & ~pl.col(ROW).is_in(watched.implode())
    no_dns = failed & ~pl.col(ROW).is_in(resolved.implode()) & ~pl.col(ROW).is_in(passed_on.implode())
    names = ("first_error_interface", "first_error_protocol", "first_error_code", "first_error_node")
    _blank(work, (no_cx | no_dns).fill_null(False), names)


def _blank(work: Workspace, rows: pl.Expr, names: Sequence[str]) -> None:
    key = f"call.{ABSENT}"
    unseen = pl.lit("".join(f"|{name}" for name in names))
    work.derive(
        *(pl.when(~rows).then(f"call.{name}").alias(f"call.{name}") for name in names),
        pl.when(rows).then(unseen + pl.col(key)).otherwise(pl.col(key)).alias(key),
    )
    work.absent_keys.pop(key, None)
