"""Voice slices of the own call.

Loss by segment, silence, relay, quality (MOS-02 to MOS-22, DRP-15, DRP-17).
"""

from __future__ import annotations

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

from diagnosis.record_join import ids_of
from diagnosis.source import among
from diagnosis.workspace import ROW, Name, Workspace

SLICES = "slices"
NAMES = {
    "mos_score": Name("float", SLICES),
    "rtp_loss_ratio": Name("float", SLICES),
    "rtp_jitter": Name("float", SLICES),
    "one_way_delay": Name("float", SLICES),
    "silence_events": Name("integer", SLICES),
    "s1u_loss": Name("float", SLICES, ("first_lossy_segment", "pdcp_loss_ratio_ul_qci1")),
    "bad_direction": Name("string", SLICES),
    "uplink_ta_commands": Name("integer", SLICES),
    "uplink_ta_loss": Name("float", SLICES),
    "rtp_address_reachable": Name("boolean", SLICES),
    "voice_slice.max_gap": Name("float", SLICES),
    "both_sides_silent": Name("boolean", SLICES),
    "own_points_loss": Name("float", SLICES),
    "own_network_good": Name("boolean", SLICES),
    "far_end_mos": Name("float", SLICES),
    "far_end_loss": Name("float", SLICES),
    "first_lossy_segment": Name("string", SLICES),
    "relay_silent": Name("boolean", SLICES),
    "relay_bypassed": Name("boolean", SLICES),
    "known_voice_issue": Name("boolean", "device_model", ("device_model.known_issues",)),
}
# In the direction of the speech of the own leg; the downlink runs the other way.
POINTS = ("ue", "s1u", "sbc", "far_end")
_ISSUE = "(?i)microphone|\\bmic\\b|speaker|earpiece|echo|麦克风|话筒|扬声器|听筒|回声"
_METHODS = ("POLQA_SWB", "E_MODEL", "OTHER")  # the best first
_NOTHING_ARRIVES = 95.0  # % lost
_PACKETS_PER_S = 50.0  # speech frames of 20 ms (TS 26.114)
_FEW_LOST = 5.0  # packets: fewer are no rate that differs from none
_GAP_EVENT_S = 5.0  # kpis.csv, silence_events: gap_s > 5
_TA_COMMANDS = 5  # MOS-16: the loss of such an uplink is made on the air interface


def derive(work: Workspace) -> None:
    """Add the values of NAMES and `has.slices`."""
    slices = _own_slices(work)
    points = _by_point(slices)
    _add_quality(work, slices, points)
    _add_timing_advance(work, slices)
    _add_segments(work, points)
    _add_silence(work, slices)
    _add_direction(work, points)
    _add_relay(work, slices, points)
    _add_terminal(work)


def _own_slices(work: Workspace) -> pl.DataFrame:
    """Slices of the chosen call and its other leg, with `own` = of the customer's leg."""
    leg = (
        pl.when(~pl.col("other_side"))
        .then("call.leg")
        .otherwise(pl.col("call.leg").replace({"mo": "mt", "mt": "mo"}))
    )
    rows = work.related["call"].join(work.frame.select(ROW, own_leg=leg), on=ROW)
    slices = work.tables.where("voice_slice", among("call_id", rows["id"]))
    return rows.join(slices, left_on="id", right_on="call_id").with_columns(
        pl.col("direction", "point").cast(pl.Categorical),
        own=pl.col("leg") == pl.col("own_leg"),
        arrived=pl.col("packets_expected") - pl.col("packets_lost").fill_null(0),
    )


