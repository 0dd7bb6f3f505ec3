"""The user's own registrations: the nearest attempt, and the state that the latest ones left behind."""

from __future__ import annotations

import polars as pl

from diagnosis.nearest import near
from diagnosis.record_join import ids_of, join_record, long
from diagnosis.source import among
from diagnosis.workspace import ROW, Workspace

# State that lasts until the next attach: read from the latest attach when the nearest attempt has none.
ATTACH_STATE = (
    "attach_type",
    "combined_result",
    "ims_vops",
    "ue_voice_domain",
    "ue_usage_setting",
    "security_result",
)
NODE_STATE = (
    "scscf_name",
    "sbc_name",
    "pcscf_name",
    "icscf_name",
    "as_name",
    "mme_name",
    "pgw_name",
    "pcrf_name",
    "msc_name",
)
ATTACH_TOLD = ("attach_type", "ims_vops", "combined_result", "ue_voice_domain")


def add_registrations(work: Workspace) -> None:
    """Add `registration.`, `attach.`, `state.` and the times of the event."""
    columns = ("imsi", "id", "started_at", "ended_at", "final_status", *ATTACH_TOLD)
    known = work.tables.where("registration", among("imsi", work.frame["person"]), columns)
    chosen, nearest = _nearest_attempt(work, known)
    work.join_rows(nearest)
    work.join_rows(chosen)
    told = pl.any_horizontal(pl.col(ATTACH_TOLD).is_not_null())
    work.join_rows(_latest_before(work, known, "state_id"))
    work.join_rows(_latest_before(work, known.filter(told), "attach_id"))
    ids = ids_of(work.frame, "registration_id", "state_id", "attach_id")
    rows = work.tables.where("registration", among("id", ids))
    join_record(work, rows, "registration", "registration", left_on="registration_id", right_on="id")
    _add_event_times(work)
    _add_earlier(work, rows)
    _take_over(work)
    work.related["registration"] = long(
        work.frame.select(ROW, "registration_id", "state_id"), ("registration_id", "state_id")
    )


def _nearest_attempt(work: Workspace, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return row -> the attempt that fits best, and row -> distance of the nearest one."""
    attempts = known.select(
        key=pl.lit("imsi:") + pl.col("imsi"),
        id="id",
        started_at="started_at",
        ended_at=pl.max_horizontal("ended_at", "started_at"),
        failed=(pl.col("final_status") != 200).fill_null(True),
    )
    around = near(work, attempts)
    nearest = around.group_by(ROW).agg(pl.col("distance_min").min().alias("registration_distance_min"))
    wants_failure = pl.col("category").is_in(["registration", "csfb"]).fill_null(False)
    chosen = (
        around.filter(pl.col("distance_min") <= work.settings.record_window_min)
        .with_columns(mismatch=wants_failure & ~pl.col("failed"))
        .sort(ROW, "mismatch", "distance_min", "id")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, registration_id="id")
    )
    return chosen, nearest


def _add_event_times(work: Workspace) -> None:
    """`event_at` = when it went wrong; `nearest_record_min` over calls and registrations (G-04)."""
    failed = (pl.col("registration.final_status") != 200).fill_null(True) & pl.col("has.registration")
    call_first = pl.col("has.call") & (pl.col("category") != "registration").fill_null(True)
    person = pl.col("ticket.msisdn").is_not_null() & pl.col("complaint_at").is_not_null()
    distance = pl.min_horizontal("call_distance_min", "registration_distance_min").fill_null(float("inf"))
    work.derive(
        event_at=pl.when(call_first & (pl.col("category") == "drop").fill_null(False))
        .then(pl.coalesce("call.t_end", "call.started_at"))
        .when(call_first)
        .then("call.started_at")
        .when(failed)
        .then("registration.started_at")
        .otherwise("complaint_at"),
        registered_as_of=pl.when(call_first)
        .then("call.started_at")
        .when(failed)
        .then("registration.started_at")
        .otherwise("complaint_at"),
        nearest_record_min=pl.when(person).then(distance),
    )


def _add_earlier(work: Workspace, rows: pl.DataFrame) -> None:
    """Add what lasts from the latest registrations of the last hours: `attach.` and `state.`."""
    parts = {
        "attach": (*ATTACH_STATE, "emm_cause", "attach_result"),
        "state": (*NODE_STATE, "ecgi", "started_at", "imei_tac"),
    }
    for role, columns in parts.items():
        join_record(
            work, rows, "registration", role, left_on=f"{role}_id", right_on="id", only=frozenset(columns)
        )


def _take_over(work: Workspace) -> None:
    """Let the earlier state stand where the near attempt has none of its own."""
    own = pl.any_horizontal(
        pl.col(f"registration.{name}").is_not_null()
        for name in ("attach_type", "attach_result", "ims_vops", "combined_result")
    )
    accepted = pl.col("attach.attach_result") == "accept"
    work.derive(
        *(
            pl.when(own)
            .then(f"registration.{name}")
            .otherwise(pl.coalesce(f"registration.{name}", f"attach.{name}"))
            .alias(f"registration.{name}")
            for name in ATTACH_STATE
        ),
        pl.when(own | ~accepted.fill_null(False))
        .then("registration.emm_cause")
        .otherwise("attach.emm_cause")
        .alias("registration.emm_cause"),
        *(
            pl.coalesce(f"registration.{name}", f"state.{name}").alias(f"registration.{name}")
            for name in NODE_STATE
        ),
        pl.col("state_id").is_not_null().alias("has.registration_recent"),
    )
    work.derive(state_from_earlier=~own & pl.col("attach_id").is_not_null())


def _latest_before(work: Workspace, history: pl.DataFrame, name: str) -> pl.DataFrame:
    """Row -> id of the person's latest registration that began before the complaint.

    Within the state window.
    """
    limit = pl.duration(minutes=int(work.settings.record_window_min))
    tickets = work.frame.select(ROW, imsi="person", at=pl.col("complaint_at") + limit).drop_nulls().sort("at")
    known = history.select("imsi", at="started_at", id="id").drop_nulls(["imsi", "at"]).sort("at", "id")
    window = f"{int(work.settings.state_window_h * 60 + work.settings.record_window_min)}m"
    found = tickets.join_asof(
        known, on="at", by="imsi", strategy="backward", tolerance=window, check_sortedness=False
    )
    return found.select(ROW, pl.col("id").alias(name))
