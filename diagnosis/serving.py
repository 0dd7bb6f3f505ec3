"""The elements that served the user: cell, first ring, and one node of each type."""

from __future__ import annotations

import polars as pl

from collectors.records.schema import ABSENT
from diagnosis.source import among, fields
from diagnosis.workspace import ROW, Workspace

# Node type -> the record fields that name such a node, the best first. A P-CSCF inside an SBC is of type sbc.
NAMED_BY: dict[str, tuple[str, ...]] = {
    "mme": ("mme_name",),
    "pgw": ("pgw_name",),
    "pcrf": ("pcrf_name",),
    "sbc": ("sbc_name", "pcscf_name"),
    "pcscf": ("pcscf_name", "sbc_name"),
    "icscf": ("icscf_name",),
    "scscf": ("scscf_name",),
    "as": ("as_name",),
    "msc": ("msc_name",),
    "emsc": ("msc_name",),
    "rtp_proxy": ("media_relay_name",),
    "mgw": ("media_relay_name",),
}
HINTS = {
    "sbc_name": "sbc",
    "pcscf_name": "pcscf",
    "icscf_name": "icscf",
    "scscf_name": "scscf",
    "as_name": "as",
    "mme_name": "mme",
    "pgw_name": "pgw",
    "pcrf_name": "pcrf",
    "msc_name": "msc",
    "media_relay_name": "rtp_proxy",
}
CORE_TYPES = (
    "mme",
    "sgw",
    "pgw",
    "pcrf",
    "sbc",
    "pcscf",
    "icscf",
    "scscf",
    "as",
    "hss",
    "dns",
    "mgcf",
    "mgw",
    "rtp_proxy",
    "msc",
    "emsc",
)
BEHIND_REGISTER = frozenset({"sbc", "pcscf", "icscf", "scscf", "as", "dns", "mgcf", "mgw", "rtp_proxy"})
_KM_PER_DEGREE = 111.2


def node_name(column: pl.Expr) -> pl.Expr:
    """Return comparable form of a node name: without case, `sip:`, port and parameters (records.md, node)."""
    bare = (
        column.str.to_lowercase()
        .str.strip_chars(" <>")
        .str.replace(r"^sips?:", "")
        .str.replace(r"[;?>].*$", "")
    )
    bare = bare.str.replace(r"^\[([^\]]*)\].*$", "$1").str.replace(r"^([^:]*):\d+$", "$1")
    return bare.str.strip_chars(" ")


def site(ecgi: pl.Expr) -> pl.Expr:
    """ENB id of an ECGI as text (records.md: MCC-MNC-eNB-cell)."""
    return ecgi.str.extract(r"^\d+-\d+-(\d+)-\d+$", 1)


def node_aliases(work: Workspace) -> pl.DataFrame:
    """`alias` (comparable) -> `node_id`, `node_type`; the id is an alias of itself."""
    nodes = work.tables["node"].select("node_id", "node_type", "names")
    named = nodes.explode("names").rename({"names": "alias"})
    own = nodes.select("node_id", "node_type", alias="node_id")
    both = pl.concat(
        [named.select("alias", "node_id", "node_type"), own.select("alias", "node_id", "node_type")]
    )
    return (
        both.with_columns(node_name(pl.col("alias")))
        .filter(pl.col("alias").str.len_chars() > 0)
        .sort("alias", "node_id")
        .unique("alias", keep="first", maintain_order=True)
    )


def add_serving(work: Workspace) -> None:
    """Add `cell.<field>`, `cell_told_by`, `site`, `serving.<node type>` and `has.cell`."""
    _add_cell(work)
    _add_nodes(work)
    work.related["ring"] = first_ring(work)


