"""What an SNMP engine does for the collector; two ways to do it stand behind this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collectors.snmp.access import Agent

Value = int | float | str | bytes
"""A value as it came: numbers, octets, an object identifier or address as text."""


class Engine(Protocol):
    """Asks agents. What an agent does not have (noSuchObject, noSuchInstance, endOfMibView) is left out.

    Every failure is a SourceError that names `place`: timeout (v2c agents do not answer a wrong community),
    authentication, unreachable, bad_answer.
    """

    async def get(self, agent: Agent, oids: Sequence[str], place: str) -> dict[str, Value]:
        """GET the objects in one request."""

    async def walk(self, agent: Agent, root: str, rows: int, place: str) -> list[tuple[str, Value]]:
        """GETBULK everything below `root`, in order; `rows` is how many are expected."""

    async def close(self) -> None:
        """Give back sockets."""


MOST_ROWS = 100_000
"""An agent that goes on beyond this is stopped: some walk in circles."""


def repetitions(agent: Agent, rows: int) -> int:
    """Rows to ask for at once: one more than are expected, so that the end is seen in the same answer."""
    return max(1, min(agent.max_repetitions, rows + 1))
