"""How the sources of the service are: for /readyz, for metrics, and for people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class TargetHealth:
    """One target of a polled source. `up` is None before the first run has ended."""

    kind: str
    source: str
    target: str
    up: bool | None = None
    running: bool = False
    duration_s: float | None = None
    last_success: datetime | None = None
    last_error: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    overruns: int = 0


@dataclass(slots=True)
class ListenerHealth:
    """One listener. `restarts` counts how often it died and was started again."""

    kind: str
    source: str
    up: bool = False
    last_error: str = ""
    restarts: int = 0


@dataclass(slots=True)
class Health:
    """All sources of this process, since its start."""

    targets: dict[tuple[str, str], TargetHealth] = field(default_factory=dict)
    listeners: dict[str, ListenerHealth] = field(default_factory=dict)
    not_ready: dict[str, str] = field(default_factory=dict)
    """What keeps the service from being ready, with its reason."""

    @property
    def ready(self) -> bool:
        """Whether tickets can be taken in and diagnosed."""
        return not self.not_ready
