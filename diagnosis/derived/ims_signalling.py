"""What live sources saw around the failed attempt: the ladder, the HSS's answers, counters of the nodes.

They fill the fields of the own record that a probe would have filled: the last Cx answer, the node that first
failed, and which node of each type served the attempt. What the record itself tells is never replaced, except
that a fault of HSS or DNS goes before the SIP error that came of it (TS 29.228 5.3; REG-19 to REG-21).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.serving import node_name
from diagnosis.workspace import ROW, Name, Workspace

NAMES = {
    "registration_silent_node": Name("string", "registration", ("registration_has_ladder",)),
    "call_silent_node": Name("string", "call", ("call_has_ladder",)),
    "registration_has_ladder": Name("boolean", "registration", ()),
    "call_has_ladder": Name("boolean", "call", ()),
}
CX_COUNTERS = {
    "cx_uar_timeouts": "UAR",
    "cx_lir_timeouts": "LIR",
    "cx_mar_timeouts": "MAR",
    "cx_sar_timeouts": "SAR",
    # Of which command is not told; the first one of the procedure stands for it.
    "diameter_timeouts": "UAR",
    "diameter_peers_open": "UAR",
}
PEERS = "diameter_peers_open"
GOOD_CODES = (2001, 2002, 2003, 2004)
# Reason phrases in which a CSCF repeats what the HSS answered (LAB): command, vendor, code.
PHRASES = (
    (r"(?i)hss user unknown", "UAR", 10415, 5001),
    (r"(?i)hss roaming not allowed", "UAR", 10415, 5004),
    (r"(?i)hss unable to comply", "UAR", 0, 5012),
)
CHALLENGES = (401, 407, 487)
FAILED_FROM = 400
BEFORE_S, AFTER_S = 1.0, 3.0
"""How long before and after an attempt a counter reading belongs to it: polls are seconds apart."""
LATE_S = 2.0
"""A Diameter time-out may be counted so long after SIP has given up, where both wait equally long."""
LONGEST_S = 40.0
GOOD = 3
"""Rank of an answer without fault, behind everything that shows one."""
LADDER_TYPES = ("pcscf", "icscf", "scscf", "sbc", "as")


@dataclass(frozen=True, slots=True)
class _Role:
    """A record of the user: where its times and fields stand."""

    role: str
    keys: tuple[str, ...]
    start: str
    end: str

    @property
    def ladder(self) -> str:
        return f"{self.role}_has_ladder"


REGISTRATION = _Role("registration", ("registration_id",), "registration.started_at", "registration.ended_at")
CALL = _Role("call", ("call_id", "called_id", "calling_id"), "call.started_at", "call.t_end")


def derive(work: Workspace) -> None:
    """Add the values of NAMES and fill the records; needs `serving.*` and the node aliases."""
    for role in (REGISTRATION, CALL):
        hops = _ladder(work, role)
        _add_ladder(work, role, hops)
        _name_nodes(work, hops, role)
        _doubt_silence(work, role, hops)
        taking_part = hops.select(ROW, node="from_id").vstack(hops.select(ROW, node="to_id")).drop_nulls()
        _add_cx(work, role, taking_part.unique())
        _add_dns(work, role, taking_part.unique())
    _leave_open(work, hops, taking_part.unique())


# --- the ladder


def _ladder(work: Workspace, role: _Role) -> pl.DataFrame:
    """Return the rungs of the own record in order, both ends with id and type."""
    ids = pl.concat([work.frame.select(ROW, record_id=key) for key in role.keys]).drop_nulls().unique()
    hops = work.tables["hop"].join(ids, on="record_id")
    aliases = work.related["aliases"]
    for end in ("from", "to"):
        named = aliases.select(pl.col("alias").alias(f"_{end}"), pl.col("node_id").alias(f"{end}_id"))
        hops = hops.with_columns(node_name(pl.col(f"{end}_node")).alias(f"_{end}")).join(
            named, on=f"_{end}", how="left"
        )
    wanted = ("at", "sequence", "message", "is_request", "answered", "status", "from_type", "to_type")
    return hops.select(ROW, *wanted, "from_id", "to_id").sort(ROW, "at", "sequence")


def _add_ladder(work: Workspace, role: _Role, hops: pl.DataFrame) -> None:
    """Whether there is a ladder, and the type of the last node that left a request unanswered."""
    silent = _silent(hops)
    column = f"{role.role}_silent_node"
    work.join_rows(silent.select(ROW, pl.col("to_type").alias(column)))
    seen = pl.col(ROW).is_in(hops[ROW].unique().implode())
    work.derive(seen.alias(role.ladder))
    work.derive(
        pl.when(pl.col(role.ladder)).then(pl.col(column).fill_null("none")).alias(column),
    )


def _silent(hops: pl.DataFrame) -> pl.DataFrame:
    """Return the deepest request that nobody answered, per row: who sent nothing back."""
    unanswered = pl.col("is_request") & ~pl.col("answered").fill_null(True)
    return hops.filter(unanswered & pl.col("message").is_in(["REGISTER", "INVITE"])).unique(
        ROW, keep="last", maintain_order=True
    )


def _doubt_silence(work: Workspace, role: _Role, hops: pl.DataFrame) -> None:
    """Leave silence open where an S-CSCF was silent that nobody read: it may have waited for the HSS."""
    silent = _silent(hops).filter(pl.col("to_type") == "scscf").select(ROW, node="to_id").drop_nulls()
    read = _read_after(_sampled(work, role, silent, (*CX_COUNTERS, "up")), LATE_S)
    column = f"{role.role}_silent_node"
    alone = silent.filter(~pl.col(ROW).is_in(read.implode()))[ROW]
    work.derive(pl.when(~pl.col(ROW).is_in(alone.implode())).then(column).alias(column))


def _first_error(hops: pl.DataFrame) -> pl.DataFrame:
    """Return the first error answer, per row: who sent it."""
    error = ~pl.col("is_request") & (pl.col("status") >= FAILED_FROM) & ~pl.col("status").is_in(CHALLENGES)
    return hops.filter(error).unique(ROW, keep="first", maintain_order=True)


def _name_nodes(work: Workspace, hops: pl.DataFrame, role: _Role) -> None:
    """`serving.<type>` from the ladder: the node that failed, else the last of its type.

    A call does not overwrite what the ladder of the registration told when the call has none of that type.
    """
    failed = pl.concat(
        [
            _silent(hops).select(ROW, node_type="to_type", node="to_id", rank=pl.lit(0)),
            _first_error(hops).select(ROW, node_type="from_type", node="from_id", rank=pl.lit(1)),
            hops.reverse().select(ROW, node_type="to_type", node="to_id", rank=pl.lit(2)),
        ]
    ).drop_nulls()
    best = failed.sort(ROW, "rank", maintain_order=True).unique(
        [ROW, "node_type"], keep="first", maintain_order=True
    )
    for node_type in LADDER_TYPES:
        _set_serving(work, node_type, best.filter(pl.col("node_type") == node_type), role)


def _set_serving(work: Workspace, node_type: str, found: pl.DataFrame, role: _Role) -> None:
    if found.is_empty():
        return
    work.join_rows(found.select(ROW, pl.col("node").alias("_told")))
    # Of a user with both records the one that the ticket is about names the nodes.
    about_registration = (pl.col("category") == "registration").fill_null(False)
    mine = about_registration if role is REGISTRATION else ~about_registration
    told = pl.when(mine | pl.col(f"serving.{node_type}").is_null()).then("_told")
    work.derive(
        pl.coalesce(told, f"serving.{node_type}").alias(f"serving.{node_type}"),
        (pl.col(f"named.{node_type}") | told.is_not_null()).alias(f"named.{node_type}"),
    )
    work.frame = work.frame.drop("_told")


# --- Cx


def _add_cx(work: Workspace, role: _Role, taking_part: pl.DataFrame) -> None:
    """Fill the Cx answer of the record: a bad or late answer first, then silence, then a phrase."""
    found = pl.concat(
        [
            _answers(work, role),
            _timeouts(work, role, taking_part),
            _phrases(work, role),
        ]
    )
    # That an earlier answer was good does not clear the HSS while a node may still wait for it.
    waits = work.frame.filter(pl.col(role.ladder) & pl.col(f"{role.role}_silent_node").is_null())[ROW]
    found = found.filter((pl.col("rank") < GOOD) | ~pl.col(ROW).is_in(waits.implode()))
    best = found.sort(ROW, "rank", "at", maintain_order=True).unique(ROW, keep="first", maintain_order=True)
    if best.is_empty():
        return
    work.join_rows(
        best.select(ROW, *(pl.col(n).alias(f"_{n}") for n in ("command", "vendor", "code", "bad", "server")))
    )
    if role is REGISTRATION:
        _fill(
            work,
            "registration",
            {"cx_command": "_command", "cx_vendor": "_vendor", "cx_code": "_code"},
            "cx_command",
        )
    else:
        _fill_call(work)
    bad = pl.col("_bad").fill_null(False)
    work.derive(
        pl.when(bad)
        .then(pl.lit("hss"))
        .otherwise(f"{role.role}.first_error_node")
        .alias(f"{role.role}.first_error_node"),
        pl.when(bad)
        .then(pl.coalesce("_server", "serving.hss"))
        .otherwise("serving.hss")
        .alias("serving.hss"),
    )
    work.frame = work.frame.drop("_command", "_vendor", "_code", "_bad", "_server")


def _fill(work: Workspace, role: str, columns: dict[str, str], guard: str) -> None:
    """Fill fields of a record that its source could not see, and say that they are seen now."""
    blank = pl.col(f"{role}.{guard}").is_null() & pl.col("_command").is_not_null()
    key = f"{role}.{ABSENT}"
    seen = pl.col(key)
    for name in columns:
        seen = seen.str.replace(f"|{name}|", "|", literal=True)
    work.derive(
        *(
            pl.when(blank)
            .then(pl.col(value).cast(work.frame.schema[f"{role}.{name}"]))
            .otherwise(f"{role}.{name}")
            .alias(f"{role}.{name}")
            for name, value in columns.items()
        ),
        pl.when(blank).then(seen).otherwise(pl.col(key)).alias(key),
    )
    work.absent_keys.pop(key, None)


def _fill_call(work: Workspace) -> None:
    """Put a fault on Cx first among the errors of a call: the SIP error came of it."""
    bad = pl.col("_bad").fill_null(False)
    key = f"call.{ABSENT}"
    seen = pl.col(key)
    for name in ("first_error_interface", "first_error_protocol", "first_error_code", "first_error_message"):
        seen = seen.str.replace(f"|{name}|", "|", literal=True)
    values = {
        "first_error_interface": pl.lit("Cx"),
        "first_error_protocol": pl.lit("DIAMETER"),
        "first_error_message": pl.col("_command"),
        "first_error_code": pl.col("_code"),
    }
    work.derive(
        *(
            pl.when(bad)
            .then(value.cast(work.frame.schema[f"call.{name}"]))
            .otherwise(f"call.{name}")
            .alias(f"call.{name}")
            for name, value in values.items()
        ),
        pl.when(bad).then(seen).otherwise(pl.col(key)).alias(key),
    )
    work.absent_keys.pop(key, None)


def _window(work: Workspace, role: _Role, *more: str) -> pl.DataFrame:
    """Row and the time that its attempt took, `begin` to `end`, widened by what a poll is late."""
    start = pl.col(role.start)
    end = pl.min_horizontal(
        pl.coalesce(role.end, start + pl.duration(milliseconds=int(LONGEST_S * 1000))),
        start + pl.duration(milliseconds=int(LONGEST_S * 1000)),
    )
    return work.frame.select(
        ROW,
        *more,
        begin=start - pl.duration(milliseconds=int(BEFORE_S * 1000)),
        finish=end,
        end=end + pl.duration(milliseconds=int(AFTER_S * 1000)),
    ).drop_nulls("begin")


_CX: Any = {
    "rank": pl.Int32,
    "at": pl.Datetime("us", "UTC"),
    "command": pl.String,
    "vendor": pl.Int64,
    "code": pl.Int64,
    "bad": pl.Boolean,
    "server": pl.String,
}


def _no_cx(work: Workspace) -> pl.DataFrame:
    return pl.DataFrame(schema={ROW: work.frame.schema[ROW], **_CX})


def _answers(work: Workspace, role: _Role) -> pl.DataFrame:
    """Answers of the HSS for this user during the attempt; one that came too late is none."""
    answers = work.tables["diameter_answer"].filter(pl.col("interface") == "Cx")
    if answers.is_empty():
        return _no_cx(work)
    keys = (
        {"impi": "registration.impi", "imsi": "registration.imsi"}
        if role is REGISTRATION
        else {"impu": "call.called_number"}
    )
    window = _window(work, role, *keys.values())
    told = pl.concat(
        [
            answers.join(window, left_on=key, right_on=name).select(
                ROW,
                "id",
                "at",
                "finish",
                "begin",
                "command",
                "vendor",
                "code",
                "answered",
                "answered_after",
                "server_node",
            )
            for key, name in keys.items()
        ]
    ).unique([ROW, "id"])
    told = told.filter((pl.col("at") >= pl.col("begin")) & (pl.col("at") <= pl.col("finish")))
    came = pl.col("at") + pl.duration(
        microseconds=(pl.col("answered_after").fill_null(0) * 1e6).cast(pl.Int64)
    )
    late = (came > pl.col("finish") + pl.duration(milliseconds=100)) & pl.lit(role is REGISTRATION)
    silent = ~pl.col("answered").fill_null(True) | pl.col("code").is_null() | late
    bad = silent | ~pl.col("code").is_in(GOOD_CODES)
    aliases = work.related["aliases"].select(_server="alias", server="node_id")
    return (
        told.with_columns(node_name(pl.col("server_node")).alias("_server"))
        .join(aliases, on="_server", how="left")
        .select(
            ROW,
            rank=pl.when(bad).then(0).otherwise(GOOD),
            # Of bad answers the first tells, of good ones the last.
            at=pl.when(bad).then("at").otherwise(pl.lit(None)),
            command="command",
            vendor=pl.when(~silent).then("vendor"),
            code=pl.when(~silent).then("code"),
            bad=bad,
            server="server",
        )
        .cast(_CX)
    )


def _timeouts(work: Workspace, role: _Role, taking_part: pl.DataFrame) -> pl.DataFrame:
    """Diameter time-outs that a node of the ladder counted during the attempt."""
    moved = _moved(work, role, taking_part, tuple(CX_COUNTERS), failed=True)
    if moved.is_empty():
        return _no_cx(work)
    specific = ~pl.col("counter").is_in(["diameter_timeouts", PEERS])
    return moved.select(
        ROW,
        rank=pl.when(specific).then(1).otherwise(2),
        at="period_end",
        command=pl.col("counter").replace_strict(CX_COUNTERS, return_dtype=pl.String),
        vendor=pl.lit(None),
        code=pl.lit(None),
        bad=pl.lit(True),
        server=pl.lit(None),
    ).cast(_CX)


def _phrases(work: Workspace, role: _Role) -> pl.DataFrame:
    """Reason phrases that repeat what the HSS answered."""
    text = pl.col("registration.reason_text" if role is REGISTRATION else "call.warning_text")
    parts = [
        work.frame.filter(text.str.contains(pattern).fill_null(False)).select(
            ROW,
            rank=pl.lit(2),
            at=pl.lit(None),
            command=pl.lit(command if role is REGISTRATION else "LIR"),
            vendor=pl.lit(vendor),
            code=pl.lit(code),
            bad=pl.lit(True),
            server=pl.lit(None),
        )
        for pattern, command, vendor, code in PHRASES
    ]
    return pl.concat([part.cast(_CX) for part in parts])


def _moved(
    work: Workspace, role: _Role, taking_part: pl.DataFrame, counters: Sequence[str], *, failed: bool
) -> pl.DataFrame:
    """Rows and counters of nodes that took part, which moved while the attempt went on.

    A gauge moved where it read 0: no Diameter peer was open.
    """
    read = _sampled(work, role, taking_part, counters)
    if failed:
        status = pl.col(f"{role.role}.final_status")
        lost = work.frame.filter((status >= FAILED_FROM).fill_null(True))
        read = read.join(lost.select(ROW), on=ROW, how="semi")
    # A node that was down itself has no peers either, and none at first when it is back.
    down = _sampled(work, role, taking_part, ("up",)).filter(pl.col("value") == 0)["node"]
    # A gauge tells of the moment of the poll: what it says after the attempt may be something else's doing.
    meanwhile = (pl.col("period_end") <= pl.col("finish")) & ~pl.col("node").is_in(down.implode())
    closed = (pl.col("counter") == PEERS) & (pl.col("value") == 0) & meanwhile
    counted = (pl.col("counter") != PEERS) & (pl.col("increase") > 0)
    return read.filter(closed | counted)


def _sampled(
    work: Workspace, role: _Role, taking_part: pl.DataFrame, counters: Sequence[str]
) -> pl.DataFrame:
    """Return readings of counters at the nodes that took part, while the attempt went on."""
    aliases = work.related["aliases"].select(_node="alias", node="node_id")
    samples = work.tables["node_sample"].filter(pl.col("counter").is_in(list(counters)))
    named = samples.with_columns(node_name(pl.col("node_id")).alias("_node")).join(aliases, on="_node")
    return (
        named.join(taking_part, on="node")
        .join(_window(work, role), on=ROW)
        .filter((pl.col("period_end") >= pl.col("begin")) & (pl.col("period_start") <= pl.col("end")))
        .select(ROW, "counter", "node", "period_end", "finish", "value", "increase")
    )


def _read_after(samples: pl.DataFrame, seconds: float) -> pl.Series:
    """Rows whose nodes were read so long after the attempt: before that, what happened is not counted yet."""
    late = pl.col("finish") + pl.duration(milliseconds=int(seconds * 1000))
    return samples.filter(pl.col("period_end") >= late)[ROW].unique()


# --- what cannot be excluded


def _leave_open(work: Workspace, hops: pl.DataFrame, taking_part: pl.DataFrame) -> None:
    """Leave open of a failed call what its ladder cannot show: Cx and DNS, where nothing else watched them.

    The node that answered first with an error may have done so because the HSS or DNS failed it.
    """
    watched = _read_after(_sampled(work, CALL, taking_part, tuple(CX_COUNTERS)), LATE_S)
    resolved = _read_after(_sampled(work, CALL, taking_part, ("dns_failures",)), 0.0)
    own = pl.col("call.first_error_node").is_in(["pcscf", "icscf", "scscf"]).fill_null(False)
    # 503 is said by the node of itself (RFC 3261 21.5.4), and a silent node has told nothing at all.
    of_others = pl.col("status").is_in([408, *range(500, 503), *range(504, 600)])
    told = _first_error(hops).filter(of_others)[ROW]
    failed = own & pl.col(ROW).is_in(told.implode()) & (pl.col("call_silent_node") == "none")
    passed_on = _passed_on(hops)
    no_cx = failed & ~pl.col(ROW).is_in(watched.implode())
    no_dns = failed & ~pl.col(ROW).is_in(resolved.implode()) & ~pl.col(ROW).is_in(passed_on.implode())
    names = ("first_error_interface", "first_error_protocol", "first_error_code", "first_error_node")
    _blank(work, (no_cx | no_dns).fill_null(False), names)


def _passed_on(hops: pl.DataFrame) -> pl.Series:
    """Rows in which the node of the first error had sent the request on: it had found its next hop."""
    error = _first_error(hops).select(ROW, node="from_id").drop_nulls()
    sent = hops.filter("is_request").select(ROW, node="from_id").drop_nulls()
    return error.join(sent, on=[ROW, "node"], how="semi")[ROW].unique()


def _blank(work: Workspace, rows: pl.Expr, names: Sequence[str]) -> None:
    key = f"call.{ABSENT}"
    unseen = pl.lit("".join(f"|{name}" for name in names))
    work.derive(
        *(pl.when(~rows).then(f"call.{name}").alias(f"call.{name}") for name in names),
        pl.when(rows).then(unseen + pl.col(key)).otherwise(pl.col(key)).alias(key),
    )
    work.absent_keys.pop(key, None)


# --- DNS


def _add_dns(work: Workspace, role: _Role, taking_part: pl.DataFrame) -> None:
    """Blame DNS where the node that failed first could not resolve a name meanwhile."""
    moved = _moved(work, role, taking_part, ("dns_failures",), failed=True)
    if moved.is_empty():
        return
    types = work.tables["node"].select(node="node_id", node_type="node_type")
    hit = moved.join(types, on="node").select(ROW, "node_type").unique()
    field = f"{role.role}.first_error_node"
    blamed = work.frame.select(ROW, node_type=field).join(hit, on=[ROW, "node_type"], how="semi")
    rows = pl.col(ROW).is_in(blamed[ROW].implode())
    work.derive(pl.when(rows).then(pl.lit("dns")).otherwise(field).alias(field))
