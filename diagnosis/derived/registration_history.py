"""Whether the user, and the called party, was registered before it went wrong."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from diagnosis.kpi_readings import earlier_users
from diagnosis.person import imsi_of
from diagnosis.serving import node_name
from diagnosis.source import among
from diagnosis.workspace import ROW, Name, Workspace, any_known, seconds

NAMES = {
    "registered_before": Name("boolean", "registration_history", ("registration_history",)),
    "callee_registered": Name("boolean", "called", ("called.registered", "registration_history")),
    "renewal_margin_s": Name(
        "float", "registration_history", ("registration_history",), known="no_good_registration"
    ),
    "pcscf_restarted": Name("boolean", "edge_node", ("edge_node", "ims_registered_users")),
}
_RESTART = "(?i)restart|reboot|reset|re-?start|重启|复位|倒换|switch-?over|failover"
_EVENT = (
    "imsi",
    "started_at",
    "id",
    "final_status",
    "registration_type",
    "expires",
    "next_register_at",
    "deregistered_by",
)
_DEREGISTERED = ["user_deregistration", "network_deregistration"]
_LAST = ("id", "at", "expires", "next_at", "ended_by")


def derive(work: Workspace) -> None:
    """Add the values of NAMES (REG-16, REG-21, ACC-02, ACC-22); `good_*`: the last good registration."""
    _add_last_good(work, "person", "good")
    work.derive(
        registered_before=_still_registered(work, "good", pl.col("person")),
        no_good_registration=pl.col("has.registration_recent") & pl.col("good_id").is_null(),
    )
    _derive_callee(work)
    _derive_margin(work)
    _derive_deregistered(work)
    _derive_restart(work)


def _add_last_good(work: Workspace, person: str, prefix: str) -> None:
    """Last registration with 200 before the event, and whether a de-registration came after it."""
    good, left = _good_and_left(work, person)
    rows = (
        work.frame.select(
            ROW, person=pl.col(person), at=pl.col("registered_as_of") - timedelta(microseconds=1)
        )
        .drop_nulls()
        .sort("at")
    )
    told = good.select("person", "at", *(pl.col(n).alias(f"f_{n}") for n in _LAST))
    found = rows.join_asof(told, on="at", by="person", check_sortedness=False)
    found = found.join_asof(left, on="at", by="person", check_sortedness=False)
    named = found.select(
        ROW,
        *(pl.col(f"f_{n}").alias(f"{prefix}_{n}") for n in _LAST),
        (pl.col("gone_at") > pl.col("f_at")).fill_null(False).alias(f"{prefix}_left"),
    )
    work.join_rows(named)
    work.derive(
        (pl.col(f"{prefix}_at") + pl.duration(seconds=pl.col(f"{prefix}_expires"))).alias(f"{prefix}_until")
    )


def _good_and_left(work: Workspace, person: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Registrations with 200 and de-registrations of these persons, each in order of time."""
    events = (
        work.tables.where("registration", among("imsi", work.frame[person]), _EVENT)
        .select(
            person="imsi",
            at="started_at",
            id="id",
            final="final_status",
            kind="registration_type",
            expires="expires",
            next_at="next_register_at",
            ended_by="deregistered_by",
        )
        .drop_nulls(["person", "at"])
    )
    gone = pl.col("kind").is_in(_DEREGISTERED).fill_null(False)
    good = events.filter((pl.col("final") == 200) & ~gone).sort("at", "id")
    left = events.filter(gone).select("person", "at", gone_at="at").sort("at")
    return good, left


def _still_registered(work: Workspace, prefix: str, person: pl.Expr) -> pl.Expr:
    """Return true while the last good registration runs, false when it is over or was none, else null.

    That there was none is only known where the records begin early enough and the person is known.
    """
    begins = _span(work)[0]
    reach = timedelta(hours=work.settings.coverage_h)
    longest = work.tables["registration"]["expires"].max()
    if isinstance(longest, int):
        # A registration that began before the records is over when the longest lifetime has passed.
        reach = min(reach, timedelta(seconds=longest))
    covered = pl.lit(False) if begins is None else pl.col("registered_as_of") - reach >= pl.lit(begins)
    ended = ~pl.col(f"{prefix}_ended_by").fill_null("none").is_in(["none"])
    none = pl.col(f"{prefix}_id").is_null()
    return (
        pl.when(none & covered & person.is_not_null())
        .then(pl.lit(False))
        .when(none)
        .then(pl.lit(None, dtype=pl.Boolean))
        .when(pl.col(f"{prefix}_left") | ended)
        .then(pl.lit(False))
        .otherwise(pl.col(f"{prefix}_until") > pl.col("registered_as_of"))
    )


def _span(work: Workspace) -> tuple[datetime | None, datetime | None]:
    """Start of the first and of the last registration that the source holds."""

    def read() -> tuple[datetime | None, datetime | None]:
        at = pl.col("started_at")
        first, last = work.tables.lazy("registration").select(at.min(), last=at.max()).collect().row(0)
        return first, last

    return work.tables.kept("registration_span", ("registration",), read)


