"""Early warnings, and the daily counts of complaints that they are judged by."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, UtcTime, Versioned


class EarlyWarning(Versioned, Base):
    """One early warning with the fields of EWM. `source`: automatic or manual; `order_number`: a ticket id.

    `subscriber` is a pseudonym. `count`, `base` and `threshold` are those of the day on which it was raised.
    """

    __tablename__ = "early_warnings"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(16))
    type: Mapped[str] = mapped_column(String(64))
    region: Mapped[str] = mapped_column(String(64))
    department: Mapped[str] = mapped_column(String(128))
    level: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    day: Mapped[date] = mapped_column(Date)
    raised_at: Mapped[datetime] = mapped_column(UtcTime)
    ticket_type: Mapped[str | None] = mapped_column(String(64))
    order_number: Mapped[str | None] = mapped_column(String(200))
    subscriber: Mapped[str | None] = mapped_column(String(64))
    count: Mapped[int | None]
    base: Mapped[float | None]
    threshold: Mapped[float | None]
    state: Mapped[str] = mapped_column(String(16))
    raised_by: Mapped[str] = mapped_column(String(128))
    reviewed_by: Mapped[str | None] = mapped_column(String(128))
    reviewed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    review: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[datetime | None] = mapped_column(UtcTime)
    recovered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    recovery: Mapped[str | None] = mapped_column(Text)
    recipients: Mapped[list[Any]] = mapped_column(JSON)

    __table_args__ = (
        Index(None, "state", "raised_at", "id"),
        Index(None, "raised_at", "id"),
        Index(None, "type", "region", "day"),
    )


class ComplaintDay(Base):
    """Complaints of one type and region on one local day. `alarmed` days enter no base value."""

    __tablename__ = "complaint_days"

    type: Mapped[str] = mapped_column(String(64), primary_key=True)
    region: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    n: Mapped[int]
    alarmed: Mapped[bool] = mapped_column(default=False)
