"""Types of the KPI catalogue: what the YAML files may hold."""

from __future__ import annotations

from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from collectors.kpi.expression import Expression, compile_expression

Better = Literal["up", "down", "none"]
Join = Literal["ratio", "sum", "mean", "max", "first"]
Scope = Literal["cell", "gsm_cell", "node", "network", "call"]
Source = Literal["counters", "record", "xdr", "probe", "none"]
TimeRule = Literal["sum", "mean", "max", "first", "last", "weighted_mean"]
ObjectRule = Literal["sum", "mean", "max", "weighted_mean"]
_STRICT = ConfigDict(extra="forbid", frozen=True)


class Name(BaseModel):
    """A name in English and Chinese."""

    model_config = _STRICT
    en: str
    zh: str


class Limit(BaseModel):
    """One alarm condition `value op limit`; `name` says which value where the KPI has several."""

    model_config = _STRICT
    name: str | None = None
    op: Literal["<", "<=", ">", ">="]
    limit: float
    level: Literal["warn", "alarm"] = "alarm"


class Formula(BaseModel):
    """What a KPI and one value of a KPI have in common: how it comes from counters."""

    model_config = _STRICT
    value: str | None = None
    samples: str | None = None
    optional: dict[str, float | None] = Field(default_factory=dict)

    @field_validator("value", "samples")
    @classmethod
    def _compiles(cls, text: str | None) -> str | None:
        if text is not None:
            compile_expression(text)
        return text

    @cached_property
    def value_expression(self) -> Expression | None:
        """The compiled `value`, None where there is no formula."""
        return compile_expression(self.value, self.optional) if self.value else None

    @cached_property
    def samples_expression(self) -> Expression | None:
        """The compiled `samples`, None where the number of samples is not counted."""
        return compile_expression(self.samples, self.optional) if self.samples else None


class ValueOf(Formula):
    """One of several values of a KPI; what it leaves out it has from the KPI."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    aliases: tuple[str, ...] = ()
    unit: str | None = None
    better: Better | None = None
    join: Join | None = None
    limits: tuple[Limit, ...] | None = None


class Kpi(Formula):
    """One KPI: an entry of catalogue.yaml, or one value `<kpi>.<name>` of an entry (then `of` is its KPI)."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)?$")
    name: Name
    scope: Scope
    source: Source
    parts: tuple[str, ...] = ()
    split_key: str = "part"
    top_share: str | None = None
    inputs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    join: Join
    scale: float | None = None
    unit: str
    better: Better
    limits: tuple[Limit, ...] = ()
    limit_origin: str
    min_samples: int | None = Field(default=None, ge=1)
    guard: str | None = None
    categories: tuple[str, ...]
    read_at: tuple[str, ...] = ()
    catalogue_no: str = ""
    note: str = ""
    combine: Literal["first", "max", "sum"] | None = None
    values: tuple[ValueOf, ...] = ()
    of: str | None = None

    @property
    def factor(self) -> float:
        """What `numerator / denominator` is multiplied with to give the value in its unit."""
        return self.scale if self.scale is not None else 100.0 if self.unit == "%" else 1.0

    @property
    def is_ratio(self) -> bool:
        """True for a share of counted samples in %, whose sampling error is binomial."""
        return self.join == "ratio" and self.unit == "%"

    def value_ids(self) -> tuple[str, ...]:
        """Ids of the several values of this KPI, in the order of the catalogue."""
        return tuple(f"{self.id}.{value.name}" for value in self.values)

    def sum_type(self) -> str | None:
        """Node type over which numerators and denominators are summed (`read_at` `sum:<type>`)."""
        return next((place[4:] for place in self.read_at if place.startswith("sum:")), None)


class CounterRule(BaseModel):
    """How a counter joins over periods (`time`) and over objects, its unit and who names it."""

    model_config = _STRICT
    time: TimeRule = "sum"
    objects: ObjectRule = "sum"
    weights: tuple[str, ...] = ()
    unit: str = "count"
    source: str = "vendor"

    @field_validator("weights")
    @classmethod
    def _compile(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            compile_expression(text)
        return texts

    @cached_property
    def weight_expressions(self) -> tuple[Expression, ...]:
        """The compiled weights, in order of preference."""
        return tuple(compile_expression(text) for text in self.weights)
