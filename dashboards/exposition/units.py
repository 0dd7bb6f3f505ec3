"""Units of the KPI catalogue as base units of Prometheus: name of the family, and the factor of a value.

Conventions: https://prometheus.io/docs/practices/naming/ (base units, one unit per family, ratios 0 to 1).
"""

from __future__ import annotations

from dataclasses import dataclass

from callcause_error import UsageError, did_you_mean


@dataclass(frozen=True, slots=True)
class ExposedUnit:
    """`suffix` ends the name of the family; a value of the catalogue times `factor` is in its unit."""

    suffix: str
    factor: float
    help: str


UNITS: dict[str, ExposedUnit] = {
    "%": ExposedUnit("ratio", 0.01, "share from 0 to 1"),
    "share": ExposedUnit("ratio", 1.0, "share from 0 to 1"),
    "ms": ExposedUnit("seconds", 0.001, "seconds"),
    "s": ExposedUnit("seconds", 1.0, "seconds"),
    "dBm": ExposedUnit("dbm", 1.0, "dBm"),
    "dB": ExposedUnit("decibels", 1.0, "dB"),
    "count": ExposedUnit("events", 1.0, "events in the period"),
    "drops/h": ExposedUnit("drops_per_hour", 1.0, "drops an hour"),
    "Erl": ExposedUnit("erlangs", 1.0, "Erlang"),
    "users": ExposedUnit("users", 1.0, "users"),
    "MOS": ExposedUnit("mos", 1.0, "mean opinion score from 1 to 5"),
    "R": ExposedUnit("r_factor", 1.0, "E-model rating factor"),
}


def exposed_unit(unit: str) -> ExposedUnit:
    """Return how a unit of the catalogue is exposed; UsageError for one that nobody named here."""
    if unit not in UNITS:
        raise UsageError("unit without a Prometheus name", key=unit, hint=did_you_mean(unit, UNITS))
    return UNITS[unit]


def value_family(unit: str) -> str:
    """Name of the family that holds KPI values of a unit."""
    return f"callcause_kpi_{exposed_unit(unit).suffix}"


def baseline_family(unit: str) -> str:
    """Name of the family that holds baselines of KPIs of a unit."""
    return f"callcause_kpi_baseline_{exposed_unit(unit).suffix}"


def limit_family(unit: str) -> str:
    """Name of the family that holds alarm limits of KPIs of a unit."""
    return f"callcause_kpi_limit_{exposed_unit(unit).suffix}"
