"""What a map says of KPIs: catalogue counters out of samples, and KPIs that are known for a part only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from callcause_error import did_you_mean
from collectors.kpi.catalogue import Catalogue, load_catalogue
from collectors.kpi.formula import inputs_of
from collectors.kpi.located import LocatedYaml
from collectors.records.schema import load_schemas

NODE_KPI_TYPES = {
    "mme": "MME", "sgw": "SGW", "pgw": "PGW", "pcrf": "PCRF", "hss": "HSS", "sbc": "SBC", "pcscf": "P-CSCF",
    "icscf": "I-CSCF", "scscf": "S-CSCF", "mgcf": "MGCF", "msc": "MSC", "emsc": "EMSC", "dns": "DNS",
    "rtp_proxy": "RTP-PROXY", "mgw": "MGW", "other": "TRANSPORT",
}  # fmt: skip
"""Type of `node` -> type of `node_kpi`. An `as` may be either kind of AS there, so it stays empty."""


def _node_type(text: str) -> str:
    field = next(f for f in load_schemas()["node"].fields if f.name == "node_type")
    allowed = [str(value) for value in field.allowed or ()]
    if text not in allowed:
        raise ValueError(f"is no type of record node; {did_you_mean(text, allowed) or ', '.join(allowed)}")
    return text


NodeType = Annotated[str, AfterValidator(_node_type)]


class Strict(BaseModel):
    """A mapping of a map file: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class InputSpec(Strict):
    """A counter of the catalogue: `scale * sum(add) / sum(over)` of samples over the period."""

    add: tuple[str, ...] = Field(min_length=1)
    over: tuple[str, ...] = ()
    scale: float = 1.0


class SplitSpec(Strict):
    """A KPI known for a part, or by another definition: a row with its split, not the whole."""

    kpi: str
    split: str = Field(pattern=r"^[a-z_]+=[a-z0-9_]+$")
    numerator: tuple[str, ...] = Field(min_length=1)
    denominator: tuple[str, ...] = Field(min_length=1)


class KpiPart(Strict):
    """The part of a map file that leads from samples to KPIs."""

    name: str = Field(min_length=1)
    node_type: NodeType
    extends: str | None = None
    inputs: dict[str, InputSpec] = Field(default_factory=dict)
    splits: tuple[SplitSpec, ...] = ()


def check_kpi_part(part: KpiPart, samples: Mapping[str, object], file: LocatedYaml) -> None:
    """Refuse names that neither the catalogue nor the samples have; the error names file, line and key."""
    catalogue = load_catalogue()
    for counter, spec in part.inputs.items():
        if not catalogue.wants(counter):
            raise file.error(
                "is no counter of the catalogue",
                ("inputs", counter),
                did_you_mean(counter, catalogue.counters),
            )
        _check_samples((*spec.add, *spec.over), samples, file, ("inputs", counter))
    for place, split in enumerate(part.splits):
        if split.kpi not in catalogue:
            raise file.error(
                "is no KPI of the catalogue",
                ("splits", place, "kpi"),
                did_you_mean(split.kpi, catalogue.ids()),
            )
        _check_samples((*split.numerator, *split.denominator), samples, file, ("splits", place))


def _check_samples(
    names: Sequence[str], samples: Mapping[str, object], file: LocatedYaml, place: tuple[Any, ...]
) -> None:
    for name in names:
        if name not in samples:
            raise file.error(f"{name!r} is no sample of this map", place, did_you_mean(name, samples))


def computable(part: KpiPart, catalogue: Catalogue) -> tuple[str, ...]:
    """KPIs of nodes whose inputs the map has, so far as they are required; none is computed without."""
    given = set(part.inputs)
    ids = []
    for kpi_id in catalogue.node_ids:
        kpi = catalogue.kpi(kpi_id)
        names = inputs_of(kpi)
        needed = {name for name in names if name not in kpi.optional}
        if kpi_id in catalogue.computed_ids and needed <= given and given & set(names):
            ids.append(kpi_id)
    return tuple(ids)


def input_values(part: KpiPart, totals: Mapping[str, float]) -> dict[str, float]:
    """Catalogue counters of one period; one whose samples are not all known is left out."""
    values = {name: _input_value(spec, totals) for name, spec in part.inputs.items()}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def _input_value(spec: InputSpec, totals: Mapping[str, float]) -> float:
    value = summed(spec.add, totals)
    if not spec.over:
        return value * spec.scale
    base = summed(spec.over, totals)
    return value * spec.scale / base if base else math.nan


def summed(names: Sequence[str], totals: Mapping[str, float]) -> float:
    """Sum of samples; NaN when one is not known."""
    return math.fsum(totals.get(name, math.nan) for name in names)
