"""What TMF621 adds to a ticket, who wants to hear of it, and what is still to be delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, CompressedJson, UtcTime, Versioned

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given_up"


class TroubleTicket(Versioned, Base):
    """Attributes of a TMF621 client that no record of ours has, without identities; columns are filtered by.

    `deleted_at`: the ticket is no longer shown over TMF621; what callcause knows of it stays.
    """

    __tablename__ = "trouble_tickets"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    severity: Mapped[str] = mapped_column(String(64))
    ticket_type: Mapped[str] = mapped_column(String(64))
    priority: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(200))
    external_id: Mapped[str | None] = mapped_column(String(200), index=True)
    document: Mapped[dict[str, Any]] = mapped_column(CompressedJson)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Subscription(Base):
    """A listener of the hub. `callback` may hold a token: it stands in no log and no answer to others."""

    __tablename__ = "hub_subscriptions"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    api: Mapped[str] = mapped_column(String(8))
    callback: Mapped[str] = mapped_column(Text)
    query: Mapped[str | None] = mapped_column(Text)
    who: Mapped[str] = mapped_column(String(128))
    made_at: Mapped[datetime] = mapped_column(UtcTime)


class Delivery(Base):
    """One event for one listener. `status` is the TMF621 status that the ticket had then."""

    __tablename__ = "hub_deliveries"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    subscription_id: Mapped[str] = mapped_column(ForeignKey("hub_subscriptions.id", ondelete="CASCADE"))
    ticket_id: Mapped[str] = mapped_column(String(200))
    event_type: Mapped[str] = mapped_column(String(64))
    status: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcTime)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer)
    next_at: Mapped[datetime] = mapped_column(UtcTime)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (Index(None, "state", "next_at"), Index(None, "subscription_id", "id"))
