"""One measInfo of a PM file as a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PmBlock:
    """Results of one `measInfo` (TS 32.435 clause 4, TS 28.532 measDataFile), all times in UTC.

    A measInfo of very many objects comes as several blocks (`Limits.block_values`), each with whole rows.
    """

    managed_element: str
    """localDn of the managedElement or measEntity, "" when absent."""
    vendor: str
    software_version: str
    meas_info_id: str
    job_id: str
    begin: datetime
    """End of the granularity period less its duration."""
    end: datetime
    period_s: int
    counters: tuple[str, ...]
    """measTypes as written."""
    objects: tuple[str, ...]
    """measObjLdn as written."""
    values: NDArray[np.float64]
    """(objects, counters); NaN is no value, and every place that `vectors` fills."""
    suspect: NDArray[np.bool_]
    """Same shape; a suspect object spreads over its row."""
    vectors: Mapping[tuple[int, int], tuple[float, ...]]
    """Comma lists by (row, column); NaN inside is no value."""
    user_label: str = ""
    """userLabel of the managedElement."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What was odd and how often, e.g. `no_header`, `end_before_begin`, `unreadable_value`."""


def same_block(left: PmBlock, right: PmBlock) -> bool:
    """Whether two blocks say the same, value for value and bit for bit (NaN equals NaN)."""
    heads = all(getattr(left, name) == getattr(right, name) for name in _PLAIN_FIELDS)
    return (
        heads
        and left.values.shape == right.values.shape
        and left.values.tobytes() == right.values.tobytes()
        and bool(np.array_equal(left.suspect, right.suspect))
        and repr(dict(sorted(left.vectors.items()))) == repr(dict(sorted(right.vectors.items())))
    )


_PLAIN_FIELDS = (
    "managed_element", "vendor", "software_version", "meas_info_id", "job_id", "begin", "end", "period_s",
    "counters", "objects", "user_label", "notes",
)  # fmt: skip
