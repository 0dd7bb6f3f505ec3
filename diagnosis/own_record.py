"""The user's own records.

Nearest call with both legs, registrations, subscriber, device model - all as joins.
"""

from __future__ import annotations

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.derived.reasons import abnormal_release
from diagnosis.source import fields
from diagnosis.workspace import ROW, Workspace, seconds

# Readings of the radio and of the terminal: they are the customer's only in the customer's own leg.
OWN_LEG_ONLY = (
    "imsi",
    "imei_tac",
    "registered",
    "first_ecgi",
    "last_ecgi",
    "first_tac",
    "p_access_network_info",
    "rrc_released_in_setup",
    "rsrp_last",
    "sinr_last",
    "pusch_rsrp_last",
    "ul_sinr_last",
    "power_headroom_last",
    "handover_count",
    "handover_failures",
    "shortest_return",
    "reestablishment_count",
    "terminal_dead",
    "gsm_cgi",
    "gsm_rxlev",
    "lte_locked",
    "idle_left_lte_after",
)
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


def add_own_records(work: Workspace) -> None:
    """Add `subscriber.`, `call.`, `called.`, `calling.`, `registration.`.

    `device_model.` and `nearest_record_min`.
    """
    _add_subscriber(work)
    _add_calls(work)
    _add_registrations(work)
    _add_device(work)


def number_to_imsi(work: Workspace) -> pl.DataFrame:
    """Each number pseudonym with the IMSI pseudonym that the records give it (subscriber data win)."""
    if "imsi_of" not in work.related:
        work.related["imsi_of"] = _number_to_imsi(work)
    return work.related["imsi_of"]


def _number_to_imsi(work: Workspace) -> pl.DataFrame:
    calls = work.tables["call"]
    pairs = pl.concat(
        [
            work.tables["subscriber"].select("msisdn", "imsi", rank=pl.lit(0)),
            work.tables["registration"].select("msisdn", "imsi", rank=pl.lit(1)),
            calls.filter(pl.col("leg") == "mo").select(
                pl.col("calling_number").alias("msisdn"), "imsi", rank=pl.lit(2)
            ),
            calls.filter(pl.col("leg") == "mt").select(
                pl.col("called_number").alias("msisdn"), "imsi", rank=pl.lit(2)
            ),
        ]
    ).drop_nulls()
    return (
        pairs.sort("rank", "msisdn", "imsi")
        .unique("msisdn", keep="first", maintain_order=True)
        .select("msisdn", "imsi")
    )


def _add_subscriber(work: Workspace) -> None:
    _join_record(work, "subscriber", "subscriber", left_on="ticket.msisdn", right_on="msisdn")
    found = number_to_imsi(work).rename({"imsi": "person"})
    work.frame = work.frame.join(
        found, left_on="ticket.msisdn", right_on="msisdn", how="left", maintain_order="left"
    ).with_columns(person=pl.coalesce("subscriber.imsi", "person"))


def _sightings(work: Workspace) -> pl.DataFrame:
    """Every call under the keys of its two parties: `key`, `role` of that party, `leg` of the record."""
    calls = work.tables["call"].with_columns(abnormal_release().alias("abnormal"))
    answered = pl.col("t_200").is_not_null() | (pl.col("final_status") == 200)
    talk_s = seconds(pl.coalesce("t_200", "started_at"), pl.col("t_end"))
    voiced = work.tables["voice_slice"].select(pl.col("call_id").unique()).to_series()
    short = pl.col("id", "leg", "started_at", "icid", "other_leg_id", "calling_number", "called_number")
    facts = calls.select(
        short,
        imsi="imsi",
        ended_at=pl.max_horizontal("t_end", "started_at", "t_tau_accept"),
        unanswered=~answered.fill_null(False),
        cut=answered.fill_null(False)
        & (pl.col("abnormal") | (talk_s < work.settings.short_call_s)).fill_null(False),
        spoken=answered.fill_null(False),
        voiced=pl.col("id").is_in(voiced.implode()),
        fallback=pl.col("csfb_flag").fill_null(False) | pl.col("t_esr").is_not_null(),
    )
    by_number = [
        facts.with_columns(key=pl.col("calling_number"), role=pl.lit("mo"), party=pl.col("called_number")),
        facts.with_columns(key=pl.col("called_number"), role=pl.lit("mt"), party=pl.col("calling_number")),
    ]
    party = pl.when(pl.col("leg") == "mo").then("called_number").otherwise("calling_number")
    by_imsi = facts.filter(pl.col("imsi").is_not_null()).with_columns(
        key=pl.lit("imsi:") + pl.col("imsi"), role=pl.col("leg"), party=party
    )
    return pl.concat([*by_number, by_imsi]).filter(pl.col("key").is_not_null())


