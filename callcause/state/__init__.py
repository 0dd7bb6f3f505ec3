"""The state database: what callcause and people did about tickets and alerts; SQLite (WAL) or PostgreSQL."""

from callcause.state import (
    alert,
    bookkeeping,
    feedback,
    incident,
    notice,
    ticket,
    trouble_ticket,
    vault,
    warning,
)
from callcause.state.base import Base, CompressedJson, UtcTime
from callcause.state.database import Database
from callcause.state.errors import DatabaseGone, StaleVersion
from callcause.state.settings import StateSettings

__all__ = [
    "Base",
    "CompressedJson",
    "Database",
    "DatabaseGone",
    "StaleVersion",
    "StateSettings",
    "UtcTime",
    "alert",
    "bookkeeping",
    "feedback",
    "incident",
    "notice",
    "ticket",
    "trouble_ticket",
    "vault",
    "warning",
]