def _by_point(slices: pl.DataFrame) -> pl.DataFrame:
    """Per row, leg, direction and point: packet-weighted loss in %, packets, silence, MOS of each method.

    Sums and means of prepared columns only: a filter inside each of many small groups is slow.
    """
    counted = pl.col("packets_expected").is_not_null() & pl.col("packets_lost").is_not_null()
    prepared = slices.with_columns(
        expected=pl.when(counted).then("packets_expected"),
        lost=pl.when(counted).then("packets_lost"),
        quiet=pl.col("silence") / pl.col("length"),
        told=pl.col("arrived").is_not_null(),
        **{f"mos_{m}": pl.when(pl.col("mos_method").fill_null("OTHER") == m).then("mos") for m in _METHODS},
    )
    expected = pl.col("expected").sum()
    return prepared.group_by(ROW, "own", "leg", "direction", "point").agg(
        pl.col("mos_POLQA_SWB", "mos_E_MODEL", "mos_OTHER", "jitter", "delay").mean(),
        loss=pl.when(expected > 0)
        .then(100 * pl.col("lost").sum() / expected)
        .otherwise(pl.col("loss").mean()),
        packets=pl.max_horizontal(expected, _PACKETS_PER_S * pl.col("length").sum()),
        arrived=pl.col("arrived").sum(),
        arrival_told=pl.col("told").any(),
        silent=pl.col("quiet").mean(),
    )


def _one_method(columns: str) -> pl.Expr:
    """MOS of the best method that the call has; methods never mix in one average (runbooks.md section 7)."""
    return pl.coalesce(*(columns.format(method) for method in _METHODS))


def _add_quality(work: Workspace, slices: pl.DataFrame, points: pl.DataFrame) -> None:
    """Worst direction and point of the call for loss, jitter, delay and MOS."""
    worst = points.group_by(ROW).agg(
        pl.col("mos_POLQA_SWB", "mos_E_MODEL", "mos_OTHER").min(),
        rtp_loss_ratio=pl.col("loss").max(),
        rtp_jitter=pl.col("jitter").max(),
        one_way_delay=pl.col("delay").max(),
    )
    reach = pl.col("rtp_address_reachable")
    whole = slices.group_by(ROW).agg(
        pl.lit(True).alias("has.slices"),
        pl.col("max_gap").max().alias("voice_slice.max_gap"),
        # The least of booleans: false where one slice says so, null where none tells.
        rtp_address_reachable=reach.min(),
        _gaps=(pl.col("max_gap") > _GAP_EVENT_S).sum().cast(pl.Int64),
    )
    mos = [f"mos_{method}" for method in _METHODS]
    work.join_rows(worst.with_columns(mos_score=_one_method("mos_{}")).drop(mos))
    work.join_rows(whole)
    work.derive(
        pl.col("has.slices").fill_null(False),
        pl.coalesce("call.max_rtp_gap", "voice_slice.max_gap").alias("call.max_rtp_gap"),
        silence_events=pl.when(pl.col("voice_slice.max_gap").is_not_null()).then("_gaps"),
    )
    work.frame = work.frame.drop("_gaps")


def _add_segments(work: Workspace, points: pl.DataFrame) -> None:
    """Mean loss at each point of the own leg, and what follows from it."""
    at = [(direction, point) for point in POINTS for direction in ("uplink", "downlink")]
    here = [(pl.col("direction") == d) & (pl.col("point") == p) for d, p in at]
    spread = points.filter("own").select(
        ROW, *(pl.when(cell).then("loss").alias(f"_{d}_{p}") for cell, (d, p) in zip(here, at, strict=True))
    )
    far = points.filter(pl.col("point") == "far_end").group_by(ROW)
    far_end = far.agg(
        pl.col("mos_POLQA_SWB", "mos_E_MODEL", "mos_OTHER").mean(), far_end_loss=pl.col("loss").mean()
    )
    work.join_rows(spread.group_by(ROW).agg(pl.all().max()))
    at_s1u = points.filter(pl.col("own") & (pl.col("point") == "s1u"))
    work.join_rows(at_s1u.group_by(ROW).agg(_s1u_packets=pl.col("packets").max()))
    work.join_rows(far_end.select(ROW, "far_end_loss", far_end_mos=_one_method("mos_{}")))
    _add_transport_loss(work)
    _add_own_points(work)
    work.derive(first_lossy_segment=_first_lossy(work.limit("lossy_percent")))


