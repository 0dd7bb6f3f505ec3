"""What the HSS answered on Cx during an attempt, or that it did not (TS 29.228 5.3; REG-19 to REG-21)."""

from __future__ import annotations

from typing import Any

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.derived.attempt import REGISTRATION, Attempt, window
from diagnosis.derived.node_readings import PEERS, moved
from diagnosis.serving import node_name
from diagnosis.workspace import ROW, Workspace

COUNTERS = {
    "cx_uar_timeouts": "UAR",
    "cx_lir_timeouts": "LIR",
    "cx_mar_timeouts": "MAR",
    "cx_sar_timeouts": "SAR",
    # Of which command is not told; the first one of the procedure stands for it.
    "diameter_timeouts": "UAR",
    PEERS: "UAR",
}
GOOD_CODES = (2001, 2002, 2003, 2004)
# Reason phrases in which a CSCF repeats what the HSS answered (LAB): command, vendor, code.
PHRASES = (
    (r"(?i)hss user unknown", "UAR", 10415, 5001),
    (r"(?i)hss roaming not allowed", "UAR", 10415, 5004),
    (r"(?i)hss unable to comply", "UAR", 0, 5012),
)
GOOD = 3
"""Rank of an answer without fault, behind everything that shows one."""
_TOLD = ("command", "vendor", "code", "bad", "server")
# What polars takes as a schema is a union of several mappings; a plain dict is one of them.
_SCHEMA: Any = {
    "rank": pl.Int32,
    "at": pl.Datetime("us", "UTC"),
    "command": pl.String,
    "vendor": pl.Int64,
    "code": pl.Int64,
    "bad": pl.Boolean,
    "server": pl.String,
}


def add_cx(work: Workspace, attempt: Attempt, nodes: pl.DataFrame) -> None:
    """Fill the Cx answer of the record: a bad or late answer first, then silence, then a phrase.

    `nodes`: the nodes (`node`) of each row's ladder.
    """
    best = _best(work, attempt, nodes)
    if best.is_empty():
        return
    work.join_rows(best.select(ROW, *(pl.col(name).alias(f"_{name}") for name in _TOLD)))
    if attempt is REGISTRATION:
        _fill_registration(work)
    else:
        _fill_call(work)
    _blame_hss(work, f"{attempt.role}.first_error_node")
    work.frame = work.frame.drop(f"_{name}" for name in _TOLD)


def _best(work: Workspace, attempt: Attempt, nodes: pl.DataFrame) -> pl.DataFrame:
    """Return what tells most of Cx, one for a row."""
    found = pl.concat([_answers(work, attempt), _timeouts(work, attempt, nodes), _phrases(work, attempt)])
    # That an earlier answer was good does not clear the HSS while a node may still wait for it.
    waits = work.frame.filter(pl.col(attempt.has_ladder) & pl.col(attempt.silent_node).is_null())[ROW]
    found = found.filter((pl.col("rank") < GOOD) | ~pl.col(ROW).is_in(waits.implode()))
    return found.sort(ROW, "rank", "at", maintain_order=True).unique(ROW, keep="first", maintain_order=True)


def _blame_hss(work: Workspace, first_error_node: str) -> None:
    bad = pl.col("_bad").fill_null(False)
    blamed = pl.when(bad).then(pl.lit("hss")).otherwise(first_error_node)
    server = pl.when(bad).then(pl.coalesce("_server", "serving.hss")).otherwise("serving.hss")
    work.derive(blamed.alias(first_error_node), server.alias("serving.hss"))


def _fill_registration(work: Workspace) -> None:
    """Fill the Cx answer of a registration whose source could not see any."""
    blank = pl.col("registration.cx_command").is_null() & pl.col("_command").is_not_null()
    values = {name: pl.col(f"_{name.removeprefix('cx_')}") for name in ("cx_command", "cx_vendor", "cx_code")}
    _fill(work, "registration", blank, values)


def _fill_call(work: Workspace) -> None:
    """Put a fault on Cx first among the errors of a call: the SIP error came of it."""
    values = {
        "first_error_interface": pl.lit("Cx"),
        "first_error_protocol": pl.lit("DIAMETER"),
        "first_error_message": pl.col("_command"),
        "first_error_code": pl.col("_code"),
    }
    _fill(work, "call", pl.col("_bad").fill_null(False), values)


