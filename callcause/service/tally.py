"""Tallies of tickets and verdicts that metrics show: counters that survive a restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from callcause.service.schedule import Counting


def tally_received(counters: Counting, records: Iterable[Mapping[str, Any]]) -> None:
    """Count tickets taken in, by channel and region."""
    places = Counter((str(r.get("channel") or ""), str(r.get("region") or "")) for r in records)
    for (channel, region), number in places.items():
        counters.add("callcause_tickets_received_total", {"channel": channel, "region": region}, number)


def tally_verdicts(counters: Counting, results: Iterable[Mapping[str, Any]]) -> None:
    """Count diagnoses by category, verdict, first cause and its department; a new look counts again."""
    kinds: Counter[tuple[str, str, str, str]] = Counter()
    for result in results:
        causes = result["causes"]
        first = causes[0] if causes else {}
        place = (first.get("id", ""), first.get("department", ""))
        kinds[(result["category"]["id"], result["verdict"], *place)] += 1
    for values, number in kinds.items():
        labels = dict(zip(("category", "verdict", "cause", "department"), values, strict=True))
        counters.add("callcause_verdicts_total", labels, number)
