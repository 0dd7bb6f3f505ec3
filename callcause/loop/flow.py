"""Which flow of the management rules a ticket goes through, and the template of each (RULES, row 10).

The rules name eight flows and not when each applies; the order here is a reading of their names
(default-unverified): who asks for it from above comes first, then how severe it is, then who is concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from callcause.state.ticket import Ticket

DATA = Path(__file__).with_name("flows.yaml")
_WHEN: tuple[tuple[str, Callable[[Ticket], bool]], ...] = (
    ("provincial_major", lambda row: row.severity == "major" and row.level >= 1),
    ("major_escalated", lambda row: row.severity == "major"),
    ("provincial_over_level", lambda row: row.level >= 2),
    ("over_level", lambda row: row.level == 1),
    ("product_and_system", lambda row: row.category == "other"),
    ("assistance", lambda row: row.handoffs >= 1),
    ("fast", lambda row: row.verdict == "no_fault"),
)
BASIC = "basic"


@lru_cache(maxsize=1)
def flows() -> Mapping[str, Any]:
    """Return the templates by flow: `name` and `steps`, each in English and Chinese."""
    found: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


def flow_of(row: Ticket) -> dict[str, Any]:
    """Return the flow of a ticket as it stands now: id, name and steps."""
    name = next((name for name, holds in _WHEN if holds(row)), BASIC)
    return {"id": name, **flows()[name]}
