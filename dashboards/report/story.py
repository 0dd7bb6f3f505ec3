"""What a report tells of one ticket: its result, the records behind it, and the KPI courses around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.report.course import Course


@dataclass(frozen=True, slots=True)
class Story:
    """One ticket for the page. `result` is the contract's JSON object, `ticket` the stored ticket row."""

    result: Mapping[str, Any]
    ticket: Mapping[str, Any]
    calls: Sequence[Mapping[str, Any]] = field(default=())
    registrations: Sequence[Mapping[str, Any]] = field(default=())
    courses: Sequence[Course] = field(default=())
    hops: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def hops_of(self, record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Return the rungs of a record; those of a call stand under one of its legs."""
        own = self.hops.get(str(record["id"]), ())
        return own or self.hops.get(str(record.get("other_leg_id")), ())

    @property
    def ticket_id(self) -> str:
        """The id of the ticket as its source wrote it."""
        return str(self.result["ticket_id"])

    @property
    def top(self) -> Mapping[str, Any] | None:
        """The first cause, or None where the verdict lists none."""
        causes = self.result["causes"]
        return causes[0] if causes else None
