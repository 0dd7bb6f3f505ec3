"""`callcause calibrate` and `callcause replay`: what closed tickets teach, and verdicts made again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcause.configuration import Configuration, load_configuration
from callcause.loop.evidence import replay as replay_verdict
from callcause.state import Database
from callcause.state.feedback import NOT_FOUND, Feedback, Knowledge, StoredEvidence
from callcause.terminal import out, say
from callcause_error import CallcauseError
from diagnosis.kept_evidence import batch_of
from diagnosis.recalibration import Quality, Weights, estimate, held_back, quality, with_weights
from diagnosis.result import DiagnosisBatch
from runbooks.loader import load_runbooks
from runbooks.model import Runbooks

Kept = list[tuple[dict[str, object], list[bytes]]]


@dataclass(frozen=True, slots=True)
class Learned:
    """What closed tickets teach: weights, the runbooks with them, quality on held-back tickets."""

    weights: Weights
    runbooks: Runbooks
    before: Quality
    after: Quality
    usable: int
    unusable: int


def learned(config: Path) -> Learned:
    """Estimate weights from the closed tickets of the state database; CallcauseError where there are none."""
    settings = load_configuration(config)
    runbooks = load_runbooks(*settings.knowledge.runbooks)
    confirmed, kept, unusable = stored_feedback(settings)
    if not confirmed:
        raise CallcauseError("there is no feedback to learn from", hint="confirm causes when tickets close")
    learning = _batches(kept, runbooks, confirmed, back=False)
    weights = estimate(runbooks, learning, confirmed)
    after_runbooks = with_weights(runbooks, weights)
    before = quality(_batches(kept, runbooks, confirmed, back=True), confirmed)
    after = quality(_batches(kept, after_runbooks, confirmed, back=True), confirmed)
    return Learned(weights, after_runbooks, before, after, len(confirmed), unusable)


def stored_feedback(settings: Configuration) -> tuple[dict[str, str], Kept, int]:
    """Return confirmed causes, their evidence by the knowledge it was made with, and what cannot be used."""
    database = Database.open(settings.state)
    try:
        return database.read(_feedback)
    finally:
        database.close()


def quality_of(kept: Kept, runbooks: Runbooks, confirmed: dict[str, str]) -> Quality:
    """Judge these runbooks on the kept evidence of the tickets in `confirmed`."""
    return quality([batch_of(knowledge, rows, runbooks) for knowledge, rows in kept], confirmed)


def calibrate(config: Path, approve: Path | None) -> None:
    """Show weights from closed tickets beside those in use; write them only where that is approved."""
    found = learned(config)
    weights = found.weights
    say(f"{found.usable} closed tickets with a confirmed cause; {found.unusable} more cannot be used")
    _show(weights, found.runbooks, found.before, found.after)
    if found.before.tickets and found.after.log_loss >= found.before.log_loss:
        say("they are no better on the held-back tickets: more feedback first, or leave them as they are")
    if approve is None:
        say("nothing is changed; --approve FILE writes the weights, [knowledge] weights names them")
        return
    approve.write_text(weights.model_dump_json(indent=1) + "\n", "utf-8")
    say(f"weights {weights.version} written to {approve}")


def replay(config: Path, ticket: str, result: int | None) -> int:
    """Make a stored verdict again; exit status 0 the same bytes, 1 not."""
    database = Database.open(load_configuration(config).state)
    try:
        found = database.read(lambda session: replay_verdict(session, ticket, result))
    finally:
        database.close()
    out.print(f"{found.outcome}: {found.why}", markup=False, highlight=False)
    if found.outcome == "different" and found.stored and found.again:
        names = [name for name in found.stored if found.stored[name] != found.again.get(name)]
        out.print(f"different: {', '.join(names)}", markup=False, highlight=False)
    return 0 if found.outcome == "same" else 1


def _feedback(session: Session) -> tuple[dict[str, str], Kept, int]:
    """Return confirmed causes, their evidence by the knowledge it was made with, and what cannot be used."""
    query = (
        select(Feedback.ticket_id, Feedback.confirmed_cause, StoredEvidence.knowledge, StoredEvidence.row)
        .outerjoin(StoredEvidence, StoredEvidence.result_id == Feedback.result_id)
        .order_by(Feedback.ticket_id)
    )
    confirmed: dict[str, str] = {}
    rows: dict[str, list[bytes]] = defaultdict(list)
    unusable = 0
    for ticket, cause, knowledge, row in session.execute(query):
        if cause == NOT_FOUND or row is None:
            unusable += 1
            continue
        confirmed[ticket] = cause
        rows[knowledge].append(row)
    documents = {digest: session.get(Knowledge, digest) for digest in sorted(rows)}
    return confirmed, [(d.document, rows[digest]) for digest, d in documents.items() if d], unusable


def _batches(
    kept: Kept, runbooks: Runbooks, confirmed: dict[str, str], *, back: bool
) -> list[DiagnosisBatch]:
    """Decide the kept evidence with these runbooks, of the tickets held back or of the others."""
    found = []
    for knowledge, rows in kept:
        ids = batch_of(knowledge, rows, runbooks).ticket_ids
        wanted = [row for ticket, row in zip(ids, rows, strict=True) if held_back(ticket) is back]
        if wanted:
            found.append(batch_of(knowledge, wanted, runbooks))
    return found


def _show(weights: Weights, runbooks: Runbooks, before: Quality, after: Quality) -> None:
    table = Table("on held-back tickets", "before", "after")
    for name, label in (
        ("tickets", "tickets"), ("log_loss", "log loss"), ("calibration_error", "calibration error"),
        ("top_1", "top-1"),
    ):  # fmt: skip
        values: Sequence[float] = (getattr(before, name), getattr(after, name))
        table.add_row(
            label, *(f"{value:d}" if isinstance(value, int) else f"{value:.4f}" for value in values)
        )
    out.print(table)
    out.print(
        f"{len(weights.priors)} priors and {len(weights.entries)} conditions from {weights.tickets} tickets"
    )
    out.print(f"weights {weights.version} on runbooks {weights.base} make runbooks {runbooks.version}")
