"""Settings of the diagnosis: unknown keys are refused, limits are overridden per operator and per region."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from callcause_error import UsageError, did_you_mean
from diagnosis.conditions import Limits
from diagnosis.evidence_settings import LIMITS
from runbooks.model import Check, Runbooks

CheckLimits = Mapping[str, Mapping[str, float]]  # check id -> name -> limit


def _known_limits(limits: Mapping[str, float]) -> Mapping[str, float]:
    for name in limits:
        if name not in LIMITS:
            hint = did_you_mean(name, LIMITS)
            raise ValueError(f"no limit of a derived value is called {name}" + (f"; {hint}" if hint else ""))
    return limits


EvidenceLimits = Annotated[Mapping[str, float], AfterValidator(_known_limits)]


class RegionSettings(BaseModel):
    """What differs in one region."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    thresholds: CheckLimits = Field(default_factory=dict)
    evidence: EvidenceLimits = Field(default_factory=dict)


class DiagnosisSettings(BaseModel):
    """Windows in minutes, shares and probabilities from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    good_record_min: float = Field(default=15.0, gt=0, description="a good call this near shows no fault")
    rival_category_share: float = Field(
        default=0.2, ge=0, le=1, description="trees of rival categories run from here"
    )
    causes_shown: int = Field(default=8, ge=3)
    needs_shown: int = Field(default=10, ge=1)
    needs_shown_undecided: int = Field(default=40, ge=1)
    min_probability: float = Field(default=0.005, ge=0, le=1, description="causes below this are not listed")
    thresholds: CheckLimits = Field(default_factory=dict)
    evidence: EvidenceLimits = Field(default_factory=dict, description="limits inside derived values")
    regions: Mapping[str, RegionSettings] = Field(default_factory=dict)

    def limits(self, runbooks: Runbooks) -> dict[str, Limits]:
        """Check id -> region ("" = everywhere) -> name -> limit; unknown checks and names are refused."""
        found: dict[str, dict[str, Mapping[str, float]]] = {}
        layers = {"": self.thresholds, **{region: s.thresholds for region, s in self.regions.items()}}
        for region, checks in layers.items():
            for check, names in checks.items():
                _must_exist(check, names, runbooks, region)
                found.setdefault(check, {})[region] = names
        return {check: dict(limits) for check, limits in found.items()}


def load_settings(values: Mapping[str, object], file: str | None = None) -> DiagnosisSettings:
    """Check the values of a configuration section; a wrong one raises `UsageError` with its key."""
    try:
        return DiagnosisSettings.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        known = [*DiagnosisSettings.model_fields]
        hint = did_you_mean(str(first["loc"][-1]), known) if first["type"] == "extra_forbidden" else None
        raise UsageError(first["msg"], file=file, key=key, hint=hint) from wrong


def _must_exist(check: str, names: Mapping[str, float], runbooks: Runbooks, region: str) -> None:
    place = f"regions.{region}.thresholds" if region else "thresholds"
    if check not in runbooks.checks:
        raise UsageError("no such check", key=f"{place}.{check}", hint=did_you_mean(check, runbooks.checks))
    known = _limited(runbooks.checks[check])
    for name in names:
        if name not in known:
            raise UsageError(
                "the check has no limit on this name",
                key=f"{place}.{check}.{name}",
                hint=did_you_mean(name, known),
            )


def _limited(check: Check) -> list[str]:
    terms = [term for entry in check.entries for term in entry.condition.terms]
    return list(dict.fromkeys(term.name for term in terms if term.op in ("<", "<=", ">", ">=")))