def _add_cell(work: Workspace) -> None:
    attempt = pl.coalesce("registration.ecgi", "state.ecgi")
    on_call = pl.coalesce("call.last_ecgi", "call.first_ecgi")
    registering = (pl.col("category") == "registration").fill_null(False)
    other = pl.col("other_party_judged")
    own = (
        pl.when(other)
        .then(on_call)
        .when(registering)
        .then(pl.coalesce(attempt, on_call))
        .otherwise(pl.coalesce(on_call, attempt))
    )
    told_by = (
        pl.when(pl.col("own_ecgi").is_not_null())
        .then(pl.when(pl.col("own_ecgi") == on_call).then(pl.lit("call")).otherwise(pl.lit("registration")))
        .when(pl.col("ticket.ecgi").is_not_null())
        .then(pl.lit("ticket"))
        .when(pl.col("near_ecgi").is_not_null())
        .then(pl.lit("position"))
    )
    work.derive(own_ecgi=own)
    work.join_rows(_nearest_cells(work))
    # What the ticket tells is where the customer was.
    told = pl.when(~other).then(pl.coalesce("ticket.ecgi", "near_ecgi"))
    work.derive(cell_told_by=told_by, serving_ecgi=pl.coalesce(pl.col("own_ecgi"), told))
    cells = work.tables["cell"].filter(among("ecgi", work.frame["serving_ecgi"]))
    cells = cells.unique("ecgi", keep="first", maintain_order=True)
    taken = cells.select(
        serving_ecgi=pl.col("ecgi"),
        **{f"cell.{name}": pl.col(name) for name in fields("cell")},
        **{f"cell.{ABSENT}": pl.col(ABSENT), "has.cell_record": pl.lit(True)},
    )
    work.frame = work.frame.join(taken, on="serving_ecgi", how="left", maintain_order="left")
    work.derive(
        pl.col("serving_ecgi").alias("cell.ecgi"),
        pl.col("serving_ecgi").is_not_null().alias("has.cell"),
        pl.col("has.cell_record").fill_null(False),
        pl.coalesce("cell.tac", "registration.tac", "call.first_tac", "ticket.tac").alias("area_tac"),
        site=pl.coalesce(site(pl.col("serving_ecgi")), pl.col("cell.enb_id").cast(pl.String)),
    )


def _nearest_cells(work: Workspace) -> pl.DataFrame:
    """Row -> nearest cell within the position limit, for tickets that no record and no intake places."""
    limit = work.settings.position_limit_km
    open_rows = work.frame.filter(pl.col("own_ecgi").is_null() & pl.col("ticket.ecgi").is_null())
    points = open_rows.select(ROW, lat="ticket.latitude", lon="ticket.longitude").drop_nulls()
    if points.is_empty():
        return pl.DataFrame(schema={ROW: points.schema[ROW], "near_ecgi": pl.String})
    step = limit / _KM_PER_DEGREE
    narrowest = points["lat"].radians().cos().min()
    lon_step = step / max(0.2, narrowest) if isinstance(narrowest, float) else step
    around = pl.DataFrame({"d": [-1, 0, 1]})
    cells = (
        work.tables["cell"]
        .select("ecgi", clat="latitude", clon="longitude")
        .drop_nulls()
        .with_columns(
            i=(pl.col("clat") / step).floor().cast(pl.Int64),
            j=(pl.col("clon") / lon_step).floor().cast(pl.Int64),
        )
    )
    near = (
        points.join(around.rename({"d": "di"}), how="cross")
        .join(around.rename({"d": "dj"}), how="cross")
        .with_columns(
            i=(pl.col("lat") / step).floor().cast(pl.Int64) + pl.col("di"),
            j=(pl.col("lon") / lon_step).floor().cast(pl.Int64) + pl.col("dj"),
        )
        .join(cells, on=["i", "j"])
    )
    dx = (pl.col("lon") - pl.col("clon")) * pl.col("lat").radians().cos()
    km = ((pl.col("lat") - pl.col("clat")) ** 2 + dx**2).sqrt() * _KM_PER_DEGREE
    return (
        near.with_columns(km=km)
        .filter(pl.col("km") <= limit)
        .sort(ROW, "km", "ecgi")
        .unique(ROW, keep="first", maintain_order=True)
        .select(ROW, near_ecgi="ecgi")
    )


def _add_nodes(work: Workspace) -> None:
    """`serving.<type>`: named by the call, else the registration.

    Else the only node of the pool, region or network.
    """
    aliases = node_aliases(work)
    sources = [f"{record}.{name}" for record in ("call", "registration") for name in HINTS]
    sources = [name for name in sources if name in work.frame.columns]
    work.derive(*(_resolved(work, name, aliases, HINTS[name.split(".")[1]]) for name in sources))
    named = []
    for node_type in CORE_TYPES:
        candidates = [f"{r}.{n}" for r in ("call", "registration") for n in NAMED_BY.get(node_type, ())]
        matches = [
            pl.when((pl.col(f"_node.{c}").struct.field("node_type") == node_type) & _of_judged_party(c)).then(
                pl.col(f"_node.{c}").struct.field("node_id")
            )
            for c in candidates
            if c in sources
        ]
        named.append(
            (pl.coalesce(*matches) if matches else pl.lit(None, dtype=pl.String)).alias(
                f"serving.{node_type}"
            )
        )
    work.derive(*named)
    work.frame = work.frame.drop([f"_node.{name}" for name in sources])
    work.derive(*(pl.col(f"serving.{t}").is_not_null().alias(f"named.{t}") for t in CORE_TYPES))
    work.derive(_stopped_before_ims(work).alias("stopped_before_ims"))
    work.derive(*(_only_node(work, t) for t in CORE_TYPES))


