"""What feedback taught: weights approved half way, judged on tickets that came after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from callcause.commands.calibrating import Learned, learned, quality_of, stored_feedback
from callcause.configuration import load_configuration
from diagnosis.recalibration import Quality, load_weights, with_weights
from runbooks.loader import load_runbooks


@dataclass(frozen=True, slots=True)
class Taught:
    """`half`, `end`: calibrations, with held-back tickets; `later`: tickets confirmed after the first."""

    half: Learned | None
    end: Learned
    later_before: Quality
    later_after: Quality


def taught(config: Path, weights: Path | None, half: Learned | None, known: frozenset[str]) -> Taught:
    """Calibrate at the end, and judge the weights of half way on the tickets whose cause came later."""
    end = learned(config)
    settings = load_configuration(config)
    plain = load_runbooks(*settings.knowledge.runbooks)
    confirmed, kept, _ = stored_feedback(settings)
    later: Mapping[str, str] = {t: cause for t, cause in confirmed.items() if t not in known}
    better = with_weights(plain, load_weights(weights)) if weights else plain
    before = quality_of(kept, plain, dict(later))
    after = quality_of(kept, better, dict(later))
    return Taught(half, end, before, after)


def closed(config: Path) -> frozenset[str]:
    """Return the tickets with feedback by now."""
    confirmed, _, _ = stored_feedback(load_configuration(config))
    return frozenset(confirmed)