def _near(work: Workspace, sightings: pl.DataFrame) -> pl.DataFrame:
    """All records of each ticket's person with `distance_min` to the complaint time (0 inside the record)."""
    tickets = work.frame.select(
        ROW,
        "complaint_at",
        "category",
        "person",
        "ticket.msisdn",
        "ticket.direction",
        "ticket.other_party_number",
    )
    keys = pl.concat(
        [
            tickets.with_columns(key=pl.col("ticket.msisdn")),
            tickets.with_columns(key=pl.lit("imsi:") + pl.col("person")),
        ]
    ).filter(pl.col("key").is_not_null() & pl.col("complaint_at").is_not_null())
    end = pl.coalesce("ended_at", "started_at")
    before = seconds(end, pl.col("complaint_at"))
    after = seconds(pl.col("complaint_at"), pl.col("started_at"))
    return keys.join(sightings, on="key").with_columns(
        distance_min=pl.max_horizontal(before, after, pl.lit(0.0)) / 60
    )


def _mismatch() -> pl.Expr:
    """How badly a call fits what the ticket tells: outcome, then other party, then direction."""
    category = pl.col("category")
    fits = (
        pl.when(category == "access")
        .then(pl.col("unanswered"))
        .when(category == "drop")
        .then(pl.col("cut"))
        .when(category == "mos")
        .then(pl.col("spoken") & pl.col("voiced"))
        .when(category == "csfb")
        .then(pl.col("fallback"))
        .when(category.is_null())
        .then(pl.col("unanswered") | pl.col("cut") | pl.col("fallback"))
        .otherwise(pl.lit(True))
    )
    half = (category == "mos") & pl.col("spoken")
    outcome = pl.when(fits).then(0).when(half.fill_null(False)).then(2).otherwise(4)
    party = (
        pl.when((pl.col("ticket.other_party_number") != pl.col("party")).fill_null(False))
        .then(2)
        .otherwise(0)
    )
    wanted = pl.col("ticket.direction").str.to_lowercase()
    side = pl.when(wanted.is_in(["mo", "mt"]) & (wanted != pl.col("role"))).then(1).otherwise(0)
    return outcome + party + side


def _add_calls(work: Workspace) -> None:
    near = _near(work, _sightings(work))
    nearest = near.group_by(ROW).agg(pl.col("distance_min").min().alias("call_distance_min"))
    within = near.filter(pl.col("distance_min") <= work.settings.record_window_min)
    chosen = (
        within.with_columns(mismatch=_mismatch(), other_side=pl.col("role") != pl.col("leg"))
        .sort(ROW, "mismatch", "distance_min", "other_side", "id")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, "role", "id", "leg", "icid", "other_leg_id", "distance_min")
    )
    legs = _legs(work, chosen)
    work.related["call"] = _long(legs, ("call_id", "called_id", "calling_id"))
    work.join_rows(legs.select(ROW, "call_id", "called_id", "calling_id", "other_side", "call_chosen_min"))
    work.join_rows(nearest)
    for role, key in (("call", "call_id"), ("called", "called_id"), ("calling", "calling_id")):
        _join_record(work, "call", role, left_on=key, right_on="id", only=_wanted(work, role))
    _hide_other_side(work)


def _wanted(work: Workspace, role: str) -> frozenset[str] | None:
    """Fields of the other legs that are read; the own leg is always whole."""
    names = work.settings.names
    if role == "call" or names is None:
        return None
    read = {name.split(".", 1)[1] for name in names if name.startswith(f"{role}.")}
    return frozenset(read | {"id", "registered", "called_number", "calling_number", "scscf_name"})


def _legs(work: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
    """For each chosen record its partner leg (other_leg_id, else the same ICID), and which one is whose."""
    calls = work.tables["call"].select("id", "leg", "icid", "other_leg_id", "started_at")
    named = chosen.join(calls.select("id", partner_leg="leg"), left_on="other_leg_id", right_on="id").select(
        ROW, partner="other_leg_id", partner_leg="partner_leg", rank=pl.lit(0)
    )
    back = chosen.join(calls.select(partner="id", partner_leg="leg", id="other_leg_id"), on="id").select(
        ROW, "partner", "partner_leg", rank=pl.lit(1)
    )
    same = (
        chosen.filter(pl.col("icid").str.len_chars() > 0)
        .join(calls.select("icid", "started_at", partner="id", partner_leg="leg"), on="icid")
        .sort(ROW, "started_at", "partner")
        .select(ROW, "partner", "partner_leg", rank=pl.lit(2))
    )
    partners = (
        pl.concat([named, back, same])
        .join(chosen.select(ROW, "leg"), on=ROW)
        .filter(pl.col("partner_leg") != pl.col("leg"))
        .sort(ROW, "rank", maintain_order=True)
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, "partner")
    )
    own = pl.col("role") == pl.col("leg")
    return (
        chosen.join(partners, on=ROW, how="left", maintain_order="left")
        .with_columns(
            call_id=pl.when(own).then("id").otherwise(pl.coalesce("partner", "id")),
            other_side=~own & pl.col("partner").is_null(),
            called_id=pl.when(pl.col("leg") == "mt").then("id").otherwise("partner"),
            calling_id=pl.when(pl.col("leg") == "mo").then("id").otherwise("partner"),
        )
        .rename({"distance_min": "call_chosen_min"})
    )


