"""The audit log in the state database: entries are added to the end of the chain, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from callcause.loop.audit import GENESIS, AuditEntry, AuditFault, seal, verify
from callcause.state.audit_head import Head, note
from callcause.state.vault import AuditRow, hold_chain

TOGETHER = 5000


def append(
    session: Session, at: datetime, actor: str, action: str, subject: str, detail: Mapping[str, Any]
) -> AuditEntry:
    """Add an entry. `subject` and `detail` hold pseudonyms only."""
    session.flush()
    hold_chain(session)
    last = session.execute(
        select(AuditRow.number, AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)
    ).first()
    number, previous = (last[0] + 1, last[1]) if last else (1, GENESIS)
    entry = seal(number, at, actor, action, subject[:200], dict(detail), previous)
    session.add(
        AuditRow(
            number=number,
            at_text=entry.at.isoformat(),
            actor=actor,
            action=action,
            subject=entry.subject,
            detail=dict(detail),
            previous=previous,
            hash=entry.hash,
        )
    )
    session.flush()
    note(session, Head(number, entry.hash))
    return entry


def entries(session: Session) -> Iterator[AuditEntry]:
    """Read the chain from its first entry, a part at a time."""
    after = 0
    while True:
        query = select(AuditRow).where(AuditRow.number > after).order_by(AuditRow.number).limit(TOGETHER)
        part = list(session.scalars(query))
        for row in part:
            yield _entry(row)
            session.expunge(row)
        if len(part) < TOGETHER:
            return
        after = part[-1].number


def check(
    session: Session, head: str | None = None, kept: Head | None = None
) -> tuple[int, str, AuditFault | None]:
    """Check the chain: how many entries, the hash of the last, and the first fault.

    `kept`: an entry as a file keeps it, read before the session saw the log.
    """
    fault = verify(entries(session), head, kept)
    number = session.scalar(select(func.count()).select_from(AuditRow)) or 0
    last = session.scalars(select(AuditRow.hash).order_by(AuditRow.number.desc()).limit(1)).first()
    return number, last or GENESIS, fault


def _entry(row: AuditRow) -> AuditEntry:
    """Read a row; a time that was edited into no time cannot fit its hash either."""
    try:
        at = datetime.fromisoformat(row.at_text)
    except ValueError:
        at = datetime.min
    return AuditEntry(row.number, at, row.actor, row.action, row.subject, row.detail, row.previous, row.hash)
