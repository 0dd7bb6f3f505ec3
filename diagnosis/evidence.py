"""Evidence: one row per ticket, one column per name that a condition may use.

With place and reason for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

from collectors.kpi.catalogue import Catalogue
from collectors.records.schema import ABSENT
from diagnosis import own_record, serving, tickets
from diagnosis.derived import (
    alarms,
    call_timing,
    changes,
    cluster,
    core_fault,
    csfb_mapping,
    ims_signalling,
    neighbours,
    population,
    radio,
    reasons,
    registration_history,
    registration_stage,
    relay,
    scope,
    ticket_text,
    voice,
)
from diagnosis.evidence_settings import EvidenceSettings
from diagnosis.kpi_readings import add_readings
from diagnosis.places import add_places
from diagnosis.source import Kept, RecordSource, Tables, fields, means_not_happened
from diagnosis.workspace import Name, TypeName, Workspace, known_texts, sees

__all__ = ["Evidence", "EvidenceSettings", "Place", "build", "names"]

MODULES = (
    ticket_text,
    radio,
    reasons,
    ims_signalling,
    registration_stage,
    registration_history,
    call_timing,
    core_fault,
    alarms,
    changes,
    cluster,
    neighbours,
    population,
    voice,
    relay,
    csfb_mapping,
    scope,
)
# Role in the frame -> record kind. `called` is the mt leg, `calling` the mo leg.
ROLES = {
    "ticket": "ticket",
    "subscriber": "subscriber",
    "device_model": "device_model",
    "registration": "registration",
    "call": "call",
    "called": "call",
    "calling": "call",
    "cell": "cell",
}
OWN = Name("float", "own_records", ("ticket.msisdn",))
HAS = (
    "call",
    "called",
    "calling",
    "registration",
    "registration_recent",
    "subscriber",
    "device_model",
    "cell",
    "slices",
)
_TYPES: dict[type[pl.DataType], TypeName] = {
    pl.Boolean: "boolean",
    pl.Int64: "integer",
    pl.Float64: "float",
    pl.String: "string",
    pl.Datetime: "datetime",
    pl.List: "list",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Names of the frame's columns that say where a reading was taken and for which period (None.

    Not told).
    """

    at: str | None
    start: str | None
    end: str | None


@cache
def derived_names() -> Mapping[str, Name]:
    """All derived names with what is said about them."""
    merged: dict[str, Name] = {"nearest_record_min": OWN}
    for module in MODULES:
        merged.update(module.NAMES)
    return merged


def names(catalogue: Catalogue | None = None) -> dict[str, TypeName]:
    """Every name that a condition may use -> its type; with a catalogue the KPI ids too."""
    known: dict[str, TypeName] = {
        f"{role}.{name}": _TYPES[dtype.base_type()]
        for role, kind in ROLES.items()
        for name, dtype in fields(kind).items()
    }
    known.update({name: spec.type for name, spec in derived_names().items()})
    known.update({f"has.{name}": "boolean" for name in HAS})
    known.update({f"serving.{node_type}": "string" for node_type in serving.CORE_TYPES})
    for kpi in catalogue.kpis if catalogue else ():
        if kpi.scope != "call":
            known.setdefault(kpi.id, "float")
            known[f"{kpi.id}__n"] = "float"
    return known


