"""Tickets taken in, what happened to them, and their diagnoses. No identity stands in clear anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, CompressedJson, UtcTime, Versioned

PENDING, DONE, FAILED = "pending", "done", "failed"


class Ticket(Versioned, Base):
    """One ticket, durable before it is answered for.

    `record` has the fields of the record `ticket` as they may be stored (pseudonyms), with `absent`.
    `diagnosis` is pending, done or failed; verdict, category, top cause and department are of `result_id`.
    """

    __tablename__ = "tickets"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(32))
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    taken_in_at: Mapped[datetime] = mapped_column(UtcTime)
    in_store: Mapped[bool] = mapped_column(default=False)
    diagnosis: Mapped[str] = mapped_column(String(16), default=PENDING)
    diagnosis_error: Mapped[str | None] = mapped_column(Text)
    diagnosed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    watch_until: Mapped[datetime | None] = mapped_column(UtcTime)
    result_id: Mapped[int | None]
    verdict: Mapped[str | None] = mapped_column(String(16))
    category: Mapped[str | None] = mapped_column(String(32))
    top_cause: Mapped[str | None] = mapped_column(String(128))
    department: Mapped[str | None] = mapped_column(String(128))

    __table_args__ = (
        Index(None, "taken_in_at", "id"),
        Index(None, "state", "taken_in_at", "id"),
        Index(None, "verdict", "taken_in_at", "id"),
        Index(None, "diagnosis", "taken_in_at", "id"),
        Index(None, "in_store"),
        Index(None, "watch_until"),
    )


class TicketEvent(Base):
    """Who moved a ticket when, from which state to which, and why. Rows are only ever added."""

    __tablename__ = "ticket_events"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str] = mapped_column(String(128))
    from_state: Mapped[str | None] = mapped_column(String(32))
    to_state: Mapped[str] = mapped_column(String(32))
    why: Mapped[str] = mapped_column(Text)


class Result(Base):
    """One diagnosis of a ticket: the object of the outside contract. A later one does not replace it."""

    __tablename__ = "results"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    verdict: Mapped[str] = mapped_column(String(16))
    runbook_version: Mapped[str] = mapped_column(String(64))
    contract: Mapped[dict[str, Any]] = mapped_column(CompressedJson)
