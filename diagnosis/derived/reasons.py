"""What the Reason headers, warnings and final answer of a call say."""

from __future__ import annotations

import polars as pl

from diagnosis.workspace import Name, Workspace, any_known

REASON = pl.List(pl.Struct({"protocol": pl.String, "cause": pl.Int64, "text": pl.String}))
# DRP-01: reasons that go with a normal release.
NORMAL = (("Q.850", 16), ("RELEASE_CAUSE", 1), ("SIP", 200))
_MUST_REGISTER = (
    "(?i)(must|needs? to|please|should).{0,20}register|register.{0,12}first|not registered|未注册|先注册"
)
_SRVCC = "(?i)failure to transition to cs domain|handover cancell?ed"
_FORWARDED = r"(?i)\b181\b|being forwarded|call.{0,6}forward|diverted|呼叫前转"
_NO_USER_DATA = "(?i)query adb failed"

NAMES = {
    "q850_cause": Name("integer", "call", ("call.reasons",), known="reasons_seen"),
    "abnormal_reason": Name("boolean", "call", ("call.reasons",)),
    "srvcc_text": Name("boolean", "call", ("call.reasons", "call.warning_text")),
    "forwarded": Name("boolean", "call", ("call.reasons", "call.warning_text")),
    "as_no_user_data": Name("boolean", "call", ("call.warning_text",)),
    "must_register_first": Name(
        "boolean", "call", ("call.final_status", "registration.final_status", "registration.reason_text")
    ),
}


def reasons(column: str = "reasons") -> pl.Expr:
    """Return the Reason headers as a list of {protocol, cause, text}.

    Protocols without the `REASON-` prefix.
    """
    return pl.col(column).str.json_decode(REASON)


def _protocol() -> pl.Expr:
    return pl.element().struct.field("protocol").str.to_uppercase().str.strip_prefix("REASON-")


def _cause_is(protocol: str, cause: int) -> pl.Expr:
    return (_protocol() == protocol.upper()) & (pl.element().struct.field("cause") == cause)


def abnormal_release(column: str = "reasons") -> pl.Expr:
    """Return true where a Reason header is other than the normal ones of DRP-01.

    Null where there is no header.
    """
    normal = pl.any_horizontal(*(_cause_is(*pair) for pair in NORMAL)).fill_null(False)
    return reasons(column).list.eval(~normal).list.any()


def derive(work: Workspace) -> None:
    """Add the values of NAMES that are about the call's texts and Reason headers."""
    see_reasons, see_warning = work.can_see("call", "reasons"), work.can_see("call", "warning_text")
    q850 = reasons("call.reasons").list.eval(
        pl.element().filter(_protocol() == "Q.850").struct.field("cause")
    )
    texts = reasons("call.reasons").list.eval(pl.element().struct.field("text").fill_null("")).list.join(" ")
    codes = reasons("call.reasons").list.eval(_cause_is("SIP", 181)).list.any()
    work.derive(
        reasons_seen=see_reasons,
        reason_codes_181=codes.fill_null(False),
        abnormal_reason=pl.when(see_reasons).then(abnormal_release("call.reasons").fill_null(False)),
        call_texts=pl.concat_str(texts, "call.warning_text", separator=" ", ignore_nulls=True),
        texts_seen=see_reasons | see_warning,
        q850_cause=pl.coalesce(q850.list.first(), _q850_of_errors()),
    )
    work.derive(
        srvcc_text=_says(_SRVCC),
        as_no_user_data=_says(_NO_USER_DATA),
        forwarded=pl.when(pl.col("texts_seen")).then(
            pl.col("reason_codes_181") | pl.col("call_texts").str.contains(_FORWARDED).fill_null(False)
        ),
        must_register_first=any_known(_call_must_register(work), _attempt_must_register(work)),
    )


def _q850_of_errors() -> pl.Expr:
    """Q.850 value that the probe wrote as the first or last error."""
    return pl.coalesce(
        pl.when(
            pl.col(f"call.{which}_error_protocol").str.to_uppercase().str.contains("Q.850", literal=True)
        ).then(pl.col(f"call.{which}_error_code"))
        for which in ("first", "last")
    )


def _says(pattern: str) -> pl.Expr:
    """Whether the texts of the call say something; null where the probe sees neither text."""
    return pl.when(pl.col("texts_seen")).then(pl.col("call_texts").str.contains(pattern).fill_null(False))


def _call_must_register(work: Workspace) -> pl.Expr:
    """403 to INVITE: the text says so, or the P-CSCF or SBC itself sent it (ACC-02)."""
    status = pl.col("call.final_status")
    edge = pl.col("call.first_error_node").is_in(["pcscf", "sbc"])
    # A first error on Cx, Sh or ISC means that the INVITE had passed the edge.
    edge &= ~pl.col("call.first_error_interface").is_in(["Cx", "Sh", "ISC"]).fill_null(False)
    edge = pl.when(work.can_see("call", "first_error_node")).then(edge.fill_null(False))
    says = _says(_MUST_REGISTER)
    return (
        pl.when(status == 403).then(any_known(says, edge))
        .when(status.is_not_null() | work.not_happened("call", "final_status")).then(pl.lit(False))
    )  # fmt: skip


def _attempt_must_register(work: Workspace) -> pl.Expr:
    """403 to REGISTER: the text says so, or the edge sent it before any Cx step (REG-21)."""
    status = pl.col("registration.final_status")
    see_text = work.can_see("registration", "reason_text")
    says = pl.when(see_text).then(
        pl.col("registration.reason_text").str.contains(_MUST_REGISTER).fill_null(False)
    )
    edge = pl.when(work.can_see("registration", "first_error_node")).then(
        pl.col("registration.first_error_node").is_in(["pcscf", "sbc"]).fill_null(False)
        & pl.col("registration.cx_command").is_null()
    )
    return (
        pl.when(status == 403).then(any_known(says, edge))
        .when(status.is_not_null() | work.not_happened("registration", "final_status")).then(pl.lit(False))
    )  # fmt: skip
