"""Alerts of Alertmanager, kept in the groups in which they came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callcause.state.base import Base, CompressedJson, UtcTime, Versioned

FIRING, RESOLVED = "firing", "resolved"


class AlertGroup(Versioned, Base):
    """One episode of one group key: from its first alert until all of its alerts are resolved.

    `group_key` is a digest, since a key may hold label values; labels and annotations are scrubbed.
    `answer` is the diagnosis of each alerted element; `diagnosis` is pending, done or failed.
    """

    __tablename__ = "alert_groups"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    group_key: Mapped[str] = mapped_column(String(64), index=True)
    receiver: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    group_labels: Mapped[dict[str, str]] = mapped_column(JSON)
    common_labels: Mapped[dict[str, str]] = mapped_column(JSON)
    common_annotations: Mapped[dict[str, str]] = mapped_column(JSON)
    external_url: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcTime)
    diagnosis: Mapped[str] = mapped_column(String(16))
    diagnosis_error: Mapped[str | None] = mapped_column(Text)
    diagnosed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    watch_until: Mapped[datetime | None] = mapped_column(UtcTime)
    verdict: Mapped[str | None] = mapped_column(String(16))
    top_cause: Mapped[str | None] = mapped_column(String(128))
    department: Mapped[str | None] = mapped_column(String(128))
    answer: Mapped[dict[str, Any] | None] = mapped_column(CompressedJson)

    __table_args__ = (
        Index(None, "opened_at", "id"),
        Index(None, "status", "opened_at", "id"),
        Index(None, "diagnosis"),
        Index(None, "watch_until"),
    )


class Alert(Base):
    """One alert: a fingerprint that began to fire at one moment; `deliveries` counts how often it came."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    group_id: Mapped[str] = mapped_column(ForeignKey("alert_groups.id", ondelete="CASCADE"), index=True)
    group_key: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    status: Mapped[str] = mapped_column(String(16))
    labels: Mapped[dict[str, str]] = mapped_column(JSON)
    annotations: Mapped[dict[str, str]] = mapped_column(JSON)
    generator_url: Mapped[str] = mapped_column(Text)
    deliveries: Mapped[int] = mapped_column(default=1)

    __table_args__ = (UniqueConstraint("group_key", "fingerprint", "starts_at"),)
