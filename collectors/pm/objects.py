"""Which cell or node a PM object is.

Cells by the rule of the record `cell`: both names (localDn of the managed element, measObjLdn), the LDN alone
where it is unique, the pattern of the vendor's counter map, else kept under its own names. EPC and IMS
objects find their node by any name that the node inventory lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from collectors.pm.counter_map import CounterMap, CounterMaps

UNMATCHED: Final = "unmatched:"
OBJECT_SCHEMA: Final = pl.Schema(
    {"pm_dn": pl.String, "pm_ldn": pl.String, "map": pl.String, "user_label": pl.String}
)
ObjectKey = tuple[str, str, str, str]
_CELL_FIELDS = ("ecgi", "cell_name", "managed_element_dn", "meas_obj_ldn")
_GROUPS = ("enb_id", "cell_id", "cell_name", "mcc", "mnc", "ecgi", "cgi")
_ECGI = r"^(?P<mcc>\d{3})-(?P<mnc>\d{2,3})-(?P<enb_id>\d+)-(?P<cell_id>\d+)$"
_NODE_CLASS = (
    r"(?i)^(?:.*Function|ManagedElement|MeContext|[PIS]-?CSCF|MMTEL-?AS|SCC-?AS|AS|HSS|MME|SGW|PGW|SAEGW|PCRF|SBC|IBCF"
    r"|BGCF|MGCF|MGW|MSC|EMSC|DNS|RTP[_-]?PROXY)$"
)


class ObjectMatcher:
    """Finds entities for PM objects; built once from the cell and node records, either may be empty."""

    def __init__(self, cells: pl.DataFrame, nodes: pl.DataFrame, maps: CounterMaps) -> None:
        self._maps = maps
        self._known: dict[ObjectKey, int] = {}
        self._answers = pl.DataFrame(schema=dict.fromkeys(("entity", "entity_kind", "by"), pl.String))
        table = _strings(cells, _CELL_FIELDS).filter(pl.col("ecgi") != "")
        dn, ldn = _plain("managed_element_dn"), _plain("meas_obj_ldn")
        names = table.select("ecgi", pl.col("cell_name").str.strip_chars(), dn.alias("dn"), ldn.alias("ldn"))
        self._by_both = _unique(names.filter(pl.col("ldn") != "", pl.col("dn") != ""), "dn", "ldn")
        self._by_ldn = _unique(names.filter(pl.col("ldn") != ""), "ldn")
        self._by_name = _unique(names.filter(pl.col("cell_name") != ""), "cell_name")
        numbers = table.select("ecgi", pl.col("ecgi").str.extract_groups(_ECGI).struct.unnest()).drop_nulls()
        self._by_number = _unique(numbers.select("ecgi", "enb_id", "cell_id"), "enb_id", "cell_id")
        plmns = numbers.select("mcc", "mnc").unique()
        self._plmn = plmns.row(0) if plmns.height == 1 else None
        self._nodes = _node_names(nodes)

    def entities(self, objects: Sequence[ObjectKey]) -> pl.DataFrame:
        """`entity`, `entity_kind` and `by`, row by row, for (localDn, measObjLdn, map, userLabel).

        Answers are remembered: the same objects stand in the files of every period.
        """
        new = [key for key in objects if key not in self._known]
        if new:
            frame = self.match(pl.DataFrame(new, schema=OBJECT_SCHEMA, orient="row"))
            first = self._answers.height
            self._known.update(zip(new, range(first, first + len(new)), strict=True))
            self._answers = pl.concat([self._answers, frame.select(self._answers.columns)])
        return self._answers[[self._known[key] for key in objects]]

    def match(self, objects: pl.DataFrame) -> pl.DataFrame:
        """Add `entity`, `entity_kind` (cell, gsm_cell, node, other) and `by` to objects (`OBJECT_SCHEMA`).

        `by` says how: `both_names`, `ldn`, `pattern`, `node_name` or `none`; the row order is kept.
        """
        unique = objects.select(OBJECT_SCHEMA.names()).unique(maintain_order=True).with_row_index("at")
        names = unique.with_columns(_plain("pm_dn").alias("dn"), _plain("pm_ldn").alias("ldn"))
        steps = (self._both_names, self._ldn_alone, self._patterns, self._node_names)
        found, left = [], names
        for step in steps:
            hits = step(left).select(*_FOUND)
            found.append(hits)
            left = left.join(hits, on="at", how="anti")
        found.append(
            left.select(
                "at", _unmatched_name(), pl.lit("other").alias("entity_kind"), pl.lit("none").alias("by")
            )
        )
        matched = unique.join(pl.concat(found), on="at", how="left").drop("at")
        return objects.join(
            matched, on=OBJECT_SCHEMA.names(), how="left", nulls_equal=True, maintain_order="left"
        )

    def rematch(self, entities: Iterable[str]) -> dict[str, tuple[str, str]]:
        """(entity, entity_kind) for those `unmatched:` entities that the inventories of now name."""
        names = sorted(set(entities))
        frame = pl.DataFrame({"was": names}, schema={"was": pl.String}).filter(
            pl.col("was").str.starts_with(UNMATCHED)
        )
        parts = pl.col("was").str.strip_prefix(UNMATCHED).str.splitn("/", 2)
        objects = frame.with_columns(
            _unescaped(parts.struct[0]).alias("pm_dn"), parts.struct[1].fill_null("").alias("pm_ldn"),
            pl.lit("").alias("map"), pl.lit("").alias("user_label"),
        )  # fmt: skip
        matched = self.match(objects).filter(pl.col("by") != "none")
        return {
            was: (entity, kind)
            for was, entity, kind in matched.select("was", "entity", "entity_kind").iter_rows()
        }

    # -- the steps, each gives rows of _FOUND ----------------------------------------------------------------

    def _both_names(self, left: pl.DataFrame) -> pl.DataFrame:
        return _as(left.join(self._by_both, on=["dn", "ldn"]), "cell", "both_names")

    def _ldn_alone(self, left: pl.DataFrame) -> pl.DataFrame:
        return _as(left.join(self._by_ldn, on="ldn"), "cell", "ldn")

    def _patterns(self, left: pl.DataFrame) -> pl.DataFrame:
        """Try the patterns of each object's own map, or of all maps when it names none."""
        found: list[pl.DataFrame] = [pl.DataFrame(schema=_FOUND)]
        for (name,), part in left.partition_by("map", as_dict=True, maintain_order=True).items():
            maps = [self._maps[str(name)]] if name in self._maps.names else list(self._maps)
            for each in maps:
                for pattern in each.objects:
                    if part.is_empty():
                        break
                    hits = self._pattern(part, pattern, each).select(*_FOUND)
                    found.append(hits)
                    part = part.join(hits, on="at", how="anti")
        return pl.concat(found)

    def _pattern(self, left: pl.DataFrame, pattern: str, each: CounterMap) -> pl.DataFrame:
        subject = pl.when(pl.col("dn") == "").then("ldn").otherwise(pl.concat_str("dn", pl.lit(","), "ldn"))
        hits = _unnested(left, subject, pattern)
        if hits.is_empty():
            return pl.DataFrame(schema=_FOUND)
        written = hits.filter(pl.col("cgi").is_not_null())
        direct = hits.filter(pl.col("ecgi").is_not_null())
        named = hits.filter(pl.col("cell_name").is_not_null()).drop("ecgi")
        numbered = hits.filter(pl.col("enb_id").is_not_null() & pl.col("cell_id").is_not_null())
        mcc, mnc = self._plmn or (None, None)
        composed = numbered.drop("ecgi").join(self._by_number, on=["enb_id", "cell_id"], how="left")
        plmn = (
            pl.coalesce("mcc", pl.lit(each.mcc, pl.String), pl.lit(mcc, pl.String)),
            pl.coalesce("mnc", pl.lit(each.mnc, pl.String), pl.lit(mnc, pl.String)),
        )
        ecgi = pl.coalesce("ecgi", pl.concat_str(*plmn, "enb_id", "cell_id", separator="-"))
        return pl.concat([
            _as(written.rename({"cgi": "entity"}), "gsm_cell", "pattern", entity="entity"),
            _as(direct, "cell", "pattern"),
            _as(named.join(self._by_name, on="cell_name"), "cell", "pattern"),
            _as(composed.with_columns(ecgi.alias("ecgi")).drop_nulls("ecgi"), "cell", "pattern"),
        ]).unique("at", keep="first", maintain_order=True)  # fmt: skip

    def _node_names(self, left: pl.DataFrame) -> pl.DataFrame:
        """Match an object that bears a node's name, or that is the function of an element that bears it.

        Parts of an element (a port, a cell that no inventory has) never stand for the element.
        """
        last = pl.col("ldn").str.split(",").list.last()
        own = _values(last)
        function = (
            (pl.col("ldn") == "") | (pl.col("ldn") == pl.col("dn")) | _classes(last).str.contains(_NODE_CLASS)
        )
        cell_like = _classes(last).str.contains(r"(?i)cell")
        whole = pl.concat_list(own, pl.col("ldn"))
        label = pl.col("user_label").fill_null("")
        element = pl.concat_list(_all_values("ldn"), label, pl.col("dn"), _all_values("dn"))
        names = pl.when(function).then(pl.concat_list(whole, element)).when(~cell_like).then(whole)
        candidates = left.select("at", names.alias("name")).explode("name").with_row_index("rank")
        named = candidates.with_columns(_node_name(pl.col("name"))).join(self._nodes, on="name")
        first = named.sort("rank").unique("at", keep="first", maintain_order=True)
        return _as(first.rename({"node_id": "entity"}), "node", "node_name", entity="entity")


