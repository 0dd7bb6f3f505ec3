"""Evidence beside results: kept with each diagnosis, gone when a subscriber is erased, replayed on demand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from callcause.loop.precision import without_mark
from callcause.state.base import utc_now
from callcause.state.feedback import Knowledge, StoredEvidence
from callcause.state.ticket import Result, Ticket
from diagnosis.kept_evidence import FORMAT, contract_bytes, digest_of, knowledge_of, replayed, rows_of
from diagnosis.result import DiagnosisBatch

KNOWN = "knowledge"
"""Where a session, which is one unit of work, remembers the digests that it saw."""
REMEMBERED = 5000
"""Rows that wait for the transaction that writes their result."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What became of a replay: `same`, `different` or `erased`, with the verdict where there is one."""

    outcome: str
    why: str
    stored: dict[str, Any] | None = None
    again: dict[str, Any] | None = None


class EvidenceKeeper:
    """Takes evidence from the diagnosis thread and writes it in the transaction of the result."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._knowledge: dict[str, dict[str, Any]] = {}
        self._digests: dict[tuple[int, str], str] = {}

    def keep(self, batch: DiagnosisBatch) -> None:
        """Remember the evidence of a batch until its results are written."""
        if not len(batch):
            return
        digest = self._digest(batch)
        rows = rows_of(batch)
        with self._lock:
            for ticket, row in rows.items():
                self._rows[ticket] = (digest, row)
                self._rows.move_to_end(ticket)
            while len(self._rows) > REMEMBERED:
                self._rows.popitem(last=False)

    def on_diagnosis(self, session: Session, ticket: Ticket, result: Result) -> None:
        """Write the evidence of a result."""
        with self._lock:
            found = self._rows.get(ticket.id)
        if found is None:
            return
        digest, row = found
        self._keep_knowledge(session, digest, result)
        session.add(
            StoredEvidence(
                result_id=result.id, ticket_id=ticket.id, format=FORMAT, program=_program(),
                knowledge=digest, row=row,
            )
        )  # fmt: skip

    def _keep_knowledge(self, session: Session, digest: str, result: Result) -> None:
        """Write what the result was made with, once; it is some megabytes, so it is not read for a look."""
        there: set[str] = session.info.setdefault(KNOWN, set())
        if digest in there:
            return
        there.add(digest)
        if session.scalar(select(Knowledge.digest).where(Knowledge.digest == digest)) is None:
            document = self._knowledge[digest]
            made = Knowledge(
                digest=digest, runbook_version=result.runbook_version, at=result.at, document=document
            )
            session.add(made)
            session.flush()

    def _digest(self, batch: DiagnosisBatch) -> str:
        """Return the digest of what the batch was made with; the same runbooks and columns give the same."""
        key = (id(batch.plan), str(batch.readings.frame.schema))
        if key not in self._digests:
            knowledge = knowledge_of(batch)
            self._digests[key] = digest_of(knowledge)
            self._knowledge[self._digests[key]] = knowledge
        return self._digests[key]


@lru_cache(maxsize=1)
def _program() -> str:
    return version("callcause")


def erase_evidence(session: Session, tickets: Sequence[str]) -> None:
    """Forget the evidence of tickets: their verdicts can no longer be replayed, and a replay says so."""
    where = StoredEvidence.ticket_id.in_(tickets)
    session.execute(update(StoredEvidence).where(where).values(row=None, erased_at=utc_now()))


def erase_results(session: Session, results: Sequence[int]) -> None:
    """Forget the evidence of results."""
    for start in range(0, len(results), 500):
        where = StoredEvidence.result_id.in_(results[start : start + 500])
        session.execute(update(StoredEvidence).where(where).values(row=None, erased_at=utc_now()))


def replay(session: Session, ticket_id: str, result_id: int | None = None) -> Replay:
    """Make a verdict again from its stored evidence and compare the bytes; without an id the newest."""
    query = select(StoredEvidence).where(StoredEvidence.ticket_id == ticket_id)
    if result_id is not None:
        query = query.where(StoredEvidence.result_id == result_id)
    kept = session.scalars(query.order_by(StoredEvidence.result_id.desc()).limit(1)).first()
    if kept is None:
        return Replay("missing", "no evidence is stored for this ticket")
    result = session.get(Result, kept.result_id)
    stored = result.contract if result else None
    if kept.row is None:
        at = kept.erased_at.isoformat() if kept.erased_at else "an unknown time"
        return Replay("erased", f"the evidence was erased at {at}: the verdict cannot be replayed", stored)
    knowledge = session.get(Knowledge, kept.knowledge)
    if knowledge is None or stored is None:
        return Replay("missing", "the knowledge or the result of this verdict is not kept any more", stored)
    again = replayed(knowledge.document, kept.row)
    if contract_bytes(again) == contract_bytes(without_mark(stored)):
        return Replay("same", "the same verdict, byte for byte", stored, again)
    here = _program()
    why = "the verdict differs" + (
        f": it was made by callcause {kept.program}" if kept.program != here else ""
    )
    return Replay("different", why, stored, again)
