"""What follows a complaint in a month of the loop: the remedy and its true effect, the customer's word.

Everything here is truth: nothing of it stands in a ticket.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from callcause.simulator.faults.incident import Incident
from callcause.simulator.period import HOUR_S

CURED, NOT_CURED, NOTHING = "cured", "not_cured", "nothing_to_remedy"
CURED_SHARE = 0.82
NO_CONTACT = 0.04
AGAIN_SHARE = 0.6
LATE_ENTRY = 0.05
HANDLING_H = (3.5, 0.7)
"""Median and log-spread of the hours from the complaint to the remedy."""
LONGEST_H = 60.0


@dataclass(frozen=True)
class Aftermath:
    """Truth beside the cause of one ticket; `again_s`: when the customer complains again, else None."""

    remedied_s: float
    effect: str
    satisfaction: int | None
    again_s: float | None
    escalates_to: int
    entry_delay_s: float


def stays(incident: Incident) -> bool:
    """Whether the network shows the fault until somebody remedies it (an outage ends by itself)."""
    return bool(incident.fault.cell or incident.fault.node) and incident.fault.lasts_h[1] > 12


def set_end(incident: Incident, after: Aftermath) -> None:
    """Let the fault end with its remedy where that works, and go on where it does not."""
    if stays(incident):
        more_h = 0.0 if after.effect == CURED else 30.0
        incident.end = after.remedied_s + more_h * HOUR_S


def follow(incident: Incident, rng: np.random.Generator, end_s: float | None = None) -> Aftermath:
    """Draw what follows; `end_s`: when the mass incident that it belongs to ends."""
    hours = min(LONGEST_H, float(HANDLING_H[0] * np.exp(HANDLING_H[1] * rng.standard_normal())))
    nothing = incident.fault.scope == "none" or incident.undecidable
    cured = end_s is not None or rng.random() < CURED_SHARE
    effect = NOTHING if nothing else CURED if cured else NOT_CURED
    remedied = max(end_s or 0.0, incident.at + (4.0 + hours) * HOUR_S)
    marks = {CURED: (3, 6), NOT_CURED: (1, 3), NOTHING: (2, 6)}[effect]
    satisfaction = None if rng.random() < NO_CONTACT else int(rng.integers(*marks))
    angry = effect == NOT_CURED or satisfaction in (1, 2)
    again = remedied + rng.uniform(8, 60) * HOUR_S if angry and rng.random() < AGAIN_SHARE else None
    luck = rng.random()
    level = 2 if angry and luck < 0.06 else 1 if angry and luck < 0.25 else 0
    late = rng.random() < LATE_ENTRY
    delay = float(rng.uniform(1000, 20_000) if late else rng.uniform(30, 800))
    return Aftermath(float(remedied), effect, satisfaction, again, level, delay)


def columns(after: Aftermath) -> dict[str, Any]:
    """Return the columns of the truth, without the moments."""
    return {
        "effect": after.effect,
        "satisfaction": after.satisfaction,
        "escalates_to": after.escalates_to,
    }