def _derive_callee(work: Workspace) -> None:
    """Add `registered` of the called leg, else the last registration of the called number (ACC-22)."""
    number = pl.coalesce("called.called_number", "call.called_number")
    work.derive(callee_number=number)
    found = imsi_of(work, work.frame["callee_number"].drop_nulls().unique()).rename({"imsi": "callee"})
    work.frame = work.frame.join(
        found, left_on="callee_number", right_on="msisdn", how="left", maintain_order="left"
    )
    _add_last_good(work, "callee", "callee_good")
    work.derive(
        callee_registered=pl.coalesce(
            "called.registered", _still_registered(work, "callee_good", pl.col("callee"))
        )
    )


def _derive_margin(work: Workspace) -> None:
    """Seconds between the next registration and the expiry.

    Minus infinity when the time ran out without one.
    """
    last_seen = _span(work)[1]
    horizon = pl.min_horizontal("ticket.received_at", pl.lit(last_seen, dtype=pl.Datetime("us", "UTC")))
    # What ran out after the complaint cannot be behind it.
    complained = pl.col("complaint_at") + pl.duration(minutes=work.settings.time_uncertainty_min)
    until, next_at = pl.col("good_until"), pl.col("good_next_at")
    blind = _blind_ids(work, "next_register_at")
    unseen = pl.col("good_id").is_in(blind.implode()).fill_null(False)
    work.derive(
        renewal_margin_s=pl.when((until > complained) & (next_at > until).fill_null(True) & ~unseen)
        .then(pl.lit(float("inf")))
        .when(next_at.is_not_null())
        .then(seconds(next_at, until))
        .when(unseen | until.is_null())
        .then(pl.lit(None, dtype=pl.Float64))
        .when(until < horizon)
        .then(pl.lit(-float("inf")))
        .otherwise(pl.lit(float("inf")))
    )


def _blind_ids(work: Workspace, name: str) -> pl.Series:
    rows = work.tables.where("registration", among("id", work.frame["good_id"]), ("id", "absent"))
    return rows.filter(pl.col("absent").str.contains(f"|{name}|", literal=True))["id"]


def _derive_deregistered(work: Workspace) -> None:
    """Who ended the registration that the user had, where the nearest attempt does not tell (REG-16)."""
    own = pl.col("registration.deregistered_by")
    told = pl.when(own != "none").then(own)
    work.derive(pl.coalesce(told, "good_ended_by", own).alias("registration.deregistered_by"))


def _derive_restart(work: Workspace) -> None:
    """Restart alarm or change of the P-CSCF/SBC after the registration.

    Or its users fell by the limit (REG-21).
    """
    edge = pl.coalesce("serving.pcscf", "serving.sbc")
    work.derive(
        edge_node=edge, edge_since=pl.coalesce("good_at", pl.col("registered_as_of") - timedelta(days=1))
    )
    limit = 1 - work.settings.users_fell_percent / 100
    users = pl.col("ims_registered_users")
    before = pl.max_horizontal("ims_registered_users__base", "users_before")
    work.frame = work.frame.with_columns(
        earlier_users(work, "edge_node", timedelta(hours=1)).alias("users_before")
    )
    work.derive(
        restart_alarmed=_restart_events(work, "alarm"),
        restart_changed=_restart_events(work, "change"),
        users_fell=users < limit * before,
    )
    # Not every work on a node restarts it: users that stayed say that this one did not.
    stayed = (~pl.col("users_fell")).fill_null(False)
    work.derive(restart_changed=pl.col("restart_changed") & ~stayed)
    parts = [pl.col(n) for n in ("restart_alarmed", "restart_changed", "users_fell")]
    work.derive(pcscf_restarted=pl.when(pl.col("edge_node").is_not_null()).then(any_known(*parts)))


def _restart_events(work: Workspace, kind: str) -> pl.Expr:
    """Boolean column expression: an event of the edge node lies between the registration and the failure."""
    if work.tables.empty(kind):
        return pl.lit(None, dtype=pl.Boolean)
    rows = _alarm_restarts(work) if kind == "alarm" else _change_restarts(work)
    rows = rows.join(work.related["aliases"], on="alias").select("at", edge_node="node_id")
    pairs = work.frame.select(ROW, "edge_node", "edge_since", "registered_as_of").join(rows, on="edge_node")
    hit = pairs.filter((pl.col("at") >= pl.col("edge_since")) & (pl.col("at") <= pl.col("registered_as_of")))
    return pl.col(ROW).is_in(hit[ROW].unique().implode())


def _alarm_restarts(work: Workspace) -> pl.DataFrame:
    text = pl.concat_str("probable_cause", "specific_problem", separator=" ", ignore_nulls=True)
    rows = work.tables["alarm"].filter(text.str.contains(_RESTART))
    return rows.select(at="raised_at", alias=node_name(pl.col("alarmed_object")))


def _change_restarts(work: Workspace) -> pl.DataFrame:
    rows = work.tables["change"].filter(~pl.col("status").is_in(["cancelled", "planned"]).fill_null(False))
    rows = rows.explode("impacted_objects")
    return rows.select(
        at=pl.coalesce("actual_start", "planned_start"), alias=node_name(pl.col("impacted_objects"))
    )
