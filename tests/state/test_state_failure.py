"""Which failures of a database pass by themselves, and that no word of a statement is told."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

from callcause.state.failure import met, passing, told

STATEMENT, SECRET = "INSERT INTO tickets VALUES (?)", "8613800000001"


class PostgresError(Exception):
    """An error as psycopg raises it."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__(f"duplicate key {SECRET}")
        self.sqlstate = sqlstate


def of_postgres(sqlstate: str | None, kind: type[DBAPIError] = OperationalError) -> DBAPIError:
    return kind(STATEMENT, (SECRET,), PostgresError(sqlstate))


def of_sqlite(name: str) -> DBAPIError:
    origin = sqlite3.OperationalError(f"in {STATEMENT} {SECRET}")
    origin.sqlite_errorname = name
    return OperationalError(STATEMENT, (SECRET,), origin)


@pytest.mark.parametrize(
    ("name", "passes", "words"),
    [
        ("SQLITE_BUSY", True, "is locked by another process"),
        ("SQLITE_BUSY_SNAPSHOT", True, "is locked by another process"),
        ("SQLITE_FULL", True, "cannot write: the disk is full"),
        ("SQLITE_IOERR_WRITE", True, "cannot be used (SQLITE_IOERR)"),
        ("SQLITE_CORRUPT", False, "cannot be used (SQLITE_CORRUPT)"),
        ("SQLITE_CONSTRAINT_UNIQUE", False, "cannot be used (SQLITE_CONSTRAINT)"),
    ],
)
def test_failures_of_sqlite(name: str, passes: bool, words: str) -> None:
    error = of_sqlite(name)
    assert (passing(error), told(error), met(error)) == (passes, words, False)


@pytest.mark.parametrize(
    ("sqlstate", "passes", "meets"),
    [
        ("08006", True, False), ("53300", True, False), ("57P01", True, False), ("55P03", True, False),
        ("40001", False, True), ("40P01", False, True), ("23505", False, False), ("42601", False, False),
    ],
)  # fmt: skip
def test_failures_of_postgresql(sqlstate: str, passes: bool, meets: bool) -> None:
    error = of_postgres(sqlstate, IntegrityError)
    assert (passing(error), met(error)) == (passes, meets)
    assert told(error) == f"does not answer (SQLSTATE {sqlstate})"


def test_a_full_disk_is_told_as_such() -> None:
    assert told(of_postgres("53100")) == "cannot write: its disk is full"


def test_a_connection_that_never_came_about_passes_and_a_wrong_statement_does_not() -> None:
    assert passing(of_postgres(None, OperationalError))
    assert passing(of_postgres(None, InterfaceError))
    assert not passing(of_postgres(None, IntegrityError))
    assert told(of_postgres(None)) == "does not answer"


def test_a_connection_that_broke_passes_whatever_else_is_told() -> None:
    error = of_postgres("42601", IntegrityError)
    error.connection_invalidated = True
    assert passing(error)


@pytest.mark.parametrize("error", [of_sqlite("SQLITE_BUSY"), of_sqlite(""), of_postgres("23505")])
def test_neither_statement_nor_parameter_is_told(error: DBAPIError) -> None:
    assert SECRET not in told(error)
    assert "INSERT" not in told(error)
