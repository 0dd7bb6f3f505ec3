"""Incidents: clusters of tickets that share an element, and what the tickets share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, CompressedJson, UtcTime, Versioned

OPEN, CLOSED = "open", "closed"


class Incident(Versioned, Base):
    """A parent of tickets. `chance`: probability of so many tickets on `entity` by chance.

    `diagnosis`: the shared evidence and the one diagnosis of the children; `source`: cluster or person.
    """

    __tablename__ = "incidents"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(200))
    region: Mapped[str | None] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    last_at: Mapped[datetime] = mapped_column(UtcTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    why: Mapped[str] = mapped_column(Text)
    tickets: Mapped[int] = mapped_column(default=0)
    expected: Mapped[float | None]
    chance: Mapped[float | None]
    top_cause: Mapped[str | None] = mapped_column(String(128))
    department: Mapped[str | None] = mapped_column(String(128))
    diagnosis: Mapped[dict[str, Any] | None] = mapped_column(CompressedJson)

    __table_args__ = (Index(None, "state", "opened_at", "id"), Index(None, "key", "entity", "state"))


class TicketKey(Base):
    """One thing that a ticket may share with others: a cell, a node, planned work, ..."""

    __tablename__ = "ticket_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    key: Mapped[str] = mapped_column(String(32))
    entity: Mapped[str] = mapped_column(String(200))

    __table_args__ = (Index(None, "key", "entity", "at"),)