@dataclass(frozen=True)
class Evidence:
    """`frame`: one row per ticket in ticket_id order. Null = not known; +inf = the end never came.

    `related`: kind (`call`, `registration`, `alarm`, `change`, `ring`) -> frame of `row` and `id`, for the
    report.
    """

    frame: pl.DataFrame
    related: Mapping[str, pl.DataFrame]
    kpi_places: Mapping[str, str]
    types: Mapping[str, TypeName] = field(repr=False)

    def known(self, name: str) -> pl.Expr:
        """Return true where the name has a value, or is empty because the event did not happen.

        Null and known is a MISS.
        """
        if name not in self._columns:
            return pl.lit(False)
        return pl.col(name).is_not_null() | self._empty_by_right(name)

    def place(self, name: str) -> Place:
        """Columns with entity text (`cell 460-00-1-2`), start and end of what the name was read from."""
        if name in ("csfb_setup_delay", "return_to_lte_delay"):
            return Place(f"{name}__at", f"{name}__start", f"{name}__end")
        base = name.removesuffix("__n")
        if base in self.kpi_places:
            return self._kpi_place(base)
        spec = derived_names().get(name)
        key = spec.place if spec else name.split(".", 1)[0]
        if key in self.kpi_places:
            return self._kpi_place(key)
        columns = self._columns
        wanted = (f"at.{key}", f"from.{key}", f"to.{key}")
        return Place(*(column if column in columns else None for column in wanted))

    def reason(self, name: str) -> pl.Expr:
        """Why the name is null, as a text column; null where it is known."""
        if name not in self._columns:
            return pl.lit("not_collected")
        return pl.when(~self.known(name)).then(self._why(name, depth=3)).alias("reason")

    def _empty_by_right(self, name: str) -> pl.Expr:
        spec = derived_names().get(name)
        if spec is not None:
            return pl.col(spec.known).fill_null(False) if spec.known else pl.lit(False)
        role, _, column = name.partition(".")
        kind = ROLES.get(role)
        if kind is None or column not in means_not_happened(kind):
            return pl.lit(False)
        return pl.col(f"has.{role}") & self._sees(f"{role}.{ABSENT}", column)

    def _sees(self, key: str, column: str) -> pl.Expr:
        """Whether the source of the row's record has the column; null without a record."""
        if key not in self._absent_keys:
            self._absent_keys[key] = known_texts(self.frame[key])
        return sees(key, self._absent_keys[key], column)

    @cached_property
    def _absent_keys(self) -> dict[str, list[str]]:
        """Role -> the few different texts of absent columns; to find them takes a pass over all tickets."""
        return {}

    @cached_property
    def _columns(self) -> frozenset[str]:
        """Names of the frame's columns."""
        return frozenset(self.frame.columns)

    def _why(self, name: str, depth: int) -> pl.Expr:
        name = name.removesuffix("__n")
        if f"{name}__why" in self._columns and name not in ("csfb_setup_delay", "return_to_lte_delay"):
            why = pl.col(f"{name}__why").cast(pl.String)
            return pl.when(why != "").then(why).otherwise(pl.lit("counter_missing"))
        spec = derived_names().get(name)
        if spec is not None:
            return self._why_of_inputs(spec, depth)
        role, _, column = name.partition(".")
        if role in ROLES and column:
            return self._why_of_field(role, column)
        return pl.lit(
            {"registration_history": "no_registration_record", "edge_node": "no_node"}.get(name, "not_known")
        )

    def _why_of_inputs(self, spec: Name, depth: int) -> pl.Expr:
        special = _SPECIAL_REASONS.get(spec.place)
        chain: Then | ChainedThen = pl.when(pl.lit(False)).then(pl.lit(None, dtype=pl.String))
        for condition, text in special(self.frame) if special else ():
            chain = chain.when(condition).then(pl.lit(text))
        for name in spec.inputs if depth else ():
            if name in self._columns:
                chain = chain.when(~self.known(name)).then(self._why(name, depth - 1))
            elif not special:
                chain = chain.when(pl.lit(True)).then(self._why(name, depth - 1))
        return chain.otherwise(pl.lit("not_derivable"))

    def _why_of_field(self, role: str, column: str) -> pl.Expr:
        record = {"called": "called_leg", "calling": "calling_leg"}.get(role, f"{role}_record")
        lacking = {"cell": "no_cell", "subscriber": "no_subscriber", "device_model": "no_device_model"}
        present = pl.col("has.cell_record") if role == "cell" else pl.col(f"has.{role}")
        none = pl.lit(lacking.get(role, f"no_{record}"))
        if role == "cell":
            none = pl.when(pl.col("has.cell")).then(pl.lit("no_cell_record")).otherwise(none)
        key = pl.col(f"{role}.{ABSENT}")
        return (
            pl.when(~present)
            .then(none)
            .when(key.str.contains(f"|{column}|", literal=True))
            .then(pl.lit("column_absent"))
            .when(key.str.contains(f"|?{column}|", literal=True))
            .then(pl.lit("value_unknown"))
            .otherwise(pl.lit("field_empty"))
        )

    def _kpi_place(self, kpi: str) -> Place:
        return Place(f"{kpi}__at", f"{kpi}__from", f"{kpi}__to")


Reasons = Callable[[pl.DataFrame], tuple[tuple[pl.Expr, str], ...]]
_SPECIAL_REASONS: dict[str, Reasons] = {
    "alarm": lambda _: ((pl.col("no_alarm_table"), "no_alarm_records"), (~pl.col("has.cell"), "no_cell")),
    "change": lambda _: ((pl.col("no_change_table"), "no_change_records"), (~pl.col("has.cell"), "no_cell")),
    "neighbour": lambda _: (
        (~pl.col("has.cell"), "no_cell"),
        (~pl.col("has.neighbours"), "no_neighbour_record"),
    ),
    "slices": lambda _: ((~pl.col("has.call"), "no_call_record"), (~pl.col("has.slices"), "no_voice_slice")),
    "population": lambda _: (
        (pl.col("model_tac").is_null(), "no_device_model"),
        (pl.lit(True), "few_samples"),
    ),
    "cluster": lambda _: ((pl.lit(True), "no_normal_volume"),),
}


def build(
    source: RecordSource,
    tickets_frame: pl.DataFrame,
    kpi_catalogue: Catalogue,
    settings: EvidenceSettings = EvidenceSettings(),  # noqa: B008 - frozen
    kept: Kept | None = None,
) -> Evidence:
    """Join everything known about each ticket into one row.

    `tickets_frame` holds rows of the record `ticket`, and may hold `category_guess`.

    All joins are columnar; the order of tickets and records does not matter. `kept` carries over what the
    records alone say, as long as they stay the same.
    """
    work = Workspace(Tables(source, kept), settings, tickets.ticket_rows(tickets_frame))
    own_record.add_own_records(work)
    serving.add_serving(work)
    work.related["aliases"] = serving.node_aliases(work)
    ims_signalling.derive(work)
    places = add_readings(work, kpi_catalogue.kpis)
    ticket_text.derive(work)
    radio.derive(work)
    reasons.derive(work)
    registration_stage.derive(work)
    registration_stage.derive_dns(work)
    registration_history.derive(work)
    call_timing.derive(work)
    core_fault.derive(work)
    cluster.derive(work)
    alarms.derive(work)
    changes.derive(work)
    neighbours.derive(work)
    csfb_mapping.derive(work)
    voice.derive(work)
    relay.derive(work)
    population.derive(work)
    scope.derive(work)
    add_places(work, places)
    related = {kind: work.related[kind] for kind in ("call", "registration", "alarm", "change", "ring")}
    return Evidence(work.frame, related, places, names(kpi_catalogue))
