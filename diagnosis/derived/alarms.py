"""Alarms on the elements that served the user (G-02, DRP-02, MOS-09)."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from diagnosis.serving import BEHIND_REGISTER, CORE_TYPES, NAMED_BY, node_name, pool_of, site
from diagnosis.workspace import ROW, Name, Workspace, hours

NAMES = {
    "alarm.service_affecting": Name("boolean", "alarm"),
    "alarm.id": Name("string", "alarm"),
    "alarm.alarmed_object": Name("string", "alarm"),
    "alarm.alarmed_object_type": Name("string", "alarm"),
    "alarm.alarm_type": Name("string", "alarm"),
    "alarm.specific_problem": Name("string", "alarm"),
    "alarm.raised_at": Name("datetime", "alarm"),
    "alarm.cleared_at": Name("datetime", "alarm"),
    "alarm_distance_h": Name("float", "alarm"),
    "alarm_on_core_node": Name("boolean", "alarm"),
    "alarm_sites": Name("integer", "alarm"),
    "cluster_on_element": Name("boolean", "alarm"),
    "enb_alarm_in_call": Name("boolean", "alarm", ("call.started_at",)),
    "link_flap_in_call": Name("boolean", "alarm", ("call.started_at",)),
    "equipment_alarm_near": Name("boolean", "alarm"),
}
# With more nodes of a type in a region, and none named by a record, it stays open which one served (default).
MOST_GUESSED = 2
_LINK = (
    r"(?i)\bs1\b|\bx2\b|s1-?(mme|u|ap|c)\b|sctp|\blink\b|transmission|transport|backhaul|链路|传输|光缆|偶联"
)
# Cell off, VSWR, optical port, S1 down, synchronisation (MOS-09, S40).
_EQUIPMENT = (
    r"(?i)out of service|cell (off|down|unavailable|blocked)|unavailable|vswr|standing wave|optical|"
    r"fib(er|re)|sfp|\bs1\b|sctp|sync|clock|gps|gnss|1588|rru|bbu|board|power|hardware|antenna|退服|断站|驻波|光口|光模块|光路|同步|时钟|失步|射频"
)
_TIME = pl.Datetime("us", "UTC")
_FIELDS = (
    "id",
    "alarm_type",
    "probable_cause",
    "specific_problem",
    "alarmed_object",
    "alarmed_object_type",
    "raised_at",
    "cleared_at",
    "service_affecting",
    "perceived_severity",
)


def derive(work: Workspace) -> None:
    """Add the values of NAMES. A source without any alarm tells nothing.

    One with alarms elsewhere tells that.
    """
    none = work.tables.empty("alarm")
    work.derive(no_alarm_table=pl.lit(none))
    pairs = related_alarms(work)
    work.related["alarm"] = pairs.select(ROW, "id").unique().sort(ROW, "id")
    _add_nearest(work, pairs, none)
    _add_mass(work, pairs, none)
    _add_in_call(work, pairs, none)


def _located(work: Workspace) -> pl.DataFrame:
    """Alarms with the element they are on: `ecgi`, `enb` (site), `node_id` and `node_type`."""
    horizon = timedelta(hours=work.settings.alarm_horizon_h, seconds=1)
    first, last = work.frame["complaint_at"].min(), work.frame["complaint_at"].max()
    rows = work.tables["alarm"].filter(
        (pl.col("raised_at") <= pl.lit(last, _TIME) + horizon)
        & (pl.col("cleared_at") >= pl.lit(first, _TIME) - horizon).fill_null(True)
        & (pl.col("perceived_severity") != "cleared").fill_null(True)
    )
    return located(work, rows.select(*_FIELDS), "alarmed_object", pl.col("alarmed_object_type"))


def located(work: Workspace, rows: pl.DataFrame, column: str, told_type: pl.Expr) -> pl.DataFrame:
    """Resolve an object name to a cell (ECGI), a site (eNB id.

    Or a node of type enb) or a node of the core.
    """
    aliases = work.related["aliases"].rename({"node_id": "_id", "node_type": "_type"})
    is_cell = pl.col(column).str.contains(r"^\d+-\d+-\d+-\d+$")
    named = rows.with_columns(_alias=node_name(pl.col(column))).join(
        aliases, left_on="_alias", right_on="alias", how="left", maintain_order="left"
    )
    node_type = pl.coalesce("_type", told_type.replace("cscf", "scscf"))
    on_enb = (node_type == "enb").fill_null(False)
    digits = pl.col(column).str.extract(r"(\d{1,7})$", 1)
    number = pl.when(pl.col(column).str.contains(r"^\d{1,7}$")).then(pl.col(column))
    sites = node_type.is_in(["enb", "cell", "transport_link"]).fill_null(False)
    return named.with_columns(
        ecgi=pl.when(is_cell).then(pl.col(column)),
        enb=pl.when(is_cell).then(site(pl.col(column))).when(on_enb | sites).then(digits).otherwise(number),
        node_id=pl.when(~is_cell & ~on_enb).then(pl.coalesce("_id", "_alias")),
        node_type=node_type,
    ).drop("_id", "_type", "_alias")


def served_pairs(work: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Ticket rows x located objects within the horizon: own cell or site, first ring, serving nodes.

    `rows` has `_at_index`, `active_from` and `active_to` (null while active); the answer has `row`,
    `_at_index`, `relation` (own, ring, node). Nodes are the named ones, else all of the pool or region
    (runbooks, G-02).
    """
    near = rows.select("_at_index", "ecgi", "enb", "node_id", "active_from", "active_to")
    cells, nodes = near.filter(pl.col("enb").is_not_null()), near.filter(pl.col("node_id").is_not_null())
    pairs = [_own_pairs(work, cells), _ring_pairs(work, cells), *_node_pairs(work, nodes)]
    return (
        pl.concat(pairs)
        .sort(ROW, "_at_index", "rank")
        .unique([ROW, "_at_index"], keep="first", maintain_order=True)
        .with_columns(relation=pl.col("rank").replace_strict({0: "own", 1: "node", 2: "ring"}))
        .drop("rank")
    )