def _of_judged_party(column: str) -> pl.Expr:
    """Tell whether a record may name a node: the customer's registration names none of the other party."""
    return pl.lit(True) if column.startswith("call.") else ~pl.col("other_core_judged")


def _resolved(work: Workspace, name: str, aliases: pl.DataFrame, hint: str) -> pl.Expr:
    """Struct of node id and type for the raw names of one column; a name that no node has stays as it is."""
    raw = work.frame.select(raw=pl.col(name)).drop_nulls().unique()
    found = (
        raw.with_columns(alias=node_name(pl.col("raw")))
        .join(aliases, on="alias", how="left")
        .with_columns(pl.coalesce("node_id", "alias").alias("node_id"), pl.col("node_type").fill_null(hint))
        .sort("raw")
    )
    ids = pl.col(name).replace_strict(found["raw"], found["node_id"], default=None, return_dtype=pl.String)
    types = pl.col(name).replace_strict(
        found["raw"], found["node_type"], default=None, return_dtype=pl.String
    )
    return pl.struct(node_id=ids, node_type=types).alias(f"_node.{name}")


def pool_of(node_type: str) -> str | None:
    """Column that tells the pool of the user for a node type."""
    return {"mme": "cell.mme_pool", "msc": "cell.mapped_msc_pool"}.get(node_type)


def _only_node(work: Workspace, node_type: str) -> pl.Expr:
    """Return the named node, else the only one of its pool, else of the region, else of the network."""
    nodes = work.tables["node"].filter(pl.col("node_type") == node_type).select("node_id", "pool", "region")
    guesses: list[pl.Expr] = [pl.col(f"serving.{node_type}")]
    pool = pool_of(node_type)
    if pool is not None:
        guesses.append(_lookup(nodes, "pool", pool))
    guesses.append(_lookup(nodes, "region", "ticket.region"))
    if len(nodes) == 1:
        guesses.append(pl.lit(nodes["node_id"].item()))
    named = pl.col(f"serving.{node_type}")
    if node_type not in BEHIND_REGISTER:
        return pl.coalesce(*guesses).alias(f"serving.{node_type}")
    return (
        pl.when("stopped_before_ims")
        .then(named)
        .otherwise(pl.coalesce(*guesses))
        .alias(named.meta.output_name())
    )


def _stopped_before_ims(work: Workspace) -> pl.Expr:
    """Return where the own attempt ended before any REGISTER was sent: no node of the IMS served it."""
    sent_none = work.not_happened("registration", "register_sent_at").fill_null(False)
    return pl.col("has.registration") & ~pl.col("has.call") & sent_none


def _lookup(nodes: pl.DataFrame, key: str, column: str) -> pl.Expr:
    """Map a pool or region to its node where there is exactly one."""
    single = (
        nodes.drop_nulls(key)
        .group_by(key)
        .agg(pl.col("node_id").first(), n=pl.len())
        .filter(pl.col("n") == 1)
    )
    single = single.sort(key)
    return pl.col(column).replace_strict(single[key], single["node_id"], default=None, return_dtype=pl.String)


def relations(work: Workspace) -> pl.DataFrame:
    """Return the neighbour relations of the serving cells."""
    if "relations" not in work.related:
        own = among("source_ecgi", work.frame["serving_ecgi"])
        work.related["relations"] = work.tables.where("neighbour", own)
    return work.related["relations"]


def first_ring(work: Workspace) -> pl.DataFrame:
    """Cell -> cells of its first ring (`serving_ecgi`, `ring_ecgi`).

    Only for the serving cells of the tickets.
    """
    ring = relations(work).filter(pl.col("is_first_ring") & (pl.col("target_rat") == "EUTRAN"))
    return (
        ring.select(serving_ecgi="source_ecgi", ring_ecgi="target_id")
        .unique()
        .sort("serving_ecgi", "ring_ecgi")
    )
