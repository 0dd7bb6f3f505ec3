"""What really was wrong, as found when a ticket was closed; and what each diagnosis was made from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, CompressedJson, UtcTime

NOT_FOUND = "not_found"


class Feedback(Base):
    """The confirmed cause of a closed ticket beside what the diagnosis had said; one row a ticket.

    `confirmed_cause` is a cause id or `not_found`. `effect`: the failing checks before and after the remedy,
    null until the window after it has passed.
    """

    __tablename__ = "feedback"

    ticket_id: Mapped[str] = mapped_column(ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    who: Mapped[str] = mapped_column(String(128))
    confirmed_cause: Mapped[str] = mapped_column(String(128))
    result_id: Mapped[int | None] = mapped_column(Integer)
    category: Mapped[str] = mapped_column(String(32))
    verdict: Mapped[str] = mapped_column(String(16))
    first_cause: Mapped[str | None] = mapped_column(String(128))
    first_probability: Mapped[float | None] = mapped_column(Float)
    remedied_at: Mapped[datetime | None] = mapped_column(UtcTime)
    effect: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    __table_args__ = (
        Index(None, "remedied_at"),
        Index("ix_feedback_counted", "at", "category", "first_cause", "confirmed_cause", "verdict"),
    )


class Knowledge(Base):
    """Runbooks, calibration and settings under the digest of their content: what a verdict was made with."""

    __tablename__ = "knowledge"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    runbook_version: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime)
    document: Mapped[dict[str, Any]] = mapped_column(CompressedJson)


class StoredEvidence(Base):
    """The evidence row that a diagnosis was made from; `row` is null once it was erased.

    `format` names how the row is written; `program` the version of callcause that made the verdict.
    """

    __tablename__ = "evidence"

    result_id: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(String(200), index=True)
    format: Mapped[str] = mapped_column(String(32))
    program: Mapped[str] = mapped_column(String(32))
    knowledge: Mapped[str] = mapped_column(String(64))
    row: Mapped[bytes | None] = mapped_column(LargeBinary)
    erased_at: Mapped[datetime | None] = mapped_column(UtcTime)