def _gain(direction: str, point: str, before: tuple[str, ...]) -> pl.Expr:
    """Loss that a point adds to what had been lost before it in the direction of the speech."""
    earlier = pl.max_horizontal(pl.lit(0.0), *(pl.col(f"_{direction}_{p}") for p in before))
    return (pl.col(f"_{direction}_{point}") - earlier).clip(lower_bound=0.0)


def _add_transport_loss(work: Workspace) -> None:
    """`s1u_loss`: the loss that begins at S1-U (DRP-17, MOS-18).

    Loss that was there before S1-U belongs to the segment where it began (MOS-05): downlink loss already seen
    at the SBC or far end, uplink loss seen at the phone, or made on an air interface beyond its limits, or on
    one that loses about as much for all. The way up to S1-U holds the air: who does not know what the cell
    lost there cannot tell transport from air.
    """
    up, down = _gain("uplink", "s1u", ("ue",)), _gain("downlink", "s1u", ("sbc", "far_end"))
    # Where nothing at all arrives the media path is cut (MOS-19, MOS-22); that is no loss of a transport.
    down = pl.when(pl.col("_downlink_s1u") < _NOTHING_ARRIVES).then(down)
    air = pl.any_horizontal(
        (pl.col("call.ul_sinr_last") < 0).fill_null(False),
        (pl.col("call.pusch_rsrp_last") < -124).fill_null(False),
        (pl.col("ul_interference_per_prb") > work.limit("radio_noise_dbm")).fill_null(False),
        (pl.col("pdcp_loss_ratio_ul_qci1") >= pl.min_horizontal(up / 2, 5.0)).fill_null(False),
        (pl.col("uplink_ta_commands") >= _TA_COMMANDS).fill_null(False),
        (pl.col("prb_utilisation") >= 70).fill_null(False),
        (pl.col("call.reestablishment_count") > 0).fill_null(False),
        (pl.col("call.handover_failures") > 0).fill_null(False),
        (pl.col("call.shortest_return") < 5).fill_null(False),
    )
    up = pl.when(air & up.is_not_null()).then(pl.lit(0.0)).otherwise(up)
    lost = work.limit("lossy_percent")
    open_ = (up >= lost) & (down.fill_null(0.0) < lost) & pl.col("pdcp_loss_ratio_ul_qci1").is_null()
    loss = pl.max_horizontal(down, up)
    few = (loss / 100 * pl.col("_s1u_packets") < _FEW_LOST).fill_null(False)
    work.derive(
        s1u_loss=pl.when(~open_.fill_null(False)).then(pl.when(few).then(pl.lit(0.0)).otherwise(loss))
    )


def _add_own_points(work: Workspace) -> None:
    """`own_points_loss` without what came from the far end; `own_network_good` with the cell in order too."""
    ups = [pl.col(f"_uplink_{p}") for p in ("ue", "s1u", "sbc")]
    downs = [_gain("downlink", p, ("far_end",)) for p in ("ue", "s1u", "sbc")]
    # Uplink loss at S1-U was made by phone and air; the cell checks below speak for the air.
    network = [_gain("uplink", "sbc", ("ue", "s1u"))]
    network += [_gain("downlink", p, ("far_end",)) for p in ("s1u", "sbc")]
    cell_hits = [
        pl.col("pdcp_loss_ratio_ul_qci1") >= 5,
        pl.col("pdcp_air_loss_ratio_dl_qci1") >= 5,
        pl.col("pdcp_discard_ratio_dl_qci1") > 0.5,
        pl.col("ul_interference_per_prb") > work.limit("radio_noise_dbm"),
        pl.col("prb_utilisation") >= 70,
        pl.col("equipment_alarm_near"),
        pl.col("call.pusch_rsrp_last") < -124,
        pl.col("call.ul_sinr_last") < 0,
        pl.col("call.sinr_last") < 0,
    ]
    worst = pl.max_horizontal(*network)
    bad_cell = pl.any_horizontal(*(hit.fill_null(False) for hit in cell_hits))
    work.derive(
        own_points_loss=pl.max_horizontal(*ups, *downs),
        own_network_good=pl.when(worst.is_not_null()).then((worst < work.limit("lossy_percent")) & ~bad_cell),
    )


