"""The vault: clear identities at rest, requests to see one, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from callcause.state.base import Base, UtcTime, Versioned


class VaultEntry(Base):
    """A clear identity, sealed with AES-GCM under its pseudonym; nothing else of it is here."""

    __tablename__ = "vault_entries"

    pseudonym: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_number: Mapped[int] = mapped_column(Integer, index=True)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class VaultRequest(Versioned, Base):
    """Somebody asks to see the number of a ticket: pending, approved, refused, shown or expired."""

    __tablename__ = "vault_requests"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(200))
    pseudonym: Mapped[str] = mapped_column(String(64), index=True)
    asked_by: Mapped[str] = mapped_column(String(128))
    asked_at: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    decided_by: Mapped[str | None] = mapped_column(String(128))
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    decision: Mapped[str | None] = mapped_column(Text)
    shown_at: Mapped[datetime | None] = mapped_column(UtcTime)

    __table_args__ = (Index(None, "state", "asked_at", "id"),)


class AuditRow(Base):
    """One link of the audit chain; `at_text` is the moment as it was sealed."""

    __tablename__ = "audit_log"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at_text: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(128))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


def hold_chain(session: Session) -> None:
    """Keep the end of the audit chain to this unit of work; SQLite has one writer anyway.

    PostgreSQL freezes what a unit sees at its first query, and LOCK is none: a unit that begins with it sees
    the chain as the writer before it left it.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE {AuditRow.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))