def _hide_other_side(work: Workspace) -> None:
    """Where only the other party's leg exists, its radio and terminal readings are not the customer's."""
    mine = ~pl.col("other_side").fill_null(False)
    work.derive(*(pl.when(mine).then(pl.col(f"call.{name}")).alias(f"call.{name}") for name in OWN_LEG_ONLY))
    work.derive(
        pl.coalesce("person", pl.when(mine).then("call.imsi")).alias("person"),
        pl.col("other_side").fill_null(False),
    )


def _add_registrations(work: Workspace) -> None:
    attempts = work.tables["registration"].select(
        key=pl.lit("imsi:") + pl.col("imsi"),
        id="id",
        started_at="started_at",
        ended_at=pl.max_horizontal("ended_at", "started_at"),
        failed=(pl.col("final_status") != 200).fill_null(True),
    )
    near = _near(work, attempts)
    nearest = near.group_by(ROW).agg(pl.col("distance_min").min().alias("registration_distance_min"))
    wants_failure = pl.col("category").is_in(["registration", "csfb"]).fill_null(False)
    chosen = (
        near.filter(pl.col("distance_min") <= work.settings.record_window_min)
        .with_columns(mismatch=wants_failure & ~pl.col("failed"))
        .sort(ROW, "mismatch", "distance_min", "id")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, registration_id="id")
    )
    work.join_rows(nearest)
    work.join_rows(chosen)
    _join_record(work, "registration", "registration", left_on="registration_id", right_on="id")
    _add_event_times(work)
    _add_state(work)
    work.related["registration"] = _long(
        work.frame.select(ROW, "registration_id", "state_id"), ("registration_id", "state_id")
    )


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


def _add_state(work: Workspace) -> None:
    """Attach and node state from the latest registration of the last hours, where the near one has none."""
    told = pl.any_horizontal(
        pl.col("attach_type", "ims_vops", "combined_result", "ue_voice_domain").is_not_null()
    )
    history = work.tables["registration"].with_columns(told=told)
    latest = _latest_before(work, history, "state_id")
    attach = _latest_before(work, history.filter("told"), "attach_id")
    work.join_rows(latest)
    work.join_rows(attach)
    _join_record(
        work,
        "registration",
        "attach",
        left_on="attach_id",
        right_on="id",
        only=frozenset((*ATTACH_STATE, "emm_cause", "attach_result")),
    )
    _join_record(
        work,
        "registration",
        "state",
        left_on="state_id",
        right_on="id",
        only=frozenset((*NODE_STATE, "ecgi", "started_at", "imei_tac")),
    )
    own = (
        pl.col("registration.attach_type").is_not_null() | pl.col("registration.attach_result").is_not_null()
    )
    own |= (
        pl.col("registration.ims_vops").is_not_null() | pl.col("registration.combined_result").is_not_null()
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


def _add_device(work: Workspace) -> None:
    work.derive(
        model_tac=pl.coalesce("call.imei_tac", "registration.imei_tac", "ticket.imei_tac", "state.imei_tac")
    )
    _join_record(work, "device_model", "device_model", left_on="model_tac", right_on="imei_tac")


def _join_record(
    work: Workspace, kind: str, role: str, *, left_on: str, right_on: str, only: frozenset[str] | None = None
) -> None:
    """Add all fields of one record per row as `<role>.<field>`, its `absent` text and `has.<role>`."""
    columns = [name for name in fields(kind) if only is None or name in only]
    rows = work.tables[kind].filter(
        pl.col(right_on).is_in(work.frame[left_on].drop_nulls().unique().implode())
    )
    rows = rows.unique(right_on, keep="first", maintain_order=True)
    taken = rows.select(
        pl.col(right_on).alias("_key"),
        pl.col(columns).name.prefix(f"{role}."),
        pl.col(ABSENT).alias(f"{role}.{ABSENT}"),
        pl.lit(True).alias(f"has.{role}"),
    )
    work.frame = work.frame.join(
        taken, left_on=left_on, right_on="_key", how="left", maintain_order="left"
    ).with_columns(pl.col(f"has.{role}").fill_null(False))


def _long(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Row and id, one line for each different id in the named columns."""
    parts = [frame.select(ROW, pl.col(name).alias("id")) for name in columns]
    return pl.concat(parts).drop_nulls().unique().sort(ROW, "id")