def _first_lossy(limit: pl.Expr) -> pl.Expr:
    """First of ue, s1u, sbc, far_end in the direction of the speech where loss reaches the limit (MOS-05).

    Of two lossy directions the worse one tells; `none` when loss is known and low everywhere.
    """

    def first(direction: str, order: tuple[str, ...]) -> pl.Expr:
        chain: Then | ChainedThen = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.String))
        for point in order:
            chain = chain.when(pl.col(f"_{direction}_{point}") >= limit).then(pl.lit(point))
        return chain.otherwise(pl.lit(None, dtype=pl.String))

    worst = {d: pl.max_horizontal(*(pl.col(f"_{d}_{p}") for p in POINTS)) for d in ("uplink", "downlink")}
    up, down = first("uplink", POINTS), first("downlink", POINTS[::-1])
    up_worse = worst["uplink"].fill_null(-1.0) >= worst["downlink"].fill_null(-1.0)
    told = worst["uplink"].is_not_null() | worst["downlink"].is_not_null()
    found = pl.when(up_worse).then(pl.coalesce(up, down)).otherwise(pl.coalesce(down, up))
    return pl.when(told).then(found.fill_null("none"))


def _add_silence(work: Workspace, slices: pl.DataFrame) -> None:
    """Both directions silent in slices that overlap in time; one party listening is no silence of both."""
    quiet = pl.col("silence") / pl.col("length") >= work.settings.silent_share
    up = pl.col("direction") == "uplink"
    own = slices.filter(pl.col("silence").is_not_null() & pl.col("own"))
    buckets = (
        own.select(
            ROW,
            bucket=pl.col("start").dt.truncate("8s"),
            up=up,
            down=~up,
            up_quiet=up & quiet,
            down_quiet=~up & quiet,
        )
        .group_by(ROW, "bucket")
        .agg(pl.col("up", "down", "up_quiet", "down_quiet").any())
        .select(ROW, both=pl.col("up") & pl.col("down"), both_quiet=pl.col("up_quiet") & pl.col("down_quiet"))
    )
    found = buckets.group_by(ROW).agg(pl.col("both", "both_quiet").any())
    work.join_rows(found.select(ROW, both_sides_silent=pl.when("both").then("both_quiet")))


def _add_timing_advance(work: Workspace, slices: pl.DataFrame) -> None:
    """Add `uplink_ta_commands`, `uplink_ta_loss`: own uplink slice with the most nearly equal TA commands."""
    uplink = slices.filter(
        (pl.col("direction") == "uplink") & pl.col("own") & pl.col("similar_ta_commands").is_not_null()
    )
    order = [ROW, "similar_ta_commands", "loss", "start"]
    top = uplink.sort(order, descending=[False, True, True, False], nulls_last=True)
    top = top.unique(ROW, keep="first", maintain_order=True)
    work.join_rows(top.select(ROW, uplink_ta_commands="similar_ta_commands", uplink_ta_loss="loss"))


