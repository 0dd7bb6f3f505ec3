"""A conversation: all messages of one call or one registration, whatever Call-IDs they bear."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from collectors.signalling.hop import Hop, HopKey

Row = dict[str, Any]


@dataclass(slots=True, eq=False)
class Conversation:
    """Messages collected until the outcome is known.

    `seen`: hashes of messages that were told and dropped. `told`: ids of told records and their number of
    rungs; `outcomes`: those told with their outcome. `aside`: Call-IDs of third-party registrations. `due`:
    when to look at it next (epoch, s). `kept`: what goes on after the messages are dropped. `edge`: the
    fewest Vias of its requests, which are those of the phone's own hop.
    """

    kind: Literal["INVITE", "REGISTER"]
    number: int
    hops: dict[HopKey, Hop] = field(default_factory=dict)
    call_ids: dict[str, None] = field(default_factory=dict)
    icids: dict[str, None] = field(default_factory=dict)
    session_ids: dict[str, None] = field(default_factory=dict)
    aside: set[str] = field(default_factory=set)
    seen: set[int] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    outcomes: set[str] = field(default_factory=set)
    due: float = float("inf")
    kept: object = None
    edge: int = 1_000_000
    identity: str = ""
    last_cseq: int = 0

    def drop(self, keys: list[HopKey]) -> None:
        """Forget messages that were told; a late copy of them is known by its hash."""
        for key in keys:
            self.last_cseq = max(self.last_cseq, self.hops.pop(key).cseq)
            self.seen.add(hash(key))


@dataclass(slots=True)
class Told:
    """What an evaluation yields: rows by kind, and when to look again (None = the conversation is over)."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    again: float | None = None

    def add(self, kind: str, rows: list[Row]) -> None:
        """Add rows of a kind."""
        if rows:
            self.rows.setdefault(kind, []).extend(rows)

    def wake(self, at: float) -> None:
        """Ask to be evaluated again at the earlier of the times."""
        self.again = at if self.again is None else min(self.again, at)
