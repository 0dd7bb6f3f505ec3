"""How far the registration attempt came, and who did not answer it."""

from __future__ import annotations

import polars as pl

from diagnosis.workspace import Name, Workspace, any_known, seconds

HSS_FAULTS = (3002, 3004, 5012)
RESULT = pl.List(pl.Struct({"as": pl.String, "status": pl.Int64}))

NAMES = {
    "pcscf_address_count": Name(
        "integer",
        "registration",
        ("registration.pdn_result", "registration.pcscf_addresses"),
        known="pdn_not_tried",
    ),
    "reply_time_s": Name(
        "float",
        "registration",
        ("registration.register_sent_at", "registration.first_reply_at"),
        known="register_not_sent",
    ),
    "cx_seen": Name("boolean", "registration", ("registration.cx_command",)),
    "cx_no_answer": Name("boolean", "registration", ("registration.cx_command", "registration.cx_code")),
    "hss_answer_bad": Name(
        "boolean",
        "registration",
        ("registration.cx_command", "registration.cx_code", "registration.cx_vendor"),
    ),
    "ims_dns_bad": Name(
        "boolean",
        "registration",
        ("registration.first_error_node", "registration.final_status", "ims_dns_failure_ratio"),
    ),
    "third_party_failed": Name("integer", "registration", ("registration.third_party_results",)),
}

_SHORT_MESSAGES = r"(?i)ip-?_?sm-?_?gw"  # no AS of voice: REG-15 asks for the SCC AS and the VoLTE AS


def derive(work: Workspace) -> None:
    """Add the values of NAMES from the nearest attempt (REG-11, REG-15, REG-19, REG-20)."""
    reg = "registration"
    sent, reply = pl.col("registration.register_sent_at"), pl.col("registration.first_reply_at")
    no_reply = sent.is_not_null() & work.not_happened(reg, "first_reply_at")
    # A 200 without a first reply is a hole in the record, not a missing reply.
    no_reply &= (pl.col("registration.final_status") != 200).fill_null(True)
    addresses = pl.col("registration.pcscf_addresses")
    tried = pl.col("registration.pdn_result").is_not_null()
    work.derive(
        pdn_not_tried=work.not_happened(reg, "pdn_result"),
        register_not_sent=work.not_happened(reg, "register_sent_at"),
        pcscf_address_count=pl.when(addresses.is_not_null())
        .then(addresses.list.len().cast(pl.Int64))
        .when(tried & work.can_see(reg, "pcscf_addresses"))
        .then(pl.lit(0, dtype=pl.Int64)),
        reply_time_s=pl.when(no_reply).then(pl.lit(float("inf"))).otherwise(seconds(sent, reply)),
        third_party_failed=pl.when(work.can_see(reg, "third_party_results")).then(_third_party_failures()),
    )
    _derive_cx(work)


def _third_party_failures() -> pl.Expr:
    """Count the third-party registrations at an AS of voice that failed."""
    refused = (pl.element().struct.field("status") != 200).fill_null(True)
    of_voice = ~pl.element().struct.field("as").str.contains(_SHORT_MESSAGES).fill_null(False)
    results = pl.col("registration.third_party_results").str.json_decode(RESULT)
    return results.list.eval(refused & of_voice).list.sum().cast(pl.Int64).fill_null(0)


def _derive_cx(work: Workspace) -> None:
    """Add whether an exchange on Cx was seen, was left without an answer, and shows a fault of the HSS."""
    command, code = pl.col("registration.cx_command"), pl.col("registration.cx_code")
    see_command = work.can_see("registration", "cx_command")
    see_code = work.can_see("registration", "cx_code")
    work.derive(
        cx_seen=pl.when(command.is_not_null()).then(pl.lit(True)).when(see_command).then(pl.lit(False)),
        cx_no_answer=pl.when(see_command & see_code).then(command.is_not_null() & code.is_null()),
    )
    faulty = (
        pl.when(see_command & command.is_null())
        .then(pl.lit(False))
        .otherwise(
            (code.is_in(HSS_FAULTS) & (pl.col("registration.cx_vendor") == 0))
            | (code.is_null() & see_code & pl.lit(None))
        )
    )
    work.derive(hss_answer_bad=any_known(pl.col("cx_no_answer"), faulty))


def derive_dns(work: Workspace) -> None:
    """Add `ims_dns_bad`: one of the conditions of REG-20.

    A trace that is missing leaves the others to decide.
    """
    reg, limits = "registration", work.settings
    status = pl.col("registration.final_status")
    named = pl.when(work.can_see(reg, "first_error_node")).then(
        (pl.col("registration.first_error_node") == "dns").fill_null(False)
    )
    is_500 = pl.when(status.is_not_null() | work.not_happened(reg, "final_status")).then(
        (status == 500).fill_null(False)
    )
    fast = is_500 & (pl.col("reply_time_s") < limits.dns_reply_s) & ~pl.col("cx_seen")
    failing = is_500 & (pl.col("ims_dns_failure_ratio") > limits.dns_failure_percent) & ~pl.col("cx_seen")
    work.derive(ims_dns_bad=any_known(named, fast, failing))
