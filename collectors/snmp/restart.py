"""Whether an agent was restarted between two looks: its counters say nothing across that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from collectors.snmp.engine import Value

SYS_UPTIME: Final = "1.3.6.1.2.1.1.3.0"
"""Ticks of 10 ms since the agent started; wraps after 497 days (RFC 3418)."""
ENGINE_BOOTS: Final = "1.3.6.1.6.3.10.2.1.2.0"
"""How often the engine was started (RFC 3411); agents without SNMPv3 lack it."""
_TICKS: Final = 2**32
_SLACK_S: Final = 60.0


@dataclass(slots=True)
class AgentClock:
    """Uptime and boots of one agent at the last look."""

    at: datetime | None = None
    uptime_ticks: int | None = None
    boots: int | None = None

    def restarted(self, now: datetime, objects: Mapping[str, Value]) -> bool:
        """Remember this look and tell whether the agent was restarted since the one before."""
        ticks, boots = _integer(objects.get(SYS_UPTIME)), _integer(objects.get(ENGINE_BOOTS))
        before_at, before_ticks, before_boots = self.at, self.uptime_ticks, self.boots
        self.at, self.uptime_ticks, self.boots = now, ticks, boots
        if before_at is None:
            return False
        if boots is not None and before_boots is not None and boots != before_boots:
            return True
        if ticks is None or before_ticks is None or ticks >= before_ticks:
            return False
        # A smaller uptime is either a restart or the wrap of the ticks: a wrap comes when it must.
        elapsed_s = (now - before_at).total_seconds()
        expected = before_ticks + elapsed_s * 100
        slack = (_SLACK_S + 0.3 * elapsed_s) * 100
        return not (expected + slack >= _TICKS and abs(expected - _TICKS - ticks) <= slack)


def _integer(value: Value | None) -> int | None:
    return int(value) if isinstance(value, int) else None
