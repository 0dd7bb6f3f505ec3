"""Notices sent onward: each to one target, tried until it arrived or was given up."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, UtcTime

WAITING, SENT, GIVEN_UP = "waiting", "sent", "given_up"


class Notice(Base):
    """One notice to one target. `subject` is what it is about (alert group id), `occasion` what happened."""

    __tablename__ = "notices"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    subject: Mapped[str] = mapped_column(String(200))
    occasion: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16), default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(UtcTime)
    next_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    error: Mapped[str | None] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("subject", "occasion", "target"),
        Index(None, "state", "next_at"),
    )
