"""Traffic by hour of the week: two busy hours on working days, a flat evening at the weekend."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORKDAY = np.array([
    0.10, 0.06, 0.04, 0.04, 0.05, 0.10, 0.25, 0.50, 0.80, 0.98, 1.00, 0.95,
    0.85, 0.78, 0.82, 0.88, 0.92, 0.98, 1.00, 0.95, 0.85, 0.65, 0.42, 0.22,
])  # fmt: skip
WEEKEND = np.array([
    0.14, 0.09, 0.06, 0.05, 0.05, 0.07, 0.15, 0.30, 0.50, 0.68, 0.78, 0.80,
    0.78, 0.74, 0.72, 0.74, 0.78, 0.84, 0.90, 0.92, 0.86, 0.70, 0.48, 0.28,
])  # fmt: skip


def hourly_profile(hours: int, first_weekday: int = 0) -> NDArray[np.float64]:
    """Relative traffic of each hour, 1 at the busiest; the period starts on `first_weekday` (0 = Monday)."""
    hour = np.arange(hours)
    weekend = (hour // 24 + first_weekday) % 7 >= 5
    return np.where(weekend, WEEKEND[hour % 24], WORKDAY[hour % 24])


def random_times(
    count: int, start_s: float, end_s: float, profile: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Instants in [start_s, end_s) in seconds, as dense as the profile."""
    first, last = int(start_s // 3600), int(np.ceil(end_s / 3600))
    share = profile[first:last] / profile[first:last].sum()
    hour = rng.choice(np.arange(first, last), size=count, p=share)
    return np.asarray(hour * 3600.0 + rng.uniform(0, 3600, count))
