"""One sample of a node as it was read: its instances (interfaces, series) and a value for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Kind(StrEnum):
    """How a value behaves over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """Any number that grows, without a limit at which it wraps (Prometheus)."""
    COUNTER32 = "counter32"
    """Wraps at 2^32 (RFC 2578, 7.1.6)."""
    COUNTER64 = "counter64"
    """Wraps at 2^64 (RFC 2578, 7.1.10)."""


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one sample; `("",)` is the instance of a sample that has only one.

    `exact` holds integer counters as uint64, since a float cannot tell neighbours beyond 2^53 apart.
    """

    instances: tuple[str, ...]
    values: NDArray[np.float64]
    exact: NDArray[np.uint64] | None = None

    @staticmethod
    def of(instances: Sequence[str], values: Sequence[float], kind: Kind) -> Column:
        """Make a column; integer counters keep their exact value."""
        exact = np.array(values, np.uint64) if kind in (Kind.COUNTER32, Kind.COUNTER64) else None
        return Column(tuple(instances), np.array(values, np.float64), exact)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at a node found, sample by sample; a sample that is not there was not seen."""

    at: datetime
    columns: Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class SampleRule:
    """What the map says of a sample."""

    kind: Kind
    over_instances: str = "sum"
    """How the instances make one value of the node: sum, mean, max, min."""
    per_instance: bool = False
    """Whether each instance is a node sample of its own, `name[instance]`."""
    new_is_zero: bool = False
    """An instance not seen before stood at 0: the source creates it at its first event."""
    scale: float = 1.0
    own_start: bool = False
    """Counts since the start of a program behind the agent: from 0, whatever happens to the agent."""
