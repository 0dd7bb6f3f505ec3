"""Restarts told from wraps of sysUpTime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collectors.snmp.restart import ENGINE_BOOTS, SYS_UPTIME, AgentClock

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def looked(ticks: int, later_ticks: int, boots: tuple[int, int] | None = None, elapsed_s: float = 60) -> bool:
    clock = AgentClock()
    first = {SYS_UPTIME: ticks, **({ENGINE_BOOTS: boots[0]} if boots else {})}
    second = {SYS_UPTIME: later_ticks, **({ENGINE_BOOTS: boots[1]} if boots else {})}
    assert not clock.restarted(NOW, first)
    return clock.restarted(NOW + timedelta(seconds=elapsed_s), second)


@pytest.mark.parametrize(
    ("ticks", "later", "boots", "restarted"),
    [
        (1000, 7000, None, False),
        (100_000, 500, None, True),
        (2**32 - 1000, 5000, None, False),
        (2**32 - 1000, 900_000_000, None, True),
        (2**32 - 90_000_000, 500, None, True),
        (1000, 7000, (3, 4), True),
        (1000, 7000, (3, 3), False),
        (2**32 - 1000, 5000, (3, 3), False),
    ],
)
def test_a_restart_is_a_new_boot_or_a_smaller_uptime_that_is_no_wrap(
    ticks: int, later: int, boots: tuple[int, int] | None, restarted: bool
) -> None:
    assert looked(ticks, later, boots) is restarted


def test_an_agent_without_uptime_is_never_taken_for_restarted() -> None:
    clock = AgentClock()
    assert not clock.restarted(NOW, {})
    assert not clock.restarted(NOW + timedelta(seconds=60), {})