def _within(work: Workspace, pairs: pl.DataFrame, rank: pl.Expr) -> pl.DataFrame:
    """Only pairs within the horizon; done after each join, so that the frames stay small."""
    reach = pl.duration(hours=int(work.settings.alarm_horizon_h) + 1)
    at = pl.col("complaint_at")
    ends = pl.col("active_to").is_null() | (pl.col("active_to") + reach >= at)
    return pairs.filter(ends & (pl.col("active_from") - reach <= at)).select(ROW, "_at_index", rank=rank)


def _own_pairs(work: Workspace, cells: pl.DataFrame) -> pl.DataFrame:
    on_site = work.frame.select(ROW, "complaint_at", "serving_ecgi", enb="site").join(cells, on="enb")
    # An alarm of a sister cell is on the site, not on the serving cell.
    same_cell = pl.col("ecgi").is_null() | (pl.col("ecgi") == pl.col("serving_ecgi"))
    return _within(work, on_site, pl.when(same_cell).then(0).otherwise(2))


def _ring_pairs(work: Workspace, cells: pl.DataFrame) -> pl.DataFrame:
    ring = work.related["ring"].with_columns(enb=site(pl.col("ring_ecgi")))
    on_cell = ring.join(
        cells.filter(pl.col("ecgi").is_not_null()).drop("enb").rename({"ecgi": "ring_ecgi"}), on="ring_ecgi"
    )
    on_site = ring.join(cells.filter(pl.col("ecgi").is_null()), on="enb")
    columns = ["serving_ecgi", "_at_index", "active_from", "active_to"]
    around = pl.concat([on_cell.select(columns), on_site.select(columns)]).unique()
    tickets = work.frame.select(ROW, "complaint_at", "serving_ecgi")
    return _within(work, tickets.join(around, on="serving_ecgi"), pl.lit(2))


