"""What a rehearsed month came to, read from the state database and held against the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.loop.service_report import lives
from callcause.rehearsal.month import Month
from callcause.state.feedback import Feedback
from callcause.state.incident import Incident
from callcause.state.ticket import Ticket
from callcause.state.warning import EarlyWarning

LEAST = 3
"""Complaints from which on a mass incident is to be found as a cluster."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Found things against true ones: `rows` tell each; null where nothing was found or nothing was true."""

    rows: list[tuple[str, ...]]
    found: int
    right: int
    true: int
    met: int

    @property
    def precision(self) -> float | None:
        """Share of what was found that is true."""
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that was found."""
        return self.met / self.true if self.true else None


@dataclass(frozen=True, slots=True)
class Findings:
    """Lives of the tickets, warnings and clusters against their truth, effects of remedies against theirs."""

    lives: pl.DataFrame
    states: dict[str, int]
    first: int
    warnings: Judged
    clusters: Judged
    effects: dict[tuple[str, str], int]


def findings(session: Session, month: Month) -> Findings:
    """Read everything of the month."""
    tickets = list(session.scalars(select(Ticket).order_by(Ticket.id)))
    known = [t for t in tickets if t.id in month.truth]
    return Findings(
        lives(session, month.begin, month.end),
        dict(sorted(Counter(t.state for t in known).items())),
        sum(_right(t, month) for t in known),
        warnings(session, month),
        clusters(session, known, month),
        effects(session, month),
    )


def _right(ticket: Ticket, month: Month) -> bool:
    """Whether the first answer was right when the ticket stood as it does now."""
    cause = month.truth[ticket.id].cause
    if cause in ("cannot_tell", "no_fault"):
        return ticket.verdict == cause
    return ticket.verdict != "cannot_tell" and ticket.top_cause == cause


def warnings(session: Session, month: Month) -> Judged:
    """Hold automatic warnings against the surges: the same type, region and day."""
    query = select(EarlyWarning).where(EarlyWarning.source == "automatic")
    rows = list(session.scalars(query.order_by(EarlyWarning.day, EarlyWarning.type, EarlyWarning.region)))
    met = {(w.type, w.region, w.day) for w in rows} & month.surges
    told: list[tuple[str, ...]] = [
        (
            w.day.isoformat(), w.type, w.region, w.level, f"{w.count}", f"{w.threshold or 0:.1f}", w.state,
            "surge" if (w.type, w.region, w.day) in month.surges else "-",
        )
        for w in rows
    ]  # fmt: skip
    missed = sorted((day.isoformat(), type_, region) for type_, region, day in month.surges - met)
    told += [(*one, "-", "-", "-", "not raised", "surge") for one in missed]
    return Judged(told, len(rows), len(met), len(month.surges), len(met))


def clusters(session: Session, tickets: Sequence[Ticket], month: Month) -> Judged:
    """Hold incidents against mass incidents.

    An incident is right when most of its tickets are of one mass incident; that one is found when half of
    its complaints are in such an incident.
    """
    members: dict[str, list[str]] = {}
    for ticket in tickets:
        if ticket.incident_id:
            members.setdefault(ticket.incident_id, []).append(month.truth[ticket.id].mass)
    rows: list[tuple[str, ...]] = []
    reached: Counter[str] = Counter()
    for found in session.scalars(select(Incident).order_by(Incident.opened_at, Incident.id)):
        masses = members.get(found.id, [])
        top, number = Counter(masses).most_common(1)[0] if masses else ("", 0)
        right = bool(top) and number * 2 > len(masses)
        reached[top if right else ""] += number
        whose = f"{top} {month.mass[top]['kind']}, {number} of {month.mass[top]['tickets']}" if right else "-"
        rows.append(
            (
                found.key, found.entity, str(len(masses)), found.top_cause or "-", f"{found.chance or 0:.1e}",
                whose,
            )
        )  # fmt: skip
    wanted = {name: int(row["tickets"]) for name, row in month.mass.items() if int(row["tickets"]) >= LEAST}
    met = [name for name, number in wanted.items() if reached[name] * 2 >= number]
    for name in sorted(set(wanted) - set(met)):
        row = month.mass[name]
        told = f"{name} {row['kind']}, {reached[name]} of its {row['tickets']}"
        rows.append((row["key"], row["entity"], "-", "not found", "-", told))
    good = sum(row[5] != "-" and row[3] != "not found" for row in rows)
    return Judged(rows, len(rows) - (len(wanted) - len(met)), good, len(wanted), len(met))


def effects(session: Session, month: Month) -> dict[tuple[str, str], int]:
    """Count (true effect of the remedy, effect that was seen)."""
    found: Counter[tuple[str, str]] = Counter()
    for row in session.scalars(select(Feedback)):
        truth = month.truth.get(row.ticket_id)
        if truth is not None:
            seen = (row.effect or {}).get("outcome", "not looked at")
            found[truth.effect, str(seen)] += 1
    return dict(sorted(found.items()))
