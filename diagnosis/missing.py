"""What is missing: the inputs behind conditions without data, what they would decide, and how to get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from diagnosis.outcome import NO_DATA, Entry, Plan

DATA = Path(__file__).parent / "data"
RECORDS = ("call", "called", "calling", "registration", "subscriber", "device_model", "cell")


@lru_cache(maxsize=1)
def _ways() -> Mapping[str, str]:
    ways: dict[str, str] = yaml.safe_load((DATA / "how_to_get.yaml").read_text("utf-8"))
    return ways


def how_to_get(need: str, kpi_scopes: Mapping[str, str]) -> str:
    """Return how the need can be had; KPIs by their scope."""
    ways = _ways()
    record = need.split(".")[0]
    if record in ways:
        return ways.get(need, ways[record])
    scope = kpi_scopes.get(need.split("[")[0], kpi_scopes.get(record, "cell"))
    return ways.get(f"{scope}_kpi", ways["cell_kpi"])


class Missing:
    """Finds the needs of one ticket after the other; what does not depend on the ticket is looked up once."""

    def __init__(
        self, plan: Plan, inputs: Mapping[str, Sequence[str]], kpi_scopes: Mapping[str, str]
    ) -> None:
        self.plan, self.inputs, self.kpi_scopes = plan, inputs, kpi_scopes
        self._needs: dict[str, tuple[str, ...]] = {}
        deciding = [e for e in plan.entries if not e.is_route and e.spec.hit > 0]
        # Own evidence first, then by how much it would say.
        self._deciding = sorted(deciding, key=lambda e: (self._is_shared(e), e.rank, -e.spec.hit, e.number))

    def _is_shared(self, entry: Entry) -> bool:
        return self.plan.checks[entry.check].category == "all"

    def of_row(
        self,
        states: Sequence[int],
        half_met: Sequence[bool],
        row: Mapping[str, Any],
        unknown: Mapping[str, bool],
        most: int,
    ) -> list[dict[str, Any]]:
        """Return the needs of one ticket, at most `most`, the most telling first.

        `states`: entry states; `half_met`: the entry lacks data, but one part of it holds; `row`: evidence
        values; `unknown`: name -> the value is not known. A record that is not there at all comes first.
        """
        found: dict[str, list[str]] = {}
        lacking = [e for e in self._deciding if states[e.number] == NO_DATA]
        for entry in sorted(lacking, key=lambda e: not half_met[e.number]):
            cause = self.plan.causes[entry.causes[0]]
            for need in self._of_names(entry.spec.condition.names, row, unknown):
                causes = found.setdefault(need, [])
                if cause not in causes:
                    causes.append(cause)
        order = sorted(found, key=lambda need: row.get(f"has.{need}") is not False)[:most]
        return [self.need(need, found[need]) for need in order]

    def need(self, need: str, would_decide: list[str]) -> dict[str, Any]:
        """Return the object of the contract for one need."""
        return {"need": need, "would_decide": would_decide, "how": how_to_get(need, self.kpi_scopes)}

    def of_ticket(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return what the customer must still tell (number, time and place are required)."""
        place = row.get("ticket.place_text") or row.get("ticket.ecgi")
        asked = {
            "ticket.msisdn": row.get("ticket.msisdn"),
            "ticket.occurred_at": row.get("ticket.occurred_at"),
        }
        return [
            self.need(n, [])
            for n, value in {**asked, "ticket.place_text": place}.items()
            if value in (None, "")
        ]

    def _of_names(
        self, names: Sequence[str], row: Mapping[str, Any], unknown: Mapping[str, bool]
    ) -> list[str]:
        needs: list[str] = []
        for name in names:
            if unknown.get(name, True):
                needs += [n for n in self._basic(name) if n == name or unknown.get(n, True)] or list(
                    self._basic(name)
                )
        whole = [_record_if_gone(need, row) for need in needs]
        return list(dict.fromkeys(whole))

    def _basic(self, name: str) -> tuple[str, ...]:
        """Record fields and KPIs that a name is made of."""
        if name not in self._needs:
            inputs = self.inputs.get(name, ())
            basic = [n for part in inputs if part != name for n in self._basic(part)] if inputs else [name]
            self._needs[name] = tuple(dict.fromkeys(basic))
        return self._needs[name]


def _record_if_gone(need: str, row: Mapping[str, Any]) -> str:
    """Return the record where it is not there at all, else the field."""
    record = need.split(".")[0]
    if record in RECORDS and row.get(f"has.{record}") is False:
        return (
            {"called": "call", "calling": "call"}.get(record, record) if not row.get("has.call") else record
        )
    return need
