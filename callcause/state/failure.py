"""Which failures of a database pass by themselves, and what is said about them."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

SQLITE_PASSING = {"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"}
# SQLSTATE classes (PostgreSQL documentation, appendix A): 08 connection, 53 resources such as a full disk,
# 57P operator intervention; and 55P03 lock not available.
POSTGRES_PASSING = ("08", "53", "57P", "55P03")
POSTGRES_MET = ("40001", "40P01")
"""Serialization failure, deadlock: another writer was there, the database itself is well."""


def met(error: DBAPIError) -> bool:
    """Tell whether two writers met, of whom this one has to begin again."""
    return getattr(error.orig, "sqlstate", None) in POSTGRES_MET


def passing(error: DBAPIError) -> bool:
    """Tell whether the same unit of work may succeed a moment later."""
    if error.connection_invalidated:
        return True
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        return _sqlite_name(origin) in SQLITE_PASSING
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        return str(state).startswith(POSTGRES_PASSING)
    return isinstance(error, OperationalError | InterfaceError)


def told(error: DBAPIError) -> str:
    """Say what is wrong in words that hold neither statement nor parameters."""
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        name = _sqlite_name(origin)
        return {
            "SQLITE_BUSY": "is locked by another process",
            "SQLITE_LOCKED": "is locked",
            "SQLITE_FULL": "cannot write: the disk is full",
        }.get(name, f"cannot be used ({name})")
    state = getattr(origin, "sqlstate", None)
    if state == "53100":
        return "cannot write: its disk is full"
    return "does not answer" + (f" (SQLSTATE {state})" if state else "")


def _sqlite_name(error: sqlite3.Error) -> str:
    """Return the primary error name: `SQLITE_IOERR` of `SQLITE_IOERR_WRITE`."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