def _fill(work: Workspace, role: str, rows: pl.Expr, values: dict[str, pl.Expr]) -> None:
    """Fill fields of a record in some rows, and say that they are seen now."""
    key = f"{role}.{ABSENT}"
    seen = pl.col(key)
    for name in values:
        seen = seen.str.replace(f"|{name}|", "|", literal=True)
    work.derive(
        *(
            pl.when(rows)
            .then(value.cast(work.frame.schema[f"{role}.{name}"]))
            .otherwise(f"{role}.{name}")
            .alias(f"{role}.{name}")
            for name, value in values.items()
        ),
        pl.when(rows).then(seen).otherwise(pl.col(key)).alias(key),
    )
    work.absent_keys.pop(key, None)


def _nothing(work: Workspace) -> pl.DataFrame:
    return pl.DataFrame(schema={ROW: work.frame.schema[ROW], **_SCHEMA})


def _answers(work: Workspace, attempt: Attempt) -> pl.DataFrame:
    """Answers of the HSS for this user during the attempt; one that came too late is none."""
    answers = work.tables["diameter_answer"].filter(pl.col("interface") == "Cx")
    if answers.is_empty():
        return _nothing(work)
    told = _of_user(work, attempt, answers)
    came = pl.col("at") + pl.duration(
        microseconds=(pl.col("answered_after").fill_null(0) * 1e6).cast(pl.Int64)
    )
    late = (came > pl.col("finish") + pl.duration(milliseconds=100)) & pl.lit(attempt is REGISTRATION)
    silent = ~pl.col("answered").fill_null(True) | pl.col("code").is_null() | late
    bad = silent | ~pl.col("code").is_in(GOOD_CODES)
    return told.select(
        ROW,
        rank=pl.when(bad).then(0).otherwise(GOOD),
        # Of bad answers the first tells. Good ones get no time: of them the last tells, which stands first.
        at=pl.when(bad).then("at").otherwise(pl.lit(None)),
        command="command",
        vendor=pl.when(~silent).then("vendor"),
        code=pl.when(~silent).then("code"),
        bad=bad,
        server="server",
    ).cast(_SCHEMA)


def _of_user(work: Workspace, attempt: Attempt, answers: pl.DataFrame) -> pl.DataFrame:
    """Answers about this user while the attempt went on, the last first, with the id of the `server`."""
    keys = (
        {"impi": "registration.impi", "imsi": "registration.imsi"}
        if attempt is REGISTRATION
        else {"impu": "call.called_number"}
    )
    spans = window(work, attempt, *keys.values())
    times = ("at", "finish", "begin")
    fields = ("command", "vendor", "code", "answered", "answered_after", "server_node")
    told = pl.concat(
        [
            answers.join(spans, left_on=key, right_on=name).select(ROW, "id", *times, *fields)
            for key, name in keys.items()
        ]
    ).unique([ROW, "id"])
    during = told.filter((pl.col("at") >= pl.col("begin")) & (pl.col("at") <= pl.col("finish")))
    aliases = work.related["aliases"].select(_server="alias", server="node_id")
    named = during.with_columns(node_name(pl.col("server_node")).alias("_server"))
    return named.join(aliases, on="_server", how="left").sort(ROW, "at", "id", descending=[False, True, True])


def _timeouts(work: Workspace, attempt: Attempt, nodes: pl.DataFrame) -> pl.DataFrame:
    """Diameter time-outs that a node of the ladder counted during the attempt."""
    counted = moved(work, attempt, nodes, tuple(COUNTERS))
    if counted.is_empty():
        return _nothing(work)
    specific = ~pl.col("counter").is_in(["diameter_timeouts", PEERS])
    return counted.select(
        ROW,
        rank=pl.when(specific).then(1).otherwise(2),
        at="period_end",
        command=pl.col("counter").replace_strict(COUNTERS, return_dtype=pl.String),
        vendor=pl.lit(None),
        code=pl.lit(None),
        bad=pl.lit(True),
        server=pl.lit(None),
    ).cast(_SCHEMA)


def _phrases(work: Workspace, attempt: Attempt) -> pl.DataFrame:
    """Reason phrases that repeat what the HSS answered."""
    text = pl.col("registration.reason_text" if attempt is REGISTRATION else "call.warning_text")
    parts = [
        work.frame.filter(text.str.contains(pattern).fill_null(False)).select(
            ROW,
            rank=pl.lit(2),
            at=pl.lit(None),
            command=pl.lit(command if attempt is REGISTRATION else "LIR"),
            vendor=pl.lit(vendor),
            code=pl.lit(code),
            bad=pl.lit(True),
            server=pl.lit(None),
        )
        for pattern, command, vendor, code in PHRASES
    ]
    return pl.concat([part.cast(_SCHEMA) for part in parts])
