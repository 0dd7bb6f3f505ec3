"""The user's own call: of all calls of the person the one that fits the complaint, with its other leg."""

from __future__ import annotations

import polars as pl

from diagnosis.derived.reasons import abnormal_release
from diagnosis.nearest import near
from diagnosis.record_join import ids_of, join_record, long
from diagnosis.source import among
from diagnosis.workspace import ROW, Workspace, seconds

# Role -> the column that names its record: the own leg, the called leg, the calling leg.
LEGS = {"call": "call_id", "called": "called_id", "calling": "calling_id"}
SIGHTED = (
    "id",
    "leg",
    "started_at",
    "icid",
    "other_leg_id",
    "calling_number",
    "called_number",
    "imsi",
    "t_end",
    "t_tau_accept",
    "t_200",
    "final_status",
    "reasons",
    "csfb_flag",
    "t_esr",
    "t_alerting",
    "releasing_side",
)
# How badly a call fits the complaint, its other party, its direction, its time; the least stands.
FITS_AND_FAILED, FITS, HALF, FITS_NOT, OTHER_PARTY, OTHER_SIDE, TOO_LATE = 0, 3, 4, 8, 4, 2, 6
SHOWN_FAR = 5  # shows the fault, outside the window
POOR_LATER, POOR_FAR = 1, 2  # the same of a poor voice: a good call explains no complaint, a busy line does
AFTER_S = 300.0  # a call that began so long after the complaint came in is not what it tells of
USER_FINAL = (486, 600, 603)  # the called party's own answer (RFC 3261, 21.4.23, 21.6)
SLOW_FALLBACK_S = 10.0  # CSF-14
POOR_MOS, POOR_LOSS, POOR_SHARE = 3.0, 3.0, 0.1  # slices that a customer complains about, and how many
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


def add_calls(work: Workspace) -> None:
    """Add `call.`, `called.`, `calling.`, their ids and how far the nearest call is."""
    near_calls = near(work, _sightings(work))
    nearest = near_calls.group_by(ROW).agg(pl.col("distance_min").min().alias("call_distance_min"))
    settings = work.settings
    chosen = (
        _within(near_calls, settings.record_window_min, settings.told_time_min)
        .with_columns(
            mismatch=_mismatch(settings.time_uncertainty_min, settings.record_window_min),
            other_side=pl.col("role") != pl.col("leg"),
        )
        .sort(ROW, "mismatch", "distance_min", "other_side", "id")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, "role", "id", "leg", "icid", "other_leg_id", "distance_min")
    )
    legs = _legs(work, chosen)
    work.related["call"] = long(legs, tuple(LEGS.values()))
    work.join_rows(legs.select(ROW, *LEGS.values(), "other_side", "call_chosen_min"))
    work.join_rows(nearest)
    rows = work.tables.where("call", among("id", ids_of(legs, *LEGS.values())))
    for role, key in LEGS.items():
        join_record(work, rows, "call", role, left_on=key, right_on="id", only=_wanted(work, role))
    _hide_other_side(work)


def _wanted(work: Workspace, role: str) -> frozenset[str] | None:
    """Fields of the other legs that are read; the own leg is always whole."""
    names = work.settings.names
    if role == "call" or names is None:
        return None
    read = {name.split(".", 1)[1] for name in names if name.startswith(f"{role}.")}
    return frozenset(read | {"id", "registered", "called_number", "calling_number", "scscf_name"})


def _calls_of_persons(work: Workspace) -> pl.DataFrame:
    numbers = work.frame["ticket.msisdn"]
    party = among("calling_number", numbers) | among("called_number", numbers)
    return work.tables.where("call", party | among("imsi", work.frame["person"]), SIGHTED)


