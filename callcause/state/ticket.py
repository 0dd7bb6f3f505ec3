"""Tickets taken in, what happened to them, and their diagnoses. No identity stands in clear anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, false
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
    # The loop: what the ticket is.
    region: Mapped[str | None] = mapped_column(String(64))
    channel: Mapped[str | None] = mapped_column(String(64))
    customer: Mapped[str | None] = mapped_column(String(64))
    cell: Mapped[str | None] = mapped_column(String(64))
    change_ref: Mapped[str | None] = mapped_column(String(200))
    repeat_of: Mapped[str | None] = mapped_column(String(200))
    joint_count: Mapped[int] = mapped_column(default=1, server_default="1")
    severity: Mapped[str] = mapped_column(String(16), default="normal", server_default="normal")
    priority: Mapped[str] = mapped_column(String(4), default="P3", server_default="P3")
    level: Mapped[int] = mapped_column(default=0, server_default="0")
    serious: Mapped[bool] = mapped_column(default=False, server_default=false())
    disturbs: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Who has it.
    owner: Mapped[str | None] = mapped_column(String(128))
    holder: Mapped[str | None] = mapped_column(String(128))
    question: Mapped[str | None] = mapped_column(String(64))
    answers: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    parent_id: Mapped[str | None] = mapped_column(String(64))
    incident_id: Mapped[str | None] = mapped_column(String(64), index=True)
    clustered: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Its moments.
    entered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    dispatched_at: Mapped[datetime | None] = mapped_column(UtcTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    first_response_at: Mapped[datetime | None] = mapped_column(UtcTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    replied_at: Mapped[datetime | None] = mapped_column(UtcTime)
    called_back_at: Mapped[datetime | None] = mapped_column(UtcTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcTime)
    waiting_since: Mapped[datetime | None] = mapped_column(UtcTime)
    reply_due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    handling_due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    hold_due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    entry_late: Mapped[bool] = mapped_column(default=False, server_default=false())
    # How it went.
    handoffs: Mapped[int] = mapped_column(default=0, server_default="0")
    wrong_dispatches: Mapped[int] = mapped_column(default=0, server_default="0")
    exchanges: Mapped[int] = mapped_column(default=0, server_default="0")
    times_handled: Mapped[int] = mapped_column(default=0, server_default="0")
    satisfaction: Mapped[int | None]
    no_contact: Mapped[str | None] = mapped_column(Text)
    solved: Mapped[bool | None]
    timely: Mapped[bool | None]
    overdue_reason: Mapped[str | None] = mapped_column(String(64))
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)

    @property
    def told(self) -> dict[str, Any]:
        """The record with what the customer answered since: what is diagnosed."""
        if not self.answers:
            return self.record
        absent = [name for name in self.record.get("absent", []) if name not in self.answers]
        return {**self.record, **self.answers, "absent": absent}

    __table_args__ = (
        Index(None, "state", "priority", "reply_due_at", "id"),
        Index(None, "holder", "state", "priority", "reply_due_at", "id"),
        Index(None, "priority", "reply_due_at", "id"),
        Index(None, "reply_due_at"),
        Index(None, "region", "state"),
        Index(None, "customer", "received_at"),
        Index("ix_tickets_arrivals", "received_at", "category", "region"),
        Index(
            "ix_tickets_counted", "state", "holder", "category", "region", "reply_due_at", "handling_due_at",
            "hold_due_at", "received_at",
        ),
        Index(None, "clustered", "diagnosis"),
        Index(None, "parent_id"),
        Index(None, "closed_at"),
        Index(None, "taken_in_at", "id"),
        Index(None, "state", "taken_in_at", "id"),
        Index(None, "verdict", "taken_in_at", "id"),
        Index(None, "diagnosis", "taken_in_at", "id"),
        Index(None, "in_store"),
        Index(None, "watch_until"),
    )  # fmt: skip


class FormerTicket(Base):
    """A ticket that was removed after its time; the store may hold its record longer, and it is not new."""

    __tablename__ = "former_tickets"

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


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
    department: Mapped[str | None] = mapped_column(String(128))


class TicketPause(Base):
    """A time of waiting for the customer, which stops the clocks; `end` null = still waiting."""

    __tablename__ = "ticket_pauses"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    start: Mapped[datetime] = mapped_column(UtcTime)
    end: Mapped[datetime | None] = mapped_column(UtcTime)
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