def _node_pairs(work: Workspace, objects: pl.DataFrame) -> list[pl.DataFrame]:
    """Ticket rows x objects on nodes that served the user, one frame per node type."""
    ids = objects["node_id"].unique().implode()
    inventory = work.tables["node"].filter(pl.col("node_id").is_in(ids))
    parts = []
    for node_type in CORE_TYPES:
        column = f"serving.{node_type}"
        named = work.frame.filter(pl.col(column).is_in(ids)).select(ROW, "complaint_at", node_id=column)
        parts.append(_within(work, named.join(objects, on="node_id"), pl.lit(1)))
        pool = pool_of(node_type)
        key, told = ("pool", pool) if pool else ("region", "ticket.region")
        members = inventory.filter(pl.col("node_type") == node_type).select("node_id", _key=key).drop_nulls()
        if members.is_empty() or (pool is None and _is_guesswork(work, node_type)):
            continue
        reached = ~pl.col("stopped_before_ims") if node_type in BEHIND_REGISTER else pl.lit(True)
        open_rows = work.frame.filter(pl.col(column).is_null() & reached)
        open_rows = open_rows.select(ROW, "complaint_at", _key=told)
        guess = open_rows.join(members, on="_key").join(objects, on="node_id")
        parts.append(_within(work, guess, pl.lit(1)))
    return parts


def _is_guesswork(work: Workspace, node_type: str) -> bool:
    """Return whether one of many nodes would be a guess: records name such nodes, and none named one here."""
    many = work.tables["node"].filter(pl.col("node_type") == node_type).group_by("region").len()["len"].max()
    return node_type in NAMED_BY and isinstance(many, int) and many > MOST_GUESSED


def related_alarms(work: Workspace) -> pl.DataFrame:
    """Ticket rows x alarms within the horizon, with `distance_h` from the complaint time (0 while active)."""
    rows = _located(work).with_row_index("_at_index")
    rows = rows.with_columns(active_from="raised_at", active_to="cleared_at")
    pairs = (
        served_pairs(work, rows)
        .join(rows, on="_at_index")
        .join(work.frame.select(ROW, "complaint_at", "call.started_at", "call.t_end"), on=ROW)
    )
    before = hours(pl.col("complaint_at"), pl.col("raised_at"))
    after = hours(pl.col("cleared_at"), pl.col("complaint_at"))
    distance = pl.max_horizontal(before, after, pl.lit(0.0))
    return pairs.with_columns(distance_h=distance).filter(
        pl.col("distance_h") <= work.settings.alarm_horizon_h
    )


def _knows(work: Workspace, none: bool) -> pl.Expr:
    """Where an alarm would have been seen: there is an alarm table, and some element of the user is known."""
    named = pl.any_horizontal(*(pl.col(f"serving.{t}").is_not_null() for t in CORE_TYPES))
    return pl.lit(not none) & pl.col("complaint_at").is_not_null() & (pl.col("has.cell") | named)


def _add_nearest(work: Workspace, pairs: pl.DataFrame, none: bool) -> None:
    """Add the nearest alarm, service-affecting ones first: they are what G-02 asks about."""
    affecting = pl.col("service_affecting").fill_null(False)
    rank = pl.col("relation").replace_strict(
        {"node": 0, "own": 1, "ring": 2}, default=3, return_dtype=pl.Int64
    )
    best = (
        pairs.sort(ROW, ~affecting, "distance_h", rank, "raised_at", "id")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, "distance_h", *(pl.col(n).alias(f"alarm.{n}") for n in _FIELDS))
    )
    work.join_rows(best)
    known = _knows(work, none)
    work.derive(
        pl.when(known).then(pl.col("distance_h").fill_null(float("inf"))).alias("alarm_distance_h"),
        pl.when(known & pl.col("alarm.id").is_null())
        .then(pl.lit(False))
        .otherwise("alarm.service_affecting")
        .alias("alarm.service_affecting"),
    )
    work.frame = work.frame.drop("distance_h", "alarm.perceived_severity", "alarm.probable_cause")