def _sightings(work: Workspace) -> pl.DataFrame:
    """Every call of a ticket's person under the keys of its two parties.

    `key`, `role` of that party, `leg` of the record.
    """
    network = (pl.col("releasing_side") == "network").fill_null(False)
    calls = _calls_of_persons(work).with_columns((abnormal_release() | network).alias("abnormal"))
    answered = pl.col("t_200").is_not_null() | (pl.col("final_status") == 200)
    talk_s = seconds(pl.coalesce("t_200", "started_at"), pl.col("t_end"))
    slices = _slices(work, calls)
    setup_s = seconds(pl.col("t_esr"), pl.col("t_alerting"))
    short = pl.col("id", "leg", "started_at", "icid", "other_leg_id", "calling_number", "called_number")
    facts = calls.select(
        short,
        imsi="imsi",
        ended_at=pl.max_horizontal("t_end", "started_at", "t_tau_accept"),
        unanswered=~answered.fill_null(False),
        cut=answered.fill_null(False)
        & (pl.col("abnormal") | (talk_s < work.settings.short_call_s)).fill_null(False),
        spoken=answered.fill_null(False),
        voiced=pl.col("id").is_in(slices["call_id"].implode()),
        poor=pl.col("id").is_in(slices.filter(pl.col("poor") >= POOR_SHARE)["call_id"].implode()),
        fallback=pl.col("csfb_flag").fill_null(False) | pl.col("t_esr").is_not_null(),
        refused=pl.col("final_status").is_in(USER_FINAL).fill_null(False),
        slow=(setup_s > SLOW_FALLBACK_S).fill_null(True),
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


def _slices(work: Workspace, calls: pl.DataFrame) -> pl.DataFrame:
    """Return the calls with voice slices, and the share of the slices that are `poor`."""
    columns = ("call_id", "mos", "loss")
    rows = work.tables.where("voice_slice", among("call_id", calls["id"]), columns)
    poor = (pl.col("mos") < POOR_MOS).fill_null(False) | (pl.col("loss") > POOR_LOSS).fill_null(False)
    return rows.group_by("call_id").agg(poor=poor.mean())


def _within(calls: pl.DataFrame, window_min: float, told_min: float) -> pl.DataFrame:
    """Take the calls of the window (G-04), and those farther off of persons who have one there.

    `shown`: the call shows the fault that is complained about. A time that was told wrong finds such a call
    outside the window; without any record inside it G-04 stands.
    """
    here = (pl.col("distance_min") <= window_min).any().over(ROW)
    near_or_told = calls.filter((pl.col("distance_min") <= told_min) & here)
    judged = near_or_told.with_columns(fits=_fits()).with_columns(shown=pl.col("fits") & _failed())
    told = pl.col("shown") & pl.col("category").is_in(["access", "drop", "mos", "csfb"])
    return judged.filter((pl.col("distance_min") <= window_min) | told)


def _fits() -> pl.Expr:
    """Whether what became of the call can be what is complained about."""
    category = pl.col("category")
    return (
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


def _failed() -> pl.Expr:
    """Whether a call that fits also shows the fault."""
    category = pl.col("category")
    return (
        pl.when(category == "mos")
        .then(pl.col("poor"))
        .when(category == "csfb")
        .then(pl.col("slow") | pl.col("unanswered"))
        .otherwise(~(pl.col("unanswered") & pl.col("refused")))
    )


def _mismatch(near_min: float, window_min: float) -> pl.Expr:
    """How badly a call fits what the ticket tells: outcome, then time, then other party, then direction.

    A call that shows the fault goes before one that could be meant, the sooner the nearer it is.
    """
    distance, voice = pl.col("distance_min"), (pl.col("category") == "mos").fill_null(False)
    shown = (
        pl.when(distance <= near_min)
        .then(FITS_AND_FAILED)
        .when(distance <= window_min)
        .then(pl.when(voice).then(POOR_LATER).otherwise(FITS))
        .otherwise(pl.when(voice).then(POOR_FAR).otherwise(SHOWN_FAR))
    )
    half = voice & pl.col("spoken")
    outcome = (
        pl.when(pl.col("shown"))
        .then(shown)
        .when(pl.col("fits"))
        .then(FITS)
        .when(half.fill_null(False))
        .then(HALF)
    ).otherwise(FITS_NOT)
    late = pl.when(pl.col("after_s") > AFTER_S).then(TOO_LATE).otherwise(0)
    other = (pl.col("ticket.other_party_number") != pl.col("party")).fill_null(False)
    party = pl.when(other).then(OTHER_PARTY).otherwise(0)
    wanted = pl.col("ticket.direction").str.to_lowercase()
    side = pl.when(wanted.is_in(["mo", "mt"]) & (wanted != pl.col("role"))).then(OTHER_SIDE).otherwise(0)
    return outcome + late + party + side


def _legs(work: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
    """For each chosen record its partner leg (other_leg_id, else the same ICID), and which one is whose."""
    near = among("id", chosen["other_leg_id"]) | among("other_leg_id", chosen["id"])
    near |= among("icid", chosen["icid"])
    calls = work.tables.where("call", near, ("id", "leg", "icid", "other_leg_id", "started_at"))
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