def _add_direction(work: Workspace, points: pl.DataFrame) -> None:
    """`bad_direction`: where loss or silence of the own call is worse.

    As the speaker of the own leg sees it.
    """
    # What the other leg sends up comes down to the own leg.
    flipped = pl.col("direction").cast(pl.String).replace({"uplink": "downlink", "downlink": "uplink"})
    seen = pl.when(pl.col("own")).then(pl.col("direction").cast(pl.String)).otherwise(flipped)
    badness = pl.max_horizontal("loss", 100 * (pl.col("silent") - 0.5).clip(lower_bound=0.0))
    worst = (
        points.with_columns(seen=seen, badness=badness)
        .select(
            ROW,
            _up=pl.when(pl.col("seen") == "uplink").then("badness"),
            _down=pl.when(pl.col("seen") == "downlink").then("badness"),
        )
        .group_by(ROW)
        .agg(pl.all().max())
    )
    work.join_rows(worst)
    up, down = pl.col("_up").fill_null(0.0), pl.col("_down").fill_null(0.0)
    limit = work.limit("lossy_percent")
    work.derive(
        bad_direction=pl.when(pl.col("_up").is_null() & pl.col("_down").is_null())
        .then(pl.lit(None, dtype=pl.String))
        .when((up < limit) & (down < limit))
        .then(pl.lit("none"))
        .when(up > 2 * down)
        .then(pl.lit("uplink"))
        .when(down > 2 * up)
        .then(pl.lit("downlink"))
        .otherwise(pl.lit("both"))
    )
    work.frame = work.frame.drop("_up", "_down")


def _add_relay(work: Workspace, slices: pl.DataFrame, points: pl.DataFrame) -> None:
    """MOS-22: what enters the SBC from one side must leave it towards the other.

    Packets that a dead relay owes are counted as expected and lost by one probe, and not at all by another.
    """
    at_sbc = points.filter(pl.col("point") == "sbc").with_columns(
        flows=pl.when(pl.col("arrival_told"))
        .then((pl.col("arrived") > 0) & (pl.col("loss") < _NOTHING_ARRIVES).fill_null(True))
        .otherwise((pl.col("loss") < 100) & (pl.col("silent").fill_null(0.0) < 0.95))
    )
    enters = at_sbc.filter(pl.col("direction") == "uplink").select(ROW, "leg", enters="flows")
    leaves = at_sbc.filter(pl.col("direction") == "downlink").select(
        ROW, leg=pl.col("leg").replace({"mo": "mt", "mt": "mo"}), leaves="flows"
    )
    through = enters.join(leaves, on=[ROW, "leg"], how="inner")
    found = through.group_by(ROW).agg(_stuck=(pl.col("enters") & ~pl.col("leaves")).any())
    probed = _probed_relays(work)
    seen = slices.group_by(ROW).agg(
        _before=pl.col("point").is_in(["ue", "s1u"]).any(), _at_sbc=(pl.col("point") == "sbc").any()
    )
    work.join_rows(found)
    work.join_rows(seen)
    names = [
        pl.col(f"call.{n}").is_in(probed.implode()).fill_null(False) for n in ("sbc_name", "media_relay_name")
    ]
    reachable = pl.col("rtp_address_reachable").fill_null(True)
    work.derive(
        relay_silent=pl.col("_stuck") & reachable,
        relay_bypassed=pl.when(pl.col("_at_sbc"))
        .then(pl.lit(False))
        .when(pl.col("_before") & pl.any_horizontal(*names))
        .then(pl.lit(True)),
    )
    work.frame = work.frame.drop(
        "_stuck", "_before", "_at_sbc", *(f"_{d}_{p}" for d in ("uplink", "downlink") for p in POINTS)
    )


def _probed_relays(work: Workspace) -> pl.Series:
    """Names of SBCs and relays at which some call of the store was measured."""

    def read() -> pl.Series:
        slices = work.tables.where("voice_slice", pl.col("point") == "sbc", ("call_id",))
        calls = work.tables.where("call", among("id", slices["call_id"]), ("sbc_name", "media_relay_name"))
        return ids_of(calls, "sbc_name", "media_relay_name").sort()

    return work.tables.kept("probed_relays", ("voice_slice", "call"), read)


def _add_terminal(work: Workspace) -> None:
    """`known_voice_issue`: an empty field says "none" only where the list names issues of other models."""
    issues = pl.col("device_model.known_issues")
    kept = work.tables["device_model"]["known_issues"].is_not_null().any()
    none = pl.when(pl.col("has.device_model") & pl.lit(bool(kept))).then(pl.lit(False))
    work.derive(known_voice_issue=pl.coalesce(issues.str.contains(_ISSUE), none))