def _add_mass(work: Workspace, pairs: pl.DataFrame, none: bool) -> None:
    """Add what makes a near service-affecting alarm a mass fault.

    Core node, several sites, cluster of tickets.
    """
    near = pairs.filter(
        pl.col("service_affecting").fill_null(False) & (pl.col("distance_h") <= work.settings.alarm_near_h)
    )
    core = near.filter((pl.col("relation") == "node") & pl.col("node_type").is_in(CORE_TYPES))
    sites = near.filter(pl.col("enb").is_not_null()).sort(ROW, "raised_at")
    together = f"{int(work.settings.alarm_together_min)}m"
    counts = (
        sites.rolling("raised_at", period=together, group_by=ROW, closed="both")
        .agg(n=pl.col("enb").n_unique())
        .group_by(ROW)
        .agg(n_sites=pl.col("n").max().cast(pl.Int64))
    )
    clustered = near.join(work.related["cluster_elements"], on=ROW).filter(
        ((pl.col("cluster_type") == "cell") & (pl.col("ecgi") == pl.col("cluster_key")))
        | ((pl.col("cluster_type") == "site") & (pl.col("enb") == pl.col("cluster_key")))
        | ((pl.col("cluster_type") == "scscf") & (pl.col("node_id") == pl.col("cluster_key")))
    )
    work.join_rows(counts)
    work.join_rows(_mass_relation(core, sites, clustered))
    known = _knows(work, none)
    work.derive(
        alarm_on_core_node=pl.when(known).then(pl.col(ROW).is_in(core[ROW].unique().implode())),
        alarm_sites=pl.when(known & pl.col("has.cell")).then(pl.col("n_sites").fill_null(0)),
        cluster_on_element=pl.when(known).then(pl.col(ROW).is_in(clustered[ROW].unique().implode())),
    )
    work.frame = work.frame.drop("n_sites")


def _mass_relation(core: pl.DataFrame, sites: pl.DataFrame, clustered: pl.DataFrame) -> pl.DataFrame:
    """`mass_relation`: where the nearest of the alarms of a mass fault lies: own, node, or ring."""
    order = pl.col("relation").replace_strict({"own": 0, "node": 1, "ring": 2}, return_dtype=pl.Int64)
    every = pl.concat([frame.select(ROW, "relation") for frame in (core, sites, clustered)])
    nearest = every.sort(ROW, order).unique(ROW, keep="first", maintain_order=True)
    return nearest.select(ROW, mass_relation="relation")


def _text() -> pl.Expr:
    return pl.concat_str("probable_cause", "specific_problem", separator=" ", ignore_nulls=True)


def _add_in_call(work: Workspace, pairs: pl.DataFrame, none: bool) -> None:
    """Alarms of cells, sites and their links while the call lasted, and equipment alarms at the complaint."""
    known = pl.lit(not none) & pl.col("has.cell")
    in_call = known & pl.col("call.started_at").is_not_null()
    on_ran = pairs.filter(pl.col("enb").is_not_null())
    enb, link = _in_call(on_ran)
    near = _near_equipment(on_ran, work.settings.time_uncertainty_min / 60)

    def among(frame: pl.DataFrame) -> pl.Expr:
        return pl.col(ROW).is_in(frame[ROW].unique().implode())

    work.derive(
        enb_alarm_in_call=pl.when(in_call).then(among(enb)),
        link_flap_in_call=pl.when(in_call).then(among(link)),
        equipment_alarm_near=pl.when(known & pl.col("complaint_at").is_not_null()).then(among(near)),
    )


def _in_call(on_ran: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Grave alarms of cells and sites during the call, and alarms of links raised in it."""
    slack = pl.duration(minutes=1)
    start = pl.col("call.started_at") - slack
    end = pl.coalesce("call.t_end", "call.started_at") + slack
    raised_in = pl.col("raised_at").is_between(start, end)
    lasts = (pl.col("raised_at") <= end) & (pl.col("cleared_at").is_null() | (pl.col("cleared_at") >= start))
    is_link = (pl.col("alarmed_object_type") == "transport_link").fill_null(False) | (
        (pl.col("alarm_type") != "equipmentAlarm").fill_null(True)
        & _text().str.contains(_LINK).fill_null(False)
    )
    grave = pl.col("service_affecting").fill_null(False) | pl.col("perceived_severity").is_in(
        ["critical", "major"]
    )
    own = pl.col("relation") == "own"
    # On the own cell or site a grave alarm that was already active counts; in the ring only one raised in
    # the call.
    enb = on_ran.filter(~is_link & grave & ((own & lasts) | raised_in).fill_null(False))
    return enb, on_ran.filter(is_link & raised_in.fill_null(False))


def _near_equipment(on_ran: pl.DataFrame, slack_h: float) -> pl.DataFrame:
    """Equipment alarms of the own cell or site at the complaint time."""
    equipment = (pl.col("alarm_type") == "equipmentAlarm").fill_null(False) | _text().str.contains(
        _EQUIPMENT
    ).fill_null(False)
    return on_ran.filter((pl.col("relation") == "own") & equipment & (pl.col("distance_h") <= slack_h))
