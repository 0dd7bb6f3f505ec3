"""Counters that stand at 0 before their first event.

A counter that appears with its first event shows Prometheus no increase for it, and a board without it
stays empty (https://prometheus.io/docs/practices/instrumentation/, avoid missing metrics). Counters whose
labels are known beforehand are therefore exposed from the start; regions, record kinds, states are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from callcause.service.health import Health
from collectors.records import load_schemas
from runbooks.model import Cause, Runbooks

Known = tuple[str, dict[str, str]]
"""Family and labels."""
ALL = "all"


def known_counters(health: Health, runbooks: Runbooks | None, targets: Iterable[str]) -> Iterator[Known]:
    """Yield every counter whose labels are known: of sources, tickets, verdicts, alerts and notices.

    `runbooks`: None while they are being loaded. `targets`: names of the targets of notices.
    """
    yield from _of_sources(health)
    if runbooks is not None:
        yield from _of_tickets(runbooks)
        yield from _of_verdicts(runbooks)
    for status in ("firing", "resolved"):
        yield "callcause_alerts_total", {"status": status}
    for target, outcome in product(targets, ("sent", "failed")):
        yield "callcause_notices_total", {"target": target, "outcome": outcome}


def _of_sources(health: Health) -> Iterator[Known]:
    for target in health.targets.values():
        place = {"kind": target.kind, "source": target.source, "target": target.target}
        yield "callcause_collector_overruns_total", place
        yield "callcause_collector_runs_total", {**place, "outcome": "ok"}


def _of_tickets(runbooks: Runbooks) -> Iterator[Known]:
    for outcome in ("accepted", "returned"):
        yield "callcause_ticket_handoffs_total", {"outcome": outcome}
    departments = sorted({cause.departments[0].en for cause in runbooks.causes.values()})
    for category, department, timely in product(_categories(), departments, ("true", "false")):
        labels = {"category": category, "department": department, "timely": timely}
        yield "callcause_tickets_closed_total", labels


def _of_verdicts(runbooks: Runbooks) -> Iterator[Known]:
    """Each cause as the first of a verdict, as it is written in a result."""
    for cause in runbooks.causes.values():
        labels = {"cause": cause.id, "department": ";".join(one.en for one in cause.departments)}
        decided = "no_fault" if cause.is_fault == "false" else "cause"
        for category, verdict in product(_categories_of(cause), (decided, "cannot_tell")):
            yield "callcause_verdicts_total", {"category": category, "verdict": verdict, **labels}


def _categories_of(cause: Cause) -> tuple[str, ...]:
    return _categories() if cause.category == ALL else (cause.category,)


def _categories() -> tuple[str, ...]:
    """Return what a ticket may be about, as the schema of its record says."""
    [field] = [field for field in load_schemas()["ticket"].fields if field.name == "category"]
    return tuple(str(value) for value in field.allowed)
