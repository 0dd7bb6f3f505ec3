"""Calibration: from log-odds sums to probabilities that can be believed.

The numbers are data (`data/calibration.yaml`). `fit` finds the temperatures again from diagnosed
tickets whose cause is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).parent / "data" / "calibration.yaml"
_GRID = np.exp(np.linspace(np.log(0.3), np.log(8.0), 80))
Floats = NDArray[np.float64]


class Calibration(BaseModel):
    """Scores and weights in log-odds, shares 0 to 1, temperature per category (> 0)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    something_else: float
    nothing_wrong: float
    unsupported: float
    other_tree: float
    secondary_share: float = Field(ge=0, le=1)
    outranked_share: float = Field(ge=0, le=1)
    outranking_hit: float
    doubt: float = Field(ge=0, lt=1)
    temperature: Mapping[str, float]
    without_own: Mapping[str, float] = Field(default_factory=dict)

    def temperatures(self, category: NDArray[np.str_], own: NDArray[np.bool_]) -> Floats:
        """Return the temperature of each ticket; `own`: own evidence supports the leading cause."""
        wide = {**self.temperature, **self.without_own}
        pairs = zip(category.tolist(), own.tolist(), strict=True)
        return np.array([(self.temperature if near else wide)[name] for name, near in pairs], np.float64)


@lru_cache(maxsize=1)
def load_calibration() -> Calibration:
    """Return the packaged calibration."""
    return Calibration.model_validate(yaml.safe_load(FILE.read_text("utf-8")))


def probabilities(scores: Floats, temperature: Floats) -> Floats:
    """Softmax over the columns; `temperature` holds one value per row."""
    scaled = scores / temperature[:, None]
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    weights = np.exp(scaled)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def doubted(probability: Floats, doubt: float) -> Floats:
    """Move a share of every column to the last one, `something else`: the rules themselves may be wrong."""
    kept = probability * (1 - doubt)
    kept[:, -1] += doubt
    return kept


def fit(scores: Floats, truth: NDArray[np.int64], category: NDArray[np.str_]) -> dict[str, float]:
    """Temperature per category that makes the true column most likely.

    `scores`: tickets x columns before the division; `truth`: column of the true cause. Categories with fewer
    than 30 tickets keep 1.0.
    """
    found: dict[str, float] = {}
    for name in sorted(set(category.tolist())):
        rows = category == name
        found[name] = _best_temperature(scores[rows], truth[rows]) if rows.sum() >= 30 else 1.0
    return found


def _best_temperature(scores: Floats, truth: NDArray[np.int64]) -> float:
    at = np.arange(len(truth))
    loss = [
        -np.log(np.maximum(probabilities(scores, np.full(len(truth), t))[at, truth], 1e-12)).mean()
        for t in _GRID
    ]
    return round(float(_GRID[int(np.argmin(loss))]), 3)


def calibration_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error: |confidence - share right| over equal bins, by size."""
    if not confidence.size:
        return 0.0
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    size = np.bincount(at, minlength=bins)
    gap = np.abs(np.bincount(at, confidence, bins) - np.bincount(at, right.astype(float), bins))
    return float(gap.sum() / size.sum())
