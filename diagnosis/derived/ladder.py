"""The SIP ladder of an attempt: which node fell silent, which failed first, which served."""

from __future__ import annotations

import polars as pl

from diagnosis.derived.attempt import FAILED_FROM, REGISTRATION, Attempt
from diagnosis.serving import node_name
from diagnosis.workspace import ROW, Workspace

CHALLENGES = (401, 407, 487)
TYPES = ("pcscf", "icscf", "scscf", "sbc", "as")


def rungs(work: Workspace, attempt: Attempt) -> pl.DataFrame:
    """Return the rungs of the own record in order, both ends with id and type."""
    ids = pl.concat([work.frame.select(ROW, record_id=key) for key in attempt.keys]).drop_nulls().unique()
    hops = work.tables["hop"].join(ids, on="record_id")
    aliases = work.related["aliases"]
    for end in ("from", "to"):
        named = aliases.select(pl.col("alias").alias(f"_{end}"), pl.col("node_id").alias(f"{end}_id"))
        hops = hops.with_columns(node_name(pl.col(f"{end}_node")).alias(f"_{end}")).join(
            named, on=f"_{end}", how="left"
        )
    wanted = ("at", "sequence", "message", "is_request", "answered", "status", "from_type", "to_type")
    return hops.select(ROW, *wanted, "from_id", "to_id").sort(ROW, "at", "sequence")


def nodes_of(hops: pl.DataFrame) -> pl.DataFrame:
    """Row and the nodes (`node`) that stand in its ladder."""
    return hops.select(ROW, node="from_id").vstack(hops.select(ROW, node="to_id")).drop_nulls().unique()


def add_silence(work: Workspace, attempt: Attempt, hops: pl.DataFrame) -> None:
    """Whether there is a ladder, and the type of the last node that left a request unanswered."""
    column = attempt.silent_node
    work.join_rows(silent(hops).select(ROW, pl.col("to_type").alias(column)))
    seen = pl.col(ROW).is_in(hops[ROW].unique().implode())
    work.derive(seen.alias(attempt.has_ladder))
    work.derive(
        pl.when(pl.col(attempt.has_ladder)).then(pl.col(column).fill_null("none")).alias(column),
    )


def silent(hops: pl.DataFrame) -> pl.DataFrame:
    """Return the deepest request that nobody answered, per row: who sent nothing back."""
    unanswered = pl.col("is_request") & ~pl.col("answered").fill_null(True)
    return hops.filter(unanswered & pl.col("message").is_in(["REGISTER", "INVITE"])).unique(
        ROW, keep="last", maintain_order=True
    )


def first_error(hops: pl.DataFrame) -> pl.DataFrame:
    """Return the first error answer, per row: who sent it."""
    error = ~pl.col("is_request") & (pl.col("status") >= FAILED_FROM) & ~pl.col("status").is_in(CHALLENGES)
    return hops.filter(error).unique(ROW, keep="first", maintain_order=True)


def passed_on(hops: pl.DataFrame) -> pl.Series:
    """Rows in which the node of the first error had sent the request on: it had found its next hop."""
    error = first_error(hops).select(ROW, node="from_id").drop_nulls()
    sent = hops.filter("is_request").select(ROW, node="from_id").drop_nulls()
    return error.join(sent, on=[ROW, "node"], how="semi")[ROW].unique()


def name_nodes(work: Workspace, attempt: Attempt, hops: pl.DataFrame) -> None:
    """`serving.<type>` from the ladder: the node that failed, else the last of its type.

    A call does not overwrite what the ladder of the registration told when the call has none of that type.
    """
    told = pl.concat(
        [
            silent(hops).select(ROW, node_type="to_type", node="to_id", rank=pl.lit(0)),
            first_error(hops).select(ROW, node_type="from_type", node="from_id", rank=pl.lit(1)),
            hops.reverse().select(ROW, node_type="to_type", node="to_id", rank=pl.lit(2)),
        ]
    ).drop_nulls()
    best = told.sort(ROW, "rank", maintain_order=True).unique(
        [ROW, "node_type"], keep="first", maintain_order=True
    )
    for node_type in TYPES:
        _set_serving(work, attempt, node_type, best.filter(pl.col("node_type") == node_type))


def _set_serving(work: Workspace, attempt: Attempt, node_type: str, found: pl.DataFrame) -> None:
    if found.is_empty():
        return
    work.join_rows(found.select(ROW, pl.col("node").alias("_told")))
    # Of a user with both records the one that the ticket is about names the nodes.
    about_registration = (pl.col("category") == "registration").fill_null(False)
    mine = about_registration if attempt is REGISTRATION else ~about_registration
    told = pl.when(mine | pl.col(f"serving.{node_type}").is_null()).then("_told")
    work.derive(
        pl.coalesce(told, f"serving.{node_type}").alias(f"serving.{node_type}"),
        (pl.col(f"named.{node_type}") | told.is_not_null()).alias(f"named.{node_type}"),
    )
    work.frame = work.frame.drop("_told")