_FOUND: Final = pl.Schema({"at": pl.UInt32, "entity": pl.String, "entity_kind": pl.String, "by": pl.String})


def _as(rows: pl.DataFrame, kind: str, by: str, entity: str = "ecgi") -> pl.DataFrame:
    return rows.select(
        "at", pl.col(entity).alias("entity"), pl.lit(kind).alias("entity_kind"), pl.lit(by).alias("by")
    )


def _strings(frame: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Return the columns as strings, "" where empty or absent."""
    there = [
        pl.col(name).cast(pl.String).fill_null("") if name in frame.columns else pl.lit("").alias(name)
        for name in names
    ]
    return frame.select(there) if frame.width else pl.DataFrame(schema=dict.fromkeys(names, pl.String))


def _plain(name: str) -> pl.Expr:
    """Blanks around commas and `=` removed; else as written."""
    return pl.col(name).fill_null("").str.strip_chars().str.replace_all(r"\s*([,=])\s*", "$1")


def _unique(frame: pl.DataFrame, *keys: str) -> pl.DataFrame:
    """`ecgi` by key, where the key names one cell only."""
    return frame.select("ecgi", *keys).unique().unique(list(keys), keep="none", maintain_order=False)


def _unnested(left: pl.DataFrame, subject: pl.Expr, pattern: str) -> pl.DataFrame:
    """`at` and every group, null where the pattern does not have it or does not match."""
    hits = left.select("at", subject.str.extract_groups(pattern).alias("found")).unnest("found")
    missing = [pl.lit(None, pl.String).alias(group) for group in _GROUPS if group not in hits.columns]
    bare = pl.col("enb_id", "cell_id").str.replace(r"^0+(\d)", "$1")
    hits = hits.with_columns(missing).with_columns(bare).select("at", *_GROUPS)
    return hits.filter(pl.any_horizontal(pl.col(_GROUPS).is_not_null()))


def _classes(rdn: pl.Expr) -> pl.Expr:
    """Take `A` of the RDN `A=b`."""
    return rdn.str.split("=").list.first().fill_null("")


def _values(rdn: pl.Expr) -> pl.Expr:
    """`b` of the RDN `A=b`, the whole where it has no `=`."""
    return rdn.str.replace(r"^[^=]*=", "")


def _all_values(names: str) -> pl.Expr:
    """Values of all RDNs, the nearest first."""
    return pl.col(names).str.split(",").list.reverse().list.eval(_values(pl.element()))


def _node_name(name: pl.Expr) -> pl.Expr:
    """Names of nodes are compared without case, `sip:`, port and parameters (record `node`)."""
    bare = name.str.strip_chars().str.to_lowercase().str.replace(r"^sips?:", "").str.replace(r"[;?].*$", "")
    return bare.str.replace(r"^(\[[^\]]*\]|[^:]*):\d+$", "$1")


def _node_names(nodes: pl.DataFrame) -> pl.DataFrame:
    """`name`, `node_id`, for every name that belongs to one node only."""
    ids = _strings(nodes, ("node_id",)) if nodes.width else pl.DataFrame(schema={"node_id": pl.String})
    rows = ids.with_columns(pl.col("node_id").alias("name"))
    if "names" in nodes.columns:
        listed = (
            pl.col("names")
            if isinstance(nodes.schema["names"], pl.List)
            else pl.col("names").cast(pl.String).str.split(";")
        )
        more = nodes.select(
            pl.col("node_id").cast(pl.String), listed.cast(pl.List(pl.String)).alias("name")
        ).explode("name")
        rows = pl.concat([rows, more.drop_nulls()])
    rows = rows.with_columns(_node_name(pl.col("name"))).filter(pl.col("name") != "", pl.col("node_id") != "")
    return rows.unique().unique("name", keep="none")


def _unmatched_name() -> pl.Expr:
    """Name it `unmatched:<managed element>/<LDN>`; `/` and `%` of the first are escaped, to take it apart."""
    element = (
        pl.col("pm_dn")
        .fill_null("")
        .str.replace_all("%", "%25", literal=True)
        .str.replace_all("/", "%2F", literal=True)
    )
    return pl.concat_str(pl.lit(UNMATCHED), element, pl.lit("/"), pl.col("pm_ldn").fill_null("")).alias(
        "entity"
    )


def _unescaped(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all("%2F", "/", literal=True).str.replace_all("%25", "%", literal=True)


def no_inventory(maps: CounterMaps) -> ObjectMatcher:
    """Make a matcher for a store without cells and nodes yet."""
    return ObjectMatcher(pl.DataFrame(), pl.DataFrame(), maps)
